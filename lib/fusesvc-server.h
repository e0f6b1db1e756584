/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libfusesvc, the server side: what a contained FUSE server uses. See fusesvc.h for the
 * conventions.
 */
#ifndef FUSESVC_SERVER_H
#define FUSESVC_SERVER_H

#include "fusesvc.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The connection of a server to its helper. Opaque. Since: 0.1 */
struct fusesvc_server;

/**
 * fusesvc_server_accept() - take over the connection that the service manager passed
 * @s:   where to store it: NULL with 0 if this process was not started as a service
 * @err: where to say what went wrong, or NULL
 *
 * "Not a service" means that LISTEN_PID and LISTEN_FDS are unset or meant for another process.
 * Those that are meant for this one are taken out of the environment, with LISTEN_FDNAMES and
 * LISTEN_PIDFDID. On success hello was said and arguments and /dev/fuse have arrived.
 *
 * Returns: 0; -E2BIG if more than one socket was passed, -ENOTSOCK or -EAFNOSUPPORT if it is not
 * a connected AF_UNIX SOCK_SEQPACKET socket, -EBADMSG if the helper broke the protocol,
 * -EOPNOTSUPP if there is no common version, -ETIMEDOUT, or another negative errno value.
 *
 * Since: 0.1
 */
int fusesvc_server_accept(struct fusesvc_server **s, struct fusesvc_error *err) FUSESVC_MUST_CHECK
	FUSESVC_NONNULL(1);

/**
 * fusesvc_server_free() - close what is open and free it
 * @s: the connection or NULL. The descriptor of /dev/fuse is closed too, unless it was taken
 *     by fusesvc_server_take_fuse_fd().
 *
 * Since: 0.1
 */
void fusesvc_server_free(struct fusesvc_server *s);

/**
 * fusesvc_server_args() - the arguments that the helper passed
 * @s:    the connection
 * @argc: where to store their number, at least 1
 *
 * Returns: the arguments, followed by a NULL; they belong to @s. The first is the service's name.
 * Option values have commas and backslashes escaped with a backslash.
 *
 * Since: 0.1
 */
const char *const *fusesvc_server_args(const struct fusesvc_server *s, int *argc)
	FUSESVC_NONNULL(1, 2);

/**
 * fusesvc_server_flags() - what the helper permits
 * @s: the connection
 *
 * Returns: %FUSESVC_ALLOW_OTHER and %FUSESVC_FUSEBLK.
 *
 * Since: 0.1
 */
uint32_t fusesvc_server_flags(const struct fusesvc_server *s) FUSESVC_NONNULL(1);

/**
 * fusesvc_server_peer() - who called mount(8)
 * @s:   the connection
 * @uid: where to store the user id
 * @gid: where to store the group id
 *
 * As the kernel recorded it when the helper connected.
 *
 * Since: 0.1
 */
void fusesvc_server_peer(const struct fusesvc_server *s, uid_t *uid, gid_t *gid)
	FUSESVC_NONNULL(1, 2, 3);

/**
 * fusesvc_server_fuse_fd() - the descriptor of /dev/fuse
 * @s: the connection
 *
 * Returns: the descriptor, which belongs to @s, or -1 if it was taken.
 *
 * Since: 0.1
 */
int fusesvc_server_fuse_fd(const struct fusesvc_server *s) FUSESVC_NONNULL(1);

/**
 * fusesvc_server_fd() - the descriptor of the connection, to poll for its end
 * @s: the connection
 *
 * Returns: the descriptor, which belongs to @s, or -1 after goodbye. Never read from it.
 *
 * Since: 0.1
 */
int fusesvc_server_fd(const struct fusesvc_server *s) FUSESVC_NONNULL(1);

/**
 * fusesvc_server_take_fuse_fd() - make the descriptor of /dev/fuse the caller's
 * @s: the connection
 *
 * Returns: the descriptor, now the caller's to close, or -1 if it was taken before.
 *
 * Since: 0.1
 */
int fusesvc_server_take_fuse_fd(struct fusesvc_server *s) FUSESVC_MUST_CHECK FUSESVC_NONNULL(1);

/**
 * fusesvc_server_open() - ask the helper to open a file
 * @s:          the connection
 * @path:       exactly as it stands in the arguments
 * @open_flags: O_RDONLY, O_RDWR or O_WRONLY, with O_EXCL, O_DIRECT, O_SYNC ...
 * @flags:      0 or %FUSESVC_OPEN_QUIET
 * @fd:         where to store the descriptor, the caller's to close; -1 on failure
 *
 * Returns: 0, or a negative errno value: the helper's refusal, or -EBADMSG, -ECONNRESET or
 * -ETIMEDOUT if the conversation broke, which fusesvc_server_error() tells apart.
 *
 * Since: 0.1
 */
