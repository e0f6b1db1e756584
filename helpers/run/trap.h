/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trapped system calls: seccomp user notification. A process and all that it starts stop at certain
 * calls until another one says what comes of them.
 *
 * No boundary of security: whoever traps and whoever is trapped have the same rights, and what a
 * path says may change after it was read. The sandbox is what contains both.
 */
#ifndef FUSE_SVC_RUN_TRAP_H
#define FUSE_SVC_RUN_TRAP_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

/* One call: its number, arguments and thread are in @req. */
struct trapped_call {
	int listener;
	struct seccomp_notif req;
};

/* From now on calls of this process are trapped. Returns the listener for another process. */
int trap_install(void) _must_check_;

/* In that other one: what must be done to a listener before its first call. */
void trap_prepare(int listener);

/* The next call: 0, or -ENOENT if its process was faster to die, or another -errno. */
int trap_receive(int listener, struct trapped_call *call) _must_check_ _nonnull_all_;

/*
 * The answers. None tells whether it arrived: a process may be killed, or leave a call for a signal
 * and make it again.
 */
void trap_continue(const struct trapped_call *call) _nonnull_all_;
void trap_return(const struct trapped_call *call, int rc) _nonnull_all_; /* -errno or >= 0 */
void trap_return_id(int listener, uint64_t id, int rc);
void trap_return_fd(const struct trapped_call *call, int fd, bool cloexec) _nonnull_all_;

/*
 * The memory of who made the call; 0 or -EFAULT. A string is cut to fit: what is longer than @size
 * is none that anybody here compares with.
 */
int trap_read_string(const struct trapped_call *call, uint64_t address, char *buf,
		     size_t size) _must_check_ _nonnull_all_;
int trap_write(const struct trapped_call *call, uint64_t address, const void *data,
	       size_t size) _must_check_ _nonnull_all_;

/* Is this directory the working directory of who made the call? */
bool trap_is_in(const struct trapped_call *call, const char *directory) _nonnull_all_;

#endif /* FUSE_SVC_RUN_TRAP_H */
