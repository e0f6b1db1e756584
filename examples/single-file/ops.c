// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the kernel asks, and the answers: the low-level API of libfuse.
 *
 * Each request is answered exactly once, by any thread, from the source as it is at that moment.
 * The kernel checks permissions (default_permissions) and keeps writers out of a read-only mount.
 * Bytes beyond size= must never be read or written.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "single-file.h"

#define FILE_INO      2	      /* in a directory; else the file is FUSE_ROOT_ID */
#define ATTR_TIMEOUT  1.0     /* seconds: others may change the source */
#define ENTRY_TIMEOUT 86400.0 /* the name stays */

static struct single_file *file_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static fuse_ino_t file_ino(const struct single_file *f)
{
	return f->root_is_file ? FUSE_ROOT_ID : FILE_INO;
}

static int attributes(const struct single_file *f, fuse_ino_t ino, struct stat *st)
{
	int rc = source_stat(f, st);

	st->st_ino = ino;
	if (!rc && ino != file_ino(f)) {
		st->st_mode = S_IFDIR | 0555;
		st->st_nlink = 2;
		st->st_size = 0;
		st->st_blocks = 0;
	}
	return rc;
}

/* How many of @size bytes at @offset may be touched. */
static uint64_t within_limit(const struct single_file *f, uint64_t size, off_t offset)
{
	const uint64_t start = (uint64_t)offset;

	if (!f->limit)
		return size;
	if (start >= f->limit)
		return 0;
	return size < f->limit - start ? size : f->limit - start;
}

/* The data is in the source already; now it shall be on the medium before the mount is gone. */
static void op_destroy(void *userdata)
{
	const struct single_file *f = userdata;

	if (!f->read_only && fsync(f->fd) < 0)
		fuse_log(FUSE_LOG_ERR, "%s: %s\n", f->source, strerror(errno));
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct single_file *f = file_of(req);
	struct fuse_entry_param e = {
		.ino = FILE_INO,
		.attr_timeout = ATTR_TIMEOUT,
		.entry_timeout = ENTRY_TIMEOUT,
	};
	int rc = f->root_is_file || parent != FUSE_ROOT_ID ? -ENOTDIR : 0;

	if (!rc && strcmp(name, f->name) != 0)
		rc = -ENOENT;
	if (!rc)
		rc = attributes(f, e.ino, &e.attr);
	if (rc)
		(void)fuse_reply_err(req, -rc);
	else
		(void)fuse_reply_entry(req, &e);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;
	int rc = attributes(file_of(req), ino, &st);

	if (rc)
		(void)fuse_reply_err(req, -rc);
	else
		(void)fuse_reply_attr(req, &st, ATTR_TIMEOUT);
}

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 18)
/* What getattr cannot say: when the source was made, and what its direct I/O wants. */
static void op_statx(fuse_req_t req, fuse_ino_t ino, int flags, int mask, struct fuse_file_info *fi)
{
	const struct single_file *f = file_of(req);
	struct statx stx = { 0 };
	struct stat st;
	int rc = attributes(f, ino, &st);

	if (!rc && statx(f->fd, "", AT_EMPTY_PATH, (unsigned int)mask | STATX_BASIC_STATS, &stx))
		rc = -errno;
	if (rc) {
		(void)fuse_reply_err(req, -rc);
		return;
	}
	stx.stx_ino = st.st_ino;
	stx.stx_mode = (__typeof__(stx.stx_mode))st.st_mode;
	stx.stx_nlink = (unsigned int)st.st_nlink;
	stx.stx_uid = st.st_uid;
	stx.stx_gid = st.st_gid;
	stx.stx_size = (uint64_t)st.st_size;
	stx.stx_blocks = (uint64_t)st.st_blocks;
	stx.stx_blksize = (unsigned int)st.st_blksize;
	stx.stx_rdev_major = stx.stx_rdev_minor = 0;
	(void)fuse_reply_statx(req, 0, &stx, ATTR_TIMEOUT);
}
#endif

static int set_size(const struct single_file *f, off_t size)
{
	struct stat st;
	int rc;

	if (source_can_resize(f))
		return ftruncate(f->fd, size) < 0 ? -errno : 0;
	/* As it is, it may stay. */
	rc = source_stat(f, &st);
	return rc ? rc : st.st_size == size ? 0 : -EPERM;
}

