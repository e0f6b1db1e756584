/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the server says on its standard output and error: all of it goes to the log, and the last
 * lines are kept for the person who mounts.
 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fusesvc.h"
#include "skip-name.h"

int output_open(struct output *o, int *write_fd)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	o->fd = fds[0];
	*write_fd = fds[1];
	return 0;
}

static bool is_part_of_name(char c)
{
	return c != '\0' && !strchr(" \t\"'`()[]{}<>,;:=.!?", c);
}

/* Is the alias here, and not only a part of another path? */
static bool is_alias(const struct output *o, const char *at)
{
	const size_t len = o->name ? strlen(o->alias) : 0;

	return len && strncmp(at, o->alias, len) == 0 && !is_part_of_name(at[len]) &&
	       (at == o->line || !is_part_of_name(at[-1]));
}

/* Of a long path its end, so that it is not all that is left of the line. */
static const char *short_name(const struct output *o)
{
	const char *last = strrchr(o->name, '/');

	return strlen(o->name) > OUTPUT_LINE_SIZE / 2 && last && last[1] ? last + 1 : o->name;
}

/* Copies the line, with what the server means for what it says. */
static void translate(const struct output *o, char *buf, size_t size)
{
	size_t len = 0;

	for (const char *from = o->line; *from && len + 1 < size;) {
		if (is_alias(o, from)) {
			(void)snprintf(buf + len, size - len, "%s", short_name(o));
			len += strlen(buf + len);
			from += strlen(o->alias);
		} else {
			buf[len++] = *from++;
		}
	}
	buf[len] = '\0';
}

/* Whoever shows the line names the service before it. */
static const char *skip_names(const struct output *o, const char *line)
{
	const char *program = o->program ? o->program : "", *last = strrchr(program, '/');

	line += strspn(line, " ");
	line = skip_name(line, o->service ? o->service : "");
	line = skip_name(line, program);
	return last ? skip_name(line, last + 1) : line;
}

static void end_line(struct output *o)
{
	char *line = o->last[o->n % OUTPUT_LINES], clean[2 * OUTPUT_LINE_SIZE];
	const char *kept;

	o->line[o->len] = '\0';
	if (o->len) {
		translate(o, line, OUTPUT_LINE_SIZE);
		(void)fprintf(stderr, "%s\n", fusesvc_escape(line, clean, sizeof(clean)));
		kept = skip_names(o, line);
		memmove(line, kept, strlen(kept) + 1);
		o->n++;
	}
	o->len = 0;
}

static void take(struct output *o, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n' || bytes[i] == '\r' || bytes[i] == '\0')
			end_line(o);
		else
			o->line[o->len++] = bytes[i] == '\t' ? ' ' : bytes[i];
		if (o->len == OUTPUT_LINE_SIZE - 1)
			end_line(o);
	}
}

/* One piece at a time: whoever talks without end has to wait as others do. */
bool output_read(struct output *o)
{
	char bytes[4096];
	ssize_t n = o->fd >= 0 ? read(o->fd, bytes, sizeof(bytes)) : 0;

	if (n > 0) {
		take(o, bytes, (size_t)n);
		return true;
	}
	if (n == 0 && o->fd >= 0) {
		(void)close(o->fd);
		o->fd = -1;
	}
	return false;
}

void output_end(struct output *o)
{
	for (int i = 0; i < OUTPUT_LAST_READS && output_read(o); i++)
		continue;
	end_line(o);
}

void output_text(const struct output *o, char *buf, size_t size)
{
	unsigned int first = o->n > OUTPUT_LINES ? o->n - OUTPUT_LINES : 0;
	size_t len = 0;

	buf[0] = '\0';
	for (unsigned int i = first; i < o->n && len + 1 < size; i++) {
		if (len && buf[len - 1] == '.') /* a sentence, in a list now */
			len--;
		(void)snprintf(buf + len, size - len, "%s%s", len ? "; " : "",
			       o->last[i % OUTPUT_LINES]);
		len += strlen(buf + len);
	}
}
