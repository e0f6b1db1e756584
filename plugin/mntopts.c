/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a server may add to the kernel's mount options: a closed list, turned into numbers.
 *
 * Pure. Its text ends here: the parent writes the kernel's options itself, from the numbers.
 */
#include <string.h>

#include "svc.h"

#define MNTOPTS_MAX 1024 /* bytes */

/* A decimal number of at most nine digits, not 0. */
static bool parse_number(const char *s, size_t len, uint32_t *value)
{
	uint32_t n = 0;

	if (len == 0 || len > 9)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		n = n * 10 + (uint32_t)(s[i] - '0');
	}
	*value = n;
	return n != 0;
}

static bool is_block_size(uint32_t n)
{
	return n >= 512 && n <= 1024 * 1024 && (n & (n - 1)) == 0;
}

static bool is(const char *opt, size_t len, const char *name)
{
	return len == strlen(name) && memcmp(opt, name, len) == 0;
}

static bool has_prefix(const char *opt, size_t len, const char *prefix)
{
	return len >= strlen(prefix) && memcmp(opt, prefix, strlen(prefix)) == 0;
}

static bool set_once(uint8_t *flag)
{
	bool again = *flag;

	*flag = 1;
	return !again;
}

static bool parse_one(const char *opt, size_t len, struct svc_request *req)
{
	if (is(opt, len, "default_permissions"))
		return set_once(&req->default_permissions);
	if (is(opt, len, "allow_other"))
		return set_once(&req->allow_other);
	if (has_prefix(opt, len, "max_read="))
		return !req->max_read && parse_number(opt + 9, len - 9, &req->max_read);
	if (has_prefix(opt, len, "blksize="))
		return !req->blksize && parse_number(opt + 8, len - 8, &req->blksize) &&
		       is_block_size(req->blksize);
	return false;
}

int svc_mntopts_parse(const char *options, struct svc_request *req, const char **bad,
		      size_t *bad_len)
{
	const char *opt = options;

	*bad = options;
	*bad_len = strlen(options);
	if (*bad_len == 0)
		return 0;
	if (*bad_len > MNTOPTS_MAX)
		return -EINVAL;
	for (;;) {
		size_t len = strcspn(opt, ",");

		if (!parse_one(opt, len, req)) {
			*bad = opt;
			*bad_len = len;
			return -EINVAL;
		}
		if (opt[len] == '\0')
			return 0;
		opt += len + 1;
	}
}
