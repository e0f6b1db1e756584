/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See x-options.h. Must take nothing else from there than options that only utab is to hold.
 */
#include "x-options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "module.h"

#define FIXED_IN 2390 /* mount(8) adds to the helper's line itself */

/* Options of mount(8). Of the long ones, those that a word may be meant to be. */
#define SHORT_OPTIONS "aBcfFhilL:m::Mno:O:rRsU:vVwt:T:N:"

enum { OPT_TARGET = 256, OPT_PREFIX, OPT_SOURCE, OPT_MODE, OPT_FROM, OPT_FORCE };

static const struct option long_options[] = {
	{ "all", no_argument, NULL, 'a' },
	{ "fake", no_argument, NULL, 'f' },
	{ "fstab", required_argument, NULL, 'T' },
	{ "fork", no_argument, NULL, 'F' },
	{ "no-mtab", no_argument, NULL, 'n' },
	{ "read-only", no_argument, NULL, 'r' },
	{ "ro", no_argument, NULL, 'r' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "read-write", no_argument, NULL, 'w' },
	{ "rw", no_argument, NULL, 'w' },
	{ "options", required_argument, NULL, 'o' },
	{ "test-opts", required_argument, NULL, 'O' },
	{ "types", required_argument, NULL, 't' },
	{ "uuid", required_argument, NULL, 'U' },
	{ "label", required_argument, NULL, 'L' },
	{ "mkdir", optional_argument, NULL, 'm' },
	{ "no-canonicalize", no_argument, NULL, 'c' },
	{ "target", required_argument, NULL, OPT_TARGET },
	{ "target-prefix", required_argument, NULL, OPT_PREFIX },
	{ "source", required_argument, NULL, OPT_SOURCE },
	{ "options-mode", required_argument, NULL, OPT_MODE },
	{ "options-source", required_argument, NULL, OPT_FROM },
	{ "options-source-force", no_argument, NULL, OPT_FORCE },
	{ "namespace", required_argument, NULL, 'N' },
	{ NULL, 0, NULL, 0 },
};

/* The command line of mount(8), as far as it matters here. */
struct command {
	char *text;	    /* its words, each with its terminator */
	char **words;	    /* with a NULL at the end */
	const char **lists; /* of options, with a NULL at the end */
	const char *prefix; /* of the targets in fstab */
	int n_words, n_lists;
	int n_names; /* of source and target, how many are named: with both, fstab is not read */
	bool ignores_fstab, forces_fstab;
};

static void free_command(struct command *c)
{
	free(c->text);
	free(c->words);
	free(c->lists);
}

/* Is this very option among them? One that fstab and the command line have is to be there once. */
static bool has_option(const char *all, const char *option, size_t len)
{
	char *pos, *name, *value;
	size_t name_len, value_len;

	memcpy(&pos, &all, sizeof(pos)); /* libmount only reads it */
	while (pos && mnt_optstr_next_option(&pos, &name, &name_len, &value, &value_len) == 0) {
		if (value)
			name_len = (size_t)(value - name) + value_len;
		if (name_len == len && memcmp(name, option, len) == 0)
			return true;
	}
	return false;
}

static int add_from(struct libmnt_context *cxt, const char *optstr)
{
	char *pos, *name, *value;
	size_t name_len, value_len;
	int rc = 0;

	if (!optstr || !svc_is_option_list(optstr))
		return 0;		    /* mount(8) has told, or is about to */
	memcpy(&pos, &optstr, sizeof(pos)); /* libmount only reads it */
	while (!rc && mnt_optstr_next_option(&pos, &name, &name_len, &value, &value_len) == 0) {
		size_t len = value ? (size_t)(value - name) + value_len : name_len;
		_cleanup_free_ char *text = NULL;

		if (name_len < 2 || strncmp(name, "x-", 2) != 0 ||
		    has_option(mnt_context_get_options(cxt), name, len))
			continue;
		text = strndup(name, len);
		rc = text ? mnt_context_append_options(cxt, text) : -ENOMEM;
	}
	return rc;
}

/* What mount(8) puts before the targets of fstab. */
static const char *without_prefix(const char *target, const char *prefix)
{
	size_t len = prefix ? strlen(prefix) : 0;

	while (len && prefix[len - 1] == '/')
		len--;
	return strncmp(target, prefix ? prefix : "", len) == 0 && target[len] == '/' ? target + len
										     : target;
}

