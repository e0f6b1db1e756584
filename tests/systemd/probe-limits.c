// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The probe's attempts to use up the machine: memory, tasks. Must stop at a bound of its own, as
 * there may be nothing else that stops it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

#define CHUNK	  (64UL * 1024 * 1024)
#define MAX_CHUNK 32 /* 2 GiB: twice what the unit permits */
#define MAX_TASKS 500

static int eat(void)
{
	for (unsigned int i = 1; i <= MAX_CHUNK; i++) {
		char *p = malloc(CHUNK);

		if (!p)
			return ENOMEM;
		memset(p, 'x', CHUNK);
		tell("memory", "%u MiB", i * 64);
	}
	return 0;
}

void probe_memory(void)
{
	int error = in_child(eat);

	tell("eater", "%s", error == EFAULT ? "killed" : "alive");
}

void probe_tasks(void)
{
	unsigned int n = 1; /* this one */
	int fds[2], error = 0;
	pid_t pid = 0;
	char byte;

	if (pipe(fds) < 0) {
		tell("tasks", "no pipe");
		return;
	}
	while (n < MAX_TASKS) {
		pid = fork();
		if (pid == 0) {
			(void)close(fds[1]);
			_exit((int)read(fds[0], &byte, 1)); /* until we close our end */
		}
		if (pid < 0) {
			error = errno;
			break;
		}
		n++;
	}
	tell("tasks", "%u (%s)", n, error ? strerrorname_np(error) : "no limit");
	(void)close(fds[1]);
	while (wait(NULL) > 0)
		;
}
