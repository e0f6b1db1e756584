/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The caller's options x-*, as mount(8) before 2.39 keeps them to itself, and leaves utab to its
 * helper.
 */
#ifndef X_OPTIONS_H
#define X_OPTIONS_H

#include <libmount.h>

#include "cleanup.h"

/*
 * Adds them to what the context has: those of fstab's line for this source and target, and those
 * of mount(8)'s command line, if it is mount(8) that runs us. For root alone, whose options utab
 * keeps. Does nothing where libmount is newer. Returns 0 or -errno.
 */
int add_x_options(struct libmnt_context *cxt, const char *source,
		  const char *target) _must_check_ _nonnull_all_;

#endif /* X_OPTIONS_H */
