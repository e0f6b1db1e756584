/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libfusesvc-fuse3 - run a libfuse3 file system (3.14 or later) as a contained service.
 *
 * Glue between libfusesvc and libfuse3: about ten lines turn the main() of a server into one that
 * is a contained service when it is started as one, and an ordinary FUSE server otherwise.
 *
 * Define FUSE_USE_VERSION and include this header instead of, or after, fuse.h or fuse_lowlevel.h.
 */
#ifndef FUSESVC_FUSE3_H
#define FUSESVC_FUSE3_H

#include <fuse.h>
#include <fuse_lowlevel.h>

#include "fusesvc.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * fusesvc_fuse3_append_args() - merge the helper's arguments with the program's own
 * @s:    the connection
 * @args: initialised with argc and argv of main() by FUSE_ARGS_INIT
 *
 * Afterwards @args holds the service's name, the program's own arguments, then those of the
 * helper (SOURCE TARGET -o OPTIONS). Free it with fuse_opt_free_args().
 *
 * Returns: 0 or -ENOMEM.
 *
 * Since: 0.1
 */
int fusesvc_fuse3_append_args(const struct fusesvc_server *s,
			      struct fuse_args *args) FUSESVC_MUST_CHECK FUSESVC_NONNULL(1, 2);

/**
 * fusesvc_fuse3_parse_mount() - take the mount options out of the arguments
 * @s:    the connection
 * @args: the arguments; mount options and mount flags are removed
 * @req:  filled in: flags, options, fuseblk. What was set before stays; options are appended
 *
 * Understood: the kernel's options for FUSE (default_permissions, allow_other, max_read=,
 * blksize=, blkdev), the mount flags that libfuse knows (ro, nosuid, ...), fsname= and subtype=,
 * which are dropped as the helper decides about them. The rest stays for the server and libfuse.
 *
 * Returns: 0, -ENOMEM, or -EINVAL for a malformed option. On success req->mntopts is NULL or
 * allocated memory, the caller's to free().
 *
 * Since: 0.1
 */
int fusesvc_fuse3_parse_mount(struct fusesvc_server *s, struct fuse_args *args,
			      struct fusesvc_mount_request *req) FUSESVC_MUST_CHECK
	FUSESVC_NONNULL(1, 2, 3);

/**
 * fusesvc_fuse3_session_mount() - mount a session of libfuse's low-level API
 * @s:   the connection
 * @se:  a new session
 * @req: what to mount
 *
 * Binds @se to /dev/fuse, has the helper mount it, answers the kernel's FUSE_INIT, and only then
 * says goodbye: when mount(8) returns, the file system is up. Then run fuse_session_loop() or
 * fuse_session_loop_mt().
 *
 * Returns: 0 or a negative errno value. On failure nothing stays mounted; say why with
 * fusesvc_server_message(), then fusesvc_server_bye().
 *
 * Since: 0.1
 */
int fusesvc_fuse3_session_mount(struct fusesvc_server *s, struct fuse_session *se,
				const struct fusesvc_mount_request *req) FUSESVC_MUST_CHECK
	FUSESVC_NONNULL(1, 2, 3);

/**
 * fusesvc_fuse3_main() - what fuse_main() is for an ordinary server
 * @s:         the connection
 * @args:      arguments after the server took out its own; options of libfuse may be among them
 * @op:        the file system's operations
 * @op_size:   sizeof(*@op)
 * @req:       what to mount, as fusesvc_fuse3_parse_mount() filled it in
 * @user_data: for the init operation
 *
 * Mounts, serves until the unmount, cleans up. Messages and goodbye are sent.
 *
 * Returns: EXIT_SUCCESS or EXIT_FAILURE, for main() to return.
 *
 * Since: 0.1
 */
int fusesvc_fuse3_main(struct fusesvc_server *s, struct fuse_args *args,
		       const struct fuse_operations *op, size_t op_size,
		       const struct fusesvc_mount_request *req, void *user_data) FUSESVC_MUST_CHECK
	FUSESVC_NONNULL(1, 2, 3, 5);

#ifdef __cplusplus
}
#endif
#endif /* FUSESVC_FUSE3_H */
