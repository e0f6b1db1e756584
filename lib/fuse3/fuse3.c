/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libfuse3 as a contained service, see fusesvc-fuse3.h.
 *
 * libfuse takes a /dev/fuse that is open already as the mount point "/dev/fd/N"; it ignores the
 * mount options in its arguments then, so they are taken out and sent to the helper. Must never
 * touch the mount point: a contained server does not see it.
 */
#define FUSE_USE_VERSION 314

#include "fusesvc-fuse3.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "../cleanup.h"

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

int fusesvc_fuse3_append_args(const struct fusesvc_server *s, struct fuse_args *args)
{
	struct fuse_args merged = FUSE_ARGS_INIT(0, NULL);
	const char *const *argv;
	int argc, rc;

	argv = fusesvc_server_args(s, &argc);
	rc = fuse_opt_add_arg(&merged, argv[0]);
	for (int i = 1; i < args->argc && !rc; i++)
		rc = fuse_opt_add_arg(&merged, args->argv[i]);
	for (int i = 1; i < argc && !rc; i++)
		rc = fuse_opt_add_arg(&merged, argv[i]);
	if (rc) {
		fuse_opt_free_args(&merged);
		return -ENOMEM;
	}
	fuse_opt_free_args(args);
	*args = merged;
	return 0;
}

/*
 * Mount options
 */

enum mount_key { KEY_FLAG, KEY_KERNEL, KEY_FUSEBLK, KEY_DROP };

static const struct fuse_opt mount_opts[] = {
	FUSE_OPT_KEY("ro", KEY_FLAG),
	FUSE_OPT_KEY("rw", KEY_FLAG),
	FUSE_OPT_KEY("suid", KEY_FLAG),
	FUSE_OPT_KEY("nosuid", KEY_FLAG),
	FUSE_OPT_KEY("dev", KEY_FLAG),
	FUSE_OPT_KEY("nodev", KEY_FLAG),
	FUSE_OPT_KEY("exec", KEY_FLAG),
	FUSE_OPT_KEY("noexec", KEY_FLAG),
	FUSE_OPT_KEY("sync", KEY_FLAG),
	FUSE_OPT_KEY("async", KEY_FLAG),
	FUSE_OPT_KEY("dirsync", KEY_FLAG),
	FUSE_OPT_KEY("atime", KEY_FLAG),
	FUSE_OPT_KEY("noatime", KEY_FLAG),
	FUSE_OPT_KEY("diratime", KEY_FLAG),
	FUSE_OPT_KEY("nodiratime", KEY_FLAG),
	FUSE_OPT_KEY("symfollow", KEY_FLAG),
	FUSE_OPT_KEY("nosymfollow", KEY_FLAG),
	FUSE_OPT_KEY("default_permissions", KEY_KERNEL),
	FUSE_OPT_KEY("allow_other", KEY_KERNEL),
	FUSE_OPT_KEY("max_read=", KEY_KERNEL),
	FUSE_OPT_KEY("blksize=", KEY_KERNEL),
	FUSE_OPT_KEY("blkdev", KEY_FUSEBLK),
	FUSE_OPT_KEY("fsname=", KEY_DROP),
	FUSE_OPT_KEY("subtype=", KEY_DROP),
	FUSE_OPT_KEY("auto_unmount", KEY_DROP),
	FUSE_OPT_END,
};

