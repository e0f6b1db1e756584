/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mount itself, by libmount, and its undoing.
 *
 * A server can make the kernel wait for its first answer, inside mount(2), where nothing but
 * SIGKILL ends a wait, and in one case not even that (see fusectl.c). So the mount is made by a
 * process of its own, the mounter, which the parent can kill. The kernel's options are written
 * here, from numbers and from what the caller said; no text of the server's is in them.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "svc.h"

#define END_MS 2000 /* how long a mounter may take to die of SIGKILL */

static int append(char **optstr, const char *name, const char *value)
{
	return mnt_optstr_append_option(optstr, name, value);
}

static int append_number(char **optstr, const char *name, unsigned int n)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", n);
	return append(optstr, name, text);
}

static int append_flags(const struct svc_mount *m, uint32_t ms_flags, char **optstr)
{
	const struct {
		bool wanted;
		const char *name;
	} flags[] = {
		{ ms_flags & MS_RDONLY, "ro" },
		{ (ms_flags & MS_NOSUID) || !m->opts.allow_suid, "nosuid" },
		{ (ms_flags & MS_NODEV) || !m->opts.allow_dev, "nodev" },
		{ ms_flags & MS_NOEXEC, "noexec" },
		{ ms_flags & MS_SYNCHRONOUS, "sync" },
		{ ms_flags & MS_DIRSYNC, "dirsync" },
		{ ms_flags & MS_NOATIME, "noatime" },
		{ ms_flags & MS_NODIRATIME, "nodiratime" },
		{ ms_flags & MS_NOSYMFOLLOW, "nosymfollow" },
	};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(flags) && !rc; i++)
		if (flags[i].wanted)
			rc = append(optstr, flags[i].name, NULL);
	return rc;
}

/* The caller's flags come first, so that what is forced, and what the server adds, stands. */
static int build_options(const struct svc_mount *m, const struct svc_request *req, int fuse_fd,
			 mode_t fmt, char **optstr)
{
	char subtype[sizeof("svc.") + FUSESVC_NAME_SIZE], rootmode[16];
	int rc = 0;

	if (m->opts.vfs) {
		*optstr = strdup(m->opts.vfs);
		rc = *optstr ? 0 : -ENOMEM;
	}
	(void)snprintf(subtype, sizeof(subtype), "svc.%s", m->name);
	(void)snprintf(rootmode, sizeof(rootmode), "%o", fmt);
	if (!rc)
		rc = append_flags(m, req->ms_flags, optstr);
	if (!rc)
		rc = append_number(optstr, "fd", (unsigned int)fuse_fd);
	if (!rc)
		rc = append(optstr, "rootmode", rootmode);
	if (!rc)
		rc = append_number(optstr, "user_id", m->uid);
	if (!rc)
		rc = append_number(optstr, "group_id", m->gid);
	if (!rc)
		rc = append(optstr, "subtype", subtype);
	if (!rc && req->default_permissions)
		rc = append(optstr, "default_permissions", NULL);
	if (!rc && req->allow_other)
		rc = append(optstr, "allow_other", NULL);
	if (!rc && req->max_read)
		rc = append_number(optstr, "max_read", req->max_read);
	if (!rc && req->blksize)
		rc = append_number(optstr, "blksize", req->blksize);
	return rc;
}

/*
 * A path to a descriptor, relative to our own /proc, which becomes the working directory: it is
 * right in whatever mount namespace we are, and asks no file system on the way.
 */
static int path_to_fd(const struct svc_mount *m, int fd, char *buf, size_t size)
{
	(void)snprintf(buf, size, "self/fd/%d", fd);
	return fchdir(m->proc_fd) < 0 ? -errno : 0;
}

/* How libmount may name a pinned mount point. */
static int name_target(const struct svc_mount *m, int target_fd, mode_t fmt, char *buf, size_t size)
{
	if (fmt == S_IFDIR) {
		(void)snprintf(buf, size, ".");
		return fchdir(target_fd) < 0 ? -errno : 0;
	}
	/* The new mount API does not follow a link to a file, mount(2) does. */
	if (setenv("LIBMOUNT_FORCE_MOUNT2", "always", 1) < 0)
		return -errno;
	return path_to_fd(m, target_fd, buf, size);
}

static int call_libmount(const struct svc_mount *m, const char *target, const char *optstr)
{
	struct libmnt_context *cxt = mnt_new_context();
	int rc = -ENOMEM;

	if (!cxt)
		return rc;
	rc = mnt_context_disable_helpers(cxt, 1);
	if (!rc)
		rc = mnt_context_disable_canonicalize(cxt, 1);
	if (!rc)
		rc = mnt_context_disable_mtab(cxt, 1);
	if (!rc)
		rc = mnt_context_set_source(cxt, m->source ? m->source : m->name);
	if (!rc)
		rc = mnt_context_set_target(cxt, target);
	if (!rc)
		rc = mnt_context_set_fstype(cxt, m->fuseblk ? "fuseblk" : "fuse");
	if (!rc)
		rc = mnt_context_set_options(cxt, optstr);
	if (!rc)
		rc = mnt_context_mount(cxt);
	if (mnt_context_syscall_called(cxt) && mnt_context_get_syscall_errno(cxt))
		rc = -mnt_context_get_syscall_errno(cxt);
	mnt_free_context(cxt);
	return rc > 0 ? -rc : rc;
}

