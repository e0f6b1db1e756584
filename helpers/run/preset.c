/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text of presets, see preset.h. Must never guess: what is not understood is an error, and so
 * is what would have no effect.
 */
#include "preset.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum key {
	KEY_DESCRIPTION,
	KEY_PACKAGE,
	KEY_PROGRAM,
	KEY_ARGUMENTS,
	KEY_ACCESS,
	KEY_SOURCE,
	KEY_PREPARE,
	KEY_PREPARE_STATUS,
	KEY_OPTIONS,
	KEY_OPTIONS_RO,
	KEY_OPTIONS_RW,
	KEY_DEFAULT,
	KEY_ACCEPT,
	KEY_TRANSLATE,
	KEY_IGNORE,
	KEY_PERMISSIONS,
	N_KEYS
};

struct parser {
	struct preset *p;
	struct preset_error *e;
	unsigned int line;
	unsigned int seen[N_KEYS]; /* in which line, or 0 */
};

/* A key's name, whether it may be there again, and what understands its value. */
struct key_info {
	const char *name;
	bool repeats;
	int (*parse)(struct parser *ps, const char *key, char *value);
};

/* Says what is wrong in the line that is read. */
__attribute__((format(printf, 2, 3))) static int bad(struct parser *ps, const char *format, ...)
{
	va_list ap;

	*ps->e = (struct preset_error){ .line = ps->line };
	va_start(ap, format);
	(void)vsnprintf(ps->e->text, sizeof(ps->e->text), format, ap);
	va_end(ap);
	return -EINVAL;
}

static int no_memory(struct parser *ps)
{
	return preset_error_set(ps->e, ENOMEM, "%s", strerror(ENOMEM));
}

static int add_word(struct parser *ps, struct preset_words *words, const char *word)
{
	return words_add(words, word) ? no_memory(ps) : 0;
}

static int parse_description(struct parser *ps, const char *key, char *value)
{
	ps->p->description = value;
	return 0;
}

