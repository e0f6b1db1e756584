/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libfusesvc - both ends of the contained-service protocol for FUSE servers.
 *
 * A *helper* (the mount side) opens files and mounts; a *server* runs contained and gets one
 * connection from its service manager. This library moves and checks the packets between them.
 * It knows neither libmount nor libfuse and decides nothing: which file a server may open, where
 * something is mounted, is for the callbacks of the mount side to say.
 *
 * Conventions: functions return 0 or a negative errno value unless said otherwise. Objects are
 * not thread-safe; use one from one thread at a time. All descriptors are close-on-exec. Strings
 * are bytes without encoding. No function prints, none changes signal handling.
 */
#ifndef FUSESVC_H
#define FUSESVC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FUSESVC_MUST_CHECK __attribute__((warn_unused_result))
#define FUSESVC_NONNULL(...) __attribute__((nonnull(__VA_ARGS__)))

/*
 * ---------------------------------------------------------------------------------------------
 * Errors
 * ---------------------------------------------------------------------------------------------
 */

/**
 * enum fusesvc_step - what was being done when something went wrong
 *
 * Values from %FUSESVC_STEP_USER on are free for programs that use the library.
 *
 * Since: 0.1
 */
enum fusesvc_step {
	FUSESVC_STEP_NONE = 0,
	FUSESVC_STEP_CONNECT, /**< reaching the service's socket */
	FUSESVC_STEP_ACCEPT,  /**< taking over the socket of the service manager */
	FUSESVC_STEP_HELLO,   /**< agreeing on a version */
	FUSESVC_STEP_ARGS,    /**< passing arguments and /dev/fuse */
	FUSESVC_STEP_SERVE,   /**< waiting for the next command */
	FUSESVC_STEP_OPEN,    /**< OPEN or OPEN_BDEV */
	FUSESVC_STEP_FSOPEN,
	FUSESVC_STEP_SOURCE,
	FUSESVC_STEP_MNTPT,
	FUSESVC_STEP_MNTOPTS,
	FUSESVC_STEP_MTABOPTS,
	FUSESVC_STEP_MOUNT,
	FUSESVC_STEP_BYE,

	FUSESVC_STEP_USER = 64
};

/**
 * enum fusesvc_code - what went wrong
 *
 * Values from %FUSESVC_E_USER on are free for programs that use the library.
 *
 * Since: 0.1
 */
enum fusesvc_code {
	FUSESVC_E_NONE = 0,
	FUSESVC_E_SYSTEM,    /**< a system call failed: see err */
	FUSESVC_E_NOSERVICE, /**< nobody listens: no socket (ENOENT), or ECONNREFUSED */
	FUSESVC_E_TIMEOUT,   /**< the peer said nothing in time */
	FUSESVC_E_CLOSED,    /**< the peer closed the connection, or died */
	FUSESVC_E_PROTOCOL,  /**< the peer broke the protocol: subject says how */
	FUSESVC_E_VERSION,   /**< no version that both ends speak */
	FUSESVC_E_FLOOD,     /**< the peer sent more packets than a mount may take */
	FUSESVC_E_REFUSED,   /**< the helper refused a request: see step and err */
	FUSESVC_E_GOODBYE,   /**< the server gave up (BYE with an exit code other than 0) */
	FUSESVC_E_NOMOUNT,   /**< the server said BYE(0) without a mount */
	FUSESVC_E_ABORTED,   /**< a callback of ours stopped the session */

	FUSESVC_E_USER = 64
};

/** Size of the subject of an error, with its NUL. Since: 0.1 */
#define FUSESVC_SUBJECT_SIZE 256

/**
 * struct fusesvc_error - a failure, for programs
 * @step:    enum fusesvc_step, or a value of the program's own
 * @code:    enum fusesvc_code, or a value of the program's own
 * @err:     positive errno value, or 0
 * @subject: what it was about (a path, a packet), cut to fit; may stem from a stranger, so escape
 *           control characters before printing it
 *
 * Since: 0.1
 */
struct fusesvc_error {
	uint32_t step;
	uint32_t code;
	int32_t err;
	char subject[FUSESVC_SUBJECT_SIZE];
};

