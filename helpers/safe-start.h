/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first statements of a program that may run with more power than its caller has.
 */
#ifndef SAFE_START_H
#define SAFE_START_H

#include <sys/types.h>

#include "cleanup.h"

/* Who runs us. The groups stay what they are. */
struct caller {
	uid_t uid;
	gid_t gid;
};

/*
 * Makes this process one that its caller has no hold on, as far as that can be: standard
 * descriptors that are open and no others that another program could get, an environment from a
 * list, umask 022, no timers, no signals but those that a terminal sends, no memory that is
 * dumped. A setuid program becomes root for good, so that its caller cannot signal or slow it, and
 * is rid of the caller's descriptors and of the limits that would end it halfway.
 * Returns 0 and who the caller is, or -errno: then the program must end.
 */
int safe_start(struct caller *caller) _must_check_ _nonnull_all_;

/*
 * Gives all power that a setuid program has back for good: what it prints is its caller's then.
 * Ends the program if that fails.
 */
void give_up_power(void);

#endif /* SAFE_START_H */
