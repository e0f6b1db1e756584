/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server of the contained-service protocol that does what a script says: peer SCRIPT LOG
 *
 * It takes over descriptor 3, obeys the script line by line, and appends to the log what it got,
 * one line each: "open /img: OK ro reg", "mount 0: EPERM". It ends where the script ends, or when
 * the helper hangs up while it waits for an answer ("mount: EOF"). It believes in nothing that
 * the protocol says about servers: whatever can be sent, it can send.
 *
 * A line is a command and its arguments; the last one takes the rest of the line. "" is empty,
 * \xNN a byte, and $NAME, $SOURCE, $TARGET, $OPTIONS at the start of an argument are what `args`
 * received. commands.c ends with the table of all commands.
 */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"

#define SOCKET_FD 3
#define LIFETIME  600 /* seconds after which a forgotten server ends by itself */

static bool is_hex(const char *s, size_t n)
{
	return strspn(s, "0123456789abcdefABCDEF") >= n;
}

/* Replaces \xNN in place. */
static void unescape(char *text)
{
	char *out = text;

	while (*text) {
		if (text[0] == '\\' && text[1] == 'x' && is_hex(text + 2, 2)) {
			char pair[] = { text[2], text[3], '\0' };

			*out++ = (char)strtoul(pair, NULL, 16);
			text += 4;
		} else {
			*out++ = *text++;
		}
	}
	*out = '\0';
}

/* Replaces a variable at the start of a word; the result is the caller's to free. */
static char *expand(const struct peer *p, const char *word)
{
	static const struct {
		const char *name;
		int index;
	} variables[] = { { "$NAME", 0 }, { "$SOURCE", 1 }, { "$TARGET", 2 }, { "$OPTIONS", 4 } };
	char *text = NULL;

	if (strcmp(word, "\"\"") == 0)
		return strdup("");
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		size_t len = strlen(variables[i].name);

		if (strncmp(word, variables[i].name, len) == 0 && variables[i].index < p->argc)
			return asprintf(&text, "%s%s", p->argv[variables[i].index], word + len) < 0
				       ? NULL
				       : text;
	}
	return strdup(word);
}

static const struct command *find_command(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
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

bool obey(struct peer *p, char *line)
{
	char *args[MAX_ARGS];
	const struct command *c;
	char *rest = line;

	line[strcspn(line, "\n")] = '\0';
	p->command = next_word(&rest, false);
	if (!*p->command || *p->command == '#')
		return true;
	c = find_command(p->command);
	if (!c) {
		say(p, "%s: no such command", p->command);
		return false;
	}
	for (int i = 0; i < MAX_ARGS; i++) {
		args[i] = expand(p, next_word(&rest, i == c->n_args - 1));
		if (!args[i])
			return false;
		unescape(args[i]);
	}
	c->run(p, args);
	for (int i = 0; i < MAX_ARGS; i++)
		free(args[i]);
	return true;
}

/* Can the kernel make mount(2) wait for the answer to INIT? */
static int check_sync_init(void)
{
	_cleanup_fd_ int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	return fd >= 0 && fuse_set_sync_init(fd) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static FILE *open_file(const char *path, const char *mode)
{
	FILE *f = fopen(path, mode);

	if (!f) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	return f;
}

static bool obey_all(struct peer *p, FILE *script)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, script) >= 0)
		if (!obey(p, line))
			return false;
	return true;
}

int main(int argc, char **argv)
{
	struct peer p = { .sock = SOCKET_FD, .fuse_fd = -1, .root_fmt = S_IFDIR };
	FILE *script;
	bool ok;

	if (argc == 2 && strcmp(argv[1], "--check-sync-init") == 0)
		return check_sync_init();
	if (argc > 2 && strcmp(argv[1], "--without-passrights") == 0)
		return run_without_passrights(argv + 2);
	if (argc != 3) {
		(void)fputs("Usage: peer SCRIPT LOG\n"
			    "       peer --check-sync-init\n"
			    "       peer --without-passrights PROGRAM [ARGUMENT...]\n",
			    stderr);
		return EXIT_FAILURE;
	}
	(void)alarm(LIFETIME);
	script = open_file(argv[1], "re");
	p.log = open_file(argv[2], "ae");
	say(&p, "start: %d", (int)getpid());
	ok = obey_all(&p, script);
	(void)fclose(script);
	(void)fclose(p.log);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
