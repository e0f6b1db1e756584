// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * null - a bit bucket: what is written vanishes, and there is nothing to read.
 *
 * The smallest complete server: the high-level API of libfuse, with each step of a contained
 * service written out. fuse-svc-null(8) explains the steps. Mounted on a directory it has one
 * file, "null"; mounted on a file it is that file. Started by hand it is an ordinary FUSE server.
 *
 * Must never open a file, nor keep a byte of what is written.
 */
#define FUSE_USE_VERSION 314

#include <errno.h>
#include <fuse_service.h>
#include <fusesvc-fuse3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PROGRAM "null"

/** struct null_fs - all that the operations know; it does not change once it is mounted */
static struct null_fs {
	bool is_file; /* the mount point itself is the bit bucket, not a directory with it */
	uid_t uid;
	gid_t gid;
	struct timespec born;
} fs;

static bool is_bucket(const char *path)
{
	return strcmp(path, fs.is_file ? "/" : "/null") == 0;
}

static int null_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	if (!is_bucket(path) && strcmp(path, "/") != 0)
		return -ENOENT;
	st->st_mode = is_bucket(path) ? S_IFREG | 0666 : S_IFDIR | 0555;
	st->st_nlink = is_bucket(path) ? 1 : 2;
	st->st_uid = fs.uid;
	st->st_gid = fs.gid;
	st->st_atim = st->st_mtim = st->st_ctim = fs.born;
	return 0;
}

static int null_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t offset,
			struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	(void)fill(buf, ".", NULL, 0, 0);
	(void)fill(buf, "..", NULL, 0, 0);
	(void)fill(buf, "null", NULL, 0, 0);
	return 0;
}

/* Past the page cache, which would keep what was written for a while. */
static int null_open(const char *path, struct fuse_file_info *fi)
{
	fi->direct_io = 1;
	return 0;
}

static int null_read(const char *path, char *buf, size_t size, off_t offset,
		     struct fuse_file_info *fi)
{
	return 0;
}

/* Not write: the bytes are not even fetched from the kernel's pipe. */
static int null_write_buf(const char *path, struct fuse_bufvec *buf, off_t offset,
			  struct fuse_file_info *fi)
{
	return (int)fuse_buf_size(buf);
}

static int null_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	return 0;
}

/* touch(1) shall work; the time is not kept. */
static int null_utimens(const char *path, const struct timespec tv[2], struct fuse_file_info *fi)
{
	return 0;
}

static int null_chmod(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	return -EPERM;
}

static int null_chown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *fi)
{
	return -EPERM;
}

static int null_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	return -EPERM;
}

static const struct fuse_operations operations = {
	.getattr = null_getattr,
	.readdir = null_readdir,
	.open = null_open,
	.read = null_read,
	.write_buf = null_write_buf,
	.truncate = null_truncate,
	.utimens = null_utimens,
	.chmod = null_chmod,
	.chown = null_chown,
	.create = null_create,
};

/* The first argument that is no option is the source, which is nothing; the rest is libfuse's. */
static int on_option(void *has_source, const char *arg, int key, struct fuse_args *out)
{
	bool is_source = key == FUSE_OPT_KEY_NONOPT && !*(bool *)has_source;

	if (is_source)
		*(bool *)has_source = true;
	return !is_source;
}

/* What the caller said, and what it means; the result is in args and opts. */
static int read_arguments(struct fuse_service *service, struct fuse_args *args,
			  struct fuse_cmdline_opts *opts)
{
	bool has_source = false;
	int rc;

	if (fuse_service_accepted(service) && fuse_service_append_args(service, args))
		return -1;
	if (fuse_opt_parse(args, &has_source, NULL, on_option))
		return -1;
	rc = fuse_service_accepted(service) ? fuse_service_parse_cmdline_opts(args, opts)
					    : fuse_parse_cmdline(args, opts);
	if (rc == 0 && !opts->mountpoint && !opts->show_help && !opts->show_version) {
		fuse_log(FUSE_LOG_ERR, "%sa source, like \"none\", and a mount point are needed\n",
			 service ? "" : PROGRAM ": ");
		return -1;
	}
	return rc;
}