/*
 * A device that is mounted as fuseblk already gives another mount of the same, without a word to
 * our server: that is not what was asked for, and goes away without harm to the first.
 */
static int refuse_second_mount(const struct svc_mount *m)
{
	_cleanup_fd_ int fd = open(m->true_target, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	char path[64];

	if (fd >= 0 && svc_target_is_mount_of(m, fd, m->source_dev) &&
	    path_to_fd(m, fd, path, sizeof(path)) == 0)
		(void)umount2(path, MNT_DETACH);
	return -EBUSY;
}

static int mount_now(struct svc_mount *m, const struct svc_request *req, int fuse_fd, int target_fd)
{
	_cleanup_free_ char *optstr = NULL;
	char target[64];
	mode_t fmt;
	int rc;

	if (!mnt_context_switch_target_ns(m->cxt))
		return -EINVAL;
	rc = svc_target_check_fd(target_fd, &fmt);
	if (!rc)
		rc = build_options(m, req, fuse_fd, fmt, &optstr);
	if (!rc)
		rc = name_target(m, target_fd, fmt, target, sizeof(target));
	if (!rc)
		rc = call_libmount(m, target, optstr);
	return !rc && m->fuseblk && !svc_has_connection(m, fuse_fd) ? refuse_second_mount(m) : rc;
}

int svc_mounter_start(struct svc_mount *m, const struct svc_request *req, int fuse_fd,
		      int target_fd, struct svc_mounter *mounter)
{
	pid_t parent = getpid();
	int32_t answer;
	int pipe_fds[2];

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	mounter->pid = fork();
	if (mounter->pid < 0) {
		int err = errno;

		(void)close(pipe_fds[0]);
		(void)close(pipe_fds[1]);
		return -err;
	}
	if (mounter->pid > 0) {
		(void)close(pipe_fds[1]);
		mounter->fd = pipe_fds[0];
		mounter->fuse_fd = fcntl(fuse_fd, F_DUPFD_CLOEXEC, 3);
		return 0;
	}
	/* The signals that end the parent stay blocked: it is the parent who ends us. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(EXIT_FAILURE);
	answer = mount_now(m, req, fuse_fd, target_fd);
	if (write(pipe_fds[1], &answer, sizeof(answer)) != (ssize_t)sizeof(answer))
		_exit(EXIT_FAILURE);
	_exit(EXIT_SUCCESS);
}

static bool has_ended(const struct svc_mounter *mounter)
{
	struct pollfd pfd = { .fd = mounter->fd, .events = POLLIN };

	return poll(&pfd, 1, END_MS) > 0;
}

/* A killed mounter may still wait for a server, in the end of a fuseblk mount that failed. */
static bool kill_mounter(const struct svc_mount *m, const struct svc_mounter *mounter)
{
	(void)kill(mounter->pid, SIGKILL);
	if (has_ended(mounter))
		return true;
	return m->fuseblk && svc_has_connection(m, mounter->fuse_fd) &&
	       svc_abort_connection(m->source_dev) == 0 && has_ended(mounter);
}

int svc_mounter_end(struct svc_mount *m, struct svc_mounter *mounter, bool kill_it)
{
	int32_t answer = -EOWNERDEAD;
	ssize_t n;

	if (mounter->pid <= 0)
		return -ECHILD;
	if (kill_it && !kill_mounter(m, mounter)) {
		answer = -EBUSY;
	} else {
		do
			n = read(mounter->fd, &answer, sizeof(answer));
		while (n < 0 && errno == EINTR);
		if (n != (ssize_t)sizeof(answer) || answer > 0)
			answer = -EOWNERDEAD;
		while (waitpid(mounter->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	m->has_connection = answer == 0 || svc_has_connection(m, mounter->fuse_fd);
	close_fd_keep_errno(steal_fd(&mounter->fd));
	close_fd_keep_errno(steal_fd(&mounter->fuse_fd));
	mounter->pid = 0;
	return answer;
}

/*
 * Detaches the mount at whose root @fd lies. Must not ask its server anything: it may hang. The end
 * of a fuseblk mount waits for it where not even SIGKILL ends a wait, so MNT_FORCE hangs up first.
 */
static int unmount_root(const struct svc_mount *m, int fd)
{
	char path[64];
	int rc = path_to_fd(m, fd, path, sizeof(path));

	int flags = MNT_DETACH | (m->has_connection ? MNT_FORCE : 0);

	return rc ? rc : umount2(path, flags) < 0 ? -errno : 0;
}

int svc_unmount(struct svc_mount *m)
{
	struct libmnt_ns *old = mnt_context_switch_target_ns(m->cxt);
	_cleanup_fd_ int fd = -1;
	int rc = 0;

	if (!old)
		return -EINVAL;
	/* The path leads to the root of what is mounted there now; is that ours? */
	fd = open(m->true_target, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		rc = -errno;
	else
		rc = svc_target_has_our_mount(m, fd) ? unmount_root(m, fd) : -ENOENT;
	if (!mnt_context_switch_ns(m->cxt, old) && !rc)
		rc = -EINVAL;
	return rc;
}
