/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See step.h. Must never believe a number that a program says: it is one that reads the image.
 */
#include "step.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

int step_open(struct step *s)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	s->fd = fds[0];
	s->write_fd = fds[1];
	return 0;
}

void step_close(struct step *s)
{
	close_fd_keep_errno(steal_fd(&s->fd));
	close_fd_keep_errno(steal_fd(&s->write_fd));
	s->program = NULL;
}

void step_begin(struct step *s, const char *path)
{
	const char *last = strrchr(path, '/');

	s->program = last ? last + 1 : path;
	s->start = now_ms();
	s->last_word = s->start;
	s->per_mille = 0;
	s->len = 0;
}

/* Its five passes take that much of the time, as e2fsck itself has it. */
unsigned int step_per_mille(const char *line)
{
	static const unsigned int ends[] = { 0, 700, 900, 920, 950, 1000 };
	unsigned long long current, maximum;
	unsigned int pass, width;

	if (sscanf(line, "%u %llu %llu", &pass, &current, &maximum) != 3 || pass == 0 ||
	    pass >= ARRAY_SIZE(ends) || current > maximum || maximum == 0)
		return 0;
	width = ends[pass] - ends[pass - 1];
	return ends[pass - 1] + (unsigned int)((double)current / (double)maximum * width);
}

static void take(struct step *s, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] != '\n') {
			if (s->len < sizeof(s->line) - 1)
				s->line[s->len++] = bytes[i];
			continue;
		}
		s->line[s->len] = '\0';
		s->len = 0;
		s->per_mille = step_per_mille(s->line) ?: s->per_mille;
	}
}

void step_read(struct step *s)
{
	char bytes[4096];
	ssize_t n = read(s->fd, bytes, sizeof(bytes));

	if (n > 0) {
		take(s, bytes, (size_t)n);
		s->last_word = now_ms();
	}
}

bool step_is_silent(const struct step *s, int64_t now)
{
	return now - s->last_word > STEP_SILENCE_MS;
}

void step_text(const struct step *s, char *buf, size_t size)
{
	long long seconds = (long long)(now_ms() - s->start) / 1000;

	if (s->per_mille)
		(void)snprintf(buf, size, "running %s", s->program);
	else
		(void)snprintf(buf, size, "running %s, %lld s", s->program, seconds);
}
