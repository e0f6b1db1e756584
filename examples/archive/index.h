/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The index: the tree of an archive, built in one pass over its headers.
 */
#ifndef ARCHIVE_INDEX_H
#define ARCHIVE_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "image.h"
#include "tree.h"
#include "zip.h"

#define INDEX_MAX_ENTRIES 1000000U
#define INDEX_MAX_BYTES	  (512ULL * 1024 * 1024)

/**
 * struct index_params - how to build it
 * @uid:	owner of what has none in the archive
 * @gid:	group of what has none in the archive
 * @max_entries: entries, and names, that an archive may have
 * @max_bytes:	memory that the tree may take
 */
struct index_params {
	uid_t uid;
	gid_t gid;
	uint32_t max_entries;
	uint64_t max_bytes;
};

/**
 * struct index - what is known of an archive
 * @n_entries:	headers in it
 * @skipped:	entries that are not in the tree
 * @first_skipped: what the first of them was and why
 * @solid:	reaching an entry means to unpack those before it
 * @jump:	any entry's header is a place to begin at
 * @n_files:	files in the tree
 * @bytes:	what they take, in 512-byte blocks each
 */
struct index {
	struct tree tree;
	struct zip_directory zip;
	uint32_t n_entries;
	uint32_t skipped;
	char first_skipped[512];
	int format; /* of libarchive, its base */
	bool solid;
	bool jump;
	uint64_t n_files;
	uint64_t bytes;
};

/** index_build() - 0, or -errno and words in @f. Free it with index_free() either way. */
int index_build(struct index *ix, const struct image *img, const struct index_params *params,
		struct fault *f) __attribute__((warn_unused_result, nonnull));
void index_free(struct index *ix) __attribute__((nonnull));

/** index_contents() - bytes of contents that an entry has in the archive, as far as it says */
uint64_t index_contents(struct archive_entry *entry) __attribute__((nonnull));

/** index_check() - a hash of an entry's name, to know the entry again; 0 if it has none */
uint32_t index_check(const struct tree *t, struct archive_entry *entry) __attribute__((nonnull));

#endif