static void apply_flag(struct fusesvc_mount_request *req, const char *name)
{
	static const struct {
		const char *name;
		uint32_t set, clear;
	} flags[] = {
		{ "ro", MS_RDONLY, 0 },
		{ "rw", 0, MS_RDONLY },
		{ "nosuid", MS_NOSUID, 0 },
		{ "suid", 0, MS_NOSUID },
		{ "nodev", MS_NODEV, 0 },
		{ "dev", 0, MS_NODEV },
		{ "noexec", MS_NOEXEC, 0 },
		{ "exec", 0, MS_NOEXEC },
		{ "sync", MS_SYNCHRONOUS, 0 },
		{ "async", 0, MS_SYNCHRONOUS },
		{ "noatime", MS_NOATIME, 0 },
		{ "atime", 0, MS_NOATIME },
		{ "nodiratime", MS_NODIRATIME, 0 },
		{ "diratime", 0, MS_NODIRATIME },
		{ "nosymfollow", MS_NOSYMFOLLOW, 0 },
		{ "symfollow", 0, MS_NOSYMFOLLOW },
		{ "dirsync", MS_DIRSYNC, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (strcmp(flags[i].name, name) == 0)
			req->ms_flags = (req->ms_flags & ~flags[i].clear) | flags[i].set;
}

struct mount_parser {
	struct fusesvc_mount_request *req;
	char *mntopts;
};

static int on_mount_option(void *data, const char *arg, int key, struct fuse_args *out)
{
	struct mount_parser *parser = data;

	(void)out;
	switch (key) {
	case KEY_FLAG:
		apply_flag(parser->req, arg);
		return 0;
	case KEY_KERNEL:
		return fuse_opt_add_opt(&parser->mntopts, arg);
	case KEY_FUSEBLK:
		parser->req->fuseblk = true;
		return 0;
	case KEY_DROP:
		return 0;
	default:
		return 1;
	}
}

int fusesvc_fuse3_parse_mount(struct fusesvc_server *s, struct fuse_args *args,
			      struct fusesvc_mount_request *req)
{
	struct mount_parser parser = { .req = req };

	(void)s;
	if (req->mntopts && fuse_opt_add_opt(&parser.mntopts, req->mntopts))
		return -ENOMEM;
	if (fuse_opt_parse(args, &parser, mount_opts, on_mount_option)) {
		free(parser.mntopts);
		return -EINVAL;
	}
	req->mntopts = parser.mntopts;
	return 0;
}

/*
 * Mounting
 */

/* The first request of a new connection is FUSE_INIT. Once it was handled, the server is up. */
static int handle_init(struct fuse_session *se)
{
	struct fuse_buf buf = { 0 };
	int size;

	do
		size = fuse_session_receive_buf(se, &buf);
	while (size == -EINTR && !fuse_session_exited(se));
	if (size > 0)
		fuse_session_process_buf(se, &buf);
	free(buf.mem);
	if (size < 0)
		return size;
	return size == 0 || fuse_session_exited(se) ? -ECONNABORTED : 0;
}

int fusesvc_fuse3_session_mount(struct fusesvc_server *s, struct fuse_session *se,
				const struct fusesvc_mount_request *req)
{
	int fd = fusesvc_server_take_fuse_fd(s), rc;
	char path[32];

	(void)snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	if (fd < 0 || fuse_session_mount(se, path)) {
		close_fd_keep_errno(fd);
		return -EBADF;
	}

	fusesvc_server_finish_opens(s);
	rc = fusesvc_server_mount(s, req);
	if (!rc)
		rc = handle_init(se);
	if (!rc)
		rc = fusesvc_server_bye(s, 0);
	return rc;
}

/*
 * The high-level API
 */

struct loop_opts {
	int singlethread;
	int clone_fd;
	int ignored;
};

static const struct fuse_opt loop_opts[] = {
	{ "-s", offsetof(struct loop_opts, singlethread), 1 },
	{ "clone_fd", offsetof(struct loop_opts, clone_fd), 1 },
	{ "-f", offsetof(struct loop_opts, ignored), 1 },
	FUSE_OPT_END,
};

/* libfuse says what is wrong only to its log: until the mount, keep the last line for a message. */
static char last_log_line[512];
static bool is_mounted; /* from then on there are threads */

__attribute__((format(printf, 2, 0))) static void keep_log(enum fuse_log_level level,
							   const char *fmt, va_list ap)
{
	va_list copy;

	if (level <= FUSE_LOG_ERR && !is_mounted) {
		va_copy(copy, ap);
		(void)vsnprintf(last_log_line, sizeof(last_log_line), fmt, copy);
		va_end(copy);
		last_log_line[strcspn(last_log_line, "\n")] = '\0';
	}
	(void)vfprintf(stderr, fmt, ap);
}

static int give_up(struct fusesvc_server *s, const char *what)
{
	const struct fusesvc_error *e = fusesvc_server_error(s);
	char text[FUSESVC_MESSAGE_SIZE];

	if (e->code != FUSESVC_E_NONE)
		what = fusesvc_error_text(e, text, sizeof(text));
	if (*last_log_line)
		what = last_log_line;
	(void)fprintf(stderr, "%s\n", what);
	/* What it refused itself, the helper can tell better. */
	if (e->code != FUSESVC_E_REFUSED)
		(void)fusesvc_server_message(s, FUSESVC_MSG_ERROR, FUSESVC_NO_PROGRESS, what);
	(void)fusesvc_server_bye(s, EXIT_FAILURE);
	return EXIT_FAILURE;
}

static int run_loop(struct fuse *fuse, const struct loop_opts *opts)
{
	struct fuse_loop_config *config;
	int rc;

	if (opts->singlethread)
		return fuse_loop(fuse);
	config = fuse_loop_cfg_create();
	if (!config)
		return -ENOMEM;
	fuse_loop_cfg_set_clone_fd(config, (unsigned int)opts->clone_fd);
	rc = fuse_loop_mt(fuse, config);
	fuse_loop_cfg_destroy(config);
	return rc;
}

static int mount_and_serve(struct fusesvc_server *s, struct fuse *fuse,
			   const struct fusesvc_mount_request *req, const struct loop_opts *opts)
{
	struct fuse_session *se = fuse_get_session(fuse);
	int rc;

	if (fuse_set_signal_handlers(se))
		return give_up(s, "cannot set signal handlers");
	if (fusesvc_fuse3_session_mount(s, se, req)) {
		rc = give_up(s, "the mount failed");
	} else {
		is_mounted = true;
		rc = run_loop(fuse, opts) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	fuse_remove_signal_handlers(se);
	return rc;
}

int fusesvc_fuse3_main(struct fusesvc_server *s, struct fuse_args *args,
		       const struct fuse_operations *op, size_t op_size,
		       const struct fusesvc_mount_request *req, void *user_data)
{
	struct loop_opts opts = { 0 };
	struct fuse *fuse;
	int rc;

	last_log_line[0] = '\0';
	fuse_set_log_func(keep_log);
	if (fuse_opt_parse(args, &opts, loop_opts, NULL))
		return give_up(s, "malformed options");
	fuse = fuse_new(args, op, op_size, user_data);
	if (!fuse)
		return give_up(s, "unusable options");
	if (chdir("/") < 0)
		rc = give_up(s, "no root directory");
	else
		rc = mount_and_serve(s, fuse, req, &opts);
	fuse_destroy(fuse);
	return rc;
}
