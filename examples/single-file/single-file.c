// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * single-file - shows a regular file or block device as one file.
 *
 * A complete server for the low-level API of libfuse, to learn from: fuse-svc-single-file(8)
 * explains the steps. Started by a service manager it is a contained service: the helper opens
 * the source and mounts. Started by hand it is an ordinary FUSE server. This file reads the
 * options, mounts and serves.
 *
 * Must never mount for writing what it may only read.
 */
#include "single-file.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "single-file"

#define BLOCK_SIZE_MIN 512
#define BLOCK_SIZE_MAX 65536

/** struct arguments - what is only needed until the mount */
struct arguments {
	struct single_file *file;
	char *size;
	char *block_size;
	int direct;
	struct fuse_cmdline_opts fuse; /* libfuse's own, and the mount point */
};

enum { KEY_RO = 1, KEY_RW, KEY_SYNC, KEY_ASYNC };

static const struct fuse_opt option_specs[] = {
	{ "size=%s", offsetof(struct arguments, size), 0 },
	{ "blocksize=%s", offsetof(struct arguments, block_size), 0 },
	{ "direct", offsetof(struct arguments, direct), 1 },
	FUSE_OPT_KEY("ro", KEY_RO),
	FUSE_OPT_KEY("rw", KEY_RW),
	FUSE_OPT_KEY("sync", KEY_SYNC),
	FUSE_OPT_KEY("async", KEY_ASYNC),
	FUSE_OPT_END,
};

/* Only to libfuse's log: whoever mounts is told of the last error by the goodbye. */
int complain(const struct single_file *f, int rc, const char *fmt, ...)
{
	char text[FUSESVC_MESSAGE_SIZE];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fuse_log(FUSE_LOG_ERR, "%s%s\n", f->service ? "" : PROGRAM ": ", text);
	return rc;
}

/* Returns 0 to take an argument away, 1 to leave it to libfuse: ro and sync are for both of us. */
static int on_option(void *data, const char *arg, int key, struct fuse_args *out)
{
	struct single_file *f = ((struct arguments *)data)->file;

	switch (key) {
	case KEY_RO:
	case KEY_RW:
		f->read_only = key == KEY_RO;
		return 1;
	case KEY_SYNC:
	case KEY_ASYNC:
		f->sync = key == KEY_SYNC;
		return 1;
	case FUSE_OPT_KEY_NONOPT:
		if (f->source)
			return 1; /* the mount point */
		f->source = strdup(arg);
		return f->source ? 0 : -1;
	default:
		return 1;
	}
}

/* Digits, then nothing or one of K, M, G, T. Returns 0 or -EINVAL. */
static int parse_bytes(const char *text, uint64_t *bytes)
{
	static const char suffixes[] = "KMGT";
	const char *suffix;
	uint64_t n = 0;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (n > (INT64_MAX - 9) / 10)
			return -EINVAL;
		n = n * 10 + (uint64_t)(*text - '0');
	}
	if (*text) {
		suffix = strchr(suffixes, *text);
		if (!suffix || text[1])
			return -EINVAL;
		for (; suffix >= suffixes; suffix--) {
			if (n > INT64_MAX / 1024)
				return -EINVAL;
			n *= 1024;
		}
	}
	*bytes = n;
	return 0;
}

static int check_values(struct single_file *f, const struct arguments *a)
{
	uint64_t n = 0;

	f->direct = a->direct;
	if (a->block_size) {
		if (parse_bytes(a->block_size, &n) || n < BLOCK_SIZE_MIN || n > BLOCK_SIZE_MAX ||
		    (n & (n - 1)))
			return complain(f, -EINVAL,
					"option \"blocksize=%s\": not a power of two from %d to %d",
					a->block_size, BLOCK_SIZE_MIN, BLOCK_SIZE_MAX);
		f->block_size = (unsigned int)n;
	}
	if (a->size) {
		if (parse_bytes(a->size, &f->limit) || f->limit == 0)
			return complain(f, -EINVAL, "option \"size=%s\": not a number of bytes",
					a->size);
		if (f->block_size && f->limit % f->block_size)
			return complain(f, -EINVAL,
					"option \"size=%s\": not a multiple of the block size %u",
					a->size, f->block_size);
	}
	f->name = strrchr(f->source, '/');
	f->name = f->name ? f->name + 1 : f->source;
	if (!*f->name || strlen(f->name) > NAME_MAX || strcmp(f->name, ".") == 0 ||
	    strcmp(f->name, "..") == 0)
		return complain(f, -EINVAL, "\"%s\" cannot be the path of a file", f->source);
	return 0;
}

