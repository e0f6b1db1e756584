/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Option rules, see rule.h. Must never let a value pass that a server could take for more than one
 * option.
 */
#include "rule.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

#define DIGITS	   "0123456789"
#define CAPITALS   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LETTERS	   "abcdefghijklmnopqrstuvwxyz" CAPITALS
#define MAX_DIGITS 10 /* of UINT32_MAX */
#define MAX_OCTAL  5

/*
 * The helper gives some of them to the server; others come from other helpers. The last two are the
 * kernel's for FUSE alone.
 */
static const char *const mount_flags[] = {
	"defaults",    "ro",
	"rw",	       "nosuid",
	"suid",	       "nodev",
	"dev",	       "noexec",
	"exec",	       "sync",
	"async",       "dirsync",
	"noatime",     "atime",
	"relatime",    "norelatime",
	"strictatime", "nostrictatime",
	"nodiratime",  "diratime",
	"lazytime",    "nolazytime",
	"nosymfollow", "symfollow",
	"iversion",    "noiversion",
	"mand",	       "nomand",
	"silent",      "loud",
	"allow_other", "default_permissions",
};

bool is_mount_flag(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(mount_flags); i++)
		if (strcmp(name, mount_flags[i]) == 0)
			return true;
	return false;
}

bool is_option_name(const char *name)
{
	return strspn(name, LETTERS DIGITS "_") > 0 &&
	       name[strspn(name, LETTERS DIGITS "_-.+:")] == '\0';
}

/* Words between bars. One in capital letters alone is a type that was misspelt. */
static bool are_choices(const char *text)
{
	for (;; text++) {
		size_t len = strcspn(text, "|");

		if (len == 0 || strspn(text, CAPITALS) == len || strcspn(text, ",\\") < len)
			return false;
		text += len;
		if (*text == '\0')
			return true;
	}
}

static bool parse_type(const char *text, struct rule *r)
{
	static const struct {
		const char *name;
		enum rule_type type;
	} types[] = {
		{ "NUMBER", RULE_NUMBER },
		{ "OCTAL", RULE_OCTAL },
		{ "TEXT", RULE_TEXT },
		{ "PATH", RULE_PATH },
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (strcmp(text, types[i].name) == 0) {
			r->type = types[i].type;
			return true;
		}
	}
	r->type = RULE_CHOICE;
	r->choices = text;
	return are_choices(text);
}

const char *rule_parse(char *text, struct rule *r)
{
	char *equals = strchr(text, '=');
	const char *trouble = NULL;

	*r = (struct rule){ .type = RULE_FLAG, .name = text };
	if (equals)
		*equals = '\0';
	if (!is_option_name(text))
		trouble = "no name of an option";
	else if (is_mount_flag(text))
		trouble = "mount flags are not for rules";
	else if (equals && !parse_type(equals + 1, r))
		trouble = "after the \"=\" belongs NUMBER, OCTAL, TEXT, PATH or this|or|that";
	if (trouble && equals)
		*equals = '=';
	return trouble;
}

static bool is_choice(const char *choices, const char *value, size_t size)
{
	for (;; choices++) {
		size_t len = strcspn(choices, "|");

		if (len == size && memcmp(choices, value, len) == 0)
			return true;
		choices += len;
		if (*choices == '\0')
			return false;
	}
}

static bool choices_overlap(const char *a, const char *b)
{
	for (;; a++) {
		size_t len = strcspn(a, "|");

		if (is_choice(b, a, len))
			return true;
		a += len;
		if (*a == '\0')
			return false;
	}
}

bool rules_overlap(const struct rule *a, const struct rule *b)
{
	if (strcmp(a->name, b->name) != 0 || (a->type == RULE_FLAG) != (b->type == RULE_FLAG))
		return false;
	return a->type != RULE_CHOICE || b->type != RULE_CHOICE ||
	       choices_overlap(a->choices, b->choices);
}

/* With a 0 in front, servers differ in whether it is octal. */
static const char *check_number(const char *value)
{
	size_t len = strspn(value, DIGITS);

	if (len == 0 || value[len] != '\0')
		return "not a number";
	if (value[0] == '0' && len > 1)
		return "a decimal number does not begin with 0";
	if (len > MAX_DIGITS || strtoull(value, NULL, 10) > UINT32_MAX)
		return "larger than 4294967295";
	return NULL;
}

static const char *check_octal(const char *value)
{
	size_t len = strspn(value, "01234567");

	return len == 0 || len > MAX_OCTAL || value[len] != '\0' ? "not 1 to 5 octal digits" : NULL;
}

static const char *check_text(const char *value)
{
	size_t len = strlen(value);

	if (len == 0)
		return "needs a value";
	if (len > RULE_MAX_VALUE)
		return "longer than 255 bytes";
	if (has_control_character(value))
		return "has a control character";
	return strpbrk(value, ",\\") ? "a comma or backslash cannot be passed on" : NULL;
}

const char *rule_check_value(const struct rule *r, const char *value, char *buf, size_t size)
{
	const char *trouble;
	size_t used = strlen(buf);

	switch (r->type) {
	case RULE_FLAG:
		return "takes no value";
	case RULE_NUMBER:
		return check_number(value);
	case RULE_OCTAL:
		return check_octal(value);
	case RULE_TEXT:
		return check_text(value);
	case RULE_PATH:
		trouble = check_text(value);
		return trouble || *value == '/' ? trouble : "not an absolute path";
	case RULE_CHOICE:
		break;
	}
	if (is_choice(r->choices, value, strlen(value)))
		return NULL;
	(void)snprintf(buf + used, size - used, "%s%s", used ? "|" : "not one of ", r->choices);
	return buf;
}
