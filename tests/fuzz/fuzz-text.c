// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fuzzes the text that reaches a terminal: a stranger's bytes escaped, and errors of the library
 * and the helper that quote them. Whatever the size of the buffer, the text ends in it, has no
 * control character, and an escaped text reads back to what it was made of. The input: the size,
 * the three numbers of an error, then a subject and the server's last words, each ended by a NUL,
 * and the number and the name of a hint. The subject is the mount point as well, the words the
 * source.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svc.h"
#include "wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* By other means than the library's own, for the characters that have two bytes at the most. */
static void check_line(const char *text, size_t size)
{
	const unsigned char *p = (const unsigned char *)text;

	check(memchr(text, '\0', size) != NULL);
	for (; *p; p++) {
		check(*p >= 0x20 && *p != 0x7f);
		check(!(p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0));			/* C1 */
		check(!(p[0] == 0xe2 && p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae)); /* bidi */
	}
}

/* An escaped text is the beginning of what it was made of, whole unless the buffer was full. */
static void check_escaped(const char *text, const char *out, size_t size)
{
	const char *p = out, *in = text;
	unsigned int byte;

	while (*p) {
		if (*p != '\\') {
			check(*p++ == *in++);
			continue;
		}
		check(p[1] == 'x' && sscanf(p + 2, "%2x", &byte) == 1);
		check((unsigned char)*in++ == byte);
		p += 4;
	}
	check(*in == '\0' || strlen(out) + 4 >= size);
}

static void check_escape(const char *text, size_t size)
{
	_cleanup_free_ char *out = malloc(size);

	check(out && fusesvc_escape(text, out, size) == out);
	check_line(out, size);
	check_escaped(text, out, size);
}

static void check_errors(const struct svc_mount *m, size_t size)
{
	_cleanup_free_ char *out = malloc(size);

	check(out && fusesvc_error_text(&m->error, out, size) == out);
	check_line(out, size);
	check(svc_error_text(m, out, size) > 0);
	check_line(out, size);
}

/* What is left, up to a NUL, which is taken too. */
static char *take_string(struct reader *r)
{
	char *s = strndup((const char *)r->pos, r->left);
	size_t len;

	check(s != NULL);
	len = strlen(s) < r->left ? strlen(s) + 1 : r->left;
	r->pos += len;
	r->left -= len;
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = { .pos = data, .left = size };
	size_t out_size = (size_t)reader_u16(&r) + 1;
	struct svc_mount m = { .name = "sq", .opts.timeout = 90 };
	_cleanup_free_ char *subject = NULL, *words = NULL, *hint = NULL;

	m.error.step = reader_u16(&r);
	m.error.code = reader_u16(&r);
	m.error.err = (int32_t)reader_u32(&r);
	if (r.bad)
		return 0;
	subject = take_string(&r);
	words = take_string(&r);
	hint = take_string(&r);
	m.target = subject;
	m.source = words;
	m.hint.code = (unsigned char)*hint;
	(void)snprintf(m.hint.name, sizeof(m.hint.name), "%s", *hint ? hint + 1 : "");
	(void)snprintf(m.error.subject, sizeof(m.error.subject), "%s", subject);
	(void)snprintf(m.words, sizeof(m.words), "%s", words);
	check_escape(subject, out_size);
	check_errors(&m, out_size);
	return 0;
}
