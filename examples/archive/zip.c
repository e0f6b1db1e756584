// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The central directory of a zip, as far as libarchive does not tell.
 *
 * Looks where libarchive looks, and gives up on everything odd: libarchive then reads the
 * archive in order as it would have done. Whoever reaches an entry by what is found here must
 * check that it is the entry that was wanted.
 *
 * Must never allocate by a number that the archive states.
 */
#include "zip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define END_SEARCH (16U * 1024)
#define WINDOW	   (64U * 1024)

#define EXTRA_ZIP64 0x0001U
#define EXTRA_UNIX1 0x5855U
#define EXTRA_UNIX2 0x7855U
#define EXTRA_UNIX3 0x7875U

static uint32_t get_u16(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get_u32(const uint8_t *p)
{
	return get_u16(p) | get_u16(p + 2) << 16;
}

static uint64_t get_u64(const uint8_t *p)
{
	return get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
}

static void put_u16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void put_u32(uint8_t *p, uint32_t v)
{
	put_u16(p, v);
	put_u16(p + 2, v >> 16);
}

static void put_u64(uint8_t *p, uint64_t v)
{
	put_u32(p, (uint32_t)v);
	put_u32(p + 4, (uint32_t)(v >> 32));
}

bool zip_record_parse(const uint8_t fixed[ZIP_RECORD_SIZE], struct zip_record *rec)
{
	if (memcmp(fixed, "PK\1\2", 4) != 0)
		return false;
	rec->name = get_u16(fixed + 28);
	rec->extra = get_u16(fixed + 30);
	rec->len = ZIP_RECORD_SIZE + rec->name + rec->extra + get_u16(fixed + 32);
	rec->local = get_u32(fixed + 42);
	rec->wide = rec->local == UINT32_MAX;
	rec->owner = false;
	/* The 64-bit field has room only for what did not fit: remember how much is before it. */
	if (rec->wide)
		rec->local = (get_u32(fixed + 24) == UINT32_MAX ? 8U : 0U) +
			     (get_u32(fixed + 20) == UINT32_MAX ? 8U : 0U);
	return true;
}

void zip_record_extra(const uint8_t *extra, struct zip_record *rec)
{
	uint32_t left = rec->extra;
	uint64_t before = rec->local;
	bool seen = false;

	if (rec->wide)
		rec->local = UINT64_MAX;
	rec->odd = false;
	while (left >= 4) {
		uint32_t id = get_u16(extra), len = get_u16(extra + 2);

		if (len > left - 4)
			break;
		if (id == EXTRA_ZIP64 && rec->wide) {
			/* Of two such fields readers believe now the first, now the last. */
			rec->odd |= seen || len < before + 8;
			seen = true;
			if (!rec->odd)
				rec->local = get_u64(extra + 4 + before);
		}
		if (id == EXTRA_UNIX1 || id == EXTRA_UNIX2 || id == EXTRA_UNIX3)
			rec->owner = true;
		extra += 4 + len;
		left -= 4 + len;
	}
}

/*
 * Reads the 64-bit end record that a locator at @pos names. One that libarchive would not believe
 * would lead it to another directory than us.
 */
static bool is_sound_end64(const struct image *img, const uint8_t *locator, uint64_t pos,
			   uint8_t end64[56])
{
	uint64_t where = get_u64(locator + 8);

	return get_u32(locator + 4) == 0 && get_u32(locator + 16) == 1 && where + 56 == pos &&
	       !image_read(img, end64, 56, where) && memcmp(end64, "PK\6\6", 4) == 0 &&
	       get_u64(end64 + 4) == 44 && get_u64(end64 + 16) == 0 &&
	       get_u64(end64 + 24) == get_u64(end64 + 32) &&
	       get_u64(end64 + 48) + get_u64(end64 + 40) == where;
}

/* Where the central directory begins; false if it is not where it is said to be. */
static bool find_directory(const struct image *img, uint64_t *pos, uint64_t *shift)
{
	uint8_t buf[END_SEARCH], end64[56];
	size_t len = img->size < sizeof(buf) ? (size_t)img->size : sizeof(buf);
	uint64_t at = img->size - len;
	uint32_t size, offset;
	size_t i;

	if (len < 22 || image_read(img, buf, len, at))
		return false;
	for (i = len - 22; memcmp(buf + i, "PK\5\6", 4) != 0; i--)
		if (i == 0)
			return false;
	size = get_u32(buf + i + 12);
	offset = get_u32(buf + i + 16);
	/* Several disks. */
	if (get_u32(buf + i + 4) || get_u16(buf + i + 8) != get_u16(buf + i + 10))
		return false;
	if (i >= 20 && memcmp(buf + i - 20, "PK\6\7", 4) == 0) {
		if (!is_sound_end64(img, buf + i - 20, at + i - 20, end64))
			return false;
		*pos = get_u64(end64 + 48);
		*shift = 0;
		return true;
	}
	if ((uint64_t)offset + size > at + i)
		return false;
	*pos = at + i - size;
	*shift = *pos - offset;
	return true;
}

static int add_place(struct zip_directory *d, uint32_t *cap, const struct zip_place *place)
{
	if (d->n == *cap) {
		uint32_t want = *cap ? *cap * 2 : 64;
		struct zip_place *v = realloc(d->v, want * sizeof(*v));

		if (!v)
			return -ENOMEM;
		d->v = v;
		*cap = want;
	}
	d->v[d->n++] = *place;
	return 0;
}

/* A window that goes forward over the image; NULL if @len bytes at @pos are not there. */
struct window {
	uint64_t pos;
	size_t len;
	uint8_t buf[WINDOW * 4];
};

static const uint8_t *window_at(struct window *w, const struct image *img, uint64_t pos, size_t len)
{
	if (pos >= w->pos && pos - w->pos <= w->len && len <= w->len - (size_t)(pos - w->pos))
		return w->buf + (pos - w->pos);
	w->len = 0;
	if (pos > img->size || len > sizeof(w->buf) || len > img->size - pos)
		return NULL;
	if (len < WINDOW)
		len = img->size - pos < WINDOW ? (size_t)(img->size - pos) : WINDOW;
	if (image_read(img, w->buf, len, pos))
		return NULL;
	w->pos = pos;
	w->len = len;
	return w->buf;
}

static int compare_places(const void *a, const void *b)
{
	const struct zip_place *x = a, *y = b;

	if (x->local != y->local)
		return x->local < y->local ? -1 : 1;
	return x->pos < y->pos ? -1 : x->pos > y->pos;
}

/* libarchive's order: by local header; of two records for one header the first counts. */
static void sort_places(struct zip_directory *d)
{
	uint32_t i, n = 0;

	if (d->n == 0)
		return;
	qsort(d->v, d->n, sizeof(*d->v), compare_places);
	for (i = 1; i < d->n; i++)
		if (d->v[i].local != d->v[n].local)
			d->v[++n] = d->v[i];
	d->n = n + 1;
}

int zip_load(struct zip_directory *d, const struct image *img, uint32_t max)
{
	struct zip_record rec;
	struct window *w;
	uint32_t cap = 0;
	uint64_t pos;
	const uint8_t *p;
	int rc = 0;

	memset(d, 0, sizeof(*d));
	if (!find_directory(img, &pos, &d->shift))
		return 0;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	d->all_owned = true;
	while (!rc && (p = window_at(w, img, pos, ZIP_RECORD_SIZE)) && zip_record_parse(p, &rec)) {
		p = d->n < max ? window_at(w, img, pos, rec.len) : NULL;
		if (!p) {
			d->n = 0;
			break;
		}
		zip_record_extra(p + ZIP_RECORD_SIZE + rec.name, &rec);
		d->all_owned &= rec.owner;
		/* libarchive adds the shift before it looks for the mark of a 64-bit offset. */
		if (rec.wide && (rec.odd || rec.local == UINT64_MAX || d->shift)) {
			d->n = 0;
			break;
		}
		rc = add_place(d, &cap, &(struct zip_place){ rec.local, pos, rec.len });
		pos += rec.len;
	}
	free(w);
	sort_places(d);
	return rc;
}

void zip_free(struct zip_directory *d)
{
	free(d->v);
	memset(d, 0, sizeof(*d));
}

/* How many records from @i on stand behind each other and fit into a tail, and their bytes. */
static uint32_t run_from(const struct zip_directory *d, uint32_t i, uint32_t *bytes)
{
	uint32_t n;

	*bytes = 0;
	for (n = 0; n < ZIP_RUN && n < d->n && i < d->n - n; n++) {
		const struct zip_place *place = &d->v[i + n];

		if (place->pos != d->v[i].pos + *bytes || place->len > ZIP_MAX_RECORD - *bytes)
			break;
		*bytes += place->len;
	}
	return n;
}

/* Makes a record of @len bytes true where it is shown; 0, -ENOENT or -EIO. */
static int adapt_record(const struct zip_directory *d, uint8_t *p, uint32_t len)
{
	struct zip_record rec;

	if (!zip_record_parse(p, &rec) || rec.len != len)
		return -EIO;
	if (d->shift) {
		if (rec.wide || rec.local + d->shift >= UINT32_MAX)
			return -ENOENT;
		put_u32(p + 42, (uint32_t)(rec.local + d->shift));
	}
	return 0;
}

/* The 64-bit end record, its locator, and the end record, which has nothing to say. */
static void put_end(uint8_t *p, const struct image *img, uint32_t bytes, uint32_t n)
{
	memset(p, 0, ZIP_END_SIZE);
	memcpy(p, "PK\6\6", 4);
	put_u64(p + 4, 44);
	put_u64(p + 24, n);
	put_u64(p + 32, n);
	put_u64(p + 40, bytes);
	put_u64(p + 48, img->size);
	memcpy(p + 56, "PK\6\7", 4);
	put_u64(p + 64, img->size + bytes);
	put_u32(p + 72, 1);
	memcpy(p + 76, "PK\5\6", 4);
	put_u16(p + 84, n);
	put_u16(p + 86, n);
}

int zip_tail(const struct zip_directory *d, const struct image *img, uint32_t i,
	     uint8_t buf[ZIP_MAX_TAIL], size_t *len, uint32_t *n)
{
	uint32_t bytes, most = run_from(d, i, &bytes);
	int rc;

	if (most == 0)
		return -ENOENT;
	rc = image_read(img, buf, bytes, d->v[i].pos);
	if (rc)
		return rc;
	bytes = 0;
	for (*n = 0; *n < most; (*n)++) {
		rc = adapt_record(d, buf + bytes, d->v[i + *n].len);
		if (rc)
			break;
		bytes += d->v[i + *n].len;
	}
	/* The others are there for the next one's sake. */
	if (*n == 0)
		return rc;
	put_end(buf + bytes, img, bytes, *n);
	*len = bytes + ZIP_END_SIZE;
	return 0;
}
