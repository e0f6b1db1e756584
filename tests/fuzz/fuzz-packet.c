// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fuzzes the packet decoder. What it takes must encode to the very same bytes again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[PACKET_MAX];
	struct packet p;

	if (packet_decode(data, size, &p))
		return 0;
	if (!packet_type_name(p.type) || packet_encode(&p, out, sizeof(out)) != (ssize_t)size ||
	    memcmp(out, data, size) != 0)
		abort();
	return 0;
}
