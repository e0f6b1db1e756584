/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of single-file share: single-file.c reads the options, mounts and serves,
 * source.c opens the source and looks after it, ops.c answers the kernel.
 */
#ifndef SINGLE_FILE_H
#define SINGLE_FILE_H

#define FUSE_USE_VERSION 314

#include <fcntl.h>
#include <fuse_service.h>
#include <fusesvc-fuse3.h>
#include <stdint.h>
#include <sys/stat.h>

/** struct single_file - everything; once it is mounted nothing in it changes, so no lock is needed
 */
struct single_file {
	struct fuse_service *service; /* NULL: an ordinary server */

	/* What the caller wants. */
	char *source;
	const char *name;	 /* the last component of the source: the file's name */
	uint64_t limit;		 /* size=: so many bytes are exposed; 0: all there are */
	unsigned int block_size; /* blocksize=, or 0 */
	bool read_only, sync, direct;

	/* What was found. */
	int fd;		   /* the source */
	bool is_bdev;	   /* it is a block device */
	bool root_is_file; /* the mount point itself is the file, not a directory with it */
	uid_t uid;
	gid_t gid;
};

/* Says what is wrong, to the log and to whoever mounts; returns @rc. */
__attribute__((format(printf, 3, 4))) int complain(const struct single_file *f, int rc,
						   const char *fmt, ...);

/*
 * Opens the source: for writing too if that is wanted and allowed, else read_only becomes true.
 * Returns 0, or a negative errno value after a complaint.
 */
int source_open(struct single_file *f);

/* Its attributes as the file shows them: as they are now, with an owner and bounds of ours. */
int source_stat(const struct single_file *f, struct stat *st);

/* Can it become longer or shorter? */
bool source_can_resize(const struct single_file *f);

/* As pread(2), for direct: any range is read, through an aligned buffer, to be freed. */
ssize_t source_read_direct(const struct single_file *f, size_t size, off_t offset, void **buffer,
			   const char **data);

/* An aligned buffer for @size bytes, to free(); NULL without memory. */
void *source_buffer(size_t size);

extern const struct fuse_lowlevel_ops single_file_ops;

#endif
