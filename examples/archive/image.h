/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image file, and streams of libarchive over it.
 *
 * All streams share one descriptor and use pread() alone, each with a position of its own. Only
 * formats and filters that libarchive decodes inside this process are ever enabled: none that
 * runs a program, none that names other files.
 */
#ifndef ARCHIVE_IMAGE_H
#define ARCHIVE_IMAGE_H

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define STREAM_BUFFER (128U * 1024)

/** struct fault - why something failed, in words for a person */
struct fault {
	char text[1024];
};

/** fault_set() - put the words; returns -@err */
int fault_set(struct fault *f, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), nonnull(1, 3)));

/**
 * struct image - the file with the archive
 * @fd:		a regular file or a block device; stays the caller's
 * @size:	its bytes
 * @mtime:	when it was last changed
 * @filters:	bit i: the i-th decompressor is built into libarchive
 * @progress:	called now and then by streams that were asked to, with 0 to 1000; or NULL
 */
struct image {
	int fd;
	uint64_t size;
	struct timespec mtime;
	unsigned int filters;
	void (*progress)(void *data, unsigned int per_mille);
	void *progress_data;
};

/**
 * struct stream - one pass of libarchive over the image
 * @base:	byte of the image that libarchive takes for the first
 * @tail:	bytes that follow the image's end, as if they were in it; or NULL
 * @buf_pos:	byte of the image from which the buffer was filled
 * @io_error:	errno value of a read that failed, or 0
 */
struct stream {
	struct archive *archive;
	const struct image *image;
	uint64_t base;
	uint64_t pos;
	const uint8_t *tail;
	size_t tail_len;
	uint64_t buf_pos;
	size_t buf_len;
	size_t window;
	int io_error;
	bool report;
	uint8_t buf[STREAM_BUFFER];
};

/** image_init() - look at an open image; 0 or -errno and words in @f */
int image_init(struct image *img, int fd, struct fault *f)
	__attribute__((warn_unused_result, nonnull));

/** image_read() - all of @len bytes at @pos; 0, -EIO at the end, or -errno. Thread-safe. */
int image_read(const struct image *img, void *buf, size_t len, uint64_t pos)
	__attribute__((warn_unused_result, nonnull));

/** image_is_blank() - nothing but zeros, and not many */
bool image_is_blank(const struct image *img) __attribute__((nonnull));

/**
 * stream_open() - start a pass
 * @base:	where to begin; not 0 only for formats whose entries stand by themselves
 * @tail:	bytes to add at the image's end, which must outlive the stream; or NULL
 * @only:	the one format that it can be, ARCHIVE_FORMAT_*, and not compressed as a whole; or
 *0. To find that out takes longer than to read a small file.
 * @report:	tell the progress
 *
 * Returns: 0 or -errno and words in @f. Free it with stream_free().
 */
int stream_open(struct stream **s, const struct image *img, uint64_t base, const void *tail,
		size_t tail_len, int only, bool report, struct fault *f)
	__attribute__((warn_unused_result, nonnull(1, 2, 8)));
void stream_free(struct stream *s);

/** stream_fault() - put what libarchive has to say about its last failure; returns -errno */
int stream_fault(const struct stream *s, struct fault *f) __attribute__((nonnull));

/** stream_is_filtered() - the archive as a whole is compressed */
bool stream_is_filtered(const struct stream *s) __attribute__((nonnull));

/** stream_locate() - where in the image bytes of the stream's buffer stand; false if not there */
bool stream_locate(const struct stream *s, const void *data, size_t len, uint64_t *pos)
	__attribute__((nonnull));

#endif
