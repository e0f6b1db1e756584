// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fuzzes the parser of the caller's options. What the server gets, read as fuse_opt_parse(3) reads
 * it, must have no option of ours, must hold each path that the server may open as a whole value,
 * and must escape to the same bytes again.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "svc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One option as libfuse reads it: unescaped to @out. Returns what follows, or NULL. */
static const char *read_option(const char *p, char *out)
{
	while (*p && *p != ',') {
		if (*p == '\\' && p[1])
			p++;
		*out++ = *p++;
	}
	*out = '\0';
	return *p ? p + 1 : NULL;
}

static char *write_option(const char *option, char *out)
{
	for (; *option; option++) {
		if (*option == ',' || *option == '\\')
			*out++ = '\\';
		*out++ = *option;
	}
	return out;
}

/* Does it end with "=" and this value? (A quoted name may have a "=" too.) */
static bool has_value(const char *option, const char *value)
{
	size_t len = strlen(option), value_len = strlen(value);

	return len > value_len && option[len - value_len - 1] == '=' &&
	       strcmp(option + len - value_len, value) == 0;
}

static void check_server(const struct svc_options *opts)
{
	size_t size = 2 * strlen(opts->server) + 2, n_paths = 0;
	char *option = malloc(size), *again = malloc(size), *q = again;

	if (!option || !again)
		abort();
	for (const char *p = opts->server; p;) {
		p = read_option(p, option);
		if (strcmp(option, "svc") == 0 || strncmp(option, "svc=", 4) == 0 ||
		    strncmp(option, "svc-", 4) == 0)
			abort();
		if (n_paths < opts->n_paths && has_value(option, opts->paths[n_paths]))
			n_paths++;
		q = write_option(option, q);
		*q++ = p ? ',' : '\0';
	}
	if (strcmp(again, opts->server) != 0 || n_paths != opts->n_paths)
		abort();
	free(option);
	free(again);
}

/* What a user who is not root may not have is refused, not dropped. */
static void check_user(const struct svc_options *opts)
{
	const unsigned long harmless = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC |
				       MS_SYNCHRONOUS | MS_DIRSYNC | MS_NOATIME | MS_NODIRATIME |
				       MS_RELATIME | MS_STRICTATIME | MS_NOSYMFOLLOW;
	unsigned long flags = 0;

	if (opts->user || opts->allow_suid || opts->allow_dev)
		abort();
	if (opts->vfs &&
	    (mnt_optstr_get_flags(opts->vfs, &flags, mnt_get_builtin_optmap(MNT_LINUX_MAP)) != 0 ||
	     (flags & ~harmless)))
		abort();
}

static void parse_as(uid_t uid, const char *text)
{
	struct svc_mount m = { .uid = uid };

	m.cxt = mnt_new_context();
	if (!m.cxt)
		abort();
	if (mnt_context_set_options(m.cxt, text) == 0 && svc_options_parse(&m) == 0) {
		check_server(&m.opts);
		for (size_t i = 0; i < m.opts.n_paths; i++)
			if (*m.opts.paths[i] != '/')
				abort();
		if (uid != 0)
			check_user(&m.opts);
	}
	svc_options_free(&m.opts);
	mnt_free_context(m.cxt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);

	if (!text)
		abort();
	parse_as(0, text);
	parse_as(1000, text);
	return 0;
}
