// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A FUSE server that knows nothing of contained services, and does what a script says:
 *
 *   odd SCRIPT LOG SOURCE MOUNTPOINT
 *
 * It obeys the script line by line, and appends to the log what came of it, one line each: "open
 * /source: EROFS". Without libfuse, so that it can be linked statically and tests decide what it
 * does, and when it dies.
 *
 * A line is a command and its arguments; the last one takes the rest of the line. \xNN is a byte,
 * $SOURCE and $TARGET at the start of an argument are the server's. odd-process.c and odd-files.c
 * end with the tables of all commands.
 *
 * odd --without-sync-init PROGRAM ARGUMENT... runs a program as before Linux 6.18.
 */
#include "odd.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIFETIME 100 /* seconds after which a forgotten one ends by itself */

__attribute__((format(printf, 2, 0))) static void note_line(int fd, const char *fmt, va_list ap)
{
	char text[4096];
	int n = vsnprintf(text, sizeof(text) - 1, fmt, ap);

	if (n < 0)
		return;
	if (n > (int)sizeof(text) - 2)
		n = sizeof(text) - 2;
	text[n++] = '\n';
	/* At once: there are several processes, and each may die. */
	if (write(fd, text, (size_t)n) < 0)
		_exit(EXIT_FAILURE);
}

void note(struct odd *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note_line(o->log_fd, fmt, ap);
	va_end(ap);
}

/* For fuse.c. */
void say(struct peer *p, const char *fmt, ...)
{
	const struct odd *o = (const struct odd *)p;
	va_list ap;

	va_start(ap, fmt);
	note_line(o->log_fd, fmt, ap);
	va_end(ap);
}

const char *errno_name(int err)
{
	const char *name = err ? strerrorname_np(err) : "OK";

	return name ? name : "unknown error";
}

void note_result(struct odd *o, const char *what, int err)
{
	note(o, "%s: %s", what, errno_name(err));
}

/* Replaces \xNN in place. */
static void unescape(char *text)
{
	char *out = text;

	while (*text) {
		if (text[0] == '\\' && text[1] == 'x' && text[2] && text[3]) {
			const char pair[] = { text[2], text[3], '\0' };

			*out++ = (char)strtoul(pair, NULL, 16);
			text += 4;
		} else {
			*out++ = *text++;
		}
	}
	*out = '\0';
}

/* The result is the caller's to free. */
static char *expand(const struct odd *o, const char *word)
{
	char *text = NULL;

	if (strncmp(word, "$SOURCE", 7) == 0)
		return asprintf(&text, "%s%s", o->source, word + 7) < 0 ? NULL : text;
	if (strncmp(word, "$TARGET", 7) == 0)
		return asprintf(&text, "%s%s", o->target, word + 7) < 0 ? NULL : text;
	return strdup(word);
}

/* Cuts off the first word of *rest; the last word that is wanted is all of the rest. */
static char *next_word(char **rest, bool last)
{
	char *word = *rest + strspn(*rest, " ");

	if (last) {
		*rest = word + strlen(word);
		return word;
	}
	*rest = word + strcspn(word, " ");
	if (**rest)
		*(*rest)++ = '\0';
	return word;
}

static const struct odd_command *find_command(const char *name)
{
	for (const struct odd_command *c = odd_commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	for (const struct odd_command *c = odd_fs_commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

bool odd_obey(struct odd *o, char *line)
{
	char *args[MAX_ARGS];
	char *rest = line;
	const char *name = next_word(&rest, false);
	const struct odd_command *c = find_command(name);

	if (!*name)
		return true;
	if (!c) {
		note(o, "%s: no such command", name);
		return false;
	}
	for (int i = 0; i < MAX_ARGS; i++) {
		args[i] = expand(o, next_word(&rest, i == c->n_args - 1));
		if (!args[i])
			return false;
		unescape(args[i]);
	}
	c->run(o, args);
	for (int i = 0; i < MAX_ARGS; i++)
		free(args[i]);
	return true;
}

/* All of it, so that no descriptor is open while it is obeyed. */
static char *read_script(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!f || getdelim(&text, &size, '\0', f) < 0)
		return NULL;
	(void)fclose(f);
	return text;
}

int main(int argc, char **argv)
{
	struct odd o = { .peer = { .sock = -1, .fuse_fd = -1, .root_fmt = S_IFDIR } };
	char *script, *saved;

	if (argc > 2 && strcmp(argv[1], "--without-sync-init") == 0)
		return run_without_sync_init(argv + 2);
	if (argc < 5) {
		(void)fputs("Usage: odd SCRIPT LOG SOURCE MOUNTPOINT\n", stderr);
		return EXIT_FAILURE;
	}
	(void)alarm(LIFETIME);
	o.source = argv[3];
	o.target = argv[4];
	script = read_script(argv[1]);
	o.log_fd = open(argv[2], O_WRONLY | O_APPEND | O_CLOEXEC);
	if (!script || o.log_fd < 0)
		return EXIT_FAILURE;
	note(&o, "start: %d", (int)getpid());
	for (char *line = strtok_r(script, "\n", &saved); line; line = strtok_r(NULL, "\n", &saved))
		if (!odd_obey(&o, line))
			return EXIT_FAILURE;
	free(script);
	return EXIT_SUCCESS;
}
