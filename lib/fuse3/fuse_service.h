/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuse_service.h - make a libfuse3 file system a contained service.
 *
 * For authors of FUSE servers, with the low-level or the high-level API, on libfuse 3.14 or later.
 * Functions, arguments and results are those of libfuse 3.19's header of this name: code that was
 * written for that one compiles and runs with this one. A server goes on working as an ordinary
 * FUSE server when it is not started as a service.
 *
 * The usual order in main():
 *
 *	fuse_service_accept()            are we a service? If not: go on as you always did
 *	fuse_service_append_args()       then fuse_opt_parse() for your own options
 *	fuse_service_parse_cmdline_opts()
 *	fuse_service_request_file(), fuse_service_receive_file(), for each file that is needed
 *	fuse_service_finish_file_requests()
 *	fuse_session_new()
 *	fuse_service_session_mount()
 *	fuse_service_send_goodbye(0), fuse_service_release()
 *	fuse_session_loop() or fuse_session_loop_mt()
 *	fuse_service_send_goodbye(1) wherever something failed; it does nothing after the first
 *	fuse_service_destroy(), and return fuse_service_exit()
 *
 * With the high-level API, fuse_service_main() does what is between the files and the last line.
 *
 * Beyond what libfuse does: when mount(8) returns, the file system has answered FUSE_INIT. And a
 * goodbye after a failure tells the last error that went to fuse_log() to whoever called mount(8),
 * if the helper is one of this project. The functions say themselves, by fuse_log(), what failed.
 * For messages of your own, and for who the caller is, see fusesvc-fuse3.h.
 *
 * No symbol of libfuse is taken: with the names below the functions of libfusesvc-fuse3 are meant,
 * also where libfuse has its own. Define FUSE_USE_VERSION, 312 or higher, before the first header
 * of libfuse. Not thread-safe: use these functions from one thread. All functions but
 * fuse_service_append_args() and those that mount accept a service that is NULL and then do
 * nothing.
 */
#ifndef FUSESVC_FUSE_SERVICE_H
#define FUSESVC_FUSE_SERVICE_H

#include <fuse.h>
#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <sys/types.h>

#if FUSE_USE_VERSION < 312
#error "fuse_service.h needs a FUSE_USE_VERSION of 312 or higher"
#endif

#undef fuse_service_accept
#define fuse_service_accept fusesvc_fuse_service_accept
#undef fuse_service_accepted
#define fuse_service_accepted fusesvc_fuse_service_accepted
#undef fuse_service_append_args
#define fuse_service_append_args fusesvc_fuse_service_append_args
#undef fuse_service_can_allow_other
#define fuse_service_can_allow_other fusesvc_fuse_service_can_allow_other
#undef fuse_service_can_fuseblk
#define fuse_service_can_fuseblk fusesvc_fuse_service_can_fuseblk
#undef fuse_service_cmdline
#define fuse_service_cmdline fusesvc_fuse_service_cmdline
#undef fuse_service_destroy
#define fuse_service_destroy fusesvc_fuse_service_destroy
#undef fuse_service_exit
#define fuse_service_exit fusesvc_fuse_service_exit
#undef fuse_service_expect_mount_format
#define fuse_service_expect_mount_format fusesvc_fuse_service_expect_mount_format
#undef fuse_service_finish_file_requests
#define fuse_service_finish_file_requests fusesvc_fuse_service_finish_file_requests
#undef fuse_service_main
#undef fuse_service_parse_cmdline_opts
#define fuse_service_parse_cmdline_opts fusesvc_fuse_service_parse_cmdline_opts
#undef fuse_service_receive_file
#define fuse_service_receive_file fusesvc_fuse_service_receive_file
#undef fuse_service_release
#define fuse_service_release fusesvc_fuse_service_release
#undef fuse_service_request_blockdev
#define fuse_service_request_blockdev fusesvc_fuse_service_request_blockdev
#undef fuse_service_request_file
#define fuse_service_request_file fusesvc_fuse_service_request_file
#undef fuse_service_send_goodbye
#define fuse_service_send_goodbye fusesvc_fuse_service_send_goodbye
#undef fuse_service_session_mount
#define fuse_service_session_mount fusesvc_fuse_service_session_mount

