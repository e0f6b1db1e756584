/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first statements of a program that may run with more power than its caller has.
 */
#ifndef SAFE_START_H
#define SAFE_START_H

#include "cleanup.h"

/*
 * Makes sure that descriptors 0 to 2 are open and all others close-on-exec, that the environment
 * holds only what is on a list, and that files are made with umask 022. Returns 0 or -errno.
 */
int safe_start(void) _must_check_;

#endif /* SAFE_START_H */