/**
 * fusesvc_error_set() - fill in an error
 * @e:       where to, or NULL (then only the return value counts)
 * @step:    enum fusesvc_step or a value of the caller's own
 * @code:    enum fusesvc_code or a value of the caller's own
 * @err:     positive errno value
 * @subject: text that is copied and cut to fit, or NULL
 *
 * Returns: -@err, or -EIO if @err is 0, so that "return fusesvc_error_set(...)" fails.
 *
 * Since: 0.1
 */
int fusesvc_error_set(struct fusesvc_error *e, uint32_t step, uint32_t code, int err,
		      const char *subject);

/**
 * fusesvc_error_text() - one line about an error of this library
 * @e:    the error
 * @buf:  where to; always terminated
 * @size: bytes in @buf, at least 1
 *
 * The line has no prefix and no newline; control characters of the subject are escaped.
 *
 * Returns: @buf
 *
 * Since: 0.1
 */
const char *fusesvc_error_text(const struct fusesvc_error *e, char *buf, size_t size)
	FUSESVC_NONNULL(1, 2);

/**
 * fusesvc_escape() - make a stranger's bytes fit for a terminal and a log
 * @text: the bytes, up to a NUL
 * @buf:  where to; always terminated, cut at a whole escape or UTF-8 character
 * @size: bytes in @buf, at least 1
 *
 * Control characters (newlines, tabs, escapes, C1 and bidirectional controls, DEL), backslashes
 * and bytes that are not UTF-8 become \xNN. All else is copied.
 *
 * Returns: @buf
 *
 * Since: 0.1
 */
const char *fusesvc_escape(const char *text, char *buf, size_t size) FUSESVC_NONNULL(1, 2);

/*
 * ---------------------------------------------------------------------------------------------
 * Common to both ends
 * ---------------------------------------------------------------------------------------------
 */

/** What the helper permits, in hello. Since: 0.1 */
#define FUSESVC_ALLOW_OTHER (1U << 0) /**< the server may ask for the option allow_other */
#define FUSESVC_FUSEBLK (1U << 1)     /**< the server may ask for a fuseblk mount */

/** Flags of a request to open. Since: 0.1 */
#define FUSESVC_OPEN_QUIET (1U << 0) /**< a refusal is expected: do not tell anybody */

/** Levels of a message, as syslog numbers them. Since: 0.1 */
#define FUSESVC_MSG_ERROR 3
#define FUSESVC_MSG_WARNING 4
#define FUSESVC_MSG_INFO 6

/** No progress in this message; else it is 0 to 1000 per mille. Since: 0.1 */
#define FUSESVC_NO_PROGRESS 0xffffffffU

/** Bytes of a message's text, with its NUL. Since: 0.1 */
#define FUSESVC_MESSAGE_SIZE 1025

/** Seconds that either end waits for an answer unless told otherwise. Since: 0.1 */
#define FUSESVC_TIMEOUT 90

/** Limits of one mount, for what a server may send. Since: 0.1 */
#define FUSESVC_MAX_PACKETS 1024 /**< packets in all */
#define FUSESVC_MAX_OPENS 256	 /**< requests to open; more are answered with EMFILE */
#define FUSESVC_MAX_MESSAGES 64	 /**< messages that are handed on; more are dropped */

/**
 * fusesvc_name_is_valid() - may this be the name of a service?
 * @name: the name
 *
 * A name is 1 to 63 letters, digits and "_", "-", "+", ".", beginning with a letter or a digit.
 * So it is fit for a path, a comma-separated option list and a unit name.
 *
 * Since: 0.1
 */
bool fusesvc_name_is_valid(const char *name) FUSESVC_NONNULL(1);

/** Bytes of a service's name, with its NUL. Since: 0.1 */
#define FUSESVC_NAME_SIZE 64

/*
 * ---------------------------------------------------------------------------------------------
 * The mount side: what a helper such as mount.fuse.svc uses
 * ---------------------------------------------------------------------------------------------
 */

/** A conversation with one server. Opaque. Since: 0.1 */
struct fusesvc_client;

