/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command lines of servers, see server-args.h. Must never pass anything on that no rule of the
 * preset speaks of, nor a source that a server could take for an option.
 */
#include "server-args.h"

#include <stdio.h>
#include <string.h>

#define SHOWN 100 /* bytes of an option that an error shows */

/* What is put together from pieces. Without memory, it only counts. */
struct text {
	char *buf;
	size_t len;
};

static void put(struct text *t, const char *s, size_t len)
{
	if (t->buf)
		memcpy(t->buf + t->len, s, len);
	t->len += len;
}

static void put_string(struct text *t, const char *s)
{
	put(t, s, strlen(s));
}

struct placeholder {
	const char *name;
	const char *value;
};

/* A word of the preset's. What its placeholders stand for is not looked at again. */
static void put_word(struct text *t, const char *word, const struct placeholder *known, size_t n)
{
	while (*word) {
		size_t len = 0;

		for (size_t i = 0; i < n && !len; i++) {
			if (strncmp(word, known[i].name, strlen(known[i].name)) != 0)
				continue;
			put_string(t, known[i].value);
			len = strlen(known[i].name);
		}
		if (!len)
			put(t, word, len = 1);
		word += len;
	}
}

/* An option of the caller's. */
struct option {
	char *name;
	const char *value; /* or NULL */
};

struct digest {
	const struct preset *p;
	const char *service;
	struct text said, list; /* see struct server_options */
	struct server_options *o;
	struct preset_error *e;
};

static int refuse(struct digest *d, const struct option *o, const char *trouble)
{
	return preset_error_set(d->e, EINVAL, "option %.*s%s%.*s: %s", SHOWN, o->name,
				o->value ? "=" : "", SHOWN, o->value ? o->value : "", trouble);
}

static int refuse_unknown(struct digest *d, const struct option *o)
{
	return preset_error_set(d->e, EINVAL, "option \"%.*s\" is not known to the service \"%s\"",
				SHOWN, o->name, d->service);
}

/*
 * The rule for an option as it was said. Without one, *trouble is what is wrong with the option, or
 * NULL if no rule has its name.
 */
static const struct rule *find_rule(const struct preset *p, const struct option *o,
				    const char **trouble, char *buf, size_t size)
{
	*trouble = NULL;
	*buf = '\0';
	for (size_t i = 0; i < p->n_rules; i++) {
		const struct rule *r = &p->rules[i];
		const char *why;

		if (strcmp(r->name, o->name) != 0)
			continue;
		if ((r->type != RULE_FLAG) != !!o->value) {
			if (!*trouble)
				*trouble = o->value ? "takes no value" : "needs a value";
			continue;
		}
		why = o->value ? rule_check_value(r, o->value, buf, size) : NULL;
		if (!why)
			return r;
		*trouble = why;
	}
	return NULL;
}

static void put_option(struct text *t, const struct rule *r, const struct option *o)
{
	if (r->action == RULE_TRANSLATE) {
		const struct placeholder known = { WORD_VALUE, o->value ? o->value : "" };

		put_word(t, r->word, &known, 1);
		return;
	}
	put_string(t, o->name);
	if (o->value) {
		put_string(t, "=");
		put_string(t, o->value);
	}
}

static int pass_on(struct digest *d, const struct rule *r, const struct option *o)
{
	struct text size = { 0 };

	put_option(&size, r, o);
	if (d->list.len + 1 + size.len >= SERVER_MAX_OPTIONS)
		return refuse(d, o, "too much, together with those before");
	if (d->list.len)
		put_string(&d->list, ",");
	put_option(&d->list, r, o);
	if (r->type == RULE_PATH && words_add(&d->o->paths, o->value))
		return preset_error_set(d->e, ENOMEM, "%s", strerror(ENOMEM));
	return 0;
}

static void note_mount_flag(struct server_options *o, const char *name)
{
	if (strcmp(name, "ro") == 0 || strcmp(name, "rw") == 0)
		o->is_read_only = name[1] == 'o';
	else if (strcmp(name, "allow_other") == 0)
		o->allow_other = true;
	else if (strcmp(name, "default_permissions") == 0)
		o->default_permissions = true;
}