int fusesvc_server_open(struct fusesvc_server *s, const char *path, int open_flags, uint32_t flags,
			int *fd) FUSESVC_MUST_CHECK FUSESVC_NONNULL(1, 2, 5);

/**
 * fusesvc_server_open_bdev() - ask the helper to open a block device
 * @s:          the connection
 * @path:       exactly as it stands in the arguments
 * @open_flags: as in fusesvc_server_open()
 * @flags:      0 or %FUSESVC_OPEN_QUIET
 * @block_size: block size in bytes to set on the device, or 0 to leave it alone
 * @fd:         where to store the descriptor, the caller's to close; -1 on failure
 *
 * Returns: as fusesvc_server_open(); -ENOTBLK if it is no block device.
 *
 * Since: 0.1
 */
int fusesvc_server_open_bdev(struct fusesvc_server *s, const char *path, int open_flags,
			     uint32_t flags, uint32_t block_size, int *fd) FUSESVC_MUST_CHECK
	FUSESVC_NONNULL(1, 2, 6);

/**
 * fusesvc_server_finish_opens() - no more files are wanted
 * @s: the connection
 *
 * From now on the kernel drops descriptors that anybody sends, where it can (Linux 6.16).
 *
 * Since: 0.1
 */
void fusesvc_server_finish_opens(struct fusesvc_server *s) FUSESVC_NONNULL(1);

/**
 * struct fusesvc_mount_request - what a server wants mounted
 * @source:       name for the mount table; a helper may use the caller's instead
 * @target:       the mount point, exactly as it stands in the arguments
 * @expected_fmt: S_IFDIR, S_IFREG, or 0 for any
 * @fuseblk:      mount a block device as fuseblk
 * @mntopts:      mount options for the kernel (default_permissions, allow_other, max_read=N,
 *                blksize=N), comma-separated, or NULL
 * @mtabopts:     options for the mount table, or NULL
 * @ms_flags:     MS_* flags to add
 *
 * Since: 0.1
 */
struct fusesvc_mount_request {
	const char *source;
	const char *target;
	mode_t expected_fmt;
	bool fuseblk;
	const char *mntopts;
	const char *mtabopts;
	uint32_t ms_flags;
};

/**
 * fusesvc_server_mount() - ask the helper to mount
 * @s:   the connection
 * @req: what to mount
 *
 * Returns: 0 once it is mounted; a negative errno value if the helper refused (the step of
 * fusesvc_server_error() tells what) or the conversation broke.
 *
 * Since: 0.1
 */
int fusesvc_server_mount(struct fusesvc_server *s,
			 const struct fusesvc_mount_request *req) FUSESVC_MUST_CHECK
	FUSESVC_NONNULL(1, 2);

/**
 * fusesvc_server_message() - say something to the person who called mount(8)
 * @s:        the connection
 * @level:    FUSESVC_MSG_*
 * @progress: 0 to 1000 per mille, or %FUSESVC_NO_PROGRESS
 * @text:     the words, cut to %FUSESVC_MESSAGE_SIZE; no newline
 *
 * Each message gives the server the helper's whole timeout again: a long start should send one now
 * and then. Does nothing, with 0, if the helper takes no messages, after goodbye, and once
 * %FUSESVC_MAX_MESSAGES were sent.
 *
 * Returns: 0 or a negative errno value.
 *
 * Since: 0.1
 */
int fusesvc_server_message(struct fusesvc_server *s, int level, uint32_t progress, const char *text)
	FUSESVC_NONNULL(1, 4);

/**
 * fusesvc_server_bye() - end the conversation
 * @s:         the connection
 * @exit_code: 0 if the file system is up, else anything: the mount fails
 *
 * Closes the connection; a second call does nothing.
 *
 * Returns: 0 or a negative errno value.
 *
 * Since: 0.1
 */
int fusesvc_server_bye(struct fusesvc_server *s, uint32_t exit_code) FUSESVC_NONNULL(1);

/**
 * fusesvc_server_error() - what went wrong last
 * @s: the connection
 *
 * Returns: the error, which belongs to @s; code is %FUSESVC_E_NONE if nothing failed.
 *
 * Since: 0.1
 */
const struct fusesvc_error *fusesvc_server_error(const struct fusesvc_server *s) FUSESVC_NONNULL(1);

#ifdef __cplusplus
}
#endif
#endif /* FUSESVC_SERVER_H */
