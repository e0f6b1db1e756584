/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parent: it has the power and does not listen to the server.
 *
 * The safety argument, for whoever reviews this in ten minutes:
 *
 * 1. All that reaches the parent from outside after the fork is a struct svc_request of fixed
 *    size, from a child that is to be thought of as the caller's own program. svc_request_recv()
 *    lets only whole ones in; check_mount() and set_block_size() look at every field again.
 * 2. A mount is made once, of an open /dev/fuse, on a pinned directory or regular file, with
 *    flags from a closed list and numbers in range. All text of the mounting call is the
 *    caller's (source, flags) or ours; the service's name is checked for its alphabet. What a
 *    user who is not root may say of it, options.c has on a list.
 * 3. For a root caller the pinned target must be the very thing that the caller named: a child
 *    that was taken over by a server cannot choose another. Other callers may choose, and rights.c
 *    looks at what is pinned: may he write to it, is it his if it is sticky, does it hold files
 *    at all, are there too many mounts. Nothing is looked up by name, so nothing can be swapped.
 * 4. nosuid and nodev are forced by mount.c unless root asked otherwise on the command line, and
 *    so are user_id= and group_id=. Nothing that the child sends can clear a flag. allow_other is
 *    for root, or granted by fuse.conf.
 * 5. A block size is set on a block device that is the source, and fuseblk is mounted, for a root
 *    caller only.
 * 6. No path of a user's is resolved here, nor in the workers: his child does that. The one path
 *    that is, the kernel's own for the pinned target, is not followed through links, and what is
 *    found there is believed only if it is the mount of this service, by this user, on the mount
 *    of the pinned target: only that is ever unmounted. Only a connection that was made of our
 *    /dev/fuse is hung up on: a device that is mounted already leads to another's.
 * 7. Every way out ends the child and the mounter and, unless all went well, undoes the mount.
 *    What may hang is done by workers, which can be killed. Nobody else can: all ids are root's.
 *    The mounter takes orders by a socket; the child was made before, and has no way to it.
 * 8. The child's words, errors and hints are data: they are cleaned when printed, and never decide
 *    anything but the text and the exit code.
 */
#include <fcntl.h>
#include <limits.h>
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

#include "clock.h"
#include "svc.h"

#define FUSE_MAJOR 10
#define FUSE_MINOR 229
#define END_MS	   1000 /* how long a child may take to exit after its last word */

struct parent {
	struct svc_mount *m;
	int signal_fd;	       /* the signals that end us */
	bool asked;	       /* a mount was asked for: there is only one */
	bool unsure;	       /* the mounter died without a word: there may be a mount */
	bool ended;	       /* the child said how it went */
	int64_t stopped_until; /* a child that is stopped must go on before that; 0: it is not */
	int64_t busy_until; /* one that looks at files must be done before that; 0: it does not */
};

/* When what begins now must have ended; 0: it may take for ever. */
static int64_t deadline(const struct parent *p)
{
	return p->m->opts.timeout ? now_ms() + (int64_t)p->m->opts.timeout * 1000 : 0;
}

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
	struct statx stx;

	/* It may be something else, on a file system that does not answer. */
	return fd >= 0 &&
	       statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &stx) == 0 &&
	       S_ISCHR(stx.stx_mode) && stx.stx_rdev_major == FUSE_MAJOR &&
	       stx.stx_rdev_minor == FUSE_MINOR;
}

/* Returns 0 if the request is one that a child of ours sends. */
static int check_mount(struct parent *p, const struct svc_request *req, const int fds[2])
{
	struct svc_mount *m = p->m;
	mode_t fmt;
	int rc;

	if (p->asked || !is_fuse_device(fds[0]) || fds[1] < 0)
		return -EINVAL;
	rc = svc_target_check_fd(fds[1], &fmt);
	if (rc)
		return rc;
	if ((req->ms_flags & ~SVC_SERVER_MS_FLAGS) || req->allow_other > 1 ||
	    req->default_permissions > 1)
		return -EINVAL;
	if (req->allow_other && !m->may_allow_other)
		return -EPERM;
	if (req->blksize &&
	    (!m->fuseblk || req->blksize < 512 || (req->blksize & (req->blksize - 1))))
		return -EINVAL;
	return accept_name(m, req->name) ? 0 : -EINVAL;
}

void svc_note_server(struct svc_mount *m, const struct svc_request *req)
{
	(void)snprintf(m->name, sizeof(m->name), "%s", req->name);
	m->server_pid = req->server_pid;
	m->added = req->ms_flags;
	m->is_read_only = m->opts.read_only || (req->ms_flags & MS_RDONLY);
}

