// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A cursor: a handle of libarchive that goes forward through the archive.
 *
 * Contents are put together in chunks. When a block that libarchive returns stands in the
 * stream's own buffer, its place in the image is known and is kept as an extent, as are holes.
 * A block that libarchive copied is compared with the image where it should stand: equal bytes
 * are as good as a known place.
 *
 * Must never hand out bytes of a block that libarchive complained about.
 */
#include "cursor.h"

#include <errno.h>
#include <string.h>

#define MAX_EMPTY_BLOCKS 100000U

int cursor_open(struct cursor *c, struct store *st, const struct image *img,
		const struct cursor_place *place, struct fault *f)
{
	cursor_close(c);
	c->entry = archive_entry_new();
	if (!c->entry)
		return fault_set(f, ENOMEM, "out of memory");
	c->number = place->number - 1;
	c->pos = c->size = c->before = 0;
	c->blk_len = 0;
	c->end = true;
	c->last = place->tail_len ? place->number + place->tail_entries - 1 : UINT32_MAX;
	c->streak = 0;
	st->opened++;
	return stream_open(&c->s, img, place->base, place->tail_len ? c->tail : NULL,
			   place->tail_len, place->only, false, f);
}

void cursor_close(struct cursor *c)
{
	stream_free(c->s);
	archive_entry_free(c->entry);
	c->s = NULL;
	c->entry = NULL;
}

int cursor_next(struct cursor *c, struct fault *f)
{
	int rc;

	if (c->number != UINT32_MAX)
		c->before += index_contents(c->entry);
	rc = archive_read_next_header2(c->s->archive, c->entry);
	if (rc == ARCHIVE_EOF)
		return fault_set(f, EIO, "the entry is gone: did the image change?");
	if (rc == ARCHIVE_FATAL)
		return stream_fault(c->s, f);
	c->number++;
	c->pos = 0;
	c->size = archive_entry_size(c->entry) > 0 ? (uint64_t)archive_entry_size(c->entry) : 0;
	c->blk_len = 0;
	c->blk_end = 0;
	c->end = c->opaque = false;
	c->streak = 0;
	return 0;
}

/* Do these bytes stand at @pos of the image? */
static bool same_in_image(const struct image *img, uint64_t pos, const uint8_t *data, size_t len)
{
	uint8_t buf[4096];
	size_t n;

	for (; len; data += n, pos += n, len -= n) {
		n = len < sizeof(buf) ? len : sizeof(buf);
		if (image_read(img, buf, n, pos) || memcmp(buf, data, n) != 0)
			return false;
	}
	return true;
}

/* Where in the image the block stands, if it does. */
static void locate_block(struct cursor *c)
{
	uint64_t pos;

	c->blk_pos = EXTENT_HOLE;
	if (c->opaque)
		return;
	if (!stream_locate(c->s, c->blk, c->blk_len, &pos)) {
		pos = c->s->base + (uint64_t)archive_filter_bytes(c->s->archive, 0);
		c->opaque = stream_is_filtered(c->s) ||
			    !same_in_image(c->s->image, pos, c->blk, c->blk_len);
	}
	if (!c->opaque)
		c->blk_pos = pos;
}

static void use_block(struct cursor *c, size_t n)
{
	c->blk += n;
	c->blk_off += n;
	c->blk_len -= n;
	if (c->blk_pos != EXTENT_HOLE)
		c->blk_pos += n;
}

/* Get the next block with data beyond our position, or the end. */
static int next_block(struct cursor *c, struct store *st, struct fault *f)
{
	unsigned int tries;
	int64_t offset;
	const void *data;
	size_t len;
	int rc;

	for (tries = 0; tries < MAX_EMPTY_BLOCKS; tries++) {
		rc = archive_read_data_block(c->s->archive, &data, &len, &offset);
		if (rc == ARCHIVE_EOF) {
			c->end = true;
			if (offset < 0 || (uint64_t)offset < c->size)
				return fault_set(f, EIO, "its contents end too early");
			return 0;
		}
		if (rc != ARCHIVE_OK)
			return stream_fault(c->s, f);
		st->produced += len;
		if (offset < 0 || (uint64_t)offset >= c->size) {
			/* More than it should have: that is not its contents. */
			c->end = true;
			return 0;
		}
		if (len > c->size - (uint64_t)offset)
			len = (size_t)(c->size - (uint64_t)offset);
		c->blk = data;
		c->blk_off = (uint64_t)offset;
		c->blk_len = len;
		/* Extraction would seek back; what was handed out as a hole is none. */
		if (len && c->blk_off < c->blk_end) {
			c->blk_len = 0;
			extents_cut(&st->extents, c->number, 0);
			return fault_set(f, EIO, "its pieces are not in order");
		}
		c->blk_end = c->blk_off + len;
		if (c->blk_off + len <= c->pos) {
			c->blk_len = 0;
			continue;
		}
		locate_block(c);
		if (c->blk_off < c->pos)
			use_block(c, (size_t)(c->pos - c->blk_off));
		return 0;
	}
	return fault_set(f, EIO, "its contents do not go on");
}

