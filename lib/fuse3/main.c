/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuse_service_main(): the whole life of a contained service of the high-level API.
 */
#include "service.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* Results, as those of fuse_main(). */
enum {
	BAD_OPTIONS = 1,
	NO_MOUNT_POINT,
	SETUP_FAILED,
	MOUNT_FAILED,
	SIGNALS_FAILED = 6,
	LOOP_FAILED = 7,
};

static int run_loop(struct fuse *fuse, const struct fuse_cmdline_opts *opts)
{
	struct fuse_loop_config *config;
	int rc;

	if (opts->singlethread)
		return fuse_loop(fuse);
	config = fuse_loop_cfg_create();
	if (!config)
		return -1;
	fuse_loop_cfg_set_clone_fd(config, (unsigned int)opts->clone_fd);
	if (opts->max_idle_threads != UINT_MAX) /* libfuse's word for "not given" */
		fuse_loop_cfg_set_idle_threads(config, opts->max_idle_threads);
	fuse_loop_cfg_set_max_threads(config, opts->max_threads);
	rc = fuse_loop_mt(fuse, config);
	fuse_loop_cfg_destroy(config);
	return rc;
}

static int mount_and_serve(struct fuse_service *sf, struct fuse *fuse,
			   struct fuse_cmdline_opts *opts)
{
	struct fuse_session *se = fuse_get_session(fuse);
	int rc;

	if (fuse_set_signal_handlers(se))
		return SIGNALS_FAILED;
	if (fuse_service_session_mount(sf, se, 0, opts) || fuse_service_send_goodbye(sf, 0)) {
		rc = MOUNT_FAILED;
	} else {
		fuse_service_release(sf);
		/* More than 0 is the number of a signal that asked for the end. */
		rc = run_loop(fuse, opts) < 0 ? LOOP_FAILED : 0;
	}
	fuse_remove_signal_handlers(se);
	return rc;
}

static int serve(struct fuse_service *sf, struct fuse_args *args, struct fuse_cmdline_opts *opts,
		 const struct fuse_operations *op, size_t op_size, void *user_data)
{
	struct fuse *fuse;
	int rc;

	if (opts->show_version || opts->show_help) {
		(void)printf("FUSE library version %s\n", fuse_pkgversion());
		if (opts->show_help) {
			fuse_cmdline_help();
			fuse_lib_help(args);
		}
		return 0;
	}
	if (!opts->mountpoint) {
		fuse_log(FUSE_LOG_ERR, "no mount point specified\n");
		return NO_MOUNT_POINT;
	}
	fuse = fuse_new(args, op, op_size, user_data);
	if (!fuse)
		return SETUP_FAILED;
	rc = mount_and_serve(sf, fuse, opts);
	fuse_destroy(fuse);
	return rc;
}

int fusesvc_fuse_service_main(struct fuse_service *sf, struct fuse_args *args,
			      const struct fuse_operations *op, size_t op_size, void *user_data)
{
	struct fuse_cmdline_opts opts;
	int rc;

	if (fuse_service_parse_cmdline_opts(args, &opts))
		return BAD_OPTIONS;
	rc = serve(sf, args, &opts, op, op_size, user_data);
	free(opts.mountpoint);
	return rc;
}