static int read_arguments(struct single_file *f, struct fuse_args *args, struct arguments *a)
{
	int rc;

	a->file = f;
	if (f->service && fuse_service_append_args(f->service, args))
		return -ENOMEM;
	if (fuse_opt_parse(args, a, option_specs, on_option))
		return -EINVAL;
	rc = f->service ? fuse_service_parse_cmdline_opts(args, &a->fuse)
			: fuse_parse_cmdline(args, &a->fuse);
	if (rc)
		return -EINVAL;
	if (a->fuse.show_help || a->fuse.show_version)
		return 0;
	if (!f->source || !a->fuse.mountpoint)
		return complain(f, -EINVAL, "a source and a mount point are needed");
	return check_values(f, a);
}

/*
 * For root the helper of this project mounts a block device as fuseblk, by itself; the kernel then
 * sets the block size of the device once more.
 */
static int add_fuseblk_option(const struct single_file *f, char **opts)
{
	char option[32];

	if (!f->is_bdev || !f->block_size || !fuse_service_can_fuseblk(f->service) ||
	    !fusesvc_server_can_message(fusesvc_fuse3_server(f->service)))
		return 0;
	(void)snprintf(option, sizeof(option), "blksize=%u", f->block_size);
	return fuse_opt_add_opt(opts, option);
}

/* The owner of the file is whoever mounts; what root mounts is, as usual, there for everybody. */
static int add_mount_options(struct single_file *f, struct fuse_args *args)
{
	char *fsname = NULL, *opts = NULL;
	bool allow_other;
	int rc = -1;

	f->uid = getuid();
	f->gid = getgid();
	if (f->service)
		fusesvc_server_peer(fusesvc_fuse3_server(f->service), &f->uid, &f->gid);
	allow_other = f->uid == 0 && (!f->service || fuse_service_can_allow_other(f->service));
	if (asprintf(&fsname, "fsname=%s", f->source) >= 0 &&
	    fuse_opt_add_opt(&opts, "default_permissions") == 0 &&
	    fuse_opt_add_opt_escaped(&opts, fsname) == 0 &&
	    (!f->read_only || fuse_opt_add_opt(&opts, "ro") == 0) &&
	    (!allow_other || fuse_opt_add_opt(&opts, "allow_other") == 0) &&
	    add_fuseblk_option(f, &opts) == 0 && fuse_opt_add_arg(args, "-o") == 0)
		rc = fuse_opt_add_arg(args, opts);
	free(fsname);
	free(opts);
	return rc;
}

/* Only the helper sees the mount point: if it is no directory, we are asked to be a file. */
static int mount_service(struct single_file *f, struct fuse_session *session, struct arguments *a)
{
	int rc = fuse_service_session_mount(f->service, session, S_IFDIR, &a->fuse);

	if (rc == -ENOTDIR) {
		f->root_is_file = true;
		rc = fuse_service_session_mount(f->service, session, S_IFREG, &a->fuse);
	}
	if (rc)
		return rc;
	rc = fuse_service_send_goodbye(f->service, 0);
	fuse_service_release(f->service);
	return rc;
}

static int mount_ordinary(struct single_file *f, struct fuse_session *session,
			  const struct arguments *a)
{
	struct stat st;

	if (stat(a->fuse.mountpoint, &st) < 0)
		return complain(f, -errno, "%s: %s", a->fuse.mountpoint, strerror(errno));
	f->root_is_file = !S_ISDIR(st.st_mode);
	if (fuse_session_mount(session, a->fuse.mountpoint))
		return -EIO;
	return fuse_daemonize(a->fuse.foreground);
}

