/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The checksums of gzip, which libarchive does not verify.
 */
#ifndef ARCHIVE_GZIP_H
#define ARCHIVE_GZIP_H

#include "image.h"

/**
 * gzip_verify() - unpack an image that is compressed by gzip once, for its checksums alone
 *
 * An image that does not begin as gzip does is fine. What follows the last member is no matter,
 * as for gzip(1).
 *
 * Returns: 0 or -errno and words in @f.
 */
int gzip_verify(const struct image *img, struct fault *f)
	__attribute__((warn_unused_result, nonnull));

#endif
