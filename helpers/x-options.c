/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See x-options.h. Must take nothing else from there than options that only utab is to hold.
 */
#include "x-options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "module.h"

#define FIXED_IN 2390 /* mount(8) adds to the helper's line itself */

/* Options of mount(8) without and with an argument, as far as they may stand before an "o". */
#define PLAIN	      "acfFilnrsvwBRMT"
#define WITH_ARGUMENT "LNOUt"

static int add_from(struct libmnt_context *cxt, const char *optstr)
{
	char *pos, *name, *value, *text;
	size_t name_len, value_len;
	int rc = 0;

	if (!optstr || !svc_is_option_list(optstr))
		return 0;		    /* mount(8) has told, or is about to */
	memcpy(&pos, &optstr, sizeof(pos)); /* libmount only reads it */
	while (!rc && mnt_optstr_next_option(&pos, &name, &name_len, &value, &value_len) == 0) {
		if (name_len < 2 || strncmp(name, "x-", 2) != 0)
			continue;
		text = strndup(name, value ? (size_t)(value - name) + value_len : name_len);
		rc = text ? mnt_context_append_options(cxt, text) : -ENOMEM;
		free(text);
	}
	return rc;
}

static int add_from_fstab(struct libmnt_context *cxt, const char *source, const char *target)
{
	struct libmnt_table *fstab;
	struct libmnt_fs *fs;

	if (mnt_context_get_fstab(cxt, &fstab) != 0)
		return 0;
	fs = mnt_table_find_pair(fstab, source, target, MNT_ITER_FORWARD);
	return fs ? add_from(cxt, mnt_fs_get_user_options(fs)) : 0;
}

/* The words of the parent's command line, each with its terminator. */
static char *read_command_line(size_t *size)
{
	char path[32], *text = malloc(SVC_OPTIONS_MAX + 1);
	_cleanup_fd_ int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)getppid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	*size = 0;
	while (text && fd >= 0 && *size < SVC_OPTIONS_MAX &&
	       (n = read(fd, text + *size, SVC_OPTIONS_MAX - *size)) > 0)
		*size += (size_t)n;
	if (text)
		text[*size] = '\0';
	return text;
}

static bool is_mount8(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');

	return strcmp(slash ? slash + 1 : argv0, "mount") == 0;
}

/*
 * Is it an option that has a list of options? That is in *list then, or it is the next word, if
 * *list is NULL. *skips says that the next word belongs to another option.
 */
static bool has_list(const char *word, const char **list, bool *skips)
{
	const char *p = word + 1 + strspn(word + 1, PLAIN);

	*list = NULL;
	*skips = false;
	if (strncmp(word, "--options=", 10) == 0) {
		*list = word + 10;
		return true;
	}
	if (strcmp(word, "--options") == 0)
		return true;
	if (word[0] != '-' || word[1] == '-' || !*p)
		return false;
	*skips = strchr(WITH_ARGUMENT, *p) && !p[1];
	if (*p == 'o' && p[1])
		*list = p + 1;
	return *p == 'o';
}

static int add_from_parent(struct libmnt_context *cxt)
{
	size_t size;
	_cleanup_free_ char *text = read_command_line(&size);
	const char *word = text, *list;
	bool skips, wanted = false;
	int rc = text ? 0 : -ENOMEM;

	if (rc || !is_mount8(word))
		return rc;
	for (word += strlen(word) + 1; !rc && word < text + size; word += strlen(word) + 1) {
		if (wanted) {
			rc = add_from(cxt, word);
			wanted = false;
			continue;
		}
		if (has_list(word, &list, &skips)) {
			rc = list ? add_from(cxt, list) : 0;
			wanted = !list;
		}
		if (skips)
			word += strlen(word) + 1;
	}
	return rc;
}

int add_x_options(struct libmnt_context *cxt, const char *source, const char *target)
{
	int rc;

	if (mnt_get_library_version(NULL) >= FIXED_IN)
		return 0;
	rc = add_from_fstab(cxt, source, target);
	return rc ? rc : add_from_parent(cxt);
}
