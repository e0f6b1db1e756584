/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keyed hash of a name in a directory.
 *
 * Whoever made an archive chose every name in it. The hash is keyed with random bytes, so that
 * nobody can choose names that all fall into one bucket. It must never be used without a key.
 */
#ifndef ARCHIVE_HASH_H
#define ARCHIVE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t k[2];
};

/** hash_key_init() - take a fresh key from the kernel; 0 or -errno */
int hash_key_init(struct hash_key *key) __attribute__((warn_unused_result, nonnull));

/** hash_bytes() - SipHash-1-3 of a salt and some bytes */
uint64_t hash_bytes(const struct hash_key *key, uint64_t salt, const void *data, size_t len)
	__attribute__((nonnull));

#endif
