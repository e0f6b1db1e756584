/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known about contents: unpacked chunks, the least recently used ones dropped first, and
 * extents, that is ranges of an entry that stand in the image as they are, or are holes.
 *
 * Not thread-safe: the reader holds its lock. Memory is bounded here, whatever an archive says.
 */
#ifndef ARCHIVE_CACHE_H
#define ARCHIVE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNK_SIZE (128U * 1024)

/**
 * struct chunk - part of an entry
 * @entry:  number of the entry in the archive
 * @index:  which chunk of it
 * @error:  positive errno value: what comes after the bytes that are there is unreadable
 * @len:    bytes that are there
 */
struct chunk {
	struct chunk *newer, *older;
	struct chunk *bucket_next;
	uint64_t index;
	uint32_t entry;
	int error;
	size_t len;
	uint8_t data[];
};

struct cache {
	struct chunk **buckets;
	struct chunk *newest, *oldest;
	size_t used, max;
};

/** cache_init() - a cache of about @max bytes; one chunk always fits. 0 or -ENOMEM */
int cache_init(struct cache *c, size_t max) __attribute__((warn_unused_result, nonnull));
void cache_free(struct cache *c) __attribute__((nonnull));

/** cache_get() - the chunk, now the most recently used one, or NULL. Good until the next put. */
const struct chunk *cache_get(struct cache *c, uint32_t entry, uint64_t index)
	__attribute__((nonnull));

/** cache_put() - keep a copy of @len bytes, in the place of what was there; 0 or -ENOMEM */
int cache_put(struct cache *c, uint32_t entry, uint64_t index, const void *data, size_t len,
	      int error) __attribute__((nonnull(1)));

#define EXTENT_HOLE UINT64_MAX

/** struct extent - @len bytes at @off of an entry are those at @pos of the image, or a hole */
struct extent {
	uint64_t off, len, pos;
};

struct extents {
	struct extent_list {
		struct extent *v;
		uint32_t n, cap;
	} * entries;
	uint32_t n_entries;
	uint32_t n_extents;
};

/** extents_init() - nothing known about any of @n_entries entries; 0 or -ENOMEM */
int extents_init(struct extents *x, uint32_t n_entries)
	__attribute__((warn_unused_result, nonnull));
void extents_free(struct extents *x) __attribute__((nonnull));

/** extents_find() - what is known from @off on, cut at the front to begin there */
bool extents_find(const struct extents *x, uint32_t entry, uint64_t off, struct extent *found)
	__attribute__((nonnull));

/** extents_cover() - everything of that range is known */
bool extents_cover(const struct extents *x, uint32_t entry, uint64_t off, uint64_t len)
	__attribute__((nonnull));

/** extents_add() - learn; forgets what does not fit into the limits */
void extents_add(struct extents *x, uint32_t entry, struct extent add) __attribute__((nonnull));

/** extents_cut() - forget everything from @off on */
void extents_cut(struct extents *x, uint32_t entry, uint64_t off) __attribute__((nonnull));

#endif
