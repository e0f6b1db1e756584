/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parent: it has the power and does not listen to the server.
 *
 * The safety argument, for whoever reviews this in ten minutes:
 *
 * 1. All that reaches the parent from outside after the fork is a struct svc_request of fixed
 *    size, from a child that is to be thought of as the caller's own program. recv_request() lets
 *    only whole ones in; check_mount() and set_block_size() look at every field again.
 * 2. A mount is made once, of an open /dev/fuse, on a pinned directory or regular file, with
 *    flags from a closed list and numbers in range. All text of the mounting call is the
 *    caller's (source, flags) or ours; the service's name is checked for its alphabet. For a
 *    root caller the pinned target must be the very thing that the caller named: a child that
 *    was taken over by a server cannot choose another.
 * 3. nosuid and nodev are forced by mount.c unless root asked otherwise on the command line.
 *    Nothing that the child sends can clear a flag.
 * 4. A block size is set on a block device that is the source, and only for root.
 * 5. Every way out ends the child and the mounter and, unless all went well, undoes the mount.
 *    Only a mount of this service, by this user, at that place, is ever unmounted, and only a
 *    connection that was made of our /dev/fuse is hung up on: a device that is mounted already
 *    leads to another's.
 * 6. The child's words and errors are data: they are cleaned when printed, and never decide
 *    anything but the text and the exit code.
 */
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "svc.h"

#define FUSE_MAJOR 10
#define FUSE_MINOR 229
#define END_MS	   1000 /* how long a child may take to exit after its last word */

struct parent {
	struct svc_mount *m;
	pid_t child;
	int sock;      /* to the child */
	int signal_fd; /* the signals that end us */
	struct svc_mounter mounter;
	bool asked;  /* a mount was asked for: there is only one */
	bool unsure; /* the mounter died without a word: there may be a mount */
	bool ended;  /* the child said how it went */
};

static int process_error(struct svc_mount *m, int err, const char *what)
{
	return fusesvc_error_set(&m->error, SVC_STEP_PROCESS, SVC_E_CHILD, err, what);
}

static int request_error(struct svc_mount *m)
{
	return fusesvc_error_set(&m->error, SVC_STEP_PROCESS, SVC_E_REQUEST, EBADMSG, NULL);
}

/* The name is the caller's, or a guess that came from the child, which is checked like a
 * stranger's. */
static bool accept_name(struct svc_mount *m, const char *name)
{
	if (*m->name)
		return strcmp(m->name, name) == 0;
	if (!fusesvc_name_is_valid(name))
		return false;
	(void)snprintf(m->name, sizeof(m->name), "%s", name);
	return true;
}

static bool is_fuse_device(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(FUSE_MAJOR, FUSE_MINOR);
}

/* Returns 0 if the request is one that a child of ours sends. */
static int check_mount(struct parent *p, const struct svc_request *req, const int fds[2])
{
	struct svc_mount *m = p->m;
	mode_t fmt;

	if (p->asked || !is_fuse_device(fds[0]) || fds[1] < 0 ||
	    svc_target_check_fd(fds[1], &fmt) != 0)
		return -EINVAL;
	if ((req->ms_flags & ~SVC_SERVER_MS_FLAGS) || req->allow_other > 1 ||
	    req->default_permissions > 1)
		return -EINVAL;
	if (req->allow_other && m->uid != 0)
		return -EPERM;
	if (req->blksize &&
	    (!m->fuseblk || req->blksize < 512 || (req->blksize & (req->blksize - 1))))
		return -EINVAL;
	if (!accept_name(m, req->name))
		return -EINVAL;
	return m->uid == 0 ? svc_target_check_same(m, fds[1]) : 0;
}

static int start_mount(struct parent *p, const struct svc_request *req, int fds[2])
{
	struct svc_mount *m = p->m;
	int rc;

	rc = check_mount(p, req, fds);
	p->asked = true;
	if (rc)
		return m->error.code ? rc : request_error(m);
	m->server_pid = req->server_pid;
	rc = svc_target_locate(m, fds[1]);
	if (!rc)
		rc = svc_mounter_start(m, req, fds[0], fds[1], &p->mounter);
	return rc ? process_error(m, -rc, "cannot start the mount") : 0;
}

static int set_block_size(struct parent *p, const struct svc_request *req, int fd)
{
	struct stat st, source;
	int size = (int)req->block_size;

	if (p->m->uid != 0 || fd < 0 || !p->m->source)
		return -EPERM;
	if (fstat(fd, &st) < 0 || stat(p->m->source, &source) < 0)
		return -errno;
	if (!S_ISBLK(st.st_mode) || !S_ISBLK(source.st_mode) || st.st_rdev != source.st_rdev)
		return -ENOTBLK;
	if (size < 512 || size > 1024 * 1024 || (size & (size - 1)))
		return -EINVAL;
	return ioctl(fd, BLKBSZSET, &size) < 0 ? -errno : 0;
}

static int end_of_talk(struct parent *p, const struct svc_request *req)
{
	struct svc_mount *m = p->m;

	p->ended = true;
	if (!*m->name && fusesvc_name_is_valid(req->name))
		(void)snprintf(m->name, sizeof(m->name), "%s", req->name);
	memcpy(m->words, req->words, sizeof(m->words));
	if (req->error.code) {
		if (!m->error.code) /* what went wrong here is nearer to the cause */
			m->error = req->error;
		return -ECANCELED;
	}
	if (!m->mounted && !mnt_context_is_fake(m->cxt))
		return request_error(m);
	return 0;
}

/* A child that is gone said why before, most likely: that is still to be read. */
static int answer(const struct parent *p, int result)
{
	int rc = svc_answer_send(p->sock, result);

	return rc == -EPIPE || rc == -ECONNRESET ? 0 : rc;
}

