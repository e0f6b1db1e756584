// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The reader: random access to the contents of an archive's files.
 *
 * libarchive only goes forward. So there are several cursors, and a read is served by, in this
 * order: the image itself where an extent is known; an unpacked chunk in the cache; the cursor
 * that has the least way to go, which leaves all it passes in the cache. In an archive that is
 * compressed as a whole that includes the entries on the way; in a plain tar, cpio or zip a
 * cursor can begin at any entry.
 *
 * Must never return less than was asked for but at the end of a file: the kernel would take
 * that for the end and show zeros. Must never hold the lock while it reads a known extent.
 */
#include "reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A cursor is left to the one who reads with it, if that one came back so often ... */
#define BUSY_STREAK 3U
/* ... and not longer ago than so many reads. */
#define BUSY_TICKS 64U
/* Walk over so few headers rather than begin anew where one can begin anywhere. */
#define WALK_MAX 8U

int reader_init(struct reader *r, const struct image *img, const struct index *ix,
		const struct reader_params *params)
{
	unsigned int most = ix->solid ? READER_SOLID_CURSORS : READER_CURSORS;
	int rc;

	memset(r, 0, sizeof(*r));
	if (params)
		r->params = *params;
	if (r->params.cursors == 0 || r->params.cursors > most)
		r->params.cursors = most;
	if (r->params.cache == 0)
		r->params.cache = READER_CACHE;
	r->image = img;
	r->index = ix;
	r->logged = calloc(ix->tree.n_inodes / 8 + 1, sizeof(*r->logged));
	if (!r->logged)
		return -ENOMEM;
	rc = cache_init(&r->store.cache, r->params.cache);
	if (!rc)
		rc = extents_init(&r->store.extents, ix->n_entries);
	if (!rc)
		rc = -pthread_mutex_init(&r->lock, NULL);
	if (rc) {
		extents_free(&r->store.extents);
		cache_free(&r->store.cache);
		free(r->logged);
	}
	return rc;
}

void reader_free(struct reader *r)
{
	unsigned int i;

	for (i = 0; i < READER_CURSORS; i++) {
		if (r->cursors[i])
			cursor_close(r->cursors[i]);
		free(r->cursors[i]);
	}
	extents_free(&r->store.extents);
	cache_free(&r->store.cache);
	free(r->logged);
	(void)pthread_mutex_destroy(&r->lock);
}

/* One line in the log about each file that is in trouble, not one for each read. */
static void reader_log(struct reader *r, const struct inode *inode, const char *words)
{
	size_t i = (size_t)(inode - r->index->tree.inodes);
	uint8_t bit = (uint8_t)(1U << i % 8);
	char buf[1024];

	if (__atomic_fetch_or(&r->logged[i / 8], bit, __ATOMIC_RELAXED) & bit)
		return;
	if (r->params.log)
		r->params.log(tree_path(&r->index->tree, inode->node, buf, sizeof(buf)), words);
}

int reader_check(struct reader *r, uint32_t inode)
{
	const struct inode *i = tree_inode(&r->index->tree, inode);

	if (!(i->flags & INODE_ENCRYPTED))
		return 0;
	reader_log(r, i, "it is encrypted, which is not supported");
	return -ENOKEY;
}

static bool is_busy(const struct reader *r, const struct cursor *c)
{
	return c->streak >= BUSY_STREAK && c->pos < c->size && r->tick - c->tick < BUSY_TICKS;
}

static bool can_jump(const struct reader *r)
{
	return !r->no_jump && (r->index->jump || r->index->zip.n);
}

/* The cursor in use that has the least way to a place; NULL if a new one is better. */
static struct cursor *nearest(const struct reader *r, const struct inode *inode, uint64_t pos)
{
	struct cursor *best = NULL;
	unsigned int i;

	for (i = 0; i < r->params.cursors; i++) {
		struct cursor *c = r->cursors[i];

		if (!c || !c->s)
			continue;
		if (c->number == inode->entry && c->pos <= pos) {
			if (!best || best->number != inode->entry || c->pos > best->pos)
				best = c;
			continue;
		}
		if (c->number >= inode->entry || c->last < inode->entry || is_busy(r, c))
			continue;
		if (can_jump(r) && inode->entry - c->number > WALK_MAX)
			continue;
		if (!best || c->number > best->number)
			best = c;
	}
	return best;
}

