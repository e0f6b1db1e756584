/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reader: random access to the contents of an archive's files.
 *
 * Nothing is unpacked to disk, and no file as a whole into memory. Thread-safe after
 * reader_init().
 */
#ifndef ARCHIVE_READER_H
#define ARCHIVE_READER_H

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

#include "cursor.h"
#include "index.h"

#define READER_CURSORS	     8U /* passes at a time */
#define READER_SOLID_CURSORS 4U /* the same if each holds the state of a strong decompressor */
#define READER_CACHE	     (32U * 1024 * 1024)

/**
 * struct reader_params - how much it may take; 0 for the defaults
 * @log: gets a line about contents that cannot be read: the file's path, and why
 */
struct reader_params {
	unsigned int cursors;
	size_t cache;
	void (*log)(const char *path, const char *words);
};

struct reader {
	const struct image *image;
	const struct index *index;
	struct reader_params params;
	pthread_mutex_t lock;
	struct cursor *cursors[READER_CURSORS];
	struct store store;
	uint64_t tick;
	uint8_t *logged; /* a bit for each inode */
	bool no_jump;
};

/** struct reader_stats - what it took so far, see struct store */
struct reader_stats {
	uint64_t produced;
	uint64_t opened;
};

/** reader_init() - 0 or -errno. Image and index must outlive it. Free it with reader_free(). */
int reader_init(struct reader *r, const struct image *img, const struct index *ix,
		const struct reader_params *params)
	__attribute__((warn_unused_result, nonnull(1, 2, 3)));
void reader_free(struct reader *r) __attribute__((nonnull));

/** reader_check() - may this inode be read? 0, or -ENOKEY if it is encrypted, said in the log */
int reader_check(struct reader *r, uint32_t inode) __attribute__((nonnull));

/**
 * reader_read() - read contents
 *
 * Returns: @size, less only at the end of the file, or -errno: -EIO if the archive is corrupt.
 */
ssize_t reader_read(struct reader *r, uint32_t inode, void *buf, size_t size, uint64_t off)
	__attribute__((warn_unused_result, nonnull));

void reader_stats(struct reader *r, struct reader_stats *stats) __attribute__((nonnull));

#endif
