/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cursors over bytes for the codecs: big-endian numbers, terminated strings, bounds always checked.
 * Once something did not fit the cursor is "bad", and stays so; check once, at the end.
 */
#ifndef FUSESVC_WIRE_H
#define FUSESVC_WIRE_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct reader {
	const uint8_t *pos;
	size_t left;
	bool bad;
};

static inline void reader_bytes(struct reader *r, void *out, size_t size)
{
	if (r->bad || r->left < size) {
		r->bad = true;
		memset(out, 0, size);
		return;
	}
	memcpy(out, r->pos, size);
	r->pos += size;
	r->left -= size;
}

static inline uint16_t reader_u16(struct reader *r)
{
	uint16_t v;

	reader_bytes(r, &v, sizeof(v));
	return be16toh(v);
}

static inline uint32_t reader_u32(struct reader *r)
{
	uint32_t v;

	reader_bytes(r, &v, sizeof(v));
	return be32toh(v);
}

/* The rest must be one string: its NUL is the last byte and the only one. */
static inline const char *reader_last_string(struct reader *r)
{
	const uint8_t *start = r->pos;

	if (r->bad || r->left == 0 || memchr(start, '\0', r->left) != start + r->left - 1) {
		r->bad = true;
		return "";
	}
	r->pos += r->left;
	r->left = 0;
	return (const char *)start;
}

struct writer {
	uint8_t *pos;
	size_t left;
	bool bad;
};

static inline void writer_bytes(struct writer *w, const void *in, size_t size)
{
	if (w->bad || w->left < size) {
		w->bad = true;
		return;
	}
	memcpy(w->pos, in, size);
	w->pos += size;
	w->left -= size;
}

static inline void writer_u16(struct writer *w, uint16_t v)
{
	v = htobe16(v);
	writer_bytes(w, &v, sizeof(v));
}

static inline void writer_u32(struct writer *w, uint32_t v)
{
	v = htobe32(v);
	writer_bytes(w, &v, sizeof(v));
}

static inline void writer_string(struct writer *w, const char *s)
{
	writer_bytes(w, s, strlen(s) + 1);
}

#endif /* FUSESVC_WIRE_H */
