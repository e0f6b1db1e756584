/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The central directory of a zip, as far as libarchive does not tell.
 *
 * Two things: whether the files have owners, and a way to reach one of a million entries at
 * once. For the latter an entry's record is copied behind the image, with a few that come after it,
 * as a central directory, and libarchive is shown that.
 */
#ifndef ARCHIVE_ZIP_H
#define ARCHIVE_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image.h"

#define ZIP_RECORD_SIZE 46U
#define ZIP_MAX_RECORD	8192U
#define ZIP_RUN		16U /* records that are shown at most: who copies a tree wants the next */
#define ZIP_END_SIZE	(56U + 20U + 22U)
#define ZIP_MAX_TAIL	(ZIP_MAX_RECORD + ZIP_END_SIZE)

/**
 * struct zip_record - what a record of the central directory says
 * @len:	bytes of the record
 * @name:	bytes of the name
 * @extra:	bytes of the extra fields after the name
 * @local:	where the entry's local header is said to be
 * @wide:	that number stands in an extra field of 64 bits
 * @owner:	there is an extra field for the owner
 */
struct zip_record {
	uint32_t len, name, extra;
	uint64_t local;
	bool wide;
	bool owner;
	bool odd; /* readers may not agree on where the local header is */
};

/**
 * struct zip_directory - where the records are, in the order of the entries' local headers
 * @n:		records; 0 if it is no zip, or one that is better read in order
 * @all_owned:	every record has an owner
 * @shift:	what has to be added to a record's offset
 */
struct zip_directory {
	struct zip_place {
		uint64_t local;
		uint64_t pos;
		uint32_t len;
	} * v;
	uint32_t n;
	bool all_owned;
	uint64_t shift;
};

/** zip_record_parse() - lengths of a record from its fixed part; false if it is none */
bool zip_record_parse(const uint8_t fixed[ZIP_RECORD_SIZE], struct zip_record *rec)
	__attribute__((nonnull));

/** zip_record_extra() - what the extra fields add; @extra has rec->extra bytes */
void zip_record_extra(const uint8_t *extra, struct zip_record *rec) __attribute__((nonnull));

/** zip_load() - read the central directory; leaves d->n at 0 if anything is odd. 0 or -ENOMEM */
int zip_load(struct zip_directory *d, const struct image *img, uint32_t max)
	__attribute__((warn_unused_result, nonnull));
void zip_free(struct zip_directory *d) __attribute__((nonnull));

/**
 * zip_tail() - a central directory from one entry on, to stand behind the image
 * @i:   which entry
 * @buf: where to
 * @len: where to store its bytes
 * @n:   where to store how many entries it has
 *
 * Returns: 0, -ENOENT if that entry has to be reached in order, or -errno.
 */
int zip_tail(const struct zip_directory *d, const struct image *img, uint32_t i,
	     uint8_t buf[ZIP_MAX_TAIL], size_t *len, uint32_t *n)
	__attribute__((warn_unused_result, nonnull));

#endif
