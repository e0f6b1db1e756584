/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See bounded.h. Must never wait for a process that not even SIGKILL ends.
 */
#include "bounded.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "clock.h"

#define DEADLINE_MS 5000

_Noreturn static void work(bounded_work *what, const char *arg, char *answer, size_t size, int fd)
{
	int rc;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)close_range(0, 2, 0); /* it has nothing to say to anybody else */
	*answer = '\0';
	rc = what(arg, answer, size);
	if (write(fd, &rc, sizeof(rc)) != sizeof(rc) || write(fd, answer, strlen(answer)) < 0)
		_exit(EXIT_FAILURE);
	_exit(EXIT_SUCCESS);
}

/* What it sends before it ends. Returns how much that is; -ETIMEDOUT; or -EIO: too much. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	int64_t end = now_ms() + DEADLINE_MS;
	size_t len = 0;

	while (len < size) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		int64_t left = end - now_ms();
		ssize_t n;

		if (left <= 0 || poll(&pfd, 1, (int)left) == 0)
			return -ETIMEDOUT;
		n = read(fd, buf + len, size - len);
		if (n == 0)
			return (ssize_t)len;
		if (n > 0)
			len += (size_t)n;
		else if (errno != EINTR)
			return -errno;
	}
	return -EIO;
}

/* The result, then the text. */
static int read_answer(int fd, char *answer, size_t size)
{
	_cleanup_free_ char *buf = malloc(sizeof(int) + size);
	ssize_t len = buf ? read_all(fd, buf, sizeof(int) + size) : -ENOMEM;
	int rc;

	if (len < 0)
		return (int)len;
	if ((size_t)len < sizeof(rc))
		return -EIO;
	memcpy(&rc, buf, sizeof(rc));
	memcpy(answer, buf + sizeof(rc), (size_t)len - sizeof(rc));
	answer[(size_t)len - sizeof(rc)] = '\0';
	return rc > 0 ? -EIO : rc;
}

int bounded_run(bounded_work *what, const char *arg, char *answer, size_t size)
{
	_cleanup_fd_ int in = -1, out = -1;
	int fds[2], rc;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	in = fds[0];
	out = fds[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		work(what, arg, answer, size, out);
	close_fd_keep_errno(steal_fd(&out));
	rc = read_answer(in, answer, size);
	(void)kill(pid, SIGKILL);
	if (rc != -ETIMEDOUT)
		(void)waitpid(pid, NULL, 0);
	return rc;
}
