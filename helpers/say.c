/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See say.h. Must never wait for long: there may be a mount that is to be looked after.
 */
#include "say.h"

#include <errno.h>
#include <getopt.h>
#include <libmount.h>
#include <locale.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fusesvc.h"
#include "safe-start.h"

#define LINE_SIZE   4096 /* what a pipe with room takes at once */
#define PATIENCE_MS 1000

/*
 * He is waited for once, as a server may have many a warning to tell. It may be a socket, whose
 * other end would see root speaking: nothing that needs power comes after the first word.
 */
void say(int fd, const char *format, ...)
{
	static int patience = PATIENCE_MS;
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	char line[LINE_SIZE];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (len <= 0)
		return;
	if ((size_t)len >= sizeof(line)) {
		len = sizeof(line) - 1;
		line[len - 1] = '\n';
	}
	give_up_power();
	if (poll(&pfd, 1, patience) == 0) {
		patience = 0;
		return;
	}
	while (write(fd, line, (size_t)len) < 0 && errno == EINTR)
		;
}

void use_language(void)
{
	(void)setlocale(LC_CTYPE, "");
	(void)setlocale(LC_MESSAGES, "");
}

void say_about(int fd, const char *target, const char *text)
{
	char clean[2 * FUSESVC_SUBJECT_SIZE];

	say(fd, PROGRAM ": %s: %s\n", fusesvc_escape(target, clean, sizeof(clean)), text);
}

int say_misuse(const char *what)
{
	say(STDERR_FILENO, PROGRAM ": %s\nTry '" PROGRAM " --help' for more information.\n", what);
	return MNT_EX_USAGE;
}

int say_system_error(int rc)
{
	use_language();
	say(STDERR_FILENO, PROGRAM ": %s\n", strerror(-rc));
	return MNT_EX_SYSERR;
}

/*
 * Of options in one word getopt tells the letter alone. A long option is a word of its own, the one
 * before the next.
 */
int say_bad_option(int c, const char *last_word)
{
	char letter[] = { '-', (char)optopt, '\0' };
	char what[FUSESVC_SUBJECT_SIZE + 64], clean[FUSESVC_SUBJECT_SIZE];
	const char *option = optopt && strncmp(last_word, "--", 2) != 0 ? letter : last_word;

	if (c == ':')
		(void)snprintf(what, sizeof(what), "option -%c needs an argument", optopt);
	else
		(void)snprintf(what, sizeof(what), "unknown option \"%s\"",
			       fusesvc_escape(option, clean, sizeof(clean)));
	return say_misuse(what);
}