/* A cursor to begin anew with: a free one, else the one that was not used for the longest time. */
static struct cursor *victim(struct reader *r)
{
	struct cursor *oldest = NULL;
	unsigned int i;

	for (i = 0; i < r->params.cursors; i++) {
		struct cursor *c = r->cursors[i];

		if (!c)
			c = r->cursors[i] = calloc(1, sizeof(*c));
		if (c && !c->s)
			return c;
		if (c && (!oldest || c->tick < oldest->tick))
			oldest = c;
	}
	return oldest;
}

/* Is what the cursor stands in the entry that was indexed? */
static bool arrived(const struct reader *r, const struct cursor *c, const struct inode *inode)
{
	return c->number == inode->entry && index_check(&r->index->tree, c->entry) == inode->check;
}

/* Begin right at an entry, where the format allows that. */
static int jump(struct reader *r, struct cursor *c, const struct inode *inode, struct fault *f)
{
	struct cursor_place place = {
		.number = inode->entry,
		.base = r->index->jump ? inode->header_pos : 0,
		.only = r->index->format,
	};
	int rc = 0;

	if (!r->index->jump)
		rc = zip_tail(&r->index->zip, r->image, inode->entry, c->tail, &place.tail_len,
			      &place.tail_entries);
	if (!rc)
		rc = cursor_open(c, &r->store, r->image, &place, f);
	if (!rc)
		rc = cursor_next(c, f);
	if (!rc && !arrived(r, c, inode))
		rc = -ESTALE;
	return rc;
}

/*
 * Go forward to an entry. In a solid archive what is on the way has to be unpacked anyway: keep
 * it, if it is near enough to be still in the cache when somebody wants it.
 */
static int walk_to(struct reader *r, struct cursor *c, const struct inode *inode, struct fault *f)
{
	int rc = 0;

	while (!rc && c->number != inode->entry) {
		bool near = c->before >= inode->before ||
			    inode->before - c->before < r->params.cache / 2;

		if (r->index->solid && near && c->number != UINT32_MAX && c->size &&
		    !archive_entry_is_encrypted(c->entry)) {
			struct fault ignored;

			/* If it is corrupt, then so it is for whoever reads it. */
			if (cursor_run(c, &r->store, (c->size - 1) / CHUNK_SIZE, &ignored))
				c->end = true;
		}
		rc = cursor_next(c, f);
	}
	if (!rc && !arrived(r, c, inode))
		rc = fault_set(f, EIO, "the entry is gone: did the image change?");
	if (!rc)
		c->size = inode->size;
	return rc;
}

/* A cursor that stands in the entry at @pos or before. */
static int reach(struct reader *r, const struct inode *inode, uint64_t pos, struct cursor **out,
		 struct fault *f)
{
	const struct cursor_place start = { .number = 0 };
	struct cursor *c = nearest(r, inode, pos);
	int rc;

	*out = c;
	if (c) {
		rc = c->number == inode->entry ? 0 : walk_to(r, c, inode, f);
		/* What stands in the way of a pass over a few entries may not be this one's fault.
		 */
		if (!rc || rc == -ENOMEM || c->last == UINT32_MAX)
			return rc;
	} else {
		*out = c = victim(r);
		if (!c)
			return fault_set(f, ENOMEM, "out of memory");
	}
	if (can_jump(r)) {
		rc = jump(r, c, inode, f);
		if (!rc)
			c->size = inode->size;
		if (!rc || rc == -ENOMEM)
			return rc;
		/* This one, or all of them, do not stand by themselves: go there in order. */
		r->no_jump |= rc == -ESTALE;
	}
	rc = cursor_open(c, &r->store, r->image, &start, f);
	return rc ? rc : walk_to(r, c, inode, f);
}

