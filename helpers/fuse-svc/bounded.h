/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Work that may never come to an end, as a file system may not answer, or that is done on what a
 * stranger wrote: in a process of its own, for some seconds at most.
 */
#ifndef FUSE_SVC_BOUNDED_H
#define FUSE_SVC_BOUNDED_H

#include <stddef.h>

#include "cleanup.h"

/* Returns 0 with a text in @answer, or -errno. */
typedef int bounded_work(const char *arg, char *answer, size_t size);

/*
 * Returns what the work returns, with its answer; -ETIMEDOUT if it took too long; or -EIO if its
 * process died. The answer is a text, but may be any: that process may have been talked into it.
 */
int bounded_run(bounded_work *what, const char *arg, char *answer,
		size_t size) _must_check_ _nonnull_all_;

#endif /* FUSE_SVC_BOUNDED_H */
