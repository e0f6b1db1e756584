/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A preset, and after a NUL the options of a caller. What is no preset is an error of a line in it;
 * what the server gets of the options is never more than the rules say.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "server-args.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_error(int rc, const struct preset_error *e)
{
	char line[PRESET_ERROR_SIZE];

	check(rc == -EINVAL && *e->text && !*e->file);
	check(strlen(preset_error_text(e, line, sizeof(line))) >= strlen(e->text));
}

static size_t count(const char *s, char c)
{
	size_t n = 0;

	for (; *s; s++)
		n += *s == c;
	return n;
}

/* Each member of the list is one of a rule, and there are no more than the caller said. */
static void check_list(const struct preset *p, const char *options, const char *list)
{
	check(strlen(list) < SERVER_MAX_OPTIONS && !strchr(list, '\\'));
	check(count(list, ',') <= count(options, ','));
	check(!*list || (*list != ',' && list[strlen(list) - 1] != ',' && !strstr(list, ",,")));
	for (size_t i = 0; i < strlen(list); i++)
		check((unsigned char)list[i] >= ' ' && list[i] != 0x7f);
	check(!*list || has_word(&p->arguments, WORD_OPTIONS));
}

static bool has_list(const struct preset *p, const struct server_values *v)
{
	return *v->options->list || p->options.n ||
	       (v->is_read_only ? p->options_ro.n : p->options_rw.n);
}

/* Word by word; without placeholders it is the preset's. Whether defaults count is not known here.
 */
static void check_argv(const struct preset *p, char **arg, const struct preset_words *words,
		       const struct server_values *v)
{
	for (size_t i = 0; i < words->n && !p->n_defaults; i++) {
		const char *word = words->word[i];

		if (strcmp(word, WORD_OPTIONS) != 0) {
			check(*arg && (strchr(word, '{') || strcmp(*arg, word) == 0));
			arg++;
		} else if (has_list(p, v)) {
			check(*arg && strcmp(*arg++, "-o") == 0 && *arg && **arg);
			check(strlen(*arg++) >= strlen(v->options->list));
		}
	}
	check(!*arg || p->n_defaults);
}

static void make_commands(const struct preset *p, const struct server_options *o, bool is_read_only)
{
	const struct server_values v = { .options = o,
					 .source = "/source",
					 .mountpoint = "{options}",
					 .is_read_only = is_read_only };
	struct preset_error e;

	for (size_t i = 0; i <= p->n_prepare; i++) {
		_cleanup_free_ char **argv = NULL;
		bool is_server = i == p->n_prepare;

		check((is_server ? server_argv(p, "/bin/x", &v, &argv, &e)
				 : server_prepare_argv(p, i, &v, &argv, &e)) == 0);
		check_argv(p, argv + is_server, is_server ? &p->arguments : &p->prepare[i], &v);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
	size_t len = nul ? (size_t)(nul - data) : size;
	_cleanup_free_ char *options =
		nul ? strndup((const char *)nul + 1, size - len - 1) : strdup("");
	_cleanup_server_options_ struct server_options o = { 0 };
	_cleanup_preset_ struct preset p = { 0 };
	struct preset_error e;
	int rc;

	if (!options)
		return 0;
	rc = preset_parse((const char *)data, len, &p, &e);
	if (rc) {
		check_error(rc, &e);
		return 0;
	}
	check(p.description && p.programs.n && p.arguments.n && p.n_rules <= PRESET_MAX_RULES);
	rc = server_options_parse(&p, "x", options, &o, &e);
	if (rc) {
		check_error(rc, &e);
		check(e.line == 0 && !o.list);
		return 0;
	}
	check_list(&p, options, o.list);
	make_commands(&p, &o, o.is_read_only);
	return 0;
}
