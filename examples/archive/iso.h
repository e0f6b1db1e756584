/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What libarchive does not tell about an ISO 9660 image: that its end is missing.
 */
#ifndef ARCHIVE_ISO_H
#define ARCHIVE_ISO_H

#include "image.h"

/** iso_check() - 0, or -EIO and words in @f if the image is shorter than its volume */
int iso_check(const struct image *img, struct fault *f)
	__attribute__((warn_unused_result, nonnull));

#endif