static int add_from_fstab(struct libmnt_context *cxt, const struct command *c, const char *source,
			  const char *target)
{
	struct libmnt_table *fstab;
	struct libmnt_fs *fs;

	if (c->ignores_fstab || (c->n_names > 1 && !c->forces_fstab) ||
	    mnt_context_get_fstab(cxt, &fstab) != 0)
		return 0;
	target = without_prefix(target, c->prefix);
	fs = mnt_table_find_pair(fstab, source, target, MNT_ITER_FORWARD);
	if (!fs && strncmp(source, "/dev/loop", 9) == 0) /* mount(8) made it of a file */
		fs = mnt_table_find_target(fstab, target, MNT_ITER_FORWARD);
	return fs ? add_from(cxt, mnt_fs_get_user_options(fs)) : 0;
}

/* The words of the parent's command line. */
static int read_command_line(struct command *c)
{
	char path[32], *word;
	_cleanup_fd_ int fd = -1;
	size_t size = 0;
	ssize_t n;

	c->text = malloc(SVC_OPTIONS_MAX + 1);
	if (!c->text)
		return -ENOMEM;
	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)getppid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && size < SVC_OPTIONS_MAX &&
	       (n = read(fd, c->text + size, SVC_OPTIONS_MAX - size)) > 0)
		size += (size_t)n;
	c->text[size] = '\0';
	for (word = c->text; word < c->text + size; word += strlen(word) + 1)
		c->n_words++;
	c->words = calloc((size_t)c->n_words + 1, sizeof(*c->words));
	c->lists = calloc((size_t)c->n_words + 1, sizeof(*c->lists));
	if (!c->words || !c->lists)
		return -ENOMEM;
	word = c->text;
	for (int i = 0; i < c->n_words; i++, word += strlen(word) + 1)
		c->words[i] = word;
	return 0;
}

static bool is_mount8(const struct command *c)
{
	const char *slash = c->n_words ? strrchr(c->words[0], '/') : NULL;

	return c->n_words && strcmp(slash ? slash + 1 : c->words[0], "mount") == 0;
}

/* Other tables than /etc/fstab, one after another. */
static int add_table(struct libmnt_context *cxt, struct libmnt_table **fstab, const char *path)
{
	if (!*fstab) {
		*fstab = mnt_new_table();
		if (!*fstab || mnt_table_set_cache(*fstab, mnt_context_get_cache(cxt)) != 0)
			return -ENOMEM;
	}
	(void)mnt_table_parse_fstab(*fstab, path); /* mount(8) has told */
	return 0;
}

static int parse_option(struct command *c, int option, struct libmnt_context *cxt,
			struct libmnt_table **fstab)
{
	switch (option) {
	case 'o':
		c->lists[c->n_lists++] = optarg;
		return 0;
	case 'T':
		return add_table(cxt, fstab, optarg);
	case 'L':
	case 'U':
	case OPT_SOURCE:
	case OPT_TARGET:
		c->n_names++;
		return 0;
	case OPT_PREFIX:
		c->prefix = optarg;
		return 0;
	case OPT_MODE:
		c->ignores_fstab |= strcmp(optarg, "ignore") == 0;
		return 0;
	case OPT_FROM:
		c->ignores_fstab |= strcmp(optarg, "disable") == 0;
		return 0;
	case OPT_FORCE:
		c->forces_fstab = true;
		return 0;
	default:
		return 0;
	}
}

/* As mount(8) did it. What it does not know it has refused. */
static int parse(struct command *c, struct libmnt_context *cxt)
{
	struct libmnt_table *fstab = NULL;
	int rc = 0, option;

	opterr = 0;
	optind = 0; /* begin anew */
	while (!rc && (option = getopt_long(c->n_words, c->words, SHORT_OPTIONS, long_options,
					    NULL)) != -1)
		rc = parse_option(c, option, cxt, &fstab);
	c->n_names += c->n_words - optind;
	if (!rc && fstab)
		rc = mnt_context_set_fstab(cxt, fstab);
	mnt_unref_table(fstab);
	return rc;
}

int add_x_options(struct libmnt_context *cxt, const char *source, const char *target)
{
	struct command c = { 0 };
	int rc;

	if (mnt_get_library_version(NULL) >= FIXED_IN)
		return 0;
	rc = read_command_line(&c);
	if (!rc && is_mount8(&c))
		rc = parse(&c, cxt);
	if (!rc)
		rc = add_from_fstab(cxt, &c, source, target);
	for (int i = 0; !rc && i < c.n_lists; i++)
		rc = add_from(cxt, c.lists[i]);
	free_command(&c);
	return rc;
}
