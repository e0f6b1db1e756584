/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The option -N of the helpers.
 */
#ifndef NAMESPACE_H
#define NAMESPACE_H

#include <libmount.h>

#include "cleanup.h"

/*
 * Has the context work in another mount namespace, named by a process or by a file, as mount(8)
 * takes it. Returns -1 to go on, or the exit code after it has said what is wrong.
 */
int set_namespace(struct libmnt_context *cxt, const char *ns) _must_check_ _nonnull_all_;

#endif /* NAMESPACE_H */