static int on_request(struct parent *p)
{
	struct svc_request req;
	int fds[2], rc;

	rc = svc_request_recv(p->sock, &req, fds);
	if (rc == -EAGAIN)
		return 0;
	if (rc)
		return rc == -EBADMSG ? request_error(p->m) : rc;
	switch (req.type) {
	case SVC_REQUEST_MOUNT:
		rc = start_mount(p, &req, fds);
		break;
	case SVC_REQUEST_BLOCK_SIZE:
		rc = answer(p, set_block_size(p, &req, fds[0]));
		break;
	case SVC_REQUEST_END:
		rc = end_of_talk(p, &req);
		break;
	default:
		rc = request_error(p->m);
	}
	close_fd_keep_errno(fds[0]);
	close_fd_keep_errno(fds[1]);
	return rc;
}

/* The mount has ended; the server learns about it from the child. */
static int on_mounted(struct parent *p)
{
	int rc = svc_mounter_end(p->m, &p->mounter, false);

	p->m->mounted = rc == 0;
	p->unsure = rc == -EOWNERDEAD;
	if (p->unsure)
		rc = -EIO;
	if (rc)
		(void)fusesvc_error_set(&p->m->error, SVC_STEP_MOUNT, SVC_E_MOUNT, -rc, NULL);
	return answer(p, rc);
}

static int interrupted(struct svc_mount *m)
{
	return fusesvc_error_set(&m->error, SVC_STEP_PROCESS, SVC_E_INTERRUPTED, EINTR, NULL);
}

static int serve_child(struct parent *p)
{
	int rc = 0;

	while (!p->ended && !rc) {
		struct pollfd pfds[] = {
			{ .fd = p->signal_fd, .events = POLLIN },
			{ .fd = p->mounter.pid > 0 ? p->mounter.fd : -1, .events = POLLIN },
			{ .fd = p->sock, .events = POLLIN },
		};

		if (poll(pfds, ARRAY_SIZE(pfds), -1) < 0) {
			if (errno == EINTR)
				continue;
			return process_error(p->m, errno, "poll");
		}
		if (pfds[0].revents)
			return interrupted(p->m);
		if (pfds[1].revents)
			rc = on_mounted(p);
		else if (pfds[2].revents)
			rc = on_request(p);
	}
	return rc;
}

/*
 * A child that has nothing more to say exits, and its end of the socket pair closes with it; it
 * gets a moment for that. The kill cannot change the status of one that is exiting already.
 */
static int reap_child(const struct parent *p)
{
	struct pollfd pfd = { .fd = p->sock }; /* for POLLHUP */
	int status = 0;

	(void)poll(&pfd, 1, END_MS);
	(void)kill(p->child, SIGKILL);
	while (waitpid(p->child, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* If the child ended without a word, says why. */
static void end_child(struct parent *p)
{
	struct svc_mount *m = p->m;
	int status = reap_child(p);
	char text[32];

	if (p->ended || m->error.code)
		return;
	if (WIFSIGNALED(status)) {
		int sig = WTERMSIG(status);

		if (sig == SIGINT || sig == SIGTERM || sig == SIGHUP) {
			(void)interrupted(m);
			return;
		}
		(void)snprintf(text, sizeof(text), "signal %d", sig);
	} else {
		(void)snprintf(text, sizeof(text), "exit code %d", WEXITSTATUS(status));
	}
	(void)fusesvc_error_set(&m->error, SVC_STEP_PROCESS, SVC_E_CHILD_CRASHED, ECHILD, text);
}

/* Whatever may have been mounted goes away. */
static void undo(struct parent *p)
{
	struct svc_mount *m = p->m;
	bool may_be_mounted = p->unsure || p->mounter.pid > 0;
	int rc = 0;

	if (p->mounter.pid > 0)
		rc = svc_mounter_end(m, &p->mounter, true);
	if (!m->mounted && !may_be_mounted)
		return;
	if (rc != -EBUSY)
		rc = svc_unmount(m);
	/* A mounter that was killed may have mounted a moment before, and most likely has not. */
	if (rc && (m->mounted || rc != -ENOENT))
		(void)fusesvc_error_set(&m->error, SVC_STEP_MOUNT, SVC_E_UNDO, -rc, NULL);
	m->mounted = false;
}

static int start_child(struct parent *p)
{
	int socks[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		return process_error(p->m, errno, "socketpair");
	p->child = fork();
	if (p->child == 0) {
		(void)close(socks[0]);
		(void)close(p->signal_fd);
		svc_talk(p->m, socks[1]);
	}
	(void)close(socks[1]);
	p->sock = socks[0];
	return p->child < 0 ? process_error(p->m, errno, "fork") : 0;
}

static int run_with_signals(struct parent *p)
{
	int rc;

	rc = start_child(p);
	if (p->child <= 0)
		return rc;
	rc = serve_child(p);
	/*
	 * The order matters: first nobody asks any more and no mount is under way, then undo. A
	 * child that said how it went exits by itself.
	 */
	if (rc && !p->ended && p->m->error.code)
		(void)kill(p->child, SIGKILL);
	if (rc)
		undo(p);
	end_child(p);
	return rc;
}

int svc_parent_run(struct svc_mount *m)
{
	struct parent p = { .m = m, .sock = -1, .mounter = { .fd = -1, .fuse_fd = -1 } };
	int rc;

	p.signal_fd = signalfd(-1, &m->ending_signals, SFD_CLOEXEC);
	if (p.signal_fd < 0)
		return process_error(m, errno, "signalfd");
	rc = run_with_signals(&p);
	close_fd_keep_errno(p.signal_fd);
	close_fd_keep_errno(p.sock);
	return rc;
}
