// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fuzzes the parser of a server's mount options. What it takes, written from the numbers alone,
 * must be taken again and give the same numbers.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bad(const char *text, const char *bad, size_t bad_len)
{
	if (bad < text || bad_len > strlen(text) || bad + bad_len > text + strlen(text))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);
	struct svc_request req = { 0 }, again = { 0 };
	char out[256];
	const char *bad;
	size_t bad_len;

	if (!text)
		return 0;
	if (svc_mntopts_parse(text, &req, &bad, &bad_len)) {
		check_bad(text, bad, bad_len);
		return 0;
	}
	(void)snprintf(out, sizeof(out), "%s%s",
		       req.default_permissions ? "default_permissions," : "",
		       req.allow_other ? "allow_other," : "");
	if (req.max_read)
		(void)snprintf(out + strlen(out), 64, "max_read=%u,", req.max_read);
	if (req.blksize)
		(void)snprintf(out + strlen(out), 64, "blksize=%u,", req.blksize);
	if (*out)
		out[strlen(out) - 1] = '\0';
	if (svc_mntopts_parse(out, &again, &bad, &bad_len) ||
	    memcmp(&req, &again, sizeof(req)) != 0)
		abort();
	return 0;
}