static int digest_option(struct digest *d, const struct option *o)
{
	char buf[PRESET_MAX_LINE + 16];
	const struct rule *r;
	const char *trouble;

	if (is_mount_flag(o->name)) {
		if (o->value)
			return refuse(d, o, "takes no value");
		note_mount_flag(d->o, o->name);
		return 0;
	}
	r = find_rule(d->p, o, &trouble, buf, sizeof(buf));
	if (!r)
		return trouble ? refuse(d, o, trouble) : refuse_unknown(d, o);
	put_string(&d->said, o->name);
	put_string(&d->said, ",");
	return r->action == RULE_IGNORE ? 0 : pass_on(d, r, o);
}

/*
 * Cuts the next option off. A backslash stays where it is, with what it escapes: no rule allows
 * either of them.
 */
static bool next_option(char **rest, struct option *o)
{
	char *end = *rest, *equals;

	if (*end == '\0')
		return false;
	o->name = end;
	while (*end && *end != ',')
		end += *end == '\\' && end[1] ? 2 : 1;
	*rest = *end ? end + 1 : end;
	*end = '\0';
	equals = strchr(o->name, '=');
	o->value = equals ? equals + 1 : NULL;
	if (equals)
		*equals = '\0';
	return true;
}

int server_options_parse(const struct preset *p, const char *service, const char *options,
			 struct server_options *o, struct preset_error *e)
{
	_cleanup_free_ char *said = NULL, *list = NULL;
	struct digest d = { .p = p, .service = service, .o = o, .e = e };
	struct option option;
	char *rest;
	int rc = 0;

	*o = (struct server_options){ 0 };
	if (strlen(options) >= SERVER_MAX_OPTIONS)
		return preset_error_set(e, EINVAL, "the options are too long");
	rest = o->text = strdup(options);
	d.said.buf = said = malloc(strlen(options) + 3);
	d.list.buf = list = malloc(SERVER_MAX_OPTIONS);
	if (!o->text || !said || !list)
		rc = preset_error_set(e, ENOMEM, "%s", strerror(ENOMEM));
	if (!rc)
		put_string(&d.said, ",");
	while (!rc && next_option(&rest, &option))
		if (*option.name || option.value) /* nothing between two commas */
			rc = digest_option(&d, &option);
	if (rc) {
		server_options_free(o);
		return rc;
	}
	said[d.said.len] = list[d.list.len] = '\0';
	o->said = steal_pointer(&said);
	o->list = steal_pointer(&list);
	return 0;
}

void server_options_free(struct server_options *o)
{
	free(o->paths.word);
	free(o->text);
	free(o->said);
	free(o->list);
	*o = (struct server_options){ 0 };
}

int server_source_check(const struct preset *p, const char *source, struct preset_error *e)
{
	const char *trouble = NULL;

	if (!p->has_text_source)
		return 0;
	if (*source == '\0')
		trouble = "it is empty";
	else if (*source == '-')
		trouble = "it begins with \"-\"";
	else if (strlen(source) >= SERVER_MAX_SOURCE)
		trouble = "it is too long";
	else if (has_control_character(source))
		trouble = "it has a control character";
	return trouble ? preset_error_set(e, EINVAL, "source \"%.*s\": %s", SHOWN, source, trouble)
		       : 0;
}

/* A command line that is put together. Without memory, it only counts. */
struct command {
	struct text text;
	char **argv;
	size_t argc;
};

static void begin_argument(struct command *c)
{
	if (c->argv)
		c->argv[c->argc] = c->text.buf + c->text.len;
	c->argc++;
}

static void end_argument(struct command *c)
{
	put(&c->text, "", 1);
}

static void put_argument(struct command *c, const char *word)
{
	begin_argument(c);
	put_string(&c->text, word);
	end_argument(c);
}

/* A list of options that is put together. */
struct list {
	struct text *text;
	size_t start;
	const struct placeholder *known;
	size_t n_known;
};