static int set_times(const struct single_file *f, const struct stat *attr, int to_set)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_OMIT } };

	if (to_set & FUSE_SET_ATTR_ATIME_NOW)
		times[0].tv_nsec = UTIME_NOW;
	else if (to_set & FUSE_SET_ATTR_ATIME)
		times[0] = attr->st_atim;
	if (to_set & FUSE_SET_ATTR_MTIME_NOW)
		times[1].tv_nsec = UTIME_NOW;
	else if (to_set & FUSE_SET_ATTR_MTIME)
		times[1] = attr->st_mtim;
	return futimens(f->fd, times) < 0 ? -errno : 0;
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		       struct fuse_file_info *fi)
{
	const int times = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME |
			  FUSE_SET_ATTR_MTIME_NOW;
	const struct single_file *f = file_of(req);
	int rc = 0;

	/* Owner and mode are not the source's: there is nothing that could be changed. */
	if (ino != file_ino(f) ||
	    (to_set & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)))
		rc = -EPERM;
	if (!rc && (to_set & FUSE_SET_ATTR_SIZE))
		rc = set_size(f, attr->st_size);
	if (!rc && (to_set & times))
		rc = set_times(f, attr, to_set);
	if (rc)
		(void)fuse_reply_err(req, -rc);
	else
		op_getattr(req, ino, fi);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const struct single_file *f = file_of(req);
	int rc = ino == file_ino(f) ? 0 : -EISDIR;

	if (!rc && f->read_only && (fi->flags & O_ACCMODE) != O_RDONLY)
		rc = -EROFS;
	if (!rc && (fi->flags & O_TRUNC)) /* libfuse asks the kernel to leave that to us */
		rc = set_size(f, 0);
	fi->direct_io = f->direct;
	if (rc)
		(void)fuse_reply_err(req, -rc);
	else
		(void)fuse_reply_open(req, fi);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	(void)fuse_reply_err(req, EPERM);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)fuse_reply_err(req, EPERM);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		       struct fuse_file_info *fi)
{
	const struct single_file *f = file_of(req);
	const char *names[] = { ".", "..", f->name };
	char buf[3 * (NAME_MAX + 64)];
	size_t used = 0;

	if (size > sizeof(buf))
		size = sizeof(buf);
	for (off_t i = offset; i >= 0 && i < 3; i++) {
		const struct stat st = {
			.st_ino = i == 2 ? FILE_INO : FUSE_ROOT_ID,
			.st_mode = i == 2 ? S_IFREG : S_IFDIR,
		};
		size_t need = fuse_add_direntry(req, buf + used, size - used, names[i], &st, i + 1);

		if (need > size - used)
			break;
		used += need;
	}
	(void)fuse_reply_buf(req, buf, used);
}

static void read_direct(fuse_req_t req, const struct single_file *f, size_t size, off_t offset)
{
	const char *data = NULL;
	void *buffer = NULL;
	ssize_t n = source_read_direct(f, size, offset, &buffer, &data);

	if (n < 0)
		(void)fuse_reply_err(req, (int)-n);
	else
		(void)fuse_reply_buf(req, data, (size_t)n);
	free(buffer);
}

/* From the source to the kernel without a copy of ours. Where the source ends, so does the data. */
static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		    struct fuse_file_info *fi)
{
	const struct single_file *f = file_of(req);
	struct fuse_bufvec buf = FUSE_BUFVEC_INIT((size_t)within_limit(f, size, offset));

	if (buf.buf[0].size == 0) {
		(void)fuse_reply_buf(req, NULL, 0);
	} else if (f->direct) {
		read_direct(req, f, buf.buf[0].size, offset);
	} else {
		buf.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
		buf.buf[0].fd = f->fd;
		buf.buf[0].pos = offset;
		(void)fuse_reply_data(req, &buf, FUSE_BUF_SPLICE_MOVE);
	}
}

/* As it is: what is not aligned, the source refuses with EINVAL. */
static ssize_t write_direct(const struct single_file *f, struct fuse_bufvec *in, size_t size,
			    off_t offset)
{
	struct fuse_bufvec out = FUSE_BUFVEC_INIT(size);
	ssize_t n;

	out.buf[0].mem = source_buffer(size);
	if (!out.buf[0].mem)
		return -ENOMEM;
	n = fuse_buf_copy(&out, in, 0);
	if (n >= 0) {
		n = pwrite(f->fd, out.buf[0].mem, (size_t)n, offset);
		n = n < 0 ? -errno : n;
	}
	free(out.buf[0].mem);
	return n;
}

