// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What libarchive does not tell about an ISO 9660 image: that its end is missing. A download
 * that broke off would else be a file system with some files missing, or with none.
 *
 * Must never refuse an image for the padding behind the last file.
 */
#include "iso.h"

#include <errno.h>
#include <string.h>

#define VOLUME_DESCRIPTOR (16U * 2048)
#define PADDING		  (150U * 2048)

static uint32_t get_u16(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

int iso_check(const struct image *img, struct fault *f)
{
	uint64_t blocks, size;
	uint8_t d[132];

	if (image_read(img, d, sizeof(d), VOLUME_DESCRIPTOR) || memcmp(d, "\1CD001", 6) != 0)
		return 0;
	blocks = get_u16(d + 80) | (uint64_t)get_u16(d + 82) << 16;
	size = blocks * get_u16(d + 128);
	if (size <= img->size + PADDING)
		return 0;
	return fault_set(f, EIO, "corrupt archive: the image is cut off, it has %llu of %llu bytes",
			 (unsigned long long)img->size, (unsigned long long)size);
}
