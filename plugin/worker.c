/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process of the parent's for what may hang: mounting, unmounting, and every look at a file
 * system of which nobody knows whether it answers. The parent waits for it where it waits for all
 * else, and can kill it.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "clock.h"
#include "svc.h"

#define END_MS 1000 /* how long a process may take to exit after its last word */

_Noreturn static void work(struct svc_mount *m, svc_work *what, const void *data, pid_t parent,
			   int fd)
{
	struct svc_result result = { 0 };
	const char *p = (const char *)&result;
	size_t left = sizeof(result);

	/* The signals that end the parent stay blocked: it is the parent who ends us. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(EXIT_FAILURE);
	result.rc = what(m, data, &result);
	result.error = m->error;
	while (left) {
		ssize_t n = write(fd, p, left);

		if (n < 0 && errno != EINTR)
			_exit(EXIT_FAILURE);
		if (n > 0) {
			p += n;
			left -= (size_t)n;
		}
	}
	_exit(EXIT_SUCCESS);
}

int svc_worker_start(struct svc_worker *w, struct svc_mount *m, svc_work *what, const void *data)
{
	pid_t parent = getpid();
	int fds[2], err;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	w->pid = fork();
	err = errno;
	if (w->pid == 0) {
		(void)close(fds[0]);
		work(m, what, data, parent, fds[1]);
	}
	(void)close(fds[1]);
	if (w->pid < 0) {
		(void)close(fds[0]);
		return -err;
	}
	w->fd = fds[0];
	return 0;
}

bool svc_worker_has_ended(const struct svc_worker *w, int timeout_ms)
{
	struct pollfd pfd = { .fd = w->fd, .events = POLLIN };

	return poll(&pfd, 1, timeout_ms) > 0;
}

int svc_worker_wait(const struct svc_worker *w, const sigset_t *signals, unsigned int timeout)
{
	_cleanup_fd_ int signal_fd = signalfd(-1, signals, SFD_CLOEXEC);
	struct pollfd pfds[] = {
		{ .fd = w->fd, .events = POLLIN },
		{ .fd = signal_fd, .events = POLLIN },
	};
	int n;

	if (signal_fd < 0)
		return -errno;
	n = poll(pfds, ARRAY_SIZE(pfds), poll_timeout(timeout));
	if (n < 0)
		return -errno;
	return n == 0 ? -ETIMEDOUT : pfds[0].revents ? 0 : -EINTR;
}

static bool read_result(int fd, struct svc_result *result)
{
	char *p = (char *)result;
	size_t left = sizeof(*result);

	while (left) {
		ssize_t n = read(fd, p, left);

		if (n == 0 || (n < 0 && errno != EINTR))
			return false;
		if (n > 0) {
			p += n;
			left -= (size_t)n;
		}
	}
	return true;
}

int svc_reap(pid_t pid, int timeout_ms, int *status)
{
	_cleanup_fd_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	if (fd >= 0 && poll(&pfd, 1, timeout_ms) == 0)
		return -ETIMEDOUT;
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	return 0;
}

/* What it said is what counts: its end may wait for a file system on which the caller's stderr is.
 */
int svc_worker_end(struct svc_worker *w, struct svc_result *result)
{
	bool ok = read_result(w->fd, result);
	int status;

	(void)svc_reap(w->pid, END_MS, &status);
	svc_worker_forget(w);
	return ok && result->rc <= 0 ? 0 : -EOWNERDEAD;
}

int svc_worker_run(struct svc_mount *m, svc_work *what)
{
	struct svc_worker worker = { .fd = -1 };
	sigset_t signals = m->signals;
	struct svc_result result;
	int rc;

	(void)sigdelset(&signals, SIGCHLD); /* that is the worker's end */
	rc = svc_worker_start(&worker, m, what, NULL);
	if (rc)
		return rc;
	rc = svc_worker_wait(&worker, &signals, m->opts.timeout);
	if (rc == -EINTR && svc_worker_has_ended(&worker, END_MS))
		rc = 0; /* it was as good as done */
	if (rc) {
		int status;

		(void)kill(worker.pid, SIGKILL);
		(void)svc_reap(worker.pid, END_MS, &status);
		svc_worker_forget(&worker);
		return rc;
	}
	rc = svc_worker_end(&worker, &result);
	if (rc)
		return rc;
	if (result.error.code)
		m->error = result.error;
	return result.rc;
}

void svc_worker_forget(struct svc_worker *w)
{
	close_fd_keep_errno(steal_fd(&w->fd));
	w->pid = 0;
}
