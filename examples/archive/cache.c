// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Unpacked chunks, the least recently used ones dropped first.
 *
 * Must never hold more than its limit but for the newest chunk, which the reader that put it
 * there is about to copy from.
 */
#include "cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define N_BUCKETS      8192U /* chunks of small files are small: there may be many */
#define CHUNK_OVERHEAD 64U

static size_t chunk_cost(const struct chunk *k)
{
	/* Whatever the allocator adds, and so that empty ones cost as well. */
	return sizeof(*k) + k->len + CHUNK_OVERHEAD;
}

static struct chunk **cache_bucket(const struct cache *c, uint32_t entry, uint64_t index)
{
	uint64_t h = ((uint64_t)entry << 32 ^ index) * 0x9e3779b97f4a7c15ULL;

	return &c->buckets[h >> 32 & (N_BUCKETS - 1)];
}

int cache_init(struct cache *c, size_t max)
{
	memset(c, 0, sizeof(*c));
	c->max = max;
	c->buckets = calloc(N_BUCKETS, sizeof(*c->buckets));
	return c->buckets ? 0 : -ENOMEM;
}

static void cache_unlink(struct cache *c, struct chunk *k)
{
	if (k->newer)
		k->newer->older = k->older;
	else
		c->newest = k->older;
	if (k->older)
		k->older->newer = k->newer;
	else
		c->oldest = k->newer;
}

static void cache_link_newest(struct cache *c, struct chunk *k)
{
	k->newer = NULL;
	k->older = c->newest;
	if (c->newest)
		c->newest->newer = k;
	else
		c->oldest = k;
	c->newest = k;
}

static void cache_drop(struct cache *c, struct chunk *k)
{
	struct chunk **at = cache_bucket(c, k->entry, k->index);

	while (*at != k)
		at = &(*at)->bucket_next;
	*at = k->bucket_next;
	cache_unlink(c, k);
	c->used -= chunk_cost(k);
	free(k);
}

void cache_free(struct cache *c)
{
	while (c->oldest)
		cache_drop(c, c->oldest);
	free(c->buckets);
	c->buckets = NULL;
}

static struct chunk *cache_find(const struct cache *c, uint32_t entry, uint64_t index)
{
	struct chunk *k = *cache_bucket(c, entry, index);

	while (k && (k->entry != entry || k->index != index))
		k = k->bucket_next;
	return k;
}

const struct chunk *cache_get(struct cache *c, uint32_t entry, uint64_t index)
{
	struct chunk *k = cache_find(c, entry, index);

	if (k) {
		cache_unlink(c, k);
		cache_link_newest(c, k);
	}
	return k;
}

int cache_put(struct cache *c, uint32_t entry, uint64_t index, const void *data, size_t len,
	      int error)
{
	struct chunk *k = cache_find(c, entry, index), **bucket;

	if (k)
		cache_drop(c, k);
	k = malloc(sizeof(*k) + len);
	if (!k)
		return -ENOMEM;
	k->entry = entry;
	k->index = index;
	k->error = error;
	k->len = len;
	if (len)
		memcpy(k->data, data, len);

	bucket = cache_bucket(c, entry, index);
	k->bucket_next = *bucket;
	*bucket = k;
	cache_link_newest(c, k);
	c->used += chunk_cost(k);
	while (c->used > c->max && c->oldest != k)
		cache_drop(c, c->oldest);
	return 0;
}
