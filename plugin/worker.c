/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process of the parent's for what may hang: mounting, unmounting, and every look at a file
 * system of which nobody knows whether it answers. The parent waits for it where it waits for all
 * else, and can kill it.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "clock.h"
#include "svc.h"

#define END_MS 1000 /* how long a process may take to exit after its last word */

static int carry_out(struct svc_mount *m, const struct svc_request *order, const int fds[2],
		     struct svc_result *result)
{
	switch (order->type) {
	case SVC_WORK_MOUNT:
		return svc_mount_now(m, order, fds, result);
	case SVC_WORK_UNMOUNT:
		return svc_unmount_now(m);
	case SVC_WORK_REMOUNT:
		return svc_remount_now(m);
	case SVC_WORK_UTAB:
		return svc_utab_now(m);
	}
	return -EINVAL;
}

static bool next_order(int fd, struct svc_request *order, int fds[2])
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	while (poll(&pfd, 1, -1) < 0)
		if (errno != EINTR)
			return false;
	return svc_request_recv(fd, order, fds) == 0;
}

/* One order, or a mount and then its line in utab. */
_Noreturn static void work(struct svc_mount *m, pid_t parent, int fd)
{
	struct svc_request order;
	struct svc_result result;
	int fds[2];

	/* The parent's ends of its sockets are the parent's alone. */
	svc_process_forget(&m->talker);
	svc_process_forget(&m->mounter);
	svc_leave_host(m);
	/* The signals that end the parent stay blocked: it is the parent who ends us. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(EXIT_FAILURE);
	do {
		if (!next_order(fd, &order, fds))
			_exit(EXIT_FAILURE);
		memset(&result, 0, sizeof(result));
		result.rc = carry_out(m, &order, fds, &result);
		result.error = m->error;
		close_fd_keep_errno(fds[0]);
		close_fd_keep_errno(fds[1]);
		if (svc_packet_send(fd, &result, sizeof(result), m->tree_fd, -1))
			_exit(EXIT_FAILURE);
		close_fd_keep_errno(steal_fd(&m->tree_fd));
	} while (order.type == SVC_WORK_MOUNT && !result.rc);
	_exit(EXIT_SUCCESS);
}

int svc_worker_start(struct svc_process *w, struct svc_mount *m)
{
	pid_t parent = getpid(), pid;
	int socks[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		return -errno;
	pid = fork();
	err = errno;
	if (pid == 0) {
		(void)close(socks[0]);
		work(m, parent, socks[1]);
	}
	(void)close(socks[1]);
	if (pid < 0) {
		(void)close(socks[0]);
		return -err;
	}
	*w = (struct svc_process){ pid, socks[0] };
	return 0;
}

/* What the host hears there, it believes; and it hears our end only when all have closed it. */
void svc_leave_host(struct svc_mount *m)
{
	close_fd_keep_errno(steal_fd(&m->host.hangup_fd));
}

bool svc_worker_has_answered(const struct svc_process *w, int timeout_ms)
{
	struct pollfd pfd = { .fd = w->fd, .events = POLLIN };

	return poll(&pfd, 1, timeout_ms) > 0;
}

/* Until it has answered, or ended: 0; -EINTR: nobody wants it any more; -ETIMEDOUT. */
static int wait_for(const struct svc_process *w, const struct svc_mount *m, const sigset_t *signals)
{
	_cleanup_fd_ int signal_fd = signalfd(-1, signals, SFD_CLOEXEC);
	struct pollfd pfds[] = {
		{ .fd = w->fd, .events = POLLIN },
		{ .fd = signal_fd, .events = POLLIN },
		{ .fd = m->host.hangup_fd, .events = POLLIN },
	};
	int n;

	if (signal_fd < 0)
		return -errno;
	n = poll(pfds, ARRAY_SIZE(pfds), poll_timeout(m->opts.timeout));
	if (n < 0)
		return -errno;
	return n == 0 ? -ETIMEDOUT : pfds[0].revents ? 0 : -EINTR;
}

int svc_worker_answer(const struct svc_process *w, struct svc_result *result, int *tree_fd)
{
	int fds[2], rc = svc_packet_recv(w->fd, result, sizeof(*result), fds);

	close_fd_keep_errno(fds[1]);
	*tree_fd = fds[0];
	if (!rc && result->rc <= 0)
		return 0;
	close_fd_keep_errno(steal_fd(tree_fd));
	return -EOWNERDEAD;
}

int svc_reap(pid_t pid, int timeout_ms, int *status)
{
	_cleanup_fd_ int fd = pidfd_open(pid, 0);
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	if (fd >= 0 && poll(&pfd, 1, timeout_ms) == 0)
		return -ETIMEDOUT;
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	return 0;
}

void svc_process_forget(struct svc_process *p)
{
	close_fd_keep_errno(steal_fd(&p->fd));
	p->pid = 0;
}

/* Its end may wait for a file system on which the caller's stderr is. */
void svc_process_end(struct svc_process *p)
{
	int status;

	if (p->pid <= 0)
		return;
	(void)kill(p->pid, SIGKILL);
	(void)svc_reap(p->pid, END_MS, &status);
	svc_process_forget(p);
}

static int run_by(const struct svc_process *w, struct svc_mount *m, enum svc_work work)
{
	const struct svc_request order = { .type = work };
	sigset_t signals = m->signals;
	struct svc_result result;
	int rc, tree_fd;

	(void)sigdelset(&signals, SIGCHLD); /* that is the end of one of ours */
	rc = svc_request_send(w->fd, &order, -1, -1);
	if (rc)
		return rc;
	rc = wait_for(w, m, &signals);
	/* Who is ended while he writes utab leaves a file there: it may be as good as done. */
	if (rc && rc != -ETIMEDOUT && svc_worker_has_answered(w, END_MS))
		rc = 0;
	if (!rc)
		rc = svc_worker_answer(w, &result, &tree_fd);
	if (rc)
		return rc;
	close_fd_keep_errno(tree_fd);
	if (result.error.code)
		m->error = result.error;
	return result.rc;
}

/*
 * By the one that mounted, if it is still there. If not, as when memory is short, it never heard of
 * this.
 */
int svc_worker_run(struct svc_mount *m, enum svc_work work)
{
	struct svc_process fresh = { .fd = -1 };
	int rc = -EPIPE;

	if (m->mounter.pid > 0)
		rc = run_by(&m->mounter, m, work);
	svc_process_end(&m->mounter);
	if (rc != -EPIPE)
		return rc;
	rc = svc_worker_start(&fresh, m);
	if (!rc)
		rc = run_by(&fresh, m, work);
	svc_process_end(&fresh);
	return rc;
}
