// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The checksums of gzip, which libarchive does not verify.
 *
 * Damaged contents would be shown as good ones. zlib checks each member's CRC and length; what it
 * unpacks is thrown away. Must never keep more than its two buffers.
 */
#include "gzip.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define BUFFER		 (128U * 1024)
#define GZIP_AND_NO_ZLIB (15 + 16) /* window bits, as inflateInit2() takes them */

struct gzip {
	const struct image *img;
	uint64_t pos; /* of the image, behind what is in the buffer */
	z_stream z;
	uint8_t in[BUFFER], out[BUFFER];
};

static int corrupt(const struct gzip *g, struct fault *f)
{
	return fault_set(f, EIO, "corrupt archive: gzip: %s",
			 g->z.msg ? g->z.msg : "unexpected end");
}

/* Moves what is left to the front and reads on, until the buffer is full or the image ends. */
static int fill(struct gzip *g)
{
	uint64_t left = g->img->size - g->pos;
	size_t n;
	int rc;

	memmove(g->in, g->z.next_in, g->z.avail_in);
	n = BUFFER - g->z.avail_in < left ? BUFFER - g->z.avail_in : (size_t)left;
	rc = image_read(g->img, g->in + g->z.avail_in, n, g->pos);
	if (rc)
		return rc;
	g->z.next_in = g->in;
	g->z.avail_in += (uInt)n;
	g->pos += n;
	if (g->img->progress)
		g->img->progress(g->img->progress_data,
				 (unsigned int)(g->pos / (g->img->size / 1000 + 1)));
	return 0;
}

static bool is_gzip(const struct gzip *g)
{
	return g->z.avail_in >= 2 && g->z.next_in[0] == 0x1f && g->z.next_in[1] == 0x8b;
}

/* Unpacks one member to its end. */
static int verify_member(struct gzip *g, struct fault *f)
{
	int rc = Z_OK;

	if (inflateReset(&g->z) != Z_OK)
		return corrupt(g, f);
	while (rc != Z_STREAM_END) {
		if (g->z.avail_in == 0 && fill(g))
			return fault_set(f, EIO, "cannot read the image");
		g->z.next_out = g->out;
		g->z.avail_out = BUFFER;
		rc = inflate(&g->z, Z_NO_FLUSH);
		if (rc != Z_OK && rc != Z_STREAM_END)
			return corrupt(g, f);
	}
	return 0;
}

static int verify_all(struct gzip *g, struct fault *f)
{
	int rc = 0;

	g->z.next_in = g->in;
	do
		if (g->z.avail_in < 2 && fill(g))
			return fault_set(f, EIO, "cannot read the image");
	while (is_gzip(g) && !(rc = verify_member(g, f)));
	return rc;
}

int gzip_verify(const struct image *img, struct fault *f)
{
	struct gzip *g = calloc(1, sizeof(*g));
	int rc;

	if (!g)
		return fault_set(f, ENOMEM, "out of memory");
	g->img = img;
	rc = inflateInit2(&g->z, GZIP_AND_NO_ZLIB) == Z_OK ? verify_all(g, f)
							   : fault_set(f, ENOMEM, "out of memory");
	(void)inflateEnd(&g->z);
	free(g);
	return rc;
}
