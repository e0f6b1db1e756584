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
 * @last:	there is nothing after that entry; UINT32_MAX if the pass goes to the end
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
	bool end, opaque;
	uint32_t last;
	uint64_t tick;
	unsigned int streak;
	uint8_t tail[ZIP_MAX_TAIL];
	uint8_t chunk[CHUNK_SIZE];
};

/**
 * struct cursor_place - where a pass begins
 * @number:	before this entry
 * @base:	where in the image its header is
 * @only:	the format, if that is known: see stream_open()
 * @tail_len:	bytes of the cursor's tail that stand behind the image, or 0
 * @tail_entries: then there are but so many entries
 */
struct cursor_place {
	uint32_t number;
	uint64_t base;
	int only;
	size_t tail_len;
	uint32_t tail_entries;
};

/** cursor_open() - begin a pass; 0 or -errno and words in @f */
int cursor_open(struct cursor *c, struct store *st, const struct image *img,
		const struct cursor_place *place, struct fault *f)
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
