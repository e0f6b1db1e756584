/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starts a program in a strange state: launch [STATE...] -- PROGRAM [ARGUMENT...]
 *
 * The states are made in the order in which they are given (states.c ends with the table of all),
 * then the program is executed. "--hold" makes it a child, whose exit code is handed on; what must
 * be held open for it, such as the other end of a pipe, is held by whoever waits. "--pty" gives it
 * a session and a terminal of its own: what comes in is typed there, what it shows comes out, and
 * the terminal hangs up at the end of the input.
 */
#include "launch.h"

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "cleanup.h"

void die(const char *what)
{
	(void)fprintf(stderr, "launch: %s: %s\n", what, strerror(errno));
	exit(LAUNCH_FAILED);
}

void check(int rc, const char *what)
{
	if (rc < 0)
		die(what);
}

static const struct state *find_state(const char *name)
{
	for (const struct state *s = states; s->name; s++)
		if (strcmp(s->name, name) == 0)
			return s;
	errno = EINVAL;
	die(name);
}

/* Returns the index of the program in @argv. */
static int make_states(struct launch *l, int argc, char **argv)
{
	int i = 1;

	while (i < argc && strcmp(argv[i], "--") != 0) {
		const struct state *s = find_state(argv[i]);

		if (i + s->n_args >= argc) {
			errno = EINVAL;
			die(s->name);
		}
		s->make(l, argv + i + 1);
		i += 1 + s->n_args;
	}
	if (i + 1 >= argc) {
		errno = EINVAL;
		die("no program");
	}
	return i + 1;
}

_Noreturn static void execute(const struct launch *l, char **argv)
{
	char *program = argv[0];

	if (l->argv0)
		argv[0] = l->argv0;
	/* The C library's function is declared to take no NULL. */
	(void)syscall(SYS_execve, program, l->no_argv ? NULL : argv, environ);
	die(program);
}

static int exit_code_of(pid_t pid)
{
	int status;

	for (;;) {
		if (waitpid(pid, &status, 0) < 0 && errno != EINTR)
			die("waitpid");
		if (!WIFSTOPPED(status))
			break;
		/* Traced: it stops at its exec and whenever it gets a signal. */
		check((int)ptrace(PTRACE_CONT, pid, NULL,
				  WSTOPSIG(status) == SIGTRAP ? 0L : (long)WSTOPSIG(status)),
		      "ptrace");
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Copies what is there. Returns false at the end. */
static bool copy(int from, int to)
{
	char buf[4096];
	ssize_t n = read(from, buf, sizeof(buf));

	for (ssize_t done = 0; done < n;) {
		ssize_t rc = write(to, buf + done, (size_t)(n - done));

		if (rc < 0)
			return false;
		done += rc;
	}
	return n > 0;
}

/* Until the input ends: then the terminal goes away. What it shows is of interest till its end. */
static void be_terminal(int master)
{
	struct pollfd pfds[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = master, .events = POLLIN },
	};

	for (;;) {
		if (poll(pfds, ARRAY_SIZE(pfds), -1) < 0 && errno != EINTR)
			die("poll");
		if (pfds[1].revents && !copy(master, STDOUT_FILENO))
			break;
		if (pfds[0].revents && !copy(STDIN_FILENO, master))
			break;
	}
	(void)close(master);
}

int main(int argc, char **argv)
{
	struct launch l = { .argv0 = NULL };
	int first = make_states(&l, argc, argv), master = -1;
	pid_t pid = 0;

	if (l.pty) {
		pid = forkpty(&master, NULL, NULL, NULL);
		check(pid, "forkpty");
	} else if (l.hold) {
		pid = fork();
		check(pid, "fork");
	}
	if (pid == 0) {
		make_late_states(&l);
		execute(&l, argv + first);
	}
	if (l.pty)
		be_terminal(master);
	return exit_code_of(pid);
}
