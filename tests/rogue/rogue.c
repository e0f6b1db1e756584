// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A helper of the contained-service protocol that does what a script says, to one server:
 *
 *   rogue [-s START] [-t SECONDS] -i SOURCE -m TARGET -l LOG -e SCRIPT PROGRAM [ARG...]
 *
 * It starts the server as a service manager does (START: start.c has other ways), obeys the
 * script, and waits for the server to end by itself. The connection stays open until then, unless
 * the script closes it; a mount that the script made is undone first. What the server writes goes
 * to the log. On stdout there is a line for each packet that came, and the last one is
 * "ended: exit N", "ended: signal N" or "ended: hang".
 *
 * Commands are separated by ";" or newlines, words by blanks. "" is an empty word, \xNN a byte;
 * $SOURCE and $TARGET at the start of a word are what was given, $PATH what the server said last.
 * commands.c ends with the table of all commands.
 *
 * Must never judge: whoever calls it knows what should have happened.
 */
#include "rogue.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#define DEADLINE 10 /* seconds from start to end */
#define GRACE_MS 1000

struct invocation {
	const struct start *start;
	const char *log;
	char *script;
	char **server;
	unsigned int deadline;
};

static struct rogue rogue = { .sock = -1, .fuse_fd = -1, .sent_fd = -1 };
static volatile sig_atomic_t has_hung;
static volatile pid_t server_pid;

void report(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)putchar('\n');
}

void stop(const char *fmt, ...)
{
	va_list ap;

	(void)fputs("stopped: ", stdout);
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)putchar('\n');
	exit(2);
}

uint32_t number(const char *text)
{
	return (uint32_t)strtoul(text, NULL, 0);
}

/*
 * The script
 */

/* Replaces \xNN in place. */
static void unescape(char *text)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	char *out = text;

	while (*text) {
		if (text[0] == '\\' && text[1] == 'x' && strspn(text + 2, hex) >= 2) {
			char pair[] = { text[2], text[3], '\0' };

			*out++ = (char)strtoul(pair, NULL, 16);
			text += 4;
		} else {
			*out++ = *text++;
		}
	}
	*out = '\0';
}

/* The result is the caller's to free. */
static char *expand(const struct rogue *r, const char *word)
{
	const struct {
		const char *name, *value;
	} variables[] = {
		{ "$SOURCE", r->source },
		{ "$TARGET", r->target },
		{ "$PATH", r->got.string ? r->got.string : "" },
	};
	char *text;

	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		size_t len = strlen(variables[i].name);

		if (strncmp(word, variables[i].name, len) != 0)
			continue;
		if (asprintf(&text, "%s%s", variables[i].value, word + len) < 0)
			stop("%m");
		return text;
	}
	text = strdup(strcmp(word, "\"\"") == 0 ? "" : word);
	if (!text)
		stop("%m");
	unescape(text);
	return text;
}

static const struct command *find_command(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	stop("%s: no such command", name);
}

static void obey(struct rogue *r, char *line)
{
	char *words[MAX_WORDS + 1], *rest = NULL;
	const struct command *c;
	int n = 0;

	for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		if (n > MAX_WORDS)
			stop("too many words");
		words[n++] = expand(r, word);
	}
	if (n) {
		c = find_command(words[0]);
		if (n - 1 < c->min_words || n - 1 > c->max_words)
			stop("%s: %d words", c->name, n - 1);
		r->command = c->name;
		c->run(r, words + 1, n - 1);
	}
	while (n)
		free(words[--n]);
}

static void obey_all(struct rogue *r, char *script)
{
	char *rest = NULL;

	for (char *line = strtok_r(script, ";\n", &rest); line; line = strtok_r(NULL, ";\n", &rest))
		obey(r, line);
}

/*
 * The end
 */

/* First the server's end, then ours. */
static void on_deadline(int signal)
{
	(void)signal;
	if (has_hung || !server_pid)
		_exit(2);
	has_hung = 1;
	(void)kill(server_pid, SIGKILL);
	(void)alarm(DEADLINE);
}

static void set_deadline(unsigned int seconds)
{
	const struct sigaction action = { .sa_handler = on_deadline };

	(void)sigaction(SIGALRM, &action, NULL);
	(void)alarm(seconds);
}

static int wait_for_server(void)
{
	int status;

	while (waitpid(server_pid, &status, 0) < 0)
		if (errno != EINTR)
			stop("waitpid: %m");
	server_pid = 0;
	return status;
}

/* Whatever the server started has become our child. */
static void report_left_processes(void)
{
	const struct timespec tick = { .tv_nsec = 1000000 };
	pid_t pid = 0;

	for (int ms = 0; ms < GRACE_MS && pid >= 0; ms++) {
		pid = waitpid(-1, NULL, WNOHANG);
		if (pid == 0)
			(void)nanosleep(&tick, NULL);
	}
	if (pid >= 0)
		report("left: a process");
}

/* Also if the script could not be obeyed. */
static void undo_mount(void)
{
	unmount_target(&rogue);
}

static void finish(struct rogue *r)
{
	int status;

	unmount_target(r);
	close_fd_keep_errno(steal_fd(&r->fuse_fd));
	status = wait_for_server();
	r->is_alone = true;
	report_left_processes();
	while (hear(r))
		;
	if (has_hung)
		report("ended: hang");
	else if (WIFSIGNALED(status))
		report("ended: signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		report("ended: exit %d", WEXITSTATUS(status));
}

static void usage(void)
{
	(void)fputs("Usage: rogue [-s START] [-t SECONDS] -i SOURCE -m TARGET -l LOG -e SCRIPT"
		    " PROGRAM [ARG...]\n",
		    stderr);
	exit(2);
}

static void parse(int argc, char **argv, struct rogue *r, struct invocation *in)
{
	int c;

	while ((c = getopt(argc, argv, "+s:t:i:m:l:e:")) != -1) {
		switch (c) {
		case 's':
			in->start = find_start(optarg);
			break;
		case 't':
			in->deadline = number(optarg);
			break;
		case 'i':
			r->source = optarg;
			break;
		case 'm':
			r->target = optarg;
			break;
		case 'l':
			in->log = optarg;
			break;
		case 'e':
			in->script = optarg;
			break;
		default:
			usage();
		}
	}
	in->server = argv + optind;
	if (!in->start || !r->source || !r->target || !in->log || !in->script || !*in->server)
		usage();
}

int main(int argc, char **argv)
{
	struct invocation in = { .start = find_start("good"), .deadline = DEADLINE };

	parse(argc, argv, &rogue, &in);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	server_pid = start_server(in.start, in.server, in.log, &rogue.sock);
	(void)atexit(undo_mount);
	set_deadline(in.deadline);
	obey_all(&rogue, in.script);
	finish(&rogue);
	return EXIT_SUCCESS;
}
