/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Option rules: one option of mount(8) that a preset knows, and what its value may be. Pure.
 */
#ifndef FUSE_SVC_RULE_H
#define FUSE_SVC_RULE_H

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

#define RULE_MAX_VALUE 255 /* bytes of a value of text */

enum rule_type {
	RULE_FLAG,   /* no value */
	RULE_NUMBER, /* decimal, 32 bits */
	RULE_OCTAL,  /* 1 to 5 digits */
	RULE_TEXT,
	RULE_PATH,   /* text that begins with a slash */
	RULE_CHOICE, /* one of some words */
};

enum rule_action {
	RULE_ACCEPT,	/* passed on as it is */
	RULE_TRANSLATE, /* passed on as another word */
	RULE_IGNORE,	/* does nothing */
};

struct rule {
	enum rule_action action;
	enum rule_type type;
	const char *name;
	const char *choices; /* a|b|c */
	const char *word;    /* what it is passed on as, WORD_VALUE is the value */
};

/*
 * Understands NAME or NAME=TYPE; @text is cut into the rule's strings.
 * Returns NULL, or what is wrong with it.
 */
const char *rule_parse(char *text, struct rule *r) _must_check_ _nonnull_all_;

/* Is there an option that two rules speak of? */
bool rules_overlap(const struct rule *a, const struct rule *b) _nonnull_all_;

bool is_option_name(const char *name) _nonnull_all_;

/*
 * Is this a value for the rule? It may have any bytes but NUL.
 * Returns NULL, or what is wrong with it. That may be @buf, to which all words that it might be are
 * added: it is empty before the first of several rules for the option.
 */
const char *rule_check_value(const struct rule *r, const char *value, char *buf,
			     size_t size) _must_check_ _nonnull_all_;

/* Flags of the kernel and its FUSE, and ro and rw: no server's business, so no rule has such a
 * name. */
bool is_mount_flag(const char *name) _nonnull_all_;

#endif /* FUSE_SVC_RULE_H */
