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
 * fusesvc_server_request_file() - ask the helper to open a file, without waiting for the answer
 * @s:   the connection
 * @req: which file, and how
 *
 * Several requests may be on their way at once; the answers come in their order.
 *
 * Returns: 0, -EINVAL after fusesvc_server_finish_opens(), or another negative errno value.
 *
 * Since: 0.1
 */
int fusesvc_server_request_file(struct fusesvc_server *s,
				const struct fusesvc_open_request *req) FUSESVC_MUST_CHECK
	FUSESVC_NONNULL(1, 2);

/**
 * fusesvc_server_receive_file() - wait for the answer to the oldest open request
 * @s:    the connection
 * @path: the path of that request
 * @fd:   where to store the descriptor, the caller's to close; or a negative errno value, the
 *        helper's refusal
 *
 * Returns: 0, also if the helper refused; a negative errno value if the conversation broke
 * (-EBADMSG if the answer is about another path), with *@fd -1.
 *
 * Since: 0.1
 */
int fusesvc_server_receive_file(struct fusesvc_server *s, const char *path,
				int *fd) FUSESVC_MUST_CHECK FUSESVC_NONNULL(1, 2, 3);

/**
 * fusesvc_server_open() - ask the helper to open a file, and wait
 * @s:   the connection
 * @req: which file, and how
 * @fd:  where to store the descriptor, the caller's to close; -1 on failure
 *
 * Returns: 0, or a negative errno value: the helper's refusal (-ENOTBLK if a block device was
 * wanted and it is none), or -EBADMSG, -ECONNRESET or -ETIMEDOUT if the conversation broke, which
 * fusesvc_server_error() tells apart.
 *
 * Since: 0.1
 */
int fusesvc_server_open(struct fusesvc_server *s, const struct fusesvc_open_request *req,
			int *fd) FUSESVC_MUST_CHECK FUSESVC_NONNULL(1, 2, 3);

/**
 * fusesvc_server_open_rw() - open for reading and writing or, where that is refused, for reading
 * @s:         the connection
 * @req:       which file, and how; an access mode in open_flags is ignored
 * @read_only: in: true to ask for nothing but reading; out: true if it may only be read
 * @fd:        where to store the descriptor, the caller's to close; -1 on failure
 *
 * Reading is asked for once writing was refused with EACCES, EPERM or EROFS, which is nobody's
 * business. After any other refusal the same is asked for once more, so that somebody is told.
 *
 * Returns: as fusesvc_server_open().
 *
 * Since: 0.1
 */
int fusesvc_server_open_rw(struct fusesvc_server *s, const struct fusesvc_open_request *req,
			   bool *read_only, int *fd) FUSESVC_MUST_CHECK FUSESVC_NONNULL(1, 2, 3, 4);

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
 * After -ENOTDIR or -EISDIR, which tell that the mount point has not the expected format, it may
 * be called again with the other one: what the helper accepted before is not sent again.
 * All that can be refused before the mount is asked for at once; of several refusals the first one
 * is returned.
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
 * fusesvc_server_mount_start() - ask the helper to mount, without waiting for the mount itself
 * @s:   the connection
 * @req: what to mount
 *
 * For a server that set FUSE_DEV_IOC_SYNC_INIT: it must answer FUSE_INIT before the mount can
 * succeed. What can be refused before is waited for, as in fusesvc_server_mount().
 *
 * Returns: 0 or a negative errno value, as fusesvc_server_mount(). After -ETIMEDOUT it may be
 * called again with the same request, to wait on.
 *
 * Since: 0.1
 */
int fusesvc_server_mount_start(struct fusesvc_server *s,
			       const struct fusesvc_mount_request *req) FUSESVC_MUST_CHECK
	FUSESVC_NONNULL(1, 2);

/**
 * fusesvc_server_mount_is_answered() - has the answer come while a file was waited for?
 * @s: the connection, after fusesvc_server_mount_start()
 *
 * Files may be asked for until goodbye, so also between the two. Then the descriptor of the
 * connection need not become readable: who polls it has to ask after each file.
 *
 * Returns: true if fusesvc_server_mount_finish() need not wait.
 *
 * Since: 0.1
 */
bool fusesvc_server_mount_is_answered(const struct fusesvc_server *s) FUSESVC_NONNULL(1);

/**
 * fusesvc_server_mount_finish() - wait for the mount
 * @s: the connection, after fusesvc_server_mount_start()
 *
 * Returns: as fusesvc_server_mount(). After -ETIMEDOUT it may be called again, to wait on.
 *
 * Since: 0.1
 */
int fusesvc_server_mount_finish(struct fusesvc_server *s) FUSESVC_MUST_CHECK FUSESVC_NONNULL(1);

/**
 * fusesvc_server_can_message() - does the helper take messages?
 * @s: the connection
 *
 * Helpers of this project do; those of libfuse do not know them.
 *
 * Since: 0.1
 */
bool fusesvc_server_can_message(const struct fusesvc_server *s) FUSESVC_NONNULL(1);

/**
 * fusesvc_server_message() - say something to the person who called mount(8)
 * @s:        the connection
 * @level:    FUSESVC_MSG_*
 * @progress: 1 to 1000 per mille, 0 if that is not known, or %FUSESVC_NO_PROGRESS
 * @text:     the words, cut to %FUSESVC_MESSAGE_SIZE; no newline
 *
 * An error is the reason of a goodbye that is not 0. Warnings are shown, information only if the
 * person asked for more.
 *
 * Information with a progress is what the server does just now, in a word or two ("indexing"). It
 * is shown on a terminal only, as one line that moves, when the start takes longer than a moment;
 * with 0, without a number. It may be called as often as there is news: what comes too early is
 * dropped here, twice a second at first and later up to 20 seconds after the last one, so that
 * %FUSESVC_MAX_PROGRESS messages last for more than two hours. No other message is dropped for
 * that.
 *
 * Each message that is sent gives the server the helper's whole timeout again: a start that may
 * take longer should tell its progress at least every few seconds, as long as it makes any.
 *
 * Does nothing, with 0, if the helper takes no messages, after goodbye, and once
 * %FUSESVC_MAX_MESSAGES others were sent.
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
 * fusesvc_server_hang_up() - close the connection without a goodbye
 * @s: the connection
 *
 * Without a goodbye before, the helper undoes the mount. Does nothing after one.
 *
 * Since: 0.1
 */
void fusesvc_server_hang_up(struct fusesvc_server *s) FUSESVC_NONNULL(1);

/**
 * fusesvc_server_error() - what went wrong last
 * @s: the connection
 *
 * A request that is granted clears what was refused before.
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
