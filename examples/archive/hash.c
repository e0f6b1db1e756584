// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keyed hash of a name in a directory: SipHash with one round a word and three at the end, which
 * is what a hash table needs. The salt (the directory's number) is hashed as the first word.
 *
 * Must never run without a key from the kernel: a guessable key is a key that an archive knows.
 */
#include "hash.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

int hash_key_init(struct hash_key *key)
{
	ssize_t n;

	do {
		n = getrandom(key, sizeof(*key), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == (ssize_t)sizeof(*key) ? 0 : -EIO;
}

static uint64_t rotl(uint64_t v, unsigned int bits)
{
	return v << bits | v >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

uint64_t hash_bytes(const struct hash_key *key, uint64_t salt, const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t v[4] = {
		key->k[0] ^ 0x736f6d6570736575ULL,
		key->k[1] ^ 0x646f72616e646f6dULL,
		key->k[0] ^ 0x6c7967656e657261ULL,
		key->k[1] ^ 0x7465646279746573ULL,
	};
	uint64_t word, last = (uint64_t)len << 56;
	size_t i;

	sip_word(v, salt);
	for (; len >= sizeof(word); len -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sip_word(v, word);
	}
	for (i = 0; i < len; i++)
		last |= (uint64_t)p[i] << (8 * i);
	sip_word(v, last);

	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
