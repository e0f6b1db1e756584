// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A contained service of the low-level API, written against fuse_service.h alone, as code for
 * libfuse 3.19 is: the sample by which the tests see that such code works.
 *
 * Its root directory has one file, "report": what the API said, then the start of the source. With
 * -o die=STEP it ends badly there.
 */
#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 19)

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <fuse_service.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPORT_INO 2

static struct low {
	struct fuse_service *service;
	struct fuse_session *se;
	char *source;
	char *other; /* another file that the caller names */
	char *die;
	int blockdev;
	char report[4096];
} low;

static const struct fuse_opt low_opts[] = {
	{ "other=%s", offsetof(struct low, other), 0 },
	{ "die=%s", offsetof(struct low, die), 0 },
	{ "blockdev", offsetof(struct low, blockdev), 1 },
	FUSE_OPT_END,
};

static void report(const char *name, const char *value)
{
	size_t len = strlen(low.report);

	(void)snprintf(low.report + len, sizeof(low.report) - len, "%s: %s\n", name, value);
}

static void die_at(const char *step)
{
	char how[64];

	if (!low.die || strncmp(low.die, step, strlen(step)) != 0)
		return;
	(void)snprintf(how, sizeof(how), "%s", low.die + strlen(step));
	fprintf(stderr, "low: dying at %s\n", step);
	if (strcmp(how, "-abort") == 0)
		abort();
	else if (strcmp(how, "-exit") == 0)
		_exit(0);
	else if (strcmp(how, "-stop") == 0)
		fuse_session_exit(low.se);
}

static void low_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	(void)conn;
	if (low.die && strcmp(low.die, "slow") == 0)
		sleep(1);
	fprintf(stderr, "low: init is done\n");
	die_at("init");
}

static int fill_attr(fuse_ino_t ino, struct stat *attr)
{
	memset(attr, 0, sizeof(*attr));
	attr->st_ino = ino;
	if (ino == FUSE_ROOT_ID) {
		attr->st_mode = S_IFDIR | 0555;
		attr->st_nlink = 2;
	} else if (ino == REPORT_INO) {
		attr->st_mode = S_IFREG | 0444;
		attr->st_nlink = 1;
		attr->st_size = (off_t)strlen(low.report);
	} else {
		return -1;
	}
	return 0;
}

static void low_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat attr;

	(void)fi;
	if (fill_attr(ino, &attr))
		(void)fuse_reply_err(req, ENOENT);
	else
		(void)fuse_reply_attr(req, &attr, 1.0);
}

static void low_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry = { .ino = REPORT_INO };

	if (parent != FUSE_ROOT_ID || strcmp(name, "report") != 0 ||
	    fill_attr(entry.ino, &entry.attr))
		(void)fuse_reply_err(req, ENOENT);
	else
		(void)fuse_reply_entry(req, &entry);
}

static void low_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	size_t len = strlen(low.report), start = (size_t)off < len ? (size_t)off : len;

	(void)ino;
	(void)fi;
	(void)fuse_reply_buf(req, low.report + start, len - start < size ? len - start : size);
}

static const struct fuse_lowlevel_ops low_ops = {
	.init = low_init,
	.lookup = low_lookup,
	.getattr = low_getattr,
	.read = low_read,
};

static int on_option(void *data, const char *arg, int key, struct fuse_args *out)
{
	(void)data;
	(void)out;
	if (key != FUSE_OPT_KEY_NONOPT || low.source)
		return 1;
	low.source = strdup(arg);
	return low.source ? 0 : -1;
}

static int request(const char *path, int flags)
{
	return low.blockdev ? fuse_service_request_blockdev(low.service, path, flags, 0, 0, 0)
			    : fuse_service_request_file(low.service, path, flags, 0,
							FUSE_SERVICE_REQUEST_FILE_QUIET);
}

static int receive(const char *name, const char *path)
{
	char start[32] = "";
	int fd;

	if (fuse_service_receive_file(low.service, path, &fd))
		return -1;
	report(name, fd < 0 ? strerror(-fd) : "open");
	if (fd < 0)
		return 0;
	if (pread(fd, start, sizeof(start) - 1, 0) < 0)
		(void)snprintf(start, sizeof(start), "unreadable");
	start[strcspn(start, "\n")] = '\0';
	report("begins with", start);
	return close(fd);
}

/* Both requests are on their way before the first answer is looked at. */
static int get_files(void)
{
	if (request(low.source, O_RDONLY) || (low.other && request(low.other, O_RDWR)))
		return -1;
	if (receive("source", low.source) || (low.other && receive("other", low.other)))
		return -1;
	return fuse_service_finish_file_requests(low.service);
}

static int serve(const struct fuse_cmdline_opts *opts)
{
	struct fuse_loop_config *config;
	int rc;

	(void)fuse_service_send_goodbye(low.service, 0);
	fuse_service_release(low.service);
	die_at("loop");
	if (opts->singlethread)
		return fuse_session_loop(low.se);
	config = fuse_loop_cfg_create();
	fuse_loop_cfg_set_clone_fd(config, (unsigned int)opts->clone_fd);
	rc = fuse_session_loop_mt(low.se, config);
	fuse_loop_cfg_destroy(config);
	return rc;
}

static int mount_and_serve(struct fuse_args *args, struct fuse_cmdline_opts *opts)
{
	int rc = -1;

	low.se = fuse_session_new(args, &low_ops, sizeof(low_ops), NULL);
	if (!low.se)
		return -1;
	if (fuse_set_signal_handlers(low.se) == 0) {
		die_at("mount");
		if (fuse_service_session_mount(low.service, low.se, S_IFDIR, opts) == 0)
			rc = serve(opts);
		fuse_remove_signal_handlers(low.se);
	}
	fuse_session_destroy(low.se);
	return rc;
}

static int run(int argc, char *argv[], struct fuse_args *args)
{
	struct fuse_cmdline_opts opts = { 0 };
	char *cmdline;
	int rc = -1;

	if (fuse_service_append_args(low.service, args))
		return -1;
	cmdline = fuse_service_cmdline(argc, argv, args);
	report("cmdline", cmdline ? cmdline : "none");
	free(cmdline);
	report("allow_other", fuse_service_can_allow_other(low.service) ? "yes" : "no");
	report("fuseblk", fuse_service_can_fuseblk(low.service) ? "yes" : "no");
	if (fuse_opt_parse(args, &low, low_opts, on_option) ||
	    fuse_service_parse_cmdline_opts(args, &opts))
		return -1;
	report("mount point", opts.mountpoint ? opts.mountpoint : "none");
	die_at("files");
	if (low.source && opts.mountpoint && get_files() == 0)
		rc = mount_and_serve(args, &opts);
	free(opts.mountpoint);
	return rc;
}

int main(int argc, char *argv[])
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	int rc;

	if (fuse_service_accept(&low.service))
		return fuse_service_exit(1);
	if (!fuse_service_accepted(low.service)) {
		fprintf(stderr, "low: not a service\n");
		return fuse_service_exit(1);
	}
	rc = run(argc, argv, &args);
	(void)fuse_service_send_goodbye(low.service, rc);
	fuse_service_destroy(&low.service);
	fuse_opt_free_args(&args);
	free(low.source);
	free(low.other);
	free(low.die);
	return fuse_service_exit(rc);
}
