/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mounts of contained services, as the kernel and utab tell. No mount is touched: a server that
 * hangs keeps nobody.
 */
#ifndef FUSE_SVC_MOUNTS_H
#define FUSE_SVC_MOUNTS_H

#include <libmount.h>
#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

struct mounts {
	struct libmnt_table *table;
	struct libmnt_fs **fs; /* in the order in which they were mounted */
	size_t n;
	bool *is_wanted; /* of each: see mounts_want() */
};

/* Returns 0 or -errno. */
int mounts_load(struct mounts *m) _must_check_ _nonnull_all_;
/*
 * Marks the mounts that have that target or source: as it is written, or, if there is none, as the
 * path (or LABEL=, UUID= ...) that it leads to; an image may be behind a loop device. Returns 0;
 * -ENOENT; -ETIMEDOUT: something on the way there does not answer; or another -errno.
 */
int mounts_want(struct mounts *m, const char *what) _must_check_ _nonnull_all_;
/* What /proc tells of a server. */
struct process {
	char state;		/* R, S, D, T ... */
	unsigned long long cpu; /* clock ticks that it has used */
};

/* False if it is gone. */
bool process_read(pid_t pid, struct process *p) _nonnull_all_;
/* By a signal: it goes on when another comes. */
bool process_is_stopped(pid_t pid);

void mounts_free(struct mounts *m) _nonnull_all_;
#define _cleanup_mounts_ _cleanup_(mounts_free)

#endif /* FUSE_SVC_MOUNTS_H */