/* Have a chunk in the store, or learn where it is. *@at is the cursor, which has it too. */
static int fill(struct reader *r, const struct inode *inode, uint64_t index, struct cursor **at)
{
	struct cursor *c;
	struct fault f = { "" };
	int rc;

	r->tick++;
	rc = reach(r, inode, index * CHUNK_SIZE, &c, &f);
	*at = c;
	if (c && !rc) {
		c->tick = r->tick;
		c->streak++;
		rc = cursor_run(c, &r->store, index, &f);
	} else if (c && cursor_is_lasting(c, rc)) {
		(void)cache_put(&r->store.cache, inode->entry, index, NULL, 0, -rc);
	}
	if (rc) {
		if (c)
			cursor_close(c);
		reader_log(r, inode, f.text);
	}
	return rc;
}

/*
 * Serve the beginning of a read from what is there. Returns the number of bytes, 0 if nothing is
 * known, or -errno. With *e->len set the bytes are those of an extent, yet to be read.
 */
static ssize_t serve(struct reader *r, const struct inode *inode, void *buf, size_t size,
		     uint64_t off, struct extent *e)
{
	size_t at = (size_t)(off % CHUNK_SIZE), n;
	const struct chunk *k;

	e->len = 0;
	if (extents_find(&r->store.extents, inode->entry, off, e))
		return (ssize_t)(e->len < size ? e->len : size);
	k = cache_get(&r->store.cache, inode->entry, off / CHUNK_SIZE);
	if (!k)
		return 0;
	if (at >= k->len)
		return k->error ? -k->error : -EIO;
	n = k->len - at < size ? k->len - at : size;
	memcpy(buf, k->data + at, n);
	return (ssize_t)n;
}

/* The same, after a chunk was filled: it is at hand, and need not be read once more. */
static ssize_t fill_and_serve(struct reader *r, const struct inode *inode, void *buf, size_t size,
			      uint64_t off, struct extent *e)
{
	size_t at = (size_t)(off % CHUNK_SIZE);
	struct cursor *c;
	int rc = fill(r, inode, off / CHUNK_SIZE, &c);
	ssize_t n;

	if (!rc && c->pos > off && c->pos - off <= CHUNK_SIZE - at) {
		size = c->pos - off < size ? (size_t)(c->pos - off) : size;
		memcpy(buf, c->chunk + at, size);
		return (ssize_t)size;
	}
	/* What is good of a corrupt chunk is there all the same. */
	n = serve(r, inode, buf, size, off, e);
	if (n == 0)
		n = rc ? rc : -EIO;
	return n;
}

/* Some bytes at the beginning of a read, at least one; or -errno. */
static ssize_t read_piece(struct reader *r, const struct inode *inode, void *buf, size_t size,
			  uint64_t off)
{
	struct extent e;
	ssize_t n;
	int rc;

	(void)pthread_mutex_lock(&r->lock);
	n = serve(r, inode, buf, size, off, &e);
	if (n == 0)
		n = fill_and_serve(r, inode, buf, size, off, &e);
	(void)pthread_mutex_unlock(&r->lock);
	if (n <= 0 || e.len == 0)
		return n;

	if (e.pos == EXTENT_HOLE) {
		memset(buf, 0, (size_t)n);
		return n;
	}
	rc = image_read(r->image, buf, (size_t)n, e.pos);
	if (rc)
		reader_log(r, inode, "the image cannot be read");
	return rc ? rc : n;
}

ssize_t reader_read(struct reader *r, uint32_t inode, void *buf, size_t size, uint64_t off)
{
	const struct inode *i = tree_inode(&r->index->tree, inode);
	size_t done = 0;
	ssize_t n;

	if (off >= i->size || i->entry == TREE_NO_ENTRY)
		return 0;
	n = reader_check(r, inode);
	if (n)
		return n;
	if (size > i->size - off)
		size = (size_t)(i->size - off);
	for (; done < size; done += (size_t)n) {
		n = read_piece(r, i, (char *)buf + done, size - done, off + done);
		if (n < 0)
			return n;
	}
	return (ssize_t)done;
}

void reader_stats(struct reader *r, struct reader_stats *stats)
{
	(void)pthread_mutex_lock(&r->lock);
	stats->produced = r->store.produced;
	stats->opened = r->store.opened;
	(void)pthread_mutex_unlock(&r->lock);
}
