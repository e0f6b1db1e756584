/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The small parts that a preset is made of: blanks, words and the placeholders in them. Pure.
 */
#ifndef FUSE_SVC_WORDS_H
#define FUSE_SVC_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

#define WORD_BLANKS " \t"

/* What stands for something else in a command. */
#define WORD_SOURCE	"{source}"
#define WORD_MOUNTPOINT "{mountpoint}"
#define WORD_OPTIONS	"{options}"  /* a word of its own */
#define WORD_PROGRESS	"{progress}" /* in a prepare step */

/* What stands for the caller in an option. */
#define WORD_UID "{uid}"
#define WORD_GID "{gid}"

/* What stands for the caller's value in a translation. */
#define WORD_VALUE "{}"

/* Words of a value; the strings are somebody else's. */
struct preset_words {
	const char **word; /* with a NULL at the end, or NULL if there are none */
	size_t n;
};

/* Adds a word. Returns 0 or -ENOMEM. */
int words_add(struct preset_words *words, const char *word) _must_check_ _nonnull_all_;

bool has_word(const struct preset_words *words, const char *word) _nonnull_all_;

/* Cuts the blanks around a text off. Returns where it begins. */
char *strip_blanks(char *s) _must_check_ _nonnull_all_;

/* Cuts a comment off, which begins with the line or after a blank. */
void cut_comment(char *line) _nonnull_all_;

/* Cuts the next word off; NULL at the end. */
char *next_word(char **rest) _must_check_ _nonnull_all_;

/* An absolute path, and no directory's? */
bool is_program(const char *word) _nonnull_all_;

/* Are all braces of a word those of placeholders of this list, which ends with NULL? */
bool has_only(const char *word, const char *const *placeholders) _nonnull_all_;

/* Is there a byte that is one, DEL among them? */
bool has_control_character(const char *s) _nonnull_all_;

/* May it be a member of a list of options, and is it no more than one? */
bool is_list_member(const char *word) _nonnull_all_;

#endif /* FUSE_SVC_WORDS_H */
