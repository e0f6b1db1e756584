/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cursor: a handle of libarchive that stands somewhere in the archive and goes forward only.
 *
 * Whatever it passes it leaves in the store: unpacked chunks, and extents of the image.
 * Not thread-safe: the reader holds its lock.
 */
#ifndef ARCHIVE_CURSOR_H
#define ARCHIVE_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "cache.h"
#include "image.h"
#include "index.h"
#include "zip.h"

/**
 * struct store - what the cursors leave behind
 * @produced: bytes of contents that libarchive was made to produce
 * @opened:   passes that were begun
 */
struct store {
	struct cache cache;
	struct extents extents;
	uint64_t produced;
	uint64_t opened;
};

/**
 * struct cursor - a place in the archive
 * @s:		the pass; NULL if this cursor is not in use
 * @number:	the entry it stands in, or UINT32_MAX before the first
 * @pos:	contents before this were passed
 * @size:	bytes of the entry
 * @before:	bytes of contents of the entries before this one, since the pass began
 * @blk:	what libarchive returned and was not used up
 * @blk_pos:	where that stands in the image, or %EXTENT_HOLE if it does not
 * @end:	libarchive has no more of this entry
 * @opaque:	the entry does not stand in the image as it is
 * @single:	there is nothing after this entry
 * @tick:	when it was last used
 * @streak:	how often in a row it was used for the same entry
 */
struct cursor {
	struct stream *s;
	struct archive_entry *entry;
	uint32_t number;
	uint64_t pos, size;
	uint64_t before;
	const uint8_t *blk;
	uint64_t blk_off, blk_pos;
	uint64_t blk_end; /* where the last block ended */
	size_t blk_len;
	bool end, opaque, single;
	uint64_t tick;
	unsigned int streak;
	uint8_t tail[ZIP_MAX_TAIL];
	uint8_t chunk[CHUNK_SIZE];
};

/**
 * cursor_open() - begin a pass before entry @number, whose header is at @base of the image
 * @tail_len: bytes of c->tail that stand behind the image; then there is but this entry
 *
 * Returns: 0 or -errno and words in @f.
 */
int cursor_open(struct cursor *c, struct store *st, const struct image *img, uint32_t number,
		uint64_t base, size_t tail_len, struct fault *f)
	__attribute__((warn_unused_result, nonnull));
void cursor_close(struct cursor *c) __attribute__((nonnull));

/** cursor_next() - go to the next entry; 0 or -errno and words in @f */
int cursor_next(struct cursor *c, struct fault *f) __attribute__((warn_unused_result, nonnull));

/**
 * cursor_run() - go on in the entry until chunk @index has been passed
 *
 * Returns: 0, or -errno and words in @f; then the chunk at which it failed is in the store as
 * such, with what is good of it.
 */
int cursor_run(struct cursor *c, struct store *st, uint64_t index, struct fault *f)
	__attribute__((warn_unused_result, nonnull));

/** cursor_is_lasting() - would the same failure come again? Not if it was memory, or the device */
bool cursor_is_lasting(const struct cursor *c, int rc) __attribute__((nonnull));

#endif
