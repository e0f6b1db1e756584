/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands of fuse-svc, as its main sees them: one file each, which ends in its descriptor.
 */
#ifndef FUSE_SVC_COMMANDS_H
#define FUSE_SVC_COMMANDS_H

#include <libmount.h> /* MNT_EX_... */
#include <stdbool.h>

#include "cleanup.h"
#include "table.h"

/* Exit codes: MNT_EX_SUCCESS, MNT_EX_USAGE, MNT_EX_SYSERR, and this. */
#define EX_ABSENT MNT_EX_FAIL /* what was asked for is not there */

/* An option of a command's own; none has an argument. */
struct flag {
	char letter;
	const char *name, *help;
};

struct invocation {
	struct table_options table;
	bool has_table_options; /* the caller has said how a table is to look */
	bool all;		/* --all of a command that has it */
	char **args;		/* what is no option, with a NULL at the end */
};

struct command {
	const char *name;
	const char *arguments;		  /* as the synopsis has them */
	const char *what;		  /* one line of help */
	const struct table_format *table; /* or NULL: it prints none, and has none of its options */
	const struct flag *flags;	  /* ended by one without a letter, or NULL */
	int (*run)(const struct invocation *inv); /* returns the exit code */
};

/* A service manager that does not answer is one that tells of no units. */
void say_units_error(int rc);
/* Can all of these be names of services? Returns -1 to go on, or the exit code. */
int check_names(char *const *names) _must_check_ _nonnull_all_;

extern const struct command list_command, status_command, probe_command, doctor_command;

#endif /* FUSE_SVC_COMMANDS_H */
