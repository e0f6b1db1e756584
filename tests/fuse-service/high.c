// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A service of the high-level API, written against fuse_service.h alone, as code for libfuse 3.19
 * is. By hand it is an ordinary FUSE server.
 *
 * One file, "hello", with the name of the service; or the mount point is that file, with -o file.
 * With -o die it fails in its init operation.
 */
#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 19)

#include <errno.h>
#include <fuse.h>
#include <fuse_service.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct high {
	int file;
	int die;
	char *source;
	const char *hello_path;
	char hello[128];
} high = { .hello_path = "/hello", .hello = "hello from nobody\n" };

static const struct fuse_opt high_opts[] = {
	{ "file", offsetof(struct high, file), 1 },
	{ "die", offsetof(struct high, die), 1 },
	FUSE_OPT_END,
};

static void *high_init(struct fuse_conn_info *conn, struct fuse_config *cfg)
{
	(void)conn;
	cfg->kernel_cache = 1;
	if (high.die) {
		fuse_log(FUSE_LOG_ERR, "high: no memory of how to do this\n");
		fuse_exit(fuse_get_context()->fuse);
	}
	return fuse_get_context()->private_data;
}

static int high_getattr(const char *path, struct stat *attr, struct fuse_file_info *fi)
{
	(void)fi;
	memset(attr, 0, sizeof(*attr));
	attr->st_nlink = 1;
	if (strcmp(path, high.hello_path) == 0) {
		attr->st_mode = S_IFREG | 0444;
		attr->st_size = (off_t)strlen(high.hello);
		return 0;
	}
	attr->st_mode = S_IFDIR | 0555;
	return strcmp(path, "/") == 0 ? 0 : -ENOENT;
}

static int high_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t off,
			struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	(void)path;
	(void)off;
	(void)fi;
	(void)flags;
	return fill(buf, high.hello_path + 1, NULL, 0, 0);
}

static int high_read(const char *path, char *buf, size_t size, off_t off, struct fuse_file_info *fi)
{
	const struct high *h = fuse_get_context()->private_data;
	size_t len = strlen(h->hello), start = (size_t)off < len ? (size_t)off : len;

	(void)path;
	(void)fi;
	if (size > len - start)
		size = len - start;
	memcpy(buf, h->hello + start, size);
	return (int)size;
}

static const struct fuse_operations high_ops = {
	.init = high_init,
	.getattr = high_getattr,
	.readdir = high_readdir,
	.read = high_read,
};

static int on_option(void *data, const char *arg, int key, struct fuse_args *out)
{
	(void)data;
	(void)out;
	if (key != FUSE_OPT_KEY_NONOPT || high.source)
		return 1;
	high.source = strdup(arg);
	return high.source ? 0 : -1;
}

static int run_service(struct fuse_service *service, struct fuse_args *args)
{
	if (fuse_service_append_args(service, args) ||
	    fuse_opt_parse(args, &high, high_opts, on_option) ||
	    fuse_service_finish_file_requests(service))
		return 1;
	(void)snprintf(high.hello, sizeof(high.hello), "hello from %s\n", args->argv[0]);
	if (high.file)
		high.hello_path = "/";
	fuse_service_expect_mount_format(service, high.file ? S_IFREG : S_IFDIR);
	return fuse_service_main(service, args, &high_ops, &high);
}

int main(int argc, char *argv[])
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	struct fuse_service *service;
	int rc;

	if (fuse_service_accept(&service))
		return fuse_service_exit(1);
	if (!fuse_service_accepted(service))
		return fuse_main(argc, argv, &high_ops, &high);
	rc = run_service(service, &args);
	(void)fuse_service_send_goodbye(service, rc);
	fuse_service_destroy(&service);
	fuse_opt_free_args(&args);
	free(high.source);
	return fuse_service_exit(rc);
}
