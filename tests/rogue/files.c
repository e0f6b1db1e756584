// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Descriptors that a helper could hand to a server: good, unusable and hostile ones.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "args.h"
#include "rogue.h"

#define SYNC_INIT   _IO(229, 3) /* Linux 6.18; older headers lack it */
#define COPY_MAX    (4 * 1024 * 1024)
#define SPARSE_SIZE (INT64_C(1) << 40)

int make_memfd(const void *bytes, size_t size)
{
	int fd = memfd_create("rogue", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		stop("no memfd: %m");
	return fd;
}

size_t read_hex(const char *hex, uint8_t *bytes, size_t size)
{
	size_t n = 0;

	for (; hex[0] && hex[1] && n < size; hex += 2) {
		char pair[] = { hex[0], hex[1], '\0' };

		bytes[n++] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return n;
}

/*
 * The argv memfd
 */

int make_args(char **words, int n)
{
	int fd;

	if (args_to_memfd(n, (const char *const *)words, ARGS_EXT_MESSAGES, &fd))
		stop("no argv memfd");
	return fd;
}

int make_good_args(struct rogue *r)
{
	const char *const words[] = { "svc", r->source, r->target };
	int fd;

	if (args_to_memfd(ARRAY_SIZE(words), words, ARGS_EXT_MESSAGES, &fd))
		stop("no argv memfd");
	return fd;
}

/*
 * Descriptors by name
 */

static int open_path(struct rogue *r, const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		stop("%s: %s: %m", r->command, path);
	return fd;
}

static int open_fuse_as(struct rogue *r, int flags)
{
	close_fd_keep_errno(r->fuse_fd);
	r->fuse_fd = open_path(r, "/dev/fuse", flags);
	return fcntl(r->fuse_fd, F_DUPFD_CLOEXEC, 0);
}

static int open_fuse(struct rogue *r)
{
	return open_fuse_as(r, O_RDWR);
}

static int open_fuse_nonblock(struct rogue *r)
{
	return open_fuse_as(r, O_RDWR | O_NONBLOCK);
}

static int open_fuse_read_only(struct rogue *r)
{
	return open_fuse_as(r, O_RDONLY);
}

/* Its reader waits for a mount. */
static int open_fuse_sync(struct rogue *r)
{
	int fd = open_fuse(r);

	if (ioctl(fd, SYNC_INIT) < 0)
		stop("%s: no SYNC_INIT: %m", r->command);
	return fd;
}

static int open_image(struct rogue *r)
{
	return open_path(r, r->source, O_RDONLY);
}

static int open_image_write(struct rogue *r)
{
	return open_path(r, r->source, O_WRONLY);
}

static int open_image_path(struct rogue *r)
{
	return open_path(r, r->source, O_PATH);
}

/* An image that we can change. */
static int copy_image(struct rogue *r)
{
	_cleanup_free_ char *bytes = malloc(COPY_MAX);
	_cleanup_fd_ int fd = open_image(r);
	ssize_t n = bytes ? read(fd, bytes, COPY_MAX) : -1;

	if (n < 0)
		stop("%s: %s: %m", r->command, r->source);
	return make_memfd(bytes, (size_t)n);
}

static int make_empty(struct rogue *r)
{
	return make_memfd("", 0);
}

static int make_sparse(struct rogue *r)
{
	int fd = make_memfd("", 0);

	if (ftruncate(fd, SPARSE_SIZE) < 0)
		stop("%s: no sparse file: %m", r->command);
	return fd;
}

/* The other end of a pair stays open, so that whoever reads waits. */
static int make_pipe_end(struct rogue *r, int which)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		stop("%s: no pipe: %m", r->command);
	return ends[which];
}

static int make_pipe(struct rogue *r)
{
	return make_pipe_end(r, 0);
}

static int make_pipe_write(struct rogue *r)
{
	return make_pipe_end(r, 1);
}

static int make_socket(struct rogue *r)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		stop("%s: no socket: %m", r->command);
	return ends[0];
}

static int copy_connection(struct rogue *r)
{
	return fcntl(r->sock, F_DUPFD_CLOEXEC, 0);
}

static int make_epoll(struct rogue *r)
{
	return epoll_create1(EPOLL_CLOEXEC);
}

static int make_none(struct rogue *r)
{
	return -1;
}

static const struct {
	const char *name;
	int (*make)(struct rogue *r); /* NULL: opens the path */
	const char *path;
	int flags;
} kinds[] = {
	{ "none", make_none },
	{ "fuse", open_fuse },
	{ "fuse-nonblock", open_fuse_nonblock },
	{ "fuse-read-only", open_fuse_read_only },
	{ "fuse-sync", open_fuse_sync },
	{ "image", open_image },
	{ "image-write", open_image_write },
	{ "image-path", open_image_path },
	{ "copy", copy_image },
	{ "empty", make_empty },
	{ "sparse", make_sparse },
	{ "pipe", make_pipe },
	{ "pipe-write", make_pipe_write },
	{ "socket", make_socket },
	{ "connection", copy_connection },
	{ "epoll", make_epoll },
	{ "null", NULL, "/dev/null", O_RDWR },
	{ "zero", NULL, "/dev/zero", O_RDWR },
	{ "full", NULL, "/dev/full", O_RDWR },
	{ "random", NULL, "/dev/urandom", O_RDWR },
	{ "dir", NULL, "/", O_RDONLY },
	{ "dir-path", NULL, "/", O_PATH },
	{ "memory", NULL, "/proc/self/mem", O_RDONLY },
};

int make_fd(struct rogue *r, const char *kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kind, kinds[i].name) == 0)
			return kinds[i].make ? kinds[i].make(r)
					     : open_path(r, kinds[i].path, kinds[i].flags);
	stop("%s: what is %s?", r->command, kind);
}
