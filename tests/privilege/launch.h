/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starting a program in a strange state: what the parts of the launcher share.
 */
#ifndef LAUNCH_H
#define LAUNCH_H

#include <stdbool.h>
#include <stddef.h>

#define LAUNCH_FAILED 125 /* our exit code if the program could not be started like that */

struct launch {
	char *argv0; /* NULL: the program's path */
	bool no_argv, hold, pty;
	int kept[3];	       /* other ends of pipes, +1, which only we hold */
	bool closed[3];	       /* standard descriptors that the program shall not have */
	bool set_pdeathsig;    /* is of the process that executes */
	bool traced;	       /* by us */
	unsigned int timer[3]; /* milliseconds, or 0 */
};

struct state {
	const char *name;
	int n_args;
	void (*make)(struct launch *l, char **args);
};

extern const struct state states[]; /* ended by one without a name */

/* What does not survive a fork(2), or would harm ourselves. */
void make_late_states(const struct launch *l);

/* These end the process. */
_Noreturn void die(const char *what);
void check(int rc, const char *what);

#endif /* LAUNCH_H */