/**
 * struct fusesvc_open_request - a server wants a file
 * @path:       as the server wrote it: not empty, terminated, otherwise unchecked
 * @open_flags: O_* as the server wrote them, unchecked
 * @create_mode: unchecked
 * @block_size: only for @bdev: wanted block size, or 0
 * @bdev:       it must be a block device
 * @quiet:      the server expects that this may fail
 *
 * Since: 0.1
 */
struct fusesvc_open_request {
	const char *path;
	uint32_t open_flags;
	uint32_t create_mode;
	uint32_t block_size;
	bool bdev;
	bool quiet;
};

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
int fusesvc_client_connect(struct fusesvc_client *c, const char *path)
	FUSESVC_MUST_CHECK FUSESVC_NONNULL(1, 2);

/**
 * fusesvc_client_set_fd() - use a connection that is there already
 * @c:  a session without a connection
 * @fd: a connected AF_UNIX SOCK_SEQPACKET socket; owned by the session from now on
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
			 const char *const *argv, int fuse_fd)
	FUSESVC_MUST_CHECK FUSESVC_NONNULL(1, 4);

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
const struct fusesvc_error *fusesvc_client_error(const struct fusesvc_client *c)
	FUSESVC_NONNULL(1);

/**
 * fusesvc_client_server_pid() - the process that answered our hello
 * @c: the session
 *
 * Returns: its pid as the kernel told it, or 0 if not known (yet).
 *
 * Since: 0.1
 */
pid_t fusesvc_client_server_pid(const struct fusesvc_client *c) FUSESVC_NONNULL(1);

/*
 * ---------------------------------------------------------------------------------------------
 * The server side: what a contained FUSE server uses
 * ---------------------------------------------------------------------------------------------
 */

/** The connection of a server to its helper. Opaque. Since: 0.1 */
struct fusesvc_server;

/**
 * fusesvc_server_accept() - take over the connection that the service manager passed
 * @s:   where to store it: NULL with 0 if this process was not started as a service
 * @err: where to say what went wrong, or NULL
 *
 * "Not a service" means that LISTEN_PID and LISTEN_FDS are unset or meant for another process.
 * Both are taken out of the environment, with LISTEN_FDNAMES and LISTEN_PIDFDID. On success
 * hello was said and arguments and /dev/fuse have arrived.
 *
 * Returns: 0; -E2BIG if more than one socket was passed, -ENOTSOCK or -EAFNOSUPPORT if it is not
 * a connected AF_UNIX SOCK_SEQPACKET socket, -EBADMSG if the helper broke the protocol,
 * -EOPNOTSUPP if there is no common version, -ETIMEDOUT, or another negative errno value.
 *
 * Since: 0.1
 */
int fusesvc_server_accept(struct fusesvc_server **s, struct fusesvc_error *err)
	FUSESVC_MUST_CHECK FUSESVC_NONNULL(1);

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
int fusesvc_server_open(struct fusesvc_server *s, const char *path, int open_flags,
			uint32_t flags, int *fd) FUSESVC_MUST_CHECK FUSESVC_NONNULL(1, 2, 5);

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
			     uint32_t flags, uint32_t block_size, int *fd)
	FUSESVC_MUST_CHECK FUSESVC_NONNULL(1, 2, 6);

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
int fusesvc_server_mount(struct fusesvc_server *s, const struct fusesvc_mount_request *req)
	FUSESVC_MUST_CHECK FUSESVC_NONNULL(1, 2);

/**
 * fusesvc_server_message() - say something to the person who called mount(8)
 * @s:        the connection
 * @level:    FUSESVC_MSG_*
 * @progress: 0 to 1000 per mille, or %FUSESVC_NO_PROGRESS
 * @text:     the words, cut to %FUSESVC_MESSAGE_SIZE; no newline
 *
 * Does nothing, with 0, if the helper takes no messages, after goodbye, and once
 * %FUSESVC_MAX_MESSAGES were sent.
 *
 * Returns: 0 or a negative errno value.
 *
 * Since: 0.1
 */
int fusesvc_server_message(struct fusesvc_server *s, int level, uint32_t progress,
			   const char *text) FUSESVC_NONNULL(1, 4);

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
const struct fusesvc_error *fusesvc_server_error(const struct fusesvc_server *s)
	FUSESVC_NONNULL(1);

#ifdef __cplusplus
}
#endif
#endif /* FUSESVC_H */
