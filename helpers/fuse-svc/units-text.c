/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A property of any type as a text, see units_get_all(). Must never fail for a type that a later
 * systemd has: then there is no text.
 */
#include "units-text.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int put_value(sd_bus_message *m, FILE *out);

static int put_basic(sd_bus_message *m, char type, FILE *out)
{
	union {
		const char *s;
		uint8_t y;
		int32_t i;
		uint32_t u;
		int64_t x;
		uint64_t t;
	} v = { 0 };
	int rc = sd_bus_message_read_basic(m, type, &v);

	if (rc < 0)
		return rc;
	switch (type) {
	case 's':
	case 'o':
	case 'g':
		return fputs(v.s, out) < 0 ? -ENOMEM : 0;
	case 'b':
		return fputs(v.i ? "yes" : "no", out) < 0 ? -ENOMEM : 0;
	case 'i':
		return fprintf(out, "%" PRIi32, v.i) < 0 ? -ENOMEM : 0;
	case 'u':
		return fprintf(out, "%" PRIu32, v.u) < 0 ? -ENOMEM : 0;
	case 'y':
		return fprintf(out, "%" PRIu8, v.y) < 0 ? -ENOMEM : 0;
	case 'x':
		return fprintf(out, "%" PRIi64, v.x) < 0 ? -ENOMEM : 0;
	case 't':
		return fprintf(out, "%" PRIu64, v.t) < 0 ? -ENOMEM : 0;
	default:
		return -EBADMSG;
	}
}

/* Bytes are those of an address, or nobody's business. */
static int put_bytes(sd_bus_message *m, FILE *out)
{
	char text[INET6_ADDRSTRLEN];
	const void *bytes;
	size_t size;
	int rc = sd_bus_message_read_array(m, 'y', &bytes, &size);

	if (rc < 0)
		return rc;
	if ((size != 4 && size != 16) ||
	    !inet_ntop(size == 4 ? AF_INET : AF_INET6, bytes, text, sizeof(text)))
		return 0;
	return fputs(text, out) < 0 ? -ENOMEM : 0;
}

static int put_container(sd_bus_message *m, char type, const char *contents, FILE *out)
{
	int rc = sd_bus_message_enter_container(m, type, contents);
	bool is_first = true;

	while (rc >= 0 && (rc = sd_bus_message_at_end(m, false)) == 0) {
		if (!is_first)
			(void)fputc(type == 'a' ? ' ' : ':', out);
		is_first = false;
		rc = put_value(m, out);
	}
	return rc < 0 ? rc : sd_bus_message_exit_container(m);
}

static int put_value(sd_bus_message *m, FILE *out)
{
	const char *contents;
	char type;
	int rc = sd_bus_message_peek_type(m, &type, &contents);

	if (rc <= 0)
		return rc < 0 ? rc : -EBADMSG;
	if (type == 'a' && contents[0] == 'y')
		return put_bytes(m, out);
	if (type == 'a' || type == 'r')
		return put_container(m, type, contents, out);
	return put_basic(m, type, out);
}

int units_text(sd_bus_message *m, const char *type, char **text)
{
	_cleanup_free_ char *buf = NULL;
	size_t size;
	FILE *out;
	int rc;

	*text = NULL;
	if (type[strspn(type, "abgiostuxy()")] != '\0')
		return sd_bus_message_skip(m, type);
	out = open_memstream(&buf, &size);
	if (!out)
		return -ENOMEM;
	rc = put_value(m, out);
	if (fclose(out) != 0)
		return -ENOMEM;
	if (rc >= 0)
		*text = steal_pointer(&buf);
	return rc;
}
