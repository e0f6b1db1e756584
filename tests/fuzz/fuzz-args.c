// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fuzzes the decoder of the argv memfd. What it takes must survive encoding and decoding again,
 * and the second encoding must have the bytes of the first.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ const char **argv = NULL;
	_cleanup_free_ uint8_t *first = NULL, *second = NULL;
	size_t first_size, second_size, total = 0;
	struct args_view v, again;

	if (args_decode(data, size, &v))
		return 0;
	argv = calloc(v.argc, sizeof(*argv));
	for (uint32_t i = 0; argv && i < v.argc; i++) {
		argv[i] = args_view_get(&v, i);
		total += strlen(argv[i]) + 1;
	}
	if (!argv || total > size)
		abort();
	if (args_encode((int)v.argc, argv, v.ext_bits, &first, &first_size))
		return 0; /* the extension made it too long */
	if (args_decode(first, first_size, &again) || again.argc != v.argc ||
	    again.ext_bits != v.ext_bits)
		abort();
	for (uint32_t i = 0; i < v.argc; i++) {
		if (strcmp(argv[i], args_view_get(&again, i)) != 0)
			abort();
		argv[i] = args_view_get(&again, i);
	}
	if (args_encode((int)again.argc, argv, again.ext_bits, &second, &second_size) ||
	    second_size != first_size || memcmp(first, second, first_size) != 0)
		abort();
	return 0;
}
