/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The argv memfd: the arguments that a helper passes to a server.
 *
 * args_decode() is pure and believes nothing; it gets fuzzed. The rest wraps it in files.
 */
#ifndef FUSESVC_ARGS_H
#define FUSESVC_ARGS_H

#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

#define ARGS_NAME	  "argv"	/* the path under which it is sent */
#define ARGS_MAX_SIZE	  (1024 * 1024) /* bytes of the largest argv memfd that is accepted */
#define ARGS_EXT_MESSAGES (1U << 0)	/* extension bit: this helper takes messages */

/* Arguments in their wire form: points into a buffer that must outlive it. */
struct args_view {
	const uint8_t *buf;
	uint32_t argc;
	uint32_t ext_bits;
};

/* Checks the whole of a memfd's contents. Returns 0 or -EBADMSG. */
int args_decode(const void *buf, size_t size, struct args_view *v) _must_check_ _nonnull_all_;

/* Argument @i, less than argc, of a decoded view. */
const char *args_view_get(const struct args_view *v, uint32_t i) _nonnull_all_;

/*
 * Writes the wire form into allocated memory.
 * Returns 0, -EINVAL without an argument, -E2BIG, or -ENOMEM.
 */
int args_encode(int argc, const char *const *argv, uint32_t ext_bits, uint8_t **buf,
		size_t *size) _must_check_ _nonnull_all_;

/* Makes a sealed memfd of arguments. Returns 0 or -errno. */
int args_to_memfd(int argc, const char *const *argv, uint32_t ext_bits,
		  int *fd) _must_check_ _nonnull_all_;

/*
 * Reads arguments from a descriptor that a stranger sent.
 * Returns 0 with *argv, one allocation, ended by NULL; -EBADMSG or another -errno.
 */
int args_from_fd(int fd, int *argc, char ***argv, uint32_t *ext_bits) _must_check_ _nonnull_all_;

#endif /* FUSESVC_ARGS_H */
