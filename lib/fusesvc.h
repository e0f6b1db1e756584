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

#define FUSESVC_MUST_CHECK   __attribute__((warn_unused_result))
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
#define FUSESVC_FUSEBLK	    (1U << 1) /**< the server may ask for a fuseblk mount */

/** Flags of a request to open, as they are sent. Since: 0.1 */
#define FUSESVC_OPEN_QUIET (1U << 0) /**< a refusal is expected: do not tell anybody */

/**
 * struct fusesvc_open_request - a server wants a file
 * @path:        exactly as it stands in the arguments. A helper must not believe that: it is
 *               terminated, otherwise unchecked; may be empty
 * @open_flags:  O_RDONLY, O_RDWR or O_WRONLY, with O_EXCL, O_DIRECT, O_SYNC ...; unchecked
 * @create_mode: for a file that would be created; the helpers of this project create none
 * @block_size:  only with @bdev: bytes of a block to set on the device, or 0 to leave it alone
 * @bdev:        it must be a block device
 * @quiet:       a refusal is expected: nobody shall be told
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

/** Levels of a message, as syslog numbers them. Since: 0.1 */
#define FUSESVC_MSG_ERROR   3
#define FUSESVC_MSG_WARNING 4
#define FUSESVC_MSG_INFO    6

/** No progress in this message; else it is 0 (not known) to 1000 per mille. Since: 0.1 */
#define FUSESVC_NO_PROGRESS 0xffffffffU

/** Bytes of a message's text, with its NUL. Since: 0.1 */
#define FUSESVC_MESSAGE_SIZE 1025

/** Seconds that either end waits for an answer unless told otherwise. Since: 0.1 */
#define FUSESVC_TIMEOUT 90

/** Limits of one mount, for what a server may send. Since: 0.1 */
#define FUSESVC_MAX_PACKETS  1024 /**< packets in all */
#define FUSESVC_MAX_OPENS    256  /**< requests to open; more are answered with EMFILE */
#define FUSESVC_MAX_MESSAGES 64	  /**< messages that are handed on; more are dropped */
#define FUSESVC_MAX_PROGRESS 640  /**< not among these: information with a progress */

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

#ifdef __cplusplus
}
#endif

#include "fusesvc-client.h"
#include "fusesvc-server.h"

#endif /* FUSESVC_H */
