/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processes of a server: started with its calls trapped, told to end, waited for.
 */
#ifndef FUSE_SVC_RUN_CHILDREN_H
#define FUSE_SVC_RUN_CHILDREN_H

#include <stdbool.h>
#include <sys/types.h>

#include "cleanup.h"

struct children {
	pid_t pid;	 /* what was started last */
	bool has_ended;	 /* that one */
	int status;	 /* of that one, as waitpid(2) tells it */
	int last_status; /* of the last one of all */
	bool is_alone;	 /* none is left: neither that one nor what it left behind */
};

/* What a child leaves behind becomes ours. */
int children_prepare(void) _must_check_;

/*
 * Starts a program with trapped system calls; standard output and error go to @output. One more
 * descriptor, @extra, stays open for it, unless that is -1.
 * Returns the listener for them or -errno, also if the program cannot be executed.
 */
int children_start(struct children *c, char *const argv[], const int output[2],
		   int extra) _must_check_ _nonnull_all_;

/* Notes who has ended; never waits. Is it anybody? */
bool children_reap(struct children *c) _nonnull_all_;

void children_signal(const struct children *c, int sig) _nonnull_all_;

/* "ended with status 1", "was killed by signal 11 (Segmentation fault)" */
void children_status_text(int status, char *buf, size_t size) _nonnull_all_;

#endif /* FUSE_SVC_RUN_CHILDREN_H */