static uint64_t chunk_floor(uint64_t pos)
{
	return pos - pos % CHUNK_SIZE;
}

/* Pass a piece of a hole, whole chunks at once unless the one that begins at @wanted is reached. */
static void pass_hole(struct cursor *c, struct store *st, uint64_t end, uint64_t wanted)
{
	uint64_t hole_end = c->blk_len ? c->blk_off : c->size;
	uint64_t far = chunk_floor(hole_end < wanted ? hole_end : wanted);
	size_t at = (size_t)(c->pos % CHUNK_SIZE);

	extents_add(&st->extents, c->number,
		    (struct extent){ c->pos, hole_end - c->pos, EXTENT_HOLE });
	if (at == 0 && far > c->pos) {
		c->pos = far;
		return;
	}
	if (end > hole_end)
		end = hole_end;
	memset(c->chunk + at, 0, (size_t)(end - c->pos));
	c->pos = end;
}

static void pass_data(struct cursor *c, struct store *st, uint64_t end)
{
	size_t n = end - c->pos < c->blk_len ? (size_t)(end - c->pos) : c->blk_len;

	if (c->blk_pos != EXTENT_HOLE)
		extents_add(&st->extents, c->number, (struct extent){ c->pos, n, c->blk_pos });
	memcpy(c->chunk + c->pos % CHUNK_SIZE, c->blk, n);
	use_block(c, n);
	c->pos += n;
}

/* Keep a chunk that is whole, unless it can be had from the image. */
static int keep_chunk(struct cursor *c, struct store *st, struct fault *f)
{
	uint64_t start = chunk_floor(c->pos - 1);
	size_t len = (size_t)(c->pos - start);

	if (extents_cover(&st->extents, c->number, start, len))
		return 0;
	if (cache_put(&st->cache, c->number, start / CHUNK_SIZE, c->chunk, len, 0))
		return fault_set(f, ENOMEM, "out of memory");
	return 0;
}

bool cursor_is_lasting(const struct cursor *c, int rc)
{
	return rc != -ENOMEM && !(c->s && c->s->io_error);
}

static int fail_at(struct cursor *c, struct store *st, uint64_t index, uint64_t good, int rc)
{
	uint64_t start = chunk_floor(good);

	extents_cut(&st->extents, c->number, good);
	if (cursor_is_lasting(c, rc)) {
		(void)cache_put(&st->cache, c->number, start / CHUNK_SIZE, c->chunk,
				(size_t)(good - start), -rc);
		if (index > start / CHUNK_SIZE)
			(void)cache_put(&st->cache, c->number, index, NULL, 0, -rc);
	}
	return rc;
}

int cursor_run(struct cursor *c, struct store *st, uint64_t index, struct fault *f)
{
	uint64_t start, end;
	int rc = 0;

	while (c->pos < c->size && c->pos / CHUNK_SIZE <= index) {
		start = chunk_floor(c->pos);
		end = c->size - start > CHUNK_SIZE ? start + CHUNK_SIZE : c->size;
		if (c->blk_len == 0 && !c->end)
			rc = next_block(c, st, f);
		if (rc)
			return fail_at(c, st, index, c->pos, rc);
		if (c->blk_len && c->blk_off <= c->pos)
			pass_data(c, st, end);
		else
			pass_hole(c, st, end, index * CHUNK_SIZE);
		/* What is wrong with the whole (a checksum) is said at the end. */
		if (c->pos == c->size && c->blk_len == 0 && !c->end)
			rc = next_block(c, st, f);
		if (rc)
			return fail_at(c, st, index, start, rc);
		c->end |= c->pos == c->size;
		if (c->pos == end)
			rc = keep_chunk(c, st, f);
		if (rc)
			return rc;
	}
	return 0;
}