static int start_mount(struct parent *p, const struct svc_request *req, int fds[2])
{
	struct svc_mount *m = p->m;
	int rc;

	rc = check_mount(p, req, fds);
	p->asked = true;
	if (rc == -EACCES) /* as on a user's own FUSE mount, which is none of ours to look into */
		return fusesvc_error_set(&m->error, SVC_STEP_TARGET, SVC_E_TARGET, EACCES,
					 m->target);
	if (rc)
		return request_error(m);
	svc_note_server(m, req);
	rc = svc_mounter_order(m, req, fds[0], fds[1]);
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
		if (!m->error.code) { /* what went wrong here is nearer to the cause */
			m->error = req->error;
			if (!*req->hint.name || fusesvc_name_is_valid(req->hint.name))
				m->hint = req->hint;
		}
		return -ECANCELED;
	}
	m->is_absent = req->is_absent && m->opts.nofail && !p->asked;
	/* A mount that is under way, too, is none that anybody confirmed. */
	if (m->mounted || mnt_context_is_fake(m->cxt) || m->is_absent)
		return 0;
	return m->error.code ? -EIO : request_error(m);
}

/* A child that is gone said why before, most likely: that is still to be read. */
static int answer(const struct parent *p, int result)
{
	int rc = svc_answer_send(p->m->talker.fd, result);

	if (rc == -EPIPE || rc == -ECONNRESET)
		return 0;
	return rc ? process_error(p->m, -rc, "cannot answer the process that talks") : 0;
}