static void put_member(struct list *l, const char *word)
{
	if (l->text->len > l->start)
		put_string(l->text, ",");
	put_word(l->text, word, l->known, l->n_known);
}

/* Did the caller say one of these? The first is an option, which may have a value. */
static bool was_said(const struct server_options *o, const struct preset_words *words)
{
	char name[PRESET_MAX_LINE + 3];

	for (size_t i = 0; i < words->n; i++) {
		const char *word = words->word[i];

		(void)snprintf(name, sizeof(name), ",%.*s,", (int)strcspn(word, "="), word);
		if (strstr(o->said, name))
			return true;
	}
	return false;
}

/* The caller's options come last, so that they count where they contradict the preset's. */
static void put_list(struct list *l, const struct preset *p, const struct server_values *v)
{
	const struct preset_words *parts[] = { &p->options,
					       v->is_read_only ? &p->options_ro : &p->options_rw };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		for (size_t j = 0; j < parts[i]->n; j++)
			put_member(l, parts[i]->word[j]);
	for (size_t i = 0; i < p->n_defaults; i++)
		if (!was_said(v->options, &p->defaults[i]))
			put_member(l, p->defaults[i].word[0]);
	l->n_known = 0;
	if (*v->options->list)
		put_member(l, v->options->list);
}

static void put_options(struct command *c, const struct preset *p, const struct server_values *v)
{
	char uid[16], gid[16];
	const struct placeholder known[] = { { WORD_UID, uid }, { WORD_GID, gid } };
	struct text size = { 0 };
	struct list counted = { .text = &size, .known = known, .n_known = ARRAY_SIZE(known) };
	struct list list = { .text = &c->text, .known = known, .n_known = ARRAY_SIZE(known) };

	(void)snprintf(uid, sizeof(uid), "%u", v->uid);
	(void)snprintf(gid, sizeof(gid), "%u", v->gid);
	put_list(&counted, p, v);
	if (size.len == 0)
		return;
	put_argument(c, "-o");
	begin_argument(c);
	list.start = c->text.len;
	put_list(&list, p, v);
	end_argument(c);
}

static void put_command(struct command *c, const struct preset *p, const char *program,
			const struct preset_words *words, const struct server_values *v)
{
	char progress[16];
	const struct placeholder known[] = { { WORD_SOURCE, v->source },
					     { WORD_MOUNTPOINT, v->mountpoint },
					     { WORD_PROGRESS, progress } };

	(void)snprintf(progress, sizeof(progress), "%d", v->progress_fd);
	if (program)
		put_argument(c, program);
	for (size_t i = 0; i < words->n; i++) {
		if (strcmp(words->word[i], WORD_OPTIONS) == 0) {
			put_options(c, p, v);
			continue;
		}
		begin_argument(c);
		put_word(&c->text, words->word[i], known, ARRAY_SIZE(known));
		end_argument(c);
	}
}

static int make_argv(const struct preset *p, const char *program, const struct preset_words *words,
		     const struct server_values *v, char ***argv, struct preset_error *e)
{
	struct command size = { 0 }, c = { 0 };
	int rc = server_source_check(p, v->source, e);

	if (rc)
		return rc;
	put_command(&size, p, program, words, v);
	c.argv = malloc((size.argc + 1) * sizeof(*c.argv) + size.text.len);
	if (!c.argv)
		return preset_error_set(e, ENOMEM, "%s", strerror(ENOMEM));
	c.text.buf = (char *)(c.argv + size.argc + 1);
	put_command(&c, p, program, words, v);
	c.argv[c.argc] = NULL;
	*argv = c.argv;
	return 0;
}

int server_argv(const struct preset *p, const char *program, const struct server_values *v,
		char ***argv, struct preset_error *e)
{
	return make_argv(p, program, &p->arguments, v, argv, e);
}

int server_prepare_argv(const struct preset *p, size_t step, const struct server_values *v,
			char ***argv, struct preset_error *e)
{
	return make_argv(p, NULL, &p->prepare[step], v, argv, e);
}
