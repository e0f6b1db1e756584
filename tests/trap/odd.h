/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The odd server: what its parts share.
 */
#ifndef ODD_H
#define ODD_H

#include "cleanup.h"

#include "../peer/peer.h"

/* Its /dev/fuse and its log are as those of the scripted server, of which it has fuse.c. */
struct odd {
	struct peer peer;
	int log_fd;
	const char *source, *target; /* as it was told */
};

struct odd_command {
	const char *name;
	int n_args; /* the last of them takes the rest of the line */
	void (*run)(struct odd *o, char **args);
};

extern const struct odd_command odd_commands[];	   /* odd-process.c, ended by one without a name */
extern const struct odd_command odd_fs_commands[]; /* odd-files.c, likewise */

/* odd.c */
__attribute__((format(printf, 2, 3))) void note(struct odd *o, const char *fmt, ...);
void note_result(struct odd *o, const char *what, int err); /* "WHAT: OK" or "WHAT: EPERM" */
bool odd_obey(struct odd *o, char *line);

/* old-init.c: runs a program for which /dev/fuse has no SYNC_INIT. Returns only on failure. */
int run_without_sync_init(char **argv);

#endif /* ODD_H */
