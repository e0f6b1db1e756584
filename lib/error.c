/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Errors of the library and their text. Must never print, nor copy a stranger's control
 * characters into a text.
 */
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "fusesvc.h"

int fusesvc_error_set(struct fusesvc_error *e, uint32_t step, uint32_t code, int err,
		      const char *subject)
{
	if (e) {
		memset(e, 0, sizeof(*e));
		e->step = step;
		e->code = code;
		e->err = err;
		if (subject)
			(void)snprintf(e->subject, sizeof(e->subject), "%s", subject);
	}
	return err > 0 ? -err : -EIO;
}

static const char *step_name(uint32_t step)
{
	static const char *const names[] = {
		[FUSESVC_STEP_NONE] = "service",
		[FUSESVC_STEP_CONNECT] = "connecting to the service",
		[FUSESVC_STEP_ACCEPT] = "taking over the service's socket",
		[FUSESVC_STEP_HELLO] = "hello",
		[FUSESVC_STEP_ARGS] = "passing arguments",
		[FUSESVC_STEP_SERVE] = "waiting for a command",
		[FUSESVC_STEP_OPEN] = "opening a file",
		[FUSESVC_STEP_FSOPEN] = "choosing the file system type",
		[FUSESVC_STEP_SOURCE] = "naming the source",
		[FUSESVC_STEP_MNTPT] = "naming the mount point",
		[FUSESVC_STEP_MNTOPTS] = "mount options",
		[FUSESVC_STEP_MTABOPTS] = "mount table options",
		[FUSESVC_STEP_MOUNT] = "mounting",
		[FUSESVC_STEP_BYE] = "goodbye",
	};

	return step < ARRAY_SIZE(names) && names[step] ? names[step] : names[FUSESVC_STEP_NONE];
}

static const char *code_text(uint32_t code)
{
	static const char *const texts[] = {
		[FUSESVC_E_NONE] = "no error",
		[FUSESVC_E_SYSTEM] = "failed",
		[FUSESVC_E_NOSERVICE] = "not available",
		[FUSESVC_E_TIMEOUT] = "the peer said nothing in time",
		[FUSESVC_E_CLOSED] = "the peer closed the connection or died",
		[FUSESVC_E_PROTOCOL] = "the peer broke the protocol",
		[FUSESVC_E_VERSION] = "no protocol version that both ends speak",
		[FUSESVC_E_FLOOD] = "the peer sent too many packets",
		[FUSESVC_E_REFUSED] = "refused by the helper",
		[FUSESVC_E_GOODBYE] = "the server gave up",
		[FUSESVC_E_NOMOUNT] = "the server ended without a mount",
		[FUSESVC_E_ABORTED] = "stopped",
	};

	return code < ARRAY_SIZE(texts) && texts[code] ? texts[code] : "unknown error";
}

/* Do these codes say all by themselves, so that an errno would only confuse? */
static bool is_errno_worth_telling(const struct fusesvc_error *e)
{
	return e->err && (e->code == FUSESVC_E_SYSTEM || e->code == FUSESVC_E_NOSERVICE ||
			  e->code == FUSESVC_E_REFUSED || e->code == FUSESVC_E_ABORTED);
}

const char *fusesvc_error_text(const struct fusesvc_error *e, char *buf, size_t size)
{
	char subject[2 * FUSESVC_SUBJECT_SIZE], errno_buf[128];

	fusesvc_escape(e->subject, subject, sizeof(subject));
	(void)snprintf(buf, size, "%s: %s%s%s%s%s%s", step_name(e->step), code_text(e->code),
		       *subject ? " (" : "", subject, *subject ? ")" : "",
		       is_errno_worth_telling(e) ? ": " : "",
		       is_errno_worth_telling(e) ? strerror_r(e->err, errno_buf, sizeof(errno_buf))
						 : "");
	return buf;
}

/* How many bytes the UTF-8 character at @p has, and which it is; 0 if it is none. */
static size_t utf8_char(const unsigned char *p, uint32_t *c)
{
	size_t n = *p < 0x80		 ? 1
		   : (*p & 0xe0) == 0xc0 ? 2
		   : (*p & 0xf0) == 0xe0 ? 3
		   : (*p & 0xf8) == 0xf0 ? 4
					 : 0;
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };

	if (n < 2) {
		*c = *p;
		return n;
	}
	*c = *p & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (p[i] & 0x3f);
	}
	return *c < smallest[n] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000) ? 0 : n;
}

static bool is_harmless(uint32_t c)
{
	return c >= 0x20 && c != '\\' && !(c >= 0x7f && c < 0xa0) && /* controls */
	       !(c >= 0x200b && c <= 0x200f) && c != 0x61c &&	     /* zero width, marks */
	       !(c >= 0x2028 && c <= 0x202e) &&			     /* separators, bidi */
	       !(c >= 0x2060 && c <= 0x206f) && c != 0xfeff &&
	       !(c >= 0xe0000 && c <= 0xe0fff); /* invisible */
}

const char *fusesvc_escape(const char *text, char *buf, size_t size)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t used = 0;

	while (*p) {
		uint32_t c;
		size_t n = utf8_char(p, &c);
		bool copy = n && is_harmless(c);

		if (!copy)
			n = 1;
		if (used + (copy ? n : 4) >= size)
			break;
		if (copy)
			memcpy(buf + used, p, n);
		else
			(void)snprintf(buf + used, size - used, "\\x%02x", *p);
		used += copy ? n : 4;
		p += n;
	}
	buf[used] = '\0';
	return buf;
}

bool fusesvc_name_is_valid(const char *name)
{
	static const char first[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t len = strlen(name);

	return len > 0 && len < FUSESVC_NAME_SIZE && strspn(name, first) > 0 &&
	       strspn(name, "_-+.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") ==
		       len;
}
