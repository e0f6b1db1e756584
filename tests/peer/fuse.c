/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The smallest file system there is, by hand: an empty directory, or an empty file.
 *
 * Without libfuse, so that tests decide what is answered and when.
 */
#include "peer.h"

#include <errno.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cleanup.h"

#define SYNC_INIT   _IO(229, 3) /* Linux 6.18; older headers lack it */
#define MAX_WRITE   4096
#define BUFFER_SIZE (64 * 1024)

struct request {
	struct fuse_in_header head;
	char body[BUFFER_SIZE];
};

int fuse_set_sync_init(int fuse_fd)
{
	return ioctl(fuse_fd, SYNC_INIT) < 0 ? errno : 0;
}

/* Returns 0 or a positive errno value. */
static int receive(struct peer *p, struct request *req)
{
	ssize_t n;

	do
		n = read(p->fuse_fd, req, sizeof(*req));
	while (n < 0 && (errno == EINTR || errno == ENOENT));
	if (n < 0)
		return errno;
	return n < (ssize_t)sizeof(req->head) ? EIO : 0;
}

/* Returns 0 or a positive errno value. */
static int answer(struct peer *p, uint64_t unique, int error, void *body, size_t size)
{
	struct fuse_out_header head = {
		.len = (uint32_t)(sizeof(head) + size),
		.error = -error,
		.unique = unique,
	};
	struct iovec iov[] = { { &head, sizeof(head) }, { body, size } };

	return writev(p->fuse_fd, iov, ARRAY_SIZE(iov)) < 0 ? errno : 0;
}

int fuse_get_init(struct peer *p)
{
	struct fuse_init_in in;
	struct request req;
	int err;

	err = receive(p, &req);
	if (!err && req.head.opcode != FUSE_INIT)
		err = EPROTO;
	if (err)
		return err;
	memcpy(&in, req.body, sizeof(in));
	p->init_unique = req.head.unique;
	p->init_minor = in.minor < FUSE_KERNEL_MINOR_VERSION ? in.minor : FUSE_KERNEL_MINOR_VERSION;
	return 0;
}

int fuse_answer_init(struct peer *p, int error)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = p->init_minor,
		.max_readahead = MAX_WRITE,
		.max_background = 12,
		.congestion_threshold = 9,
		.max_write = MAX_WRITE,
		.time_gran = 1,
	};

	return answer(p, p->init_unique, error, &out, error ? 0 : sizeof(out));
}

static int answer_getattr(struct peer *p, const struct request *req)
{
	struct fuse_attr_out out = {
		.attr_valid = 1,
		.attr = {
			.ino = FUSE_ROOT_ID,
			.mode = p->root_fmt | (p->root_fmt == S_IFDIR ? 0755 : 0644),
			.nlink = p->root_fmt == S_IFDIR ? 2 : 1,
			.uid = getuid(),
			.gid = getgid(),
			.blksize = 512,
		},
	};

	return answer(p, req->head.unique, 0, &out, sizeof(out));
}

static int answer_request(struct peer *p, const struct request *req)
{
	struct fuse_statfs_out statfs = { .st = { .bsize = 512, .frsize = 512, .namelen = 255 } };
	struct fuse_open_out opened = { 0 };

	switch (req->head.opcode) {
	case FUSE_GETATTR:
		return answer_getattr(p, req);
	case FUSE_STATFS:
		return answer(p, req->head.unique, 0, &statfs, sizeof(statfs));
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		return answer(p, req->head.unique, 0, &opened, sizeof(opened));
	case FUSE_READ:
	case FUSE_READDIR:
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_DESTROY:
		return answer(p, req->head.unique, 0, NULL, 0);
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT: /* none of them has an answer */
		return 0;
	case FUSE_LOOKUP:
		return p->is_deaf ? 0 : answer(p, req->head.unique, ENOENT, NULL, 0);
	default:
		return answer(p, req->head.unique, ENOSYS, NULL, 0);
	}
}

void fuse_serve(struct peer *p)
{
	struct request req;
	int err;

	do {
		err = receive(p, &req);
		/* Whoever asked may be gone (ENOENT): that is no reason to stop. */
		if (!err)
			(void)answer_request(p, &req);
	} while (!err);
	say(p, "serve: %s", errno_name(err));
}
