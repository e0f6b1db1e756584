/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libfusesvc, the mount side: what a helper such as mount.fuse.svc uses. See fusesvc.h for the
 * conventions.
 */
#ifndef FUSESVC_CLIENT_H
#define FUSESVC_CLIENT_H

#include "fusesvc.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A conversation with one server. Opaque. Since: 0.1 */
struct fusesvc_client;

/**
 * struct fusesvc_client_ops - what the mount side does about a server's requests
 *
 * Each gets the data pointer of fusesvc_client_new() and returns 0 or a negative errno value,
 * which is sent to the server as its answer. The session goes on after a refusal; to stop it, a
 * callback calls fusesvc_client_abort(). A callback that is NULL refuses with EOPNOTSUPP.
 *
 * @open:     opens a file. Stores a descriptor, which the session sends and closes.
 * @fsopen:   wants a file system, fuseblk or not
 * @source:   names the source
 * @mntpt:    names the mount point; expected_fmt is S_IFDIR, S_IFREG or 0 for any
 * @mntopts:  mount options for the kernel, comma-separated
 * @mtabopts: options for the mount table
 * @mount:    mounts, with MS_* flags. May return -EINPROGRESS with a descriptor in *wait_fd; the
 *            session goes on with other packets until that is readable, then calls @mount_done.
 * @mount_done: the result of a mount that was in progress. The session never calls it twice.
 * @message:  words for the person who mounts. Returns nothing; level is one of FUSESVC_MSG_*.
 *            Information with a progress is what the server does just now, see
 *            fusesvc_server_message(); all else is for the record.
 *
 * Since: 0.1
 */
struct fusesvc_client_ops {
	int (*open)(void *data, const struct fusesvc_open_request *req, int *fd);
	int (*fsopen)(void *data, bool fuseblk);
	int (*source)(void *data, const char *source);
	int (*mntpt)(void *data, const char *path, mode_t expected_fmt);
	int (*mntopts)(void *data, const char *options);
	int (*mtabopts)(void *data, const char *options);
	int (*mount)(void *data, uint32_t ms_flags, int *wait_fd);
	int (*mount_done)(void *data);
	void (*message)(void *data, int level, uint32_t progress, const char *text);
};

/**
 * fusesvc_client_new() - make a session
 * @c:    where to store it; NULL on failure
 * @ops:  callbacks; must live as long as the session
 * @data: handed to the callbacks
 *
 * Returns: 0 or -ENOMEM. Free with fusesvc_client_free().
 *
 * Since: 0.1
 */
int fusesvc_client_new(struct fusesvc_client **c, const struct fusesvc_client_ops *ops,
		       void *data) FUSESVC_MUST_CHECK FUSESVC_NONNULL(1, 2);

/**
 * fusesvc_client_free() - end a session
 * @c: the session or NULL. Its connection is closed.
 *
 * Since: 0.1
 */
void fusesvc_client_free(struct fusesvc_client *c);

/**
 * fusesvc_client_set_timeout() - how long to wait for each answer of the server
 * @c:       the session
 * @seconds: 0 waits for ever; %FUSESVC_TIMEOUT unless called
 *
 * Since: 0.1
 */
void fusesvc_client_set_timeout(struct fusesvc_client *c, unsigned int seconds) FUSESVC_NONNULL(1);

/**
 * fusesvc_client_connect() - connect to a service, as who we are now
 * @c:    a session without a connection
 * @path: the service's socket
 *
 * Returns: 0 or a negative errno value; fusesvc_client_error() tells more.
 *
 * Since: 0.1
 */
int fusesvc_client_connect(struct fusesvc_client *c, const char *path) FUSESVC_MUST_CHECK
	FUSESVC_NONNULL(1, 2);

/**
 * fusesvc_client_set_fd() - use a connection that is there already
 * @c:  a session without a connection
 * @fd: a connected AF_UNIX SOCK_SEQPACKET socket; on success the session owns it
 *
 * Returns: 0 or a negative errno value.
 *
 * Since: 0.1
 */
int fusesvc_client_set_fd(struct fusesvc_client *c, int fd) FUSESVC_MUST_CHECK FUSESVC_NONNULL(1);

/**
 * fusesvc_client_start() - say hello, pass the arguments and /dev/fuse
 * @c:       a connected session
 * @flags:   what is permitted: %FUSESVC_ALLOW_OTHER, %FUSESVC_FUSEBLK
 * @argc:    number of arguments
 * @argv:    arguments of the server: its name, SOURCE, TARGET, and so on
 * @fuse_fd: an open /dev/fuse that is not mounted; stays the caller's
 *
 * Returns: 0 or a negative errno value; fusesvc_client_error() tells more.
 *
 * Since: 0.1
 */
int fusesvc_client_start(struct fusesvc_client *c, uint32_t flags, int argc,
			 const char *const *argv, int fuse_fd) FUSESVC_MUST_CHECK
	FUSESVC_NONNULL(1, 4);

/**
 * fusesvc_client_run() - serve the server's requests until it says goodbye
 * @c: a started session
 *
 * Returns: 0 if a mount succeeded and the server then said BYE(0). Else a negative errno value;
 * fusesvc_client_error() tells more, and a mount that had succeeded is the caller's to undo.
 *
 * Since: 0.1
 */
int fusesvc_client_run(struct fusesvc_client *c) FUSESVC_MUST_CHECK FUSESVC_NONNULL(1);

/**
 * fusesvc_client_abort() - for callbacks: end the session after this request
 * @c:   the session
 * @err: positive errno value that fusesvc_client_run() shall return
 *
 * Since: 0.1
 */
void fusesvc_client_abort(struct fusesvc_client *c, int err) FUSESVC_NONNULL(1);

/**
 * fusesvc_client_error() - what went wrong last
 * @c: the session
 *
 * Returns: the error, which belongs to the session; code is %FUSESVC_E_NONE if nothing failed.
 *
 * Since: 0.1
 */
const struct fusesvc_error *fusesvc_client_error(const struct fusesvc_client *c) FUSESVC_NONNULL(1);

/**
 * fusesvc_client_server_pid() - the process that answered our hello
 * @c: the session
 *
 * Returns: its pid as the kernel told it, or 0 if not known (yet).
 *
 * Since: 0.1
 */
pid_t fusesvc_client_server_pid(const struct fusesvc_client *c) FUSESVC_NONNULL(1);

#ifdef __cplusplus
}
#endif
#endif /* FUSESVC_CLIENT_H */
