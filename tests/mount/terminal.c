/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A terminal, and a program on it: terminal [-b] [-c COLUMNS] OUTPUT COMMAND [ARGUMENT...]
 *
 * Standard input is the keyboard, so Ctrl-C and Ctrl-S work; OUTPUT gets what comes onto the
 * screen. With -b the command is in the background, on a terminal that stops who writes from there
 * (stty tostop). Ends as the command does; one that is stopped counts as ended by that signal.
 */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static bool in_background;
static unsigned short columns = 200;

static _Noreturn void be_command(const char *terminal, char **argv)
{
	int fd;

	(void)setsid();
	fd = open(terminal, O_RDWR); /* which becomes that of the session */
	if (fd < 0)
		err(1, "%s", terminal);
	for (int i = 0; i < 3; i++)
		(void)dup2(fd, i);
	if (fd > 2)
		(void)close(fd);
	execvp(argv[0], argv);
	err(127, "%s", argv[0]);
}

/* The shell of the session, which is in the foreground itself. */
static _Noreturn void be_shell(const char *terminal, char **argv)
{
	int fd, status;
	pid_t pid;

	(void)setsid();
	fd = open(terminal, O_RDWR | O_CLOEXEC);
	pid = fd < 0 ? -1 : fork();
	if (pid < 0)
		err(1, "%s", terminal);
	if (pid == 0) {
		(void)setpgid(0, 0);
		for (int i = 0; i < 3; i++)
			(void)dup2(fd, i);
		execvp(argv[0], argv);
		err(127, "%s", argv[0]);
	}
	if (waitpid(pid, &status, WUNTRACED) != pid)
		err(1, "waitpid");
	if (WIFSTOPPED(status)) {
		(void)kill(-pid, SIGKILL);
		_exit(128 + WSTOPSIG(status));
	}
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static int open_terminal(char *name, size_t size)
{
	const struct winsize w = { .ws_row = 24, .ws_col = columns };
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;
	struct termios t;

	if (master < 0 || grantpt(master) || unlockpt(master) || ptsname_r(master, name, size))
		err(1, "no terminal");
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || ioctl(slave, TIOCSWINSZ, &w) || tcgetattr(slave, &t))
		err(1, "%s", name);
	if (in_background)
		t.c_lflag |= TOSTOP;
	if (tcsetattr(slave, TCSANOW, &t))
		err(1, "%s", name);
	return master; /* and the other end stays open, so that there is no end before ours */
}

/* Was there anything, and is there more? */
static bool copy(int from, int to)
{
	char bytes[4096];
	ssize_t n = read(from, bytes, sizeof(bytes));

	return n > 0 && write(to, bytes, (size_t)n) == n;
}

/* Until the command has ended. */
static int look_after(pid_t pid, int master, int output, int ended)
{
	struct pollfd fds[] = { { ended, POLLIN, 0 }, { master, POLLIN, 0 }, { 0, POLLIN, 0 } };
	int status;

	while (poll(fds, 3, -1) >= 0 && !fds[0].revents) {
		if (fds[1].revents && !copy(master, output))
			fds[1].fd = -1;
		if (fds[2].revents && !copy(STDIN_FILENO, master))
			fds[2].fd = -1;
	}
	while (poll(&fds[1], 1, 0) > 0 && copy(master, output))
		;
	if (waitpid(pid, &status, 0) != pid)
		err(1, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	int c, master, output, ended;
	char name[64];
	sigset_t set;
	pid_t pid;

	while ((c = getopt(argc, argv, "+bc:")) != -1) {
		if (c == 'b')
			in_background = true;
		else if (c == 'c')
			columns = (unsigned short)atoi(optarg);
		else
			return 1;
	}
	if (argc - optind < 2)
		errx(1, "terminal [-b] [-c COLUMNS] OUTPUT COMMAND [ARGUMENT...]");
	master = open_terminal(name, sizeof(name));
	output = open(argv[optind], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (output < 0)
		err(1, "%s", argv[optind]);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	ended = signalfd(-1, &set, SFD_CLOEXEC);
	pid = fork();
	if (pid == 0) {
		(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
		if (in_background)
			be_shell(name, argv + optind + 1);
		be_command(name, argv + optind + 1);
	}
	if (pid < 0 || ended < 0)
		err(1, "fork");
	return look_after(pid, master, output, ended);
}