/* Whose the file is. As a file system of root's is for everybody, so is this. */
static int ask_for_owner(struct fuse_service *service, struct fuse_args *args)
{
	fs.uid = getuid();
	fs.gid = getgid();
	if (fuse_service_accepted(service))
		fusesvc_server_peer(fusesvc_fuse3_server(service), &fs.uid, &fs.gid);
	(void)clock_gettime(CLOCK_REALTIME, &fs.born);
	if (fuse_opt_add_arg(args, "-odefault_permissions"))
		return -1;
	if (fs.uid == 0 && (!service || fuse_service_can_allow_other(service)))
		return fuse_opt_add_arg(args, "-oallow_other");
	return 0;
}

/* Only the helper sees the mount point: if it is no directory, we are asked to be a file. */
static int mount_service(struct fuse_service *service, struct fuse_session *session,
			 struct fuse_cmdline_opts *opts)
{
	int rc = fuse_service_session_mount(service, session, S_IFDIR, opts);

	if (rc == -ENOTDIR) {
		fs.is_file = true;
		rc = fuse_service_session_mount(service, session, S_IFREG, opts);
	}
	if (rc)
		return rc;
	rc = fuse_service_send_goodbye(service, 0);
	fuse_service_release(service);
	return rc;
}

static int mount_ordinary(struct fuse *fuse, const struct fuse_cmdline_opts *opts)
{
	struct stat st;

	if (stat(opts->mountpoint, &st) < 0) {
		fuse_log(FUSE_LOG_ERR, PROGRAM ": %s: %s\n", opts->mountpoint, strerror(errno));
		return -1;
	}
	fs.is_file = !S_ISDIR(st.st_mode);
	if (fuse_mount(fuse, opts->mountpoint))
		return -1;
	return fuse_daemonize(opts->foreground);
}

static int serve(struct fuse_service *service, struct fuse_args *args,
		 struct fuse_cmdline_opts *opts)
{
	struct fuse *fuse;
	int rc = -1;

	if (ask_for_owner(service, args))
		return -1;
	fuse = fuse_new(args, &operations, sizeof(operations), NULL);
	if (!fuse)
		return -1;
	if (fuse_set_signal_handlers(fuse_get_session(fuse)) == 0) {
		rc = service ? mount_service(service, fuse_get_session(fuse), opts)
			     : mount_ordinary(fuse, opts);
		if (rc == 0 && fuse_loop(fuse) < 0)
			rc = -1;
		fuse_remove_signal_handlers(fuse_get_session(fuse));
	}
	if (!service)
		fuse_unmount(fuse);
	fuse_destroy(fuse);
	return rc;
}

static int print_help(void)
{
	return printf("usage: " PROGRAM " [options] none mountpoint\n\n"
		      "A bit bucket: a directory with the file null, or the file mountpoint.\n\n"
		      "    -h   --help            print help\n"
		      "    -V   --version         print version\n"
		      "    -f                     stay in the foreground\n"
		      "    -d                     print what happens, in the foreground\n"
		      "    -o opt,[opt...]        mount options, see mount.fuse3(8)\n") < 0;
}

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	struct fuse_cmdline_opts opts = { .mountpoint = NULL };
	struct fuse_service *service;
	int rc;

	if (fuse_service_accept(&service))
		return fuse_service_exit(EXIT_FAILURE);
	rc = read_arguments(service, &args, &opts);
	if (rc == 0 && opts.show_help)
		rc = print_help();
	else if (rc == 0 && opts.show_version)
		rc = printf(PROGRAM " (fuse-svc) " PACKAGE_VERSION "\n") < 0;
	else if (rc == 0)
		rc = serve(service, &args, &opts);
	(void)fuse_service_send_goodbye(service, rc);
	fuse_service_destroy(&service);
	fuse_opt_free_args(&args);
	free(opts.mountpoint);
	return fuse_service_exit(rc);
}
