/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Words and placeholders, see words.h. Must never look beyond the end of a string that was cut.
 */
#include "words.h"

#include <string.h>

int words_add(struct preset_words *words, const char *word)
{
	const char **grown = realloc(words->word, (words->n + 2) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	words->word = grown;
	words->word[words->n++] = word;
	words->word[words->n] = NULL;
	return 0;
}

bool has_word(const struct preset_words *words, const char *word)
{
	for (size_t i = 0; i < words->n; i++)
		if (strcmp(words->word[i], word) == 0)
			return true;
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

char *strip_blanks(char *s)
{
	size_t len;

	s += strspn(s, WORD_BLANKS);
	len = strlen(s);
	while (len && is_blank(s[len - 1]))
		len--;
	s[len] = '\0';
	return s;
}

void cut_comment(char *line)
{
	for (char *at = line; (at = strchr(at, '#')); at++) {
		if (at == line || is_blank(at[-1])) {
			*at = '\0';
			return;
		}
	}
}

char *next_word(char **rest)
{
	char *word = *rest + strspn(*rest, WORD_BLANKS);
	char *end = word + strcspn(word, WORD_BLANKS);

	*rest = *end ? end + 1 : end;
	*end = '\0';
	return *word ? word : NULL;
}

bool is_program(const char *word)
{
	return *word == '/' && word[strlen(word) - 1] != '/' && !strpbrk(word, "{}");
}

/* The length of @placeholder if @s begins with it, else 0. */
static size_t skip(const char *s, const char *placeholder)
{
	size_t len = strlen(placeholder);

	return strncmp(s, placeholder, len) == 0 ? len : 0;
}

bool has_only(const char *word, const char *const *placeholders)
{
	while ((word = strpbrk(word, "{}"))) {
		size_t len = 0;

		for (const char *const *p = placeholders; *p && !len; p++)
			len = skip(word, *p);
		if (len == 0)
			return false;
		word += len;
	}
	return true;
}

bool has_control_character(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return true;
	return false;
}

bool is_list_member(const char *word)
{
	return *word != '-' && !strpbrk(word, ",\\");
}