static int loop(struct fuse_session *session, const struct fuse_cmdline_opts *opts)
{
	struct fuse_loop_config *config;
	int rc;

	if (opts->singlethread)
		return fuse_session_loop(session);
	config = fuse_loop_cfg_create();
	if (!config)
		return -ENOMEM;
	fuse_loop_cfg_set_clone_fd(config, opts->clone_fd);
	if (opts->max_idle_threads != UINT_MAX) /* libfuse's word for "not given" */
		fuse_loop_cfg_set_idle_threads(config, opts->max_idle_threads);
	fuse_loop_cfg_set_max_threads(config, opts->max_threads);
	rc = fuse_session_loop_mt(session, config);
	fuse_loop_cfg_destroy(config);
	return rc;
}

static int serve(struct single_file *f, struct fuse_args *args, struct arguments *a)
{
	struct fuse_session *session;
	int rc;

	if (add_mount_options(f, args))
		return -ENOMEM;
	session = fuse_session_new(args, &single_file_ops, sizeof(single_file_ops), f);
	if (!session)
		return -EINVAL;
	rc = fuse_set_signal_handlers(session);
	if (!rc) {
		rc = f->service ? mount_service(f, session, a) : mount_ordinary(f, session, a);
		/* More than 0 is the number of a signal that asked for the end. */
		if (!rc && loop(session, &a->fuse) < 0)
			rc = -EIO;
		fuse_remove_signal_handlers(session);
	}
	if (!f->service)
		fuse_session_unmount(session);
	fuse_session_destroy(session);
	return rc;
}

static int open_and_serve(struct single_file *f, struct fuse_args *args, struct arguments *a)
{
	const bool read_only = f->read_only;
	int rc = source_open(f);

	if (rc)
		return rc;
	(void)fuse_service_finish_file_requests(f->service);
	if (f->read_only && !read_only && f->service)
		(void)fusesvc_server_message(fusesvc_fuse3_server(f->service), FUSESVC_MSG_WARNING,
					     FUSESVC_NO_PROGRESS,
					     "the source cannot be written to: mounted read-only");
	return serve(f, args, a);
}

static int print_help(void)
{
	return printf("usage: " PROGRAM " [options] source mountpoint\n\n"
		      "Shows a regular file or block device as one file: in the directory\n"
		      "mountpoint, or as mountpoint, if that is a file.\n\n"
		      "    -h   --help            print help\n"
		      "    -V   --version         print version\n"
		      "    -f                     stay in the foreground\n"
		      "    -d                     print what happens, in the foreground\n"
		      "    -s                     one thread\n"
		      "    -o ro                  read-only, also if the source is writable\n"
		      "    -o size=BYTES          expose only the first bytes (K, M, G, T)\n"
		      "    -o blocksize=BYTES     size of a block, 512 to 64K\n"
		      "    -o sync                answer a write once it is on the medium\n"
		      "    -o direct              bypass the page cache\n"
		      "    -o opt,[opt...]        mount options, see mount.fuse3(8)\n") < 0;
}

int main(int argc, char **argv)
{
	static struct single_file file = { .fd = -1 };
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	struct arguments a = { .file = &file };
	int rc;

	if (fuse_service_accept(&file.service))
		return fuse_service_exit(EXIT_FAILURE);
	rc = read_arguments(&file, &args, &a);
	if (!rc && a.fuse.show_help)
		rc = print_help();
	else if (!rc && a.fuse.show_version)
		rc = printf(PROGRAM " (fuse-svc) " PACKAGE_VERSION "\n") < 0;
	else if (!rc)
		rc = open_and_serve(&file, &args, &a);
	(void)fuse_service_send_goodbye(file.service, rc);
	fuse_service_destroy(&file.service);
	fuse_opt_free_args(&args);
	free(file.source);
	free(a.size);
	free(a.block_size);
	free(a.fuse.mountpoint);
	if (file.fd >= 0)
		(void)close(file.fd);
	return fuse_service_exit(rc);
}
