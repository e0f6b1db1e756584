// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Extents: ranges of an entry that stand in the image as they are, or are holes.
 *
 * A list for each entry, sorted, without overlaps, neighbours joined: a stored file is one
 * extent. What is learned is a fact about the image, so it is kept, unless the contents turn out
 * to be corrupt; once the limits are reached nothing more is learned, and the chunk cache has to
 * do.
 *
 * Must never hold a guess: a wrong extent would be wrong contents.
 */
#include "cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OF_ENTRY 4096U
#define MAX_OF_ALL   (256U * 1024)

int extents_init(struct extents *x, uint32_t n_entries)
{
	memset(x, 0, sizeof(*x));
	x->entries = calloc((size_t)n_entries + 1, sizeof(*x->entries));
	if (!x->entries)
		return -ENOMEM;
	x->n_entries = n_entries;
	return 0;
}

void extents_free(struct extents *x)
{
	uint32_t i;

	for (i = 0; x->entries && i < x->n_entries; i++)
		free(x->entries[i].v);
	free(x->entries);
	memset(x, 0, sizeof(*x));
}

/* The number of extents that begin at or before @off. */
static uint32_t extents_upto(const struct extent_list *l, uint64_t off)
{
	uint32_t low = 0, high = l->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (l->v[mid].off <= off)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool extents_find(const struct extents *x, uint32_t entry, uint64_t off, struct extent *found)
{
	const struct extent_list *l;
	uint64_t skip;
	uint32_t i;

	if (entry >= x->n_entries)
		return false;
	l = &x->entries[entry];
	i = extents_upto(l, off);
	if (i == 0 || off - l->v[i - 1].off >= l->v[i - 1].len)
		return false;
	*found = l->v[i - 1];
	skip = off - found->off;
	found->off += skip;
	found->len -= skip;
	if (found->pos != EXTENT_HOLE)
		found->pos += skip;
	return true;
}

bool extents_cover(const struct extents *x, uint32_t entry, uint64_t off, uint64_t len)
{
	struct extent e;

	while (extents_find(x, entry, off, &e)) {
		if (e.len >= len)
			return true;
		off += e.len;
		len -= e.len;
	}
	return len == 0;
}

static bool extent_continues(const struct extent *a, const struct extent *b)
{
	if (a->off + a->len != b->off)
		return false;
	if (a->pos == EXTENT_HOLE || b->pos == EXTENT_HOLE)
		return a->pos == b->pos;
	return a->pos + a->len == b->pos;
}

static bool extents_room(struct extents *x, struct extent_list *l)
{
	uint32_t cap = l->cap ? l->cap * 2 : 1;
	struct extent *v;

	if (l->n >= MAX_OF_ENTRY || x->n_extents >= MAX_OF_ALL)
		return false;
	if (l->n < l->cap)
		return true;
	v = realloc(l->v, cap * sizeof(*v));
	if (!v)
		return false;
	l->v = v;
	l->cap = cap;
	return true;
}

/* Put an extent that overlaps none at place @i. */
static void extents_insert(struct extents *x, struct extent_list *l, uint32_t i, struct extent add)
{
	bool before = i > 0 && extent_continues(&l->v[i - 1], &add);
	bool after = i < l->n && extent_continues(&add, &l->v[i]);

	if (before) {
		l->v[i - 1].len += add.len;
		if (!after)
			return;
		l->v[i - 1].len += l->v[i].len;
		l->n--;
		x->n_extents--;
		memmove(&l->v[i], &l->v[i + 1], (l->n - i) * sizeof(*l->v));
	} else if (after) {
		add.len += l->v[i].len;
		l->v[i] = add;
	} else if (extents_room(x, l)) {
		memmove(&l->v[i + 1], &l->v[i], (l->n - i) * sizeof(*l->v));
		l->v[i] = add;
		l->n++;
		x->n_extents++;
	}
}

static void extent_cut(struct extent *e, uint64_t skip)
{
	e->off += skip;
	e->len -= skip;
	if (e->pos != EXTENT_HOLE)
		e->pos += skip;
}

void extents_add(struct extents *x, uint32_t entry, struct extent add)
{
	struct extent_list *l;
	struct extent part;
	uint64_t skip;
	uint32_t i;

	if (entry >= x->n_entries || add.len > UINT64_MAX - add.off)
		return;
	l = &x->entries[entry];
	while (add.len) {
		i = extents_upto(l, add.off);
		if (i > 0 && add.off - l->v[i - 1].off < l->v[i - 1].len) {
			skip = l->v[i - 1].len - (add.off - l->v[i - 1].off);
			extent_cut(&add, skip < add.len ? skip : add.len);
			continue;
		}
		part = add;
		if (i < l->n && l->v[i].off - add.off < add.len)
			part.len = l->v[i].off - add.off;
		extents_insert(x, l, i, part);
		extent_cut(&add, part.len);
	}
}

void extents_cut(struct extents *x, uint32_t entry, uint64_t off)
{
	struct extent_list *l;

	if (entry >= x->n_entries)
		return;
	l = &x->entries[entry];
	while (l->n && l->v[l->n - 1].off >= off) {
		l->n--;
		x->n_extents--;
	}
	if (l->n && off - l->v[l->n - 1].off < l->v[l->n - 1].len)
		l->v[l->n - 1].len = off - l->v[l->n - 1].off;
}