static ssize_t write_cached(const struct single_file *f, struct fuse_bufvec *in, size_t size,
			    off_t offset)
{
	struct fuse_bufvec out = FUSE_BUFVEC_INIT(size);

	out.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	out.buf[0].fd = f->fd;
	out.buf[0].pos = offset;
	return fuse_buf_copy(&out, in, 0);
}

static void op_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in, off_t offset,
			 struct fuse_file_info *fi)
{
	const struct single_file *f = file_of(req);
	const size_t size = (size_t)within_limit(f, fuse_buf_size(in), offset);
	ssize_t n;

	if (size == 0) /* as at the end of a block device */
		n = fuse_buf_size(in) ? -ENOSPC : 0;
	else
		n = f->direct ? write_direct(f, in, size, offset)
			      : write_cached(f, in, size, offset);
	if (n < 0)
		(void)fuse_reply_err(req, (int)-n);
	else
		(void)fuse_reply_write(req, (size_t)n);
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	const struct single_file *f = file_of(req);
	int rc = datasync ? fdatasync(f->fd) : fsync(f->fd);

	(void)fuse_reply_err(req, rc < 0 ? errno : 0);
}

/* A device with unwritten data that somebody else has open too: it must be written first. */
static int allocate(const struct single_file *f, int mode, off_t offset, off_t length)
{
	for (int attempts = 0; attempts < 3; attempts++) {
		if (fallocate(f->fd, mode, offset, length) == 0)
			return 0;
		if (errno != EBUSY || !f->is_bdev || fdatasync(f->fd) < 0)
			return errno;
	}
	return EOPNOTSUPP; /* whoever asked writes zeros then */
}

static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
			 struct fuse_file_info *fi)
{
	const int understood = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
	const struct single_file *f = file_of(req);
	int rc = mode & ~understood ? EOPNOTSUPP : 0;

	if (!rc && within_limit(f, (uint64_t)length, offset) != (uint64_t)length)
		rc = ENOSPC;
	if (!rc)
		rc = allocate(f, mode, offset, length);
	(void)fuse_reply_err(req, rc);
}

/* The kernel asks for data and holes only. A block device has no holes, but it ends in one. */
static void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence,
		     struct fuse_file_info *fi)
{
	const struct single_file *f = file_of(req);
	off_t found = whence == SEEK_DATA ? offset : LLONG_MAX;
	struct stat st;
	int rc = source_stat(f, &st);

	if (!rc && offset >= st.st_size)
		rc = -ENXIO;
	if (!rc && !f->is_bdev) {
		found = lseek(f->fd, offset, whence);
		rc = found < 0 ? -errno : 0;
	}
	if (!rc && found >= st.st_size) {
		found = st.st_size;
		rc = whence == SEEK_DATA ? -ENXIO : 0;
	}
	if (rc)
		(void)fuse_reply_err(req, -rc);
	else
		(void)fuse_reply_lseek(req, found);
}

/* A file that can grow has the space of its file system, any other one is full. */
static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	const struct single_file *f = file_of(req);
	struct statvfs vfs = { .f_namemax = NAME_MAX };
	struct stat st;
	int rc = 0;

	if (source_can_resize(f) && !f->read_only) {
		rc = fstatvfs(f->fd, &vfs) < 0 ? -errno : 0;
	} else {
		rc = source_stat(f, &st);
		vfs.f_bsize = vfs.f_frsize = (unsigned long)st.st_blksize;
		vfs.f_blocks = rc ? 0 : (fsblkcnt_t)(st.st_size / st.st_blksize);
		vfs.f_files = 1;
	}
	if (rc)
		(void)fuse_reply_err(req, -rc);
	else
		(void)fuse_reply_statfs(req, &vfs);
}

const struct fuse_lowlevel_ops single_file_ops = {
	.destroy = op_destroy,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.open = op_open,
	.create = op_create,
	.unlink = op_unlink,
	.readdir = op_readdir,
	.read = op_read,
	.write_buf = op_write_buf,
	.fsync = op_fsync,
	.fallocate = op_fallocate,
	.lseek = op_lseek,
	.statfs = op_statfs,
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 18)
	.statx = op_statx,
#endif
};
