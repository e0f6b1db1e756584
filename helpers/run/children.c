/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See children.h. A server may put itself into the background, and have processes of its own: all
 * of them come to us when their parents end, and we end when none is left.
 */
#include "children.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trap.h"

#define SERVER_PATH "/usr/sbin:/usr/bin:/sbin:/bin"

int children_prepare(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* Either the listener, or what went wrong. */
static void tell(int sock, int error, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { &error, sizeof(error) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.align = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	}
	(void)sendmsg(sock, &msg, MSG_NOSIGNAL);
}

/* Returns what was told: a listener, -errno, or 0 if the other end is closed. */
static int listen_to(int sock)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	int error = 0, fd;
	struct iovec iov = { &error, sizeof(error) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	if (!CMSG_FIRSTHDR(&msg))
		return error ? -error : -EPROTO;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

static void become_default(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void be_child(char *const argv[], const int output[2], int extra, int sock,
			       pid_t parent)
{
	char path[] = "PATH=" SERVER_PATH, lang[] = "LANG=C.UTF-8", home[] = "HOME=/";
	char *const environment[] = { path, lang, home, NULL };
	int listener;

	/* If we die, it shall write what it has. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
	if (getppid() != parent)
		_exit(127);
	become_default();
	listener = trap_install();
	if (listener < 0) {
		tell(sock, -listener, -1);
		_exit(127);
	}
	tell(sock, 0, listener);
	/* Whatever whoever started us had open. */
	(void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	if (extra >= 0)
		(void)fcntl(extra, F_SETFD, 0);
	(void)dup2(output[0], STDOUT_FILENO);
	(void)dup2(output[1], STDERR_FILENO);
	(void)execve(argv[0], argv, environment);
	tell(sock, errno, -1);
	_exit(127);
}

int children_start(struct children *c, char *const argv[], const int output[2], int extra)
{
	_cleanup_fd_ int sock = -1, other = -1, listener = -1;
	const pid_t parent = getpid();
	int socks[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		return -errno;
	sock = socks[0];
	other = socks[1];
	*c = (struct children){ .pid = fork() };
	if (c->pid < 0)
		return -errno;
	if (c->pid == 0)
		be_child(argv, output, extra, other, parent);
	close_fd_keep_errno(steal_fd(&other));
	listener = listen_to(sock);
	if (listener < 0)
		return listener;
	rc = listen_to(sock);
	if (rc < 0)
		return rc;
	trap_prepare(listener);
	return steal_fd(&listener);
}

bool children_reap(struct children *c)
{
	bool has_any_ended = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		has_any_ended = true;
		c->last_status = status;
		if (pid == c->pid) {
			c->has_ended = true;
			c->status = status;
		}
	}
	c->is_alone = pid < 0 && errno == ECHILD;
	return has_any_ended;
}

/* Only the kernel knows all of them: the list of this thread's children. */
void children_signal(const struct children *c, int sig)
{
	FILE *list = fopen("/proc/thread-self/children", "re");
	int pid, n = 0;

	while (list && fscanf(list, "%d", &pid) == 1) {
		(void)kill(pid, sig);
		n++;
	}
	if (list)
		(void)fclose(list);
	if (n == 0 && !c->has_ended && c->pid > 0)
		(void)kill(c->pid, sig);
}

void children_status_text(int status, char *buf, size_t size)
{
	if (WIFSIGNALED(status))
		(void)snprintf(buf, size, "was killed by signal %d (%s)", WTERMSIG(status),
			       strsignal(WTERMSIG(status)));
	else
		(void)snprintf(buf, size, "ended with status %d", WEXITSTATUS(status));
}