static int on_request(struct parent *p)
{
	struct svc_request req;
	int fds[2], rc;

	rc = svc_request_recv(p->m->talker.fd, &req, fds);
	if (rc == -EAGAIN)
		return 0;
	if (rc == -EBADMSG)
		return request_error(p->m);
	if (rc == -ECONNRESET)
		return rc;
	if (rc)
		return process_error(p->m, -rc, "cannot hear the process that talks");
	switch (req.type) {
	case SVC_REQUEST_MOUNT:
		rc = start_mount(p, &req, fds);
		break;
	case SVC_REQUEST_BLOCK_SIZE:
		rc = answer(p, set_block_size(p, &req, fds[0]));
		break;
	case SVC_REQUEST_BUSY:
	case SVC_REQUEST_READY:
		p->busy_until = req.type == SVC_REQUEST_BUSY ? deadline(p) : 0;
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
	int rc = svc_mounter_result(p->m, false);

	p->m->mounted = rc == 0;
	p->unsure = rc == -EOWNERDEAD;
	if (p->unsure)
		rc = -EIO;
	if (rc == -EBUSY && p->m->fuseblk && !p->m->error.code)
		(void)fusesvc_error_set(&p->m->error, SVC_STEP_MOUNT, SVC_E_DEVICE_BUSY, EBUSY,
					p->m->source);
	if (rc && !p->m->error.code)
		(void)fusesvc_error_set(&p->m->error, SVC_STEP_MOUNT, SVC_E_MOUNT, -rc, NULL);
	return answer(p, rc);
}

static int interrupted(struct svc_mount *m)
{
	return fusesvc_error_set(&m->error, SVC_STEP_PROCESS, SVC_E_INTERRUPTED, EINTR, NULL);
}

/* Its owner can stop a child, and with it its clock. Job control stops us too. */
static void on_child_signal(struct parent *p)
{
	siginfo_t info = { 0 };

	while (waitid(P_PID, (id_t)p->m->talker.pid, &info, WSTOPPED | WCONTINUED | WNOHANG) == 0 &&
	       info.si_pid) {
		p->stopped_until = info.si_code == CLD_STOPPED ? deadline(p) : 0;
		info.si_pid = 0;
	}
}

static int on_signal(struct parent *p)
{
	struct signalfd_siginfo info;

	if (read(p->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return process_error(p->m, errno, "signalfd");
	if (info.ssi_signo != SIGCHLD)
		return interrupted(p->m);
	on_child_signal(p);
	return 0;
}

static int earlier(int64_t until, int64_t now, int ms)
{
	int64_t left = until - now;

	if (!until || (ms >= 0 && left >= ms))
		return ms;
	return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* How long poll may wait; 0: the child has been stopped, or away, for too long. */
static int patience(const struct parent *p)
{
	int64_t now = now_ms();

	return earlier(p->busy_until, now, earlier(p->stopped_until, now, -1));
}

static int out_of_patience(struct parent *p)
{
	uint32_t code = p->stopped_until ? SVC_E_CHILD_STOPPED : SVC_E_CHILD_STUCK;

	return fusesvc_error_set(&p->m->error, SVC_STEP_PROCESS, code, ETIMEDOUT, NULL);
}

static int serve_child(struct parent *p)
{
	int rc = 0, n;

	while (!p->ended && !rc) {
		struct pollfd pfds[] = {
			{ .fd = p->signal_fd, .events = POLLIN },
			{ .fd = p->m->is_mounting ? p->m->mounter.fd : -1, .events = POLLIN },
			{ .fd = p->m->talker.fd, .events = POLLIN },
			{ .fd = p->m->host.hangup_fd, .events = POLLIN },
		};

		n = poll(pfds, ARRAY_SIZE(pfds), patience(p));
		if (n < 0 && errno != EINTR)
			return process_error(p->m, errno, "poll");
		if (n == 0 && patience(p) == 0)
			return out_of_patience(p);
		if (n <= 0)
			continue;
		if (pfds[0].revents)
			rc = on_signal(p);
		else if (pfds[1].revents)
			rc = on_mounted(p);
		else if (pfds[2].revents)
			rc = on_request(p);
		else if (pfds[3].revents)
			rc = interrupted(p->m);
	}
	return rc;
}

/*
 * A child that has nothing more to say exits, and its end of the socket pair closes with it; it
 * gets a moment for that. The kill cannot change the status of one that is exiting already. One
 * that waits for a file system that does not answer, not even SIGKILL ends: it is left alone.
 */
static int reap_child(struct svc_process *child)
{
	struct pollfd pfd = { .fd = child->fd }; /* for POLLHUP */
	int status = 0;

	(void)poll(&pfd, 1, END_MS);
	(void)kill(child->pid, SIGKILL);
	(void)svc_reap(child->pid, END_MS, &status);
	svc_process_forget(child);
	return status;
}

/* If the child ended without a word, says why. */
static void end_child(struct parent *p)
{
	struct svc_mount *m = p->m;
	int status = reap_child(&m->talker);
	char text[32];

	if (p->ended || m->error.code)
		return;
	if (WIFSIGNALED(status)) {
		int sig = WTERMSIG(status);

		if (sigismember(&m->signals, sig) == 1) {
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
	bool may_be_mounted = p->unsure || m->is_mounting;
	int rc = 0;

	if (m->is_mounting)
		rc = svc_mounter_result(m, true);
	if (!m->mounted && !may_be_mounted)
		return;
	m->mounted |= p->unsure; /* most likely; none that must go is to stay without a word */
	if (rc != -EBUSY)
		rc = svc_unmount(m);
	/* A mounter that was killed may have mounted a moment before, and most likely has not. */
	if (rc && (m->mounted || rc != -ENOENT))
		(void)fusesvc_error_set(&m->error, SVC_STEP_MOUNT, SVC_E_UNDO, -rc, NULL);
	m->mounted = false;
}

static int start_child(struct parent *p)
{
	struct svc_process *child = &p->m->talker;
	pid_t us = getpid();
	int socks[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		return process_error(p->m, errno, "socketpair");
	child->pid = fork();
	if (child->pid == 0) {
		(void)close(socks[0]);
		(void)close(p->signal_fd);
		svc_leave_host(p->m);
		svc_talk(p->m, socks[1], us);
	}
	(void)close(socks[1]);
	child->fd = socks[0];
	return child->pid < 0 ? process_error(p->m, errno, "fork") : 0;
}

/* After the child, who must not have a way to it; while the service is waking up. */
static int start_mounter(struct svc_mount *m)
{
	int rc = mnt_context_is_fake(m->cxt) ? 0 : svc_mounter_start(m);

	return rc ? process_error(m, -rc, "cannot start the mount") : 0;
}

static int run_with_signals(struct parent *p)
{
	int rc;

	p->busy_until = deadline(p); /* until it says otherwise */
	rc = start_child(p);
	if (rc) {
		svc_process_forget(&p->m->talker);
		return rc;
	}
	rc = start_mounter(p->m);
	if (!rc)
		rc = serve_child(p);
	/*
	 * The order matters: first nobody asks any more and no mount is under way, then undo. A
	 * child that said how it went exits by itself; after a mount nobody waits for that.
	 */
	if (!rc)
		return 0;
	if (!p->ended && p->m->error.code)
		(void)kill(p->m->talker.pid, SIGKILL);
	undo(p);
	end_child(p);
	svc_parent_end(p->m);
	return rc;
}

void svc_parent_end(struct svc_mount *m)
{
	svc_process_end(&m->talker);
	svc_process_end(&m->mounter);
}

int svc_parent_run(struct svc_mount *m)
{
	struct parent p = { .m = m };
	int rc;

	p.signal_fd = signalfd(-1, &m->signals, SFD_CLOEXEC);
	if (p.signal_fd < 0)
		return process_error(m, errno, "signalfd");
	rc = run_with_signals(&p);
	close_fd_keep_errno(p.signal_fd);
	return rc;
}