static int parse_package(struct parser *ps, const char *key, char *value)
{
	if (value[strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789+-.")] != '\0')
		return bad(ps, "%s: \"%s\" is no name of a package", key, value);
	ps->p->package = value;
	return 0;
}

static int parse_program(struct parser *ps, const char *key, char *value)
{
	if (strpbrk(value, WORD_BLANKS) || !is_program(value))
		return bad(ps, "%s: \"%s\" is not an absolute path", key, value);
	return add_word(ps, &ps->p->programs, value);
}

static int parse_command(struct parser *ps, const char *key, char *value,
			 struct preset_words *words)
{
	const char *const placeholders[] = { WORD_SOURCE, WORD_MOUNTPOINT,
					     words == &ps->p->arguments ? NULL : WORD_PROGRESS,
					     NULL };
	const char *word;
	int rc = 0;

	while (!rc && (word = next_word(&value))) {
		bool is_options = strcmp(word, WORD_OPTIONS) == 0;

		if (is_options && has_word(words, WORD_OPTIONS))
			return bad(ps, "%s: " WORD_OPTIONS " is there twice", key);
		if (!is_options && strstr(word, WORD_OPTIONS))
			return bad(ps, "%s: \"%s\": " WORD_OPTIONS " must be a word of its own",
				   key, word);
		if (!is_options && !has_only(word, placeholders))
			return bad(ps, "%s: \"%s\": unknown placeholder", key, word);
		rc = add_word(ps, words, word);
	}
	return rc;
}

static int parse_arguments(struct parser *ps, const char *key, char *value)
{
	return parse_command(ps, key, value, &ps->p->arguments);
}

static int parse_prepare(struct parser *ps, const char *key, char *value)
{
	struct preset *p = ps->p;
	struct preset_words *grown = realloc(p->prepare, (p->n_prepare + 1) * sizeof(*grown)),
			    *step;
	int rc;

	if (!grown)
		return no_memory(ps);
	p->prepare = grown;
	step = &p->prepare[p->n_prepare++];
	*step = (struct preset_words){ 0 };
	rc = parse_command(ps, key, value, step);
	if (!rc && !is_program(step->word[0]))
		return bad(ps, "%s: \"%s\" is not an absolute path", key, step->word[0]);
	return rc;
}

static int parse_prepare_status(struct parser *ps, const char *key, char *value)
{
	const char *word;

	while ((word = next_word(&value))) {
		size_t len = strspn(word, "0123456789");
		unsigned long status = strtoul(word, NULL, 10);

		if (len == 0 || len > 3 || word[len] != '\0' || status > UINT8_MAX)
			return bad(ps, "%s: \"%s\" is no exit status from 0 to 255", key, word);
		ps->p->prepare_ok[status] = true;
	}
	return 0;
}

static int parse_switch(struct parser *ps, const char *key, const char *value, const char *off,
			const char *on, bool *flag)
{
	*flag = strcmp(value, on) == 0;
	if (!*flag && strcmp(value, off) != 0)
		return bad(ps, "%s: \"%s\" is neither %s nor %s", key, value, off, on);
	return 0;
}

static int parse_access(struct parser *ps, const char *key, char *value)
{
	return parse_switch(ps, key, value, "read-only", "read-write", &ps->p->is_read_write);
}

static int parse_source(struct parser *ps, const char *key, char *value)
{
	return parse_switch(ps, key, value, "file", "text", &ps->p->has_text_source);
}

static int parse_permissions(struct parser *ps, const char *key, char *value)
{
	return parse_switch(ps, key, value, "kernel", "server", &ps->p->has_own_permissions);
}

static int parse_words(struct parser *ps, const char *key, char *value, struct preset_words *words)
{
	static const char *const placeholders[] = { WORD_UID, WORD_GID, NULL };
	const char *word;
	int rc = 0;

	while (!rc && (word = next_word(&value))) {
		if (!has_only(word, placeholders))
			return bad(ps, "%s: \"%s\": unknown placeholder", key, word);
		if (!is_list_member(word))
			return bad(ps, "%s: \"%s\" is not one option", key, word);
		rc = add_word(ps, words, word);
	}
	return rc;
}

/* WORD [NAME...] */
static int parse_default(struct parser *ps, const char *key, char *value)
{
	struct preset *p = ps->p;
	struct preset_words *grown = realloc(p->defaults, (p->n_defaults + 1) * sizeof(*grown)),
			    *words;
	char *names = value, *word = next_word(&names);
	int rc;

	if (!grown)
		return no_memory(ps);
	p->defaults = grown;
	words = &p->defaults[p->n_defaults++];
	*words = (struct preset_words){ 0 };
	rc = parse_words(ps, key, word, words);
	while (!rc && (word = next_word(&names)))
		rc = is_option_name(word)
			     ? add_word(ps, words, word)
			     : bad(ps, "%s: \"%s\" is no name of an option", key, word);
	return rc;
}

static int parse_options(struct parser *ps, const char *key, char *value)
{
	return parse_words(ps, key, value, &ps->p->options);
}

static int parse_options_ro(struct parser *ps, const char *key, char *value)
{
	return parse_words(ps, key, value, &ps->p->options_ro);
}

static int parse_options_rw(struct parser *ps, const char *key, char *value)
{
	return parse_words(ps, key, value, &ps->p->options_rw);
}

static int add_rule(struct parser *ps, const char *key, char *text, enum rule_action action,
		    const char *word)
{
	struct preset *p = ps->p;
	struct rule rule, *grown;
	const char *trouble = rule_parse(text, &rule);

	if (trouble)
		return bad(ps, "%s: \"%s\": %s", key, text, trouble);
	for (size_t i = 0; i < p->n_rules; i++)
		if (rules_overlap(&rule, &p->rules[i]))
			return bad(ps, "%s: there is a rule for \"%s\" already", key, rule.name);
	if (p->n_rules == PRESET_MAX_RULES)
		return bad(ps, "%s: more than %d rules", key, PRESET_MAX_RULES);
	if (word && rule.type == RULE_FLAG && strstr(word, WORD_VALUE))
		return bad(ps, "%s: \"%s\" has no value for {}", key, rule.name);
	rule.action = action;
	rule.word = word;
	grown = realloc(p->rules, (p->n_rules + 1) * sizeof(*grown));
	if (!grown)
		return no_memory(ps);
	p->rules = grown;
	p->rules[p->n_rules++] = rule;
	return 0;
}

static int parse_rules(struct parser *ps, const char *key, char *value, enum rule_action action)
{
	char *word;
	int rc = 0;

	while (!rc && (word = next_word(&value)))
		rc = add_rule(ps, key, word, action, NULL);
	return rc;
}

static int parse_accept(struct parser *ps, const char *key, char *value)
{
	return parse_rules(ps, key, value, RULE_ACCEPT);
}

static int parse_ignore(struct parser *ps, const char *key, char *value)
{
	return parse_rules(ps, key, value, RULE_IGNORE);
}

static int parse_translate(struct parser *ps, const char *key, char *value)
{
	static const char *const placeholders[] = { WORD_VALUE, NULL };
	char *rule = next_word(&value), *word = next_word(&value);

	if (!rule || !word || next_word(&value))
		return bad(ps, "%s: it takes a rule and one word", key);
	if (!has_only(word, placeholders))
		return bad(ps, "%s: \"%s\": unknown placeholder", key, word);
	if (!is_list_member(word))
		return bad(ps, "%s: \"%s\" is not one option", key, word);
	return add_rule(ps, key, rule, RULE_TRANSLATE, word);
}

static const struct key_info keys[N_KEYS] = {
	[KEY_DESCRIPTION] = { "description", false, parse_description },
	[KEY_PACKAGE] = { "package", false, parse_package },
	[KEY_PROGRAM] = { "program", true, parse_program },
	[KEY_ARGUMENTS] = { "arguments", false, parse_arguments },
	[KEY_ACCESS] = { "access", false, parse_access },
	[KEY_SOURCE] = { "source", false, parse_source },
	[KEY_PREPARE] = { "prepare", true, parse_prepare },
	[KEY_PREPARE_STATUS] = { "prepare-status", false, parse_prepare_status },
	[KEY_OPTIONS] = { "options", false, parse_options },
	[KEY_OPTIONS_RO] = { "options-ro", false, parse_options_ro },
	[KEY_OPTIONS_RW] = { "options-rw", false, parse_options_rw },
	[KEY_DEFAULT] = { "default", true, parse_default },
	[KEY_ACCEPT] = { "accept", true, parse_accept },
	[KEY_TRANSLATE] = { "translate", true, parse_translate },
	[KEY_IGNORE] = { "ignore", true, parse_ignore },
	[KEY_PERMISSIONS] = { "permissions", false, parse_permissions },
};

static int parse_assignment(struct parser *ps, char *line)
{
	char *value = strchr(line, '='), *name;

	if (!value)
		return bad(ps, "\"%s\": no \"=\"", line);
	*value++ = '\0';
	value = strip_blanks(value);
	name = strip_blanks(line);
	for (size_t i = 0; i < N_KEYS; i++) {
		if (strcmp(keys[i].name, name) != 0)
			continue;
		if (ps->seen[i] && !keys[i].repeats)
			return bad(ps, "%s: it is in line %u already", name, ps->seen[i]);
		if (*value == '\0')
			return bad(ps, "%s: it has no value", name);
		ps->seen[i] = ps->line;
		return keys[i].parse(ps, keys[i].name, value);
	}
	return bad(ps, "unknown key \"%s\"", name);
}

static int parse_line(struct parser *ps, char *line, size_t len)
{
	if (len > PRESET_MAX_LINE)
		return bad(ps, "longer than %d bytes", PRESET_MAX_LINE);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return bad(ps, "control character 0x%02x", c);
	}
	line[len] = '\0';
	cut_comment(line);
	line = strip_blanks(line);
	return *line ? parse_assignment(ps, line) : 0;
}

static bool passes_options_on(const struct preset *p)
{
	for (size_t i = 0; i < p->n_rules; i++)
		if (p->rules[i].action != RULE_IGNORE)
			return true;
	return p->options.n || p->options_ro.n || p->options_rw.n || p->n_defaults;
}

/* A text is an argument as a whole: it must not add to an option. */
static int check_text_source(struct parser *ps, const struct preset_words *words, const char *key)
{
	for (size_t i = 0; i < words->n; i++)
		if (strstr(words->word[i], WORD_SOURCE) && strcmp(words->word[i], WORD_SOURCE) != 0)
			return bad(ps,
				   "%s: \"%s\": " WORD_SOURCE
				   " must be a word of its own with source = text",
				   key, words->word[i]);
	return 0;
}

static int check_commands(struct parser *ps)
{
	const struct preset *p = ps->p;
	int rc = 0;

	ps->line = ps->seen[KEY_ARGUMENTS];
	if (passes_options_on(p) && !has_word(&p->arguments, WORD_OPTIONS))
		return bad(ps, "arguments: " WORD_OPTIONS " is missing");
	if (!p->has_text_source)
		return 0;
	rc = check_text_source(ps, &p->arguments, "arguments");
	ps->line = ps->seen[KEY_PREPARE];
	for (size_t i = 0; !rc && i < p->n_prepare; i++)
		rc = check_text_source(ps, &p->prepare[i], "prepare");
	return rc;
}

/* What is missing, and what would have no effect. */
static int check_whole(struct parser *ps)
{
	static const enum key required[] = { KEY_DESCRIPTION, KEY_PROGRAM, KEY_ARGUMENTS };
	static const enum key for_writing[] = { KEY_PREPARE, KEY_PREPARE_STATUS, KEY_OPTIONS_RW };

	for (size_t i = 0; i < ARRAY_SIZE(required); i++) {
		ps->line = 0;
		if (!ps->seen[required[i]])
			return bad(ps, "%s is missing", keys[required[i]].name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(for_writing); i++) {
		ps->line = ps->seen[for_writing[i]];
		if (ps->line && !ps->p->is_read_write)
			return bad(ps, "%s: it needs access = read-write",
				   keys[for_writing[i]].name);
	}
	ps->line = ps->seen[KEY_PREPARE_STATUS];
	if (ps->line && !ps->seen[KEY_PREPARE])
		return bad(ps, "prepare-status: it needs prepare");
	if (!ps->line)
		ps->p->prepare_ok[0] = true;
	return check_commands(ps);
}

int preset_parse(const char *text, size_t len, struct preset *p, struct preset_error *e)
{
	struct parser ps = { .p = p, .e = e };
	char *line, *end;
	int rc = 0;

	*p = (struct preset){ 0 };
	if (len > PRESET_MAX_SIZE)
		return preset_error_set(e, EINVAL, "larger than %d bytes", PRESET_MAX_SIZE);
	p->text = malloc(len + 1);
	if (!p->text)
		return no_memory(&ps);
	memcpy(p->text, text, len);
	p->text[len] = '\n';
	for (line = p->text; !rc && line <= p->text + len; line = end + 1) {
		end = memchr(line, '\n', (size_t)(p->text + len + 1 - line));
		ps.line++;
		rc = parse_line(&ps, line, (size_t)(end - line));
	}
	if (!rc)
		rc = check_whole(&ps);
	if (rc)
		preset_free(p);
	return rc;
}

void preset_free(struct preset *p)
{
	for (size_t i = 0; i < p->n_prepare; i++)
		free(p->prepare[i].word);
	free(p->prepare);
	for (size_t i = 0; i < p->n_defaults; i++)
		free(p->defaults[i].word);
	free(p->defaults);
	free(p->programs.word);
	free(p->arguments.word);
	free(p->options.word);
	free(p->options_ro.word);
	free(p->options_rw.word);
	free(p->rules);
	free(p->text);
	*p = (struct preset){ 0 };
}
