/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See progress.h. The terminal belongs to the caller, who may have stopped it, or may run us with
 * power that he has not: so it is opened once more, with his rights, to write without waiting. What
 * cannot be drawn now is not drawn.
 *
 * Must never wait for long, be stopped by job control, or write to what is no terminal.
 */
#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "fusesvc.h"
#include "safe-start.h"
#include "say.h"

#ifndef SPEAKS_AS /* the program that people have called, if that is another */
#define SPEAKS_AS PROGRAM
#endif

#define MOMENT_MS   1000 /* a mount that is ready by then is a quick one */
#define REDRAW_MS   100
#define PATIENCE_MS 1000 /* as for any other line, see say.c */
#define COLUMNS	    80	 /* of a terminal that does not tell */
#define LINE_SIZE   1024 /* of the widest one */
#define ALL_SIZE    4096 /* of one that is not cut yet */

#define CLEAR "\r\033[K"

static bool *is_drawn; /* shared with the child; NULL: there is no terminal */
static int64_t next_time;

void progress_begin(void)
{
	if (!isatty(STDERR_FILENO))
		return;
	is_drawn = mmap(NULL, sizeof(*is_drawn), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (is_drawn == MAP_FAILED)
		is_drawn = NULL;
	next_time = now_ms() + MOMENT_MS;
}

/* Each process has its own; -1: it cannot be had, or we are in the background. */
static int open_terminal(void)
{
	static int fd = -1;

	give_up_power();
	if (fd < 0)
		fd = open("/proc/self/fd/2", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	return fd >= 0 && tcgetpgrp(fd) == getpgrp() ? fd : -1;
}

/* We may be sent to the background in between, where to write may stop who does. */
static void put(int fd, const char *text)
{
	sigset_t stop, old;

	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGTTOU);
	(void)sigprocmask(SIG_BLOCK, &stop, &old);
	while (write(fd, text, strlen(text)) < 0 && errno == EINTR)
		;
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
}

/* A character is never wider than it has bytes, so these are counted. */
static void cut(char *text, size_t len)
{
	if (strlen(text) <= len)
		return;
	while (len && (text[len] & 0xc0) == 0x80)
		len--;
	text[len] = '\0';
}

void progress_line(char *buf, size_t size, unsigned int columns, const char *target,
		   const char *service, unsigned int per_mille, const char *text)
{
	size_t space = columns && columns <= size ? columns - 1 : size - 1;
	char clean[2 * FUSESVC_SUBJECT_SIZE], percent[16] = "", all[ALL_SIZE];

	if (per_mille)
		(void)snprintf(percent, sizeof(percent), " %u%%", per_mille / 10);
	(void)snprintf(all, sizeof(all), SPEAKS_AS ": %s: %s: %s",
		       fusesvc_escape(target, clean, sizeof(clean)), service, text);
	cut(percent, space);
	cut(all, space - strlen(percent));
	(void)snprintf(buf, size, "%s%s", all, percent);
}

void progress_show(const char *target, const char *service, unsigned int per_mille,
		   const char *text)
{
	char line[LINE_SIZE], out[sizeof(CLEAR) + LINE_SIZE];
	struct winsize w = { 0 };
	int fd;

	if (!is_drawn || now_ms() < next_time)
		return;
	next_time = now_ms() + REDRAW_MS;
	fd = open_terminal();
	if (fd < 0)
		return;
	(void)ioctl(fd, TIOCGWINSZ, &w);
	progress_line(line, sizeof(line), w.ws_col ? w.ws_col : COLUMNS, target, service, per_mille,
		      text);
	(void)snprintf(out, sizeof(out), CLEAR "%s", line);
	*is_drawn = true;
	put(fd, out);
}

void progress_clear(void)
{
	static int patience = PATIENCE_MS;
	struct pollfd pfd = { .events = POLLOUT };

	if (!is_drawn || !*is_drawn)
		return;
	pfd.fd = open_terminal();
	if (pfd.fd < 0)
		return;
	if (poll(&pfd, 1, patience) == 0)
		patience = 0;
	put(pfd.fd, CLEAR);
	*is_drawn = false;
}

void show_message(const char *target, const char *service, int level, const char *text)
{
	const char *prefix = level <= FUSESVC_MSG_WARNING ? "warning: " : "";
	char clean[2 * FUSESVC_SUBJECT_SIZE];

	progress_clear();
	say(STDERR_FILENO, SPEAKS_AS ": %s: %s: %s%s\n",
	    fusesvc_escape(target, clean, sizeof(clean)), service, prefix, text);
}
