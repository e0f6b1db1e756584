// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stopwatch - how long commands take, side by side.
 *
 *   stopwatch ROUNDS <PLAN
 *
 * A line of the plan is SIDE STEP COMMAND [ARGUMENT...]: words with spaces between them, no quotes.
 * The lines of a side are run one after the other. In each round all sides get their turn, and who
 * begins changes from one to the next: no machine is equally fast all the time. STEP "-" is run and
 * not timed. STEP "@" runs nothing: from there on commands are in the mount namespace of the file
 * COMMAND, which is that of a process in /proc.
 *
 * Prints a line for each command that was timed: STEP SIDE MICROSECONDS PEAK, where PEAK is the
 * largest memory (KiB) of the command's own process or of one that it waited for. The first round
 * warms up and is not printed. A command that fails ends it all. Commands are found by PATH; they
 * are spawned, so that nothing of this process is copied for them.
 */
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_LINES 64
#define MAX_WORDS 62

struct line {
	char *side, *step;
	char *argv[MAX_WORDS + 1];
};

struct plan {
	struct line lines[MAX_LINES];
	size_t n_lines;
	size_t first[MAX_LINES + 1]; /* line of each side; one more for the end */
	size_t n_sides;
};

static void read_line(struct line *l, char *text)
{
	char *save = NULL;
	size_t n = 0;

	l->side = strtok_r(text, " \n", &save);
	l->step = strtok_r(NULL, " \n", &save);
	while (n < MAX_WORDS && (l->argv[n] = strtok_r(NULL, " \n", &save)))
		n++;
	if (n == 0 || n == MAX_WORDS)
		error(2, 0, "a line of the plan is SIDE STEP COMMAND [ARGUMENT...]");
}

static void read_plan(struct plan *p)
{
	char *text = NULL;
	size_t size = 0;

	while (getline(&text, &size, stdin) > 0) {
		if (p->n_lines == MAX_LINES)
			error(2, 0, "the plan has more than %d lines", MAX_LINES);
		read_line(&p->lines[p->n_lines], text);
		if (p->n_lines == 0 ||
		    strcmp(p->lines[p->n_lines].side, p->lines[p->n_lines - 1].side) != 0)
			p->first[p->n_sides++] = p->n_lines;
		p->n_lines++;
		text = NULL; /* the words are in it */
		size = 0;
	}
	free(text);
	if (p->n_lines == 0)
		error(2, 0, "the plan is empty");
	p->first[p->n_sides] = p->n_lines;
}

static long long now_us(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) < 0)
		error(2, errno, "clock_gettime");
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

static void enter(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNS) < 0)
		error(2, errno, "%s", file);
	(void)close(fd);
}

static void run(const struct line *l, int is_timed)
{
	long long start, took;
	struct rusage usage;
	int status, rc;
	pid_t pid;

	if (strcmp(l->step, "@") == 0) {
		enter(l->argv[0]);
		return;
	}
	start = now_us();
	rc = posix_spawnp(&pid, l->argv[0], NULL, NULL, l->argv, environ);
	if (rc)
		error(2, rc, "%s: %s", l->side, l->argv[0]);
	if (wait4(pid, &status, 0, &usage) < 0)
		error(2, errno, "wait4");
	took = now_us() - start;
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		error(2, 0, "%s %s: %s: failed (status %#x)", l->side, l->step, l->argv[0],
		      (unsigned int)status);
	if (is_timed && strcmp(l->step, "-") != 0)
		printf("%s %s %lld %ld\n", l->step, l->side, took, usage.ru_maxrss);
}

int main(int argc, char **argv)
{
	static struct plan plan;
	int rounds = argc == 2 ? atoi(argv[1]) : 0;

	if (rounds < 1)
		error(2, 0, "usage: stopwatch ROUNDS <PLAN");
	read_plan(&plan);
	for (int round = 0; round <= rounds; round++)
		for (size_t turn = 0; turn < plan.n_sides; turn++) {
			size_t side = ((size_t)round + turn) % plan.n_sides;

			for (size_t i = plan.first[side]; i < plan.first[side + 1]; i++)
				run(&plan.lines[i], round > 0);
		}
	return EXIT_SUCCESS;
}