#ifdef __cplusplus
extern "C" {
#endif

/** A server that runs as a contained service. Opaque. Since: 0.1 */
struct fuse_service;

/**
 * fuse_service_accept() - find out whether we were started as a service, and if so begin
 * @sfp: always set: NULL if this is no service, or on failure; else the service, which has said
 *       hello and got the arguments and /dev/fuse. Free it with fuse_service_destroy().
 *
 * A process is a service if LISTEN_FDS and LISTEN_PID say so; they are taken out of the
 * environment.
 *
 * Returns: 0; -E2BIG if more than one socket was passed, -ENOTSOCK or -EAFNOSUPPORT if it is not
 * a connected AF_UNIX SOCK_SEQPACKET socket, -EBADMSG if the helper broke the protocol,
 * -EOPNOTSUPP if there is no common version, -ETIMEDOUT, or another negative errno value.
 *
 * Since: 0.1
 */
int fuse_service_accept(struct fuse_service **sfp);

/**
 * fuse_service_accepted() - are we a service?
 * @sf: as fuse_service_accept() set it
 *
 * Since: 0.1
 */
static inline bool fuse_service_accepted(const struct fuse_service *sf)
{
	return sf != NULL;
}

/**
 * fuse_service_can_allow_other() - may we ask for the mount option allow_other?
 * @sf: the service
 *
 * Since: 0.1
 */
bool fuse_service_can_allow_other(const struct fuse_service *sf);

/**
 * fuse_service_can_fuseblk() - may we ask for a fuseblk mount (the option blkdev)?
 * @sf: the service
 *
 * Since: 0.1
 */
bool fuse_service_can_fuseblk(const struct fuse_service *sf);

/**
 * fuse_service_append_args() - merge the helper's arguments with the program's own
 * @sf:   the service
 * @args: initialised with argc and argv of main() by FUSE_ARGS_INIT
 *
 * Afterwards @args holds the service's name, the program's own arguments, and those of the helper
 * (SOURCE TARGET -o OPTIONS). Free it with fuse_opt_free_args().
 *
 * Returns: 0 or -ENOMEM.
 *
 * Since: 0.1
 */
int fuse_service_append_args(struct fuse_service *sf, struct fuse_args *args);

/**
 * fuse_service_cmdline() - a command line to show for this process
 * @argc: that of main()
 * @argv: that of main(); char ** or const char *const *
 * @args: as fuse_service_append_args() left it
 *
 * Returns: "PROGRAM -t NAME ARGUMENTS...", to free(), or NULL.
 *
 * Since: 0.1
 */
char *fuse_service_cmdline(int argc, const char *const *argv, struct fuse_args *args);

/**
 * fuse_service_parse_cmdline_opts() - what fuse_parse_cmdline() is for an ordinary server
 * @args: the arguments; what is understood is removed
 * @opts: filled in; free opts->mountpoint with free()
 *
 * The mount point is the only argument that is no option. It is neither checked nor resolved: a
 * contained server does not see it.
 *
 * Returns: 0 or -1.
 *
 * Since: 0.1
 */
int fuse_service_parse_cmdline_opts(struct fuse_args *args, struct fuse_cmdline_opts *opts);

/** A refusal is expected: do not tell anybody. Since: 0.1 */
#ifndef FUSE_SERVICE_REQUEST_FILE_QUIET
#define FUSE_SERVICE_REQUEST_FILE_QUIET (1U << 0)
#endif

/**
 * fuse_service_request_file() - ask the helper to open a file
 * @sf:            the service
 * @path:          exactly as it stands in the arguments: the source, or the value of an option
 * @open_flags:    O_RDONLY, O_RDWR or O_WRONLY, with O_EXCL, O_DIRECT, O_SYNC ...
 * @create_mode:   for O_CREAT, which helpers of this project refuse
 * @request_flags: 0 or %FUSE_SERVICE_REQUEST_FILE_QUIET
 *
 * Several requests may be sent before the answers are received, in the same order.
 *
 * Returns: 0, -EINVAL for an unknown flag, or another negative errno value.
 *
 * Since: 0.1
 */
int fuse_service_request_file(const struct fuse_service *sf, const char *path, int open_flags,
			      mode_t create_mode, unsigned int request_flags);

/**
 * fuse_service_request_blockdev() - ask the helper to open a block device
 * @sf:            the service
 * @path:          as in fuse_service_request_file()
 * @open_flags:    as in fuse_service_request_file()
 * @create_mode:   as in fuse_service_request_file()
 * @request_flags: as in fuse_service_request_file()
 * @block_size:    bytes of a block to set on the device, or 0 to leave it alone
 *
 * Returns: as fuse_service_request_file().
 *
 * Since: 0.1
 */
int fuse_service_request_blockdev(const struct fuse_service *sf, const char *path, int open_flags,
				  mode_t create_mode, unsigned int request_flags,
				  unsigned int block_size);

/**
 * fuse_service_receive_file() - wait for the answer to the oldest request
 * @sf:   the service
 * @path: the path of that request
 * @fdp:  where to store the descriptor, the caller's to close; or a negative errno value if the
 *        helper refused
 *
 * Returns: 0, also if the helper refused; a negative errno value if the conversation broke
 * (-EBADMSG if the answer is about another path).
 *
 * Since: 0.1
 */
int fuse_service_receive_file(const struct fuse_service *sf, const char *path, int *fdp);

/**
 * fuse_service_finish_file_requests() - no more files are wanted
 * @sf: the service
 *
 * To be called once each request was answered: the helper can send no descriptor any more, so a
 * later request is refused with -EINVAL, and one that waits for its answer fails the mount.
 *
 * Returns: 0.
 *
 * Since: 0.1
 */
int fuse_service_finish_file_requests(const struct fuse_service *sf);

/**
 * fuse_service_expect_mount_format() - on what the file system can be mounted
 * @sf:           the service
 * @expected_fmt: S_IFDIR, S_IFREG, or 0 for both: then the root must be of the format that the
 *                mount point has, or every access to it fails with EIO
 *
 * For fuse_service_main(), and for fuse_service_session_mount() if that is called with 0.
 *
 * Since: 0.1
 */
void fuse_service_expect_mount_format(struct fuse_service *sf, mode_t expected_fmt);

/**
 * fuse_service_session_mount() - have a session mounted
 * @sf:           the service
 * @se:           a new session
 * @expected_fmt: S_IFDIR, S_IFREG, or 0 for what fuse_service_expect_mount_format() was told
 * @opts:         with the mount point; foreground is set
 *
 * Mounts with the mount options that were in the arguments of fuse_session_new() or fuse_new(),
 * handles FUSE_INIT, and changes to the root directory. A thread of its own may call the init
 * operation. After -ENOTDIR or -EISDIR, which tell that the mount point has not the expected
 * format, it may be called again with the same session and the other format.
 *
 * Returns: 0, or a negative errno value, also for what the helper refused. Nothing is mounted then,
 * or will be once the helper was told goodbye.
 *
 * Since: 0.1
 */
int fuse_service_session_mount(struct fuse_service *sf, struct fuse_session *se,
			       mode_t expected_fmt, struct fuse_cmdline_opts *opts);

/**
 * fuse_service_send_goodbye() - end the conversation with the helper
 * @sf:       the service
 * @exitcode: 0 if the file system is up; anything else makes the mount fail
 *
 * Returns: 0, also if that was done before; else a negative errno value.
 *
 * Since: 0.1
 */
int fuse_service_send_goodbye(struct fuse_service *sf, int exitcode);

/**
 * fuse_service_release() - close all that is not the session's
 * @sf: the service
 *
 * Say goodbye before: afterwards nobody can be told anything, and without a goodbye the helper
 * undoes the mount.
 *
 * Since: 0.1
 */
void fuse_service_release(struct fuse_service *sf);

/**
 * fuse_service_destroy() - close all that is not the session's, and free
 * @sfp: the service, which becomes NULL
 *
 * Since: 0.1
 */
void fuse_service_destroy(struct fuse_service **sfp);

/**
 * fuse_service_exit() - the last statement of main()
 * @ret: 0 if all is well
 *
 * Does not wait: a log that goes to the journal by standard error is complete without.
 *
 * Returns: EXIT_SUCCESS or EXIT_FAILURE.
 *
 * Since: 0.1
 */
int fuse_service_exit(int ret);

/**
 * fuse_service_main() - what fuse_main() is for an ordinary server of the high-level API
 * @service:   the service
 * @args:      as fuse_service_append_args() left it, without what the program took out since
 * @op:        the file system's operations
 * @user_data: for the init operation
 *
 * Mounts, says goodbye, serves until the unmount, and cleans up.
 *
 * Returns: 0, or a positive number as fuse_main() does. Say goodbye with it.
 *
 * Since: 0.1
 */
#define fuse_service_main(service, args, op, user_data) \
	fusesvc_fuse_service_main(service, args, op, sizeof(*(op)), user_data)

int fusesvc_fuse_service_main(struct fuse_service *service, struct fuse_args *args,
			      const struct fuse_operations *op, size_t op_size, void *user_data);

/**
 * fusesvc_fuse_service_take_mount_options() - keep the mount options for the mount
 * @args: the arguments; mount options are removed
 *
 * A libfuse before 3.19 keeps the mount options of a session to itself: so they are taken out
 * before. fuse_session_new() and fuse_new() call this, with the macros below. A server that wants
 * to know early what nobody understands can call it before it looks at its own options; one that
 * learns late what it wants, like ro, can call it with arguments of its own. Each call adds to what
 * is there. Does nothing if this process is no service.
 *
 * Understood: default_permissions, allow_other, blkdev, max_read=, blksize=, fsname=, subtype=, and
 * the mount flags that libfuse knows (ro, nosuid, ...).
 *
 * Returns: 0, or -1 if an option makes no sense.
 *
 * Since: 0.1
 */
int fusesvc_fuse_service_take_mount_options(struct fuse_args *args);

static inline struct fuse_session *fusesvc_fuse_session_new(struct fuse_args *args,
							    const struct fuse_lowlevel_ops *op,
							    size_t op_size, void *user_data)
{
	return fusesvc_fuse_service_take_mount_options(args)
		       ? NULL
		       : fuse_session_new(args, op, op_size, user_data);
}

static inline struct fuse *fusesvc_fuse_new(struct fuse_args *args,
					    const struct fuse_operations *op, size_t op_size,
					    void *user_data)
{
	return fusesvc_fuse_service_take_mount_options(args)
		       ? NULL
		       : fuse_new(args, op, op_size, user_data);
}

#ifdef __cplusplus
}
#endif

/* In service code all of these mean the same, so it need not cast. */
#undef fuse_service_cmdline
#define fuse_service_cmdline(argc, argv, args) \
	fusesvc_fuse_service_cmdline(argc, (const char *const *)(argv), args)
#undef fuse_session_new
#define fuse_session_new(args, op, op_size, user_data) \
	fusesvc_fuse_session_new(args, op, op_size, user_data)
#undef fuse_new
#define fuse_new(args, op, op_size, user_data) fusesvc_fuse_new(args, op, op_size, user_data)

#endif /* FUSESVC_FUSE_SERVICE_H */
