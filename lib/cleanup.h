/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cleanup attributes and other small things that every folder of the project uses. Not installed.
 * Header only: nothing here may need a library.
 */
#ifndef FUSESVC_CLEANUP_H
#define FUSESVC_CLEANUP_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _must_check_   __attribute__((warn_unused_result))
#define _nonnull_(...) __attribute__((nonnull(__VA_ARGS__)))
#define _nonnull_all_  __attribute__((nonnull))
#define ARRAY_SIZE(a)  (sizeof(a) / sizeof((a)[0]))

static inline void close_fd_keep_errno(int fd)
{
	int saved = errno;

	if (fd >= 0)
		(void)close(fd);
	errno = saved;
}

static inline void cleanup_fd(int *fd)
{
	close_fd_keep_errno(*fd);
}

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

/* Gives the descriptor away: the variable does not close it any more. */
static inline int steal_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Gives allocated memory away. */
#define steal_pointer(pp)                         \
	({                                        \
		__typeof__(*(pp)) taken_ = *(pp); \
		*(pp) = NULL;                     \
		taken_;                           \
	})

#define _cleanup_fd_   _cleanup_(cleanup_fd)
#define _cleanup_free_ _cleanup_(cleanup_free)

#endif /* FUSESVC_CLEANUP_H */
