/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who has /dev/fuse open, of all that a server has started.
 */
#ifndef FUSE_SVC_RUN_HOLDERS_H
#define FUSE_SVC_RUN_HOLDERS_H

#include <stdbool.h>

#include "cleanup.h"

/*
 * Is there a process among those that we started, and those that they started, which can still
 * serve the mount? If that cannot be told of one, yes.
 */
bool has_holder(void) _must_check_;

#endif /* FUSE_SVC_RUN_HOLDERS_H */
