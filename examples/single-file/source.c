// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The source: a regular file or block device, opened by the helper for a service, by ourselves
 * for an ordinary server.
 *
 * Whoever passes it is not believed: a descriptor of anything else, or opened in another way than
 * was asked for, is refused. Its size may change at any time, by anybody. Must never open
 * anything but the source, nor touch a byte outside of size=.
 */
#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "single-file.h"

/* Enough for the direct I/O of any source: more than a sector, in memory as well as in the file. */
#define ALIGNMENT 4096

static int open_flags(const struct single_file *f)
{
	return (f->direct ? O_DIRECT : 0) | (f->sync ? O_SYNC : 0);
}

/*
 * First as a block device: nobody else shall write to it, so O_EXCL. If the source is none, the
 * helper says ENOTBLK, and we go on with what it is.
 */
static int open_by_helper(struct single_file *f)
{
	struct fusesvc_server *server = fusesvc_fuse3_server(f->service);
	struct fusesvc_open_request req = {
		.path = f->source,
		.open_flags = (uint32_t)(open_flags(f) | O_EXCL),
		.block_size = f->block_size,
		.bdev = true,
		.quiet = true,
	};
	int rc = fusesvc_server_open_rw(server, &req, &f->read_only, &f->fd);

	f->is_bdev = rc != -ENOTBLK;
	if (f->is_bdev)
		return rc;
	req.open_flags &= ~(uint32_t)O_EXCL;
	req.block_size = 0;
	req.bdev = false;
	return fusesvc_server_open_rw(server, &req, &f->read_only, &f->fd);
}

static int open_here(struct single_file *f)
{
	int flags = open_flags(f) | O_CLOEXEC;
	struct stat st;

	/* Looked at before, as a pipe would wait for its other end. */
	if (stat(f->source, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return -EPERM;
	f->is_bdev = S_ISBLK(st.st_mode);
	if (f->is_bdev)
		flags |= O_EXCL;
	if (!f->read_only)
		f->fd = open(f->source, flags | O_RDWR);
	if (f->fd < 0 && (f->read_only || errno == EACCES || errno == EPERM || errno == EROFS)) {
		f->read_only = true;
		f->fd = open(f->source, flags | O_RDONLY);
	}
	if (f->fd < 0)
		return -errno;
	if (f->is_bdev && f->block_size && ioctl(f->fd, BLKBSZSET, &f->block_size) < 0)
		return -errno;
	return 0;
}

static int explain_open(const struct single_file *f, int rc)
{
	const unsigned int block_size = f->is_bdev ? f->block_size : 0;

	if (rc == -EPERM && block_size)
		return complain(f, rc,
				"option \"blocksize=%u\": %s is no file or device whose block size "
				"you may set",
				block_size, f->source);
	if (rc == -EINVAL && block_size)
		return complain(f, rc, "option \"blocksize=%u\": %s cannot have such blocks",
				block_size, f->source);
	if (rc == -EINVAL && f->direct)
		return complain(f, rc, "option \"direct\": %s has no direct I/O", f->source);
	if (rc == -EPERM)
		return complain(f, rc, "%s: neither a regular file nor a block device", f->source);
	if (rc == -EBUSY)
		return complain(f, rc, "%s is in use: mounted, or opened exclusively", f->source);
	return complain(f, rc, "cannot open %s: %s", f->source, strerror(-rc));
}

/* Is it what we asked for? What else a descriptor can be, a stranger may send. */
static int check_source(struct single_file *f)
{
	const int wanted = open_flags(f) | (f->read_only ? O_RDONLY : O_RDWR);
	const int matters = O_ACCMODE | O_APPEND | O_PATH | O_DIRECT | O_SYNC;
	int flags = fcntl(f->fd, F_GETFL), is_ro = 0;
	struct stat st;

	if (flags < 0 || fstat(f->fd, &st) < 0)
		return complain(f, -errno, "%s: %s", f->source, strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return complain(f, -EINVAL, "%s: neither a regular file nor a block device",
				f->source);
	if ((flags & matters) != wanted)
		return complain(f, -EINVAL, "%s: not opened in the way that was asked for",
				f->source);
	f->is_bdev = S_ISBLK(st.st_mode);
	/* A device may be opened for writing even if it cannot be written to. */
	if (f->is_bdev && ioctl(f->fd, BLKROGET, &is_ro) == 0 && is_ro)
		f->read_only = true;
	return 0;
}

int source_open(struct single_file *f)
{
	const uint64_t limit = f->limit;
	struct stat st;
	int rc = f->service ? open_by_helper(f) : open_here(f);

	if (rc)
		return explain_open(f, rc);
	rc = check_source(f);
	if (rc)
		return rc;
	f->limit = 0;
	rc = source_stat(f, &st);
	if (rc)
		return complain(f, rc, "%s: %s", f->source, strerror(-rc));
	if (limit > (uint64_t)st.st_size)
		return complain(f, -EINVAL, "option \"size=%llu\": %s has only %llu bytes",
				(unsigned long long)limit, f->source,
				(unsigned long long)st.st_size);
	f->limit = limit;
	return 0;
}

int source_stat(const struct single_file *f, struct stat *st)
{
	if (fstat(f->fd, st) < 0)
		return -errno;
	if (f->is_bdev) {
		st->st_size = lseek(f->fd, 0, SEEK_END);
		if (st->st_size < 0)
			return -errno;
		st->st_blocks = st->st_size / 512;
	}
	if (f->limit && (uint64_t)st->st_size > f->limit) {
		const blkcnt_t blocks = (blkcnt_t)((f->limit + 511) / 512);

		st->st_size = (off_t)f->limit;
		st->st_blocks = st->st_blocks < blocks ? st->st_blocks : blocks;
	}
	if (f->block_size)
		st->st_blksize = f->block_size;
	st->st_mode = S_IFREG | (st->st_mode & (f->read_only ? 0555 : 0777));
	st->st_nlink = 1;
	st->st_uid = f->uid;
	st->st_gid = f->gid;
	st->st_rdev = 0;
	return 0;
}

bool source_can_resize(const struct single_file *f)
{
	return !f->is_bdev && !f->limit;
}

void *source_buffer(size_t size)
{
	void *buffer = NULL;

	return posix_memalign(&buffer, ALIGNMENT, size) ? NULL : buffer;
}

ssize_t source_read_direct(const struct single_file *f, size_t size, off_t offset, void **buffer,
			   const char **data)
{
	const size_t skip = (size_t)(offset % ALIGNMENT);
	const size_t whole = (skip + size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	ssize_t n;

	*buffer = source_buffer(whole);
	if (!*buffer)
		return -ENOMEM;
	n = pread(f->fd, *buffer, whole, offset - (off_t)skip);
	if (n < 0)
		return -errno;
	*data = (const char *)*buffer + skip;
	n -= (ssize_t)skip;
	if (n < 0)
		return 0;
	return n < (ssize_t)size ? n : (ssize_t)size;
}
