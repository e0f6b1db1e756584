/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libfuse's log goes to standard error, for the journal. What is said there while the mount is
 * under way is also the reason that a person wants to hear, so the last error is kept.
 *
 * Must never write control characters of a stranger's to the log.
 */
#include "service.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_keeping;
static char line[FUSESVC_MESSAGE_SIZE]; /* as far as it was said */
static enum fuse_log_level line_level;
static char last_error[FUSESVC_MESSAGE_SIZE];

static void end_line(void)
{
	char clean[2 * FUSESVC_MESSAGE_SIZE];
	size_t len = strlen(line);

	if (len == 0)
		return;
	if (line[len - 1] == '\n')
		line[len - 1] = '\0';
	(void)fprintf(stderr, "%s\n", fusesvc_escape(line, clean, sizeof(clean)));
	if (is_keeping && line_level <= FUSE_LOG_ERR)
		memcpy(last_error, line, sizeof(last_error));
	line[0] = '\0';
}

/* libfuse says some lines in pieces. */
__attribute__((format(printf, 2, 0))) static void add_piece(enum fuse_log_level level,
							    const char *fmt, va_list ap)
{
	size_t len = strlen(line);

	(void)vsnprintf(line + len, sizeof(line) - len, fmt, ap);
	line_level = level;
	len = strlen(line);
	if (len + 1 == sizeof(line) || (len > 0 && line[len - 1] == '\n'))
		end_line();
}

__attribute__((format(printf, 2, 0))) static void log_line(enum fuse_log_level level,
							   const char *fmt, va_list ap)
{
	if (level > FUSE_LOG_WARNING) { /* debugging has tabs */
		(void)vfprintf(stderr, fmt, ap);
		return;
	}
	(void)pthread_mutex_lock(&lock);
	add_piece(level, fmt, ap);
	(void)pthread_mutex_unlock(&lock);
}

void service_log_start(void)
{
	is_keeping = true;
	line[0] = last_error[0] = '\0';
	fuse_set_log_func(log_line);
}

void service_log_stop(void)
{
	(void)pthread_mutex_lock(&lock);
	end_line();
	is_keeping = false;
	(void)pthread_mutex_unlock(&lock);
}

void service_log_last_error(char *text, size_t size)
{
	(void)pthread_mutex_lock(&lock);
	end_line(); /* a server may have forgotten to */
	(void)snprintf(text, size, "%s", last_error);
	(void)pthread_mutex_unlock(&lock);
}
