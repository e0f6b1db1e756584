// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The server of README.md, whole: one file, "content", with what is in the source. What README.md
 * shows of it is compared with this file, and so are the lines that make a service of it: without
 * them this must remain an ordinary FUSE server.
 */
#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 19)
#include <fuse.h>
#include <fuse_service.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int source = -1;
static struct fuse_service *service;

static int content_getattr(const char *path, struct stat *attr, struct fuse_file_info *fi)
{
	(void)fi;
	if (strcmp(path, "/content") == 0) {
		if (fstat(source, attr) < 0)
			return -errno;
		attr->st_mode = S_IFREG | 0444;
		return 0;
	}
	memset(attr, 0, sizeof(*attr));
	attr->st_mode = S_IFDIR | 0555;
	return strcmp(path, "/") == 0 ? 0 : -ENOENT;
}

static int content_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t off,
			   struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	(void)path;
	(void)off;
	(void)fi;
	(void)flags;
	return fill(buf, "content", NULL, 0, 0);
}

static int content_read(const char *path, char *buf, size_t size, off_t off,
			struct fuse_file_info *fi)
{
	ssize_t n = pread(source, buf, size, off);

	(void)path;
	(void)fi;
	return n < 0 ? -errno : (int)n;
}

static const struct fuse_operations ops = {
	.getattr = content_getattr,
	.readdir = content_readdir,
	.read = content_read,
};

static int open_source(const char *path)
{
	int fd;

	if (service) {
		if (fuse_service_request_file(service, path, O_RDONLY, 0, 0) ||
		    fuse_service_receive_file(service, path, &fd) ||
		    fuse_service_finish_file_requests(service))
			return -EIO;
		return fd;
	}
	fd = open(path, O_RDONLY);
	return fd < 0 ? -errno : fd;
}

/* The first argument that is no option. */
static int on_argument(void *data, const char *arg, int key, struct fuse_args *out)
{
	(void)data;
	(void)out;
	if (key != FUSE_OPT_KEY_NONOPT || source >= 0)
		return 1;
	source = open_source(arg);
	if (source >= 0)
		return 0;
	fuse_log(FUSE_LOG_ERR, "%s: %s\n", arg, strerror(-source));
	return -1;
}

int main(int argc, char *argv[])
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	int rc;

	if (fuse_service_accept(&service))
		return fuse_service_exit(1);
	if (service) {
		fuse_service_expect_mount_format(service, S_IFDIR);
		rc = fuse_service_append_args(service, &args) ||
		     fuse_opt_parse(&args, NULL, NULL, on_argument) ||
		     fuse_service_main(service, &args, &ops, NULL);
		fuse_service_send_goodbye(service, rc);
		fuse_service_destroy(&service);
		fuse_opt_free_args(&args);
		return fuse_service_exit(rc);
	}
	rc = fuse_opt_parse(&args, NULL, NULL, on_argument) ||
	     fuse_main(args.argc, args.argv, &ops, NULL);
	fuse_opt_free_args(&args);
	return rc;
}
