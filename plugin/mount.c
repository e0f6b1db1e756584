/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mount itself, by libmount, and its undoing.
 *
 * A server can make the kernel wait for its first answer, inside mount(2), where nothing but
 * SIGKILL ends a wait, and in one case not even that (see fusectl.c). So the mount is made by a
 * worker, the mounter (see mounter.c). It looks at the mount point again, for it is the
 * one with the power. The kernel's options are written here, from numbers and from what the caller
 * said; no text of the server's is in them.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <time.h>

#include "svc.h"

#define UNMOUNT_TRIES 200

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

int svc_flag_options(const struct svc_mount *m, uint32_t ms_flags, char **optstr)
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
int svc_mount_options(const struct svc_mount *m, const struct svc_request *req, int fuse_fd,
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
		rc = svc_flag_options(m, req->ms_flags, optstr);
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
	if (!rc && m->fuseblk && (req->blksize || m->sector))
		rc = append_number(optstr, "blksize", req->blksize ? req->blksize : m->sector);
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

/* How a mounting call may name a pinned mount point. */
static int name_target(const struct svc_mount *m, int target_fd, mode_t fmt, char *buf, size_t size)
{
	if (fmt == S_IFDIR) {
		(void)snprintf(buf, size, ".");
		return fchdir(target_fd) < 0 ? -errno : 0;
	}
	return path_to_fd(m, target_fd, buf, size);
}

/*
 * With the new mount API, libmount looks at the root of what it mounted, which only the user may
 * whose mount it is; and that API does not follow the link to a pinned file. libmount's switch for
 * mount(2) does not work in a process that nobody may trace, as ours are.
 */
static bool is_for_libmount(const struct svc_mount *m, mode_t fmt)
{
	return m->uid == 0 && fmt == S_IFDIR;
}

/* Without libmount. All options of a user who is not root have been checked against a list. */
static int call_mount2(const struct svc_mount *m, const char *target, const char *optstr)
{
	_cleanup_free_ char *vfs = NULL, *data = NULL;
	unsigned long flags = 0;
	int rc = mnt_split_optstr(optstr, NULL, &vfs, &data, 0, 0);

	if (!rc)
		rc = mnt_optstr_get_flags(vfs ? vfs : "", &flags,
					  mnt_get_builtin_optmap(MNT_LINUX_MAP));
	if (rc)
		return rc;
	return mount(m->source ? m->source : m->name, target, m->fuseblk ? "fuseblk" : "fuse",
		     flags, data) < 0
		       ? -errno
		       : 0;
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
	/* libmount has errors of its own, which are no errno values. */
	return rc <= -MNT_ERR_NOFSTAB ? -EINVAL : rc > 0 ? -rc : rc;
}

/*
 * The root of what is mounted on the pinned mount point, if the way there has no link in it. A
 * mount point keeps its name, but not the folders above it: so from its own folder, where it has
 * one (a regular file has not).
 */
static int open_mounted(const struct svc_mount *m, int target_fd, char *path, size_t size, int *fd)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	_cleanup_fd_ int folder = -1;
	const char *name = path;
	int rc = svc_target_true_path(m, target_fd, path, size);

	if (rc)
		return rc;
	folder = openat(target_fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder >= 0 && strcmp(path, "/") != 0)
		name = strrchr(path, '/') + 1;
	*fd = (int)syscall(SYS_openat2, folder >= 0 ? folder : AT_FDCWD, name, &how, sizeof(how));
	return *fd < 0 ? -errno : 0;
}

/*
 * A device that is mounted as fuseblk already gives another mount of the same, without a word to
 * our server: that is not what was asked for, and goes away without harm to the first.
 */
static int refuse_second_mount(const struct svc_mount *m, int target_fd)
{
	char target[PATH_MAX], path[64];
	_cleanup_fd_ int fd = -1;

	if (open_mounted(m, target_fd, target, sizeof(target), &fd) != 0 ||
	    !svc_target_is_mount_of(m, fd, m->source_dev) ||
	    path_to_fd(m, fd, path, sizeof(path)) < 0 || umount2(path, MNT_DETACH) < 0)
		return -EOWNERDEAD; /* the parent tries again, and tells */
	return -EBUSY;
}

/* For root, the mount point that the caller named; for others, one where they may mount. */
static int check_target(struct svc_mount *m, int target_fd, mode_t *fmt)
{
	int rc = svc_target_check_fd(target_fd, fmt);

	if (rc)
		return rc;
	if (m->uid == 0)
		return svc_target_check_same(m, target_fd);
	rc = svc_rights_check_target(m, target_fd, *fmt);
	return rc ? rc : svc_rights_check_number(m, target_fd, true);
}

static int mount_checked(struct svc_mount *m, const struct svc_request *order, const int fds[2],
			 mode_t fmt)
{
	const int fuse_fd = fds[0], target_fd = fds[1];
	_cleanup_free_ char *optstr = NULL;
	char target[64];
	int rc;

	rc = svc_mount_options(m, order, fuse_fd, fmt, &optstr);
	if (!rc)
		rc = name_target(m, target_fd, fmt, target, sizeof(target));
	if (!rc)
		rc = is_for_libmount(m, fmt) ? call_libmount(m, target, optstr)
					     : call_mount2(m, target, optstr);
	return !rc && m->fuseblk && !svc_has_connection(m, fuse_fd)
		       ? refuse_second_mount(m, target_fd)
		       : rc;
}

/* For a host that attaches it: there is nothing to be found again by a path. */
static int mount_detached(struct svc_mount *m, const struct svc_request *order, int fuse_fd,
			  mode_t fmt, struct svc_result *result)
{
	_cleanup_free_ char *optstr = NULL;
	int rc = svc_mount_options(m, order, fuse_fd, fmt, &optstr);

	return rc ? rc : svc_tree_make(m, fuse_fd, optstr, &result->added);
}

int svc_mount_now(struct svc_mount *m, const struct svc_request *order, const int fds[2],
		  struct svc_result *result)
{
	const int target_fd = fds[1];
	mode_t fmt;
	int rc;

	svc_note_server(m, order);
	if (!mnt_context_switch_target_ns(m->cxt))
		return -EINVAL;
	rc = check_target(m, target_fd, &fmt);
	if (!rc && m->host.is_detached)
		return mount_detached(m, order, fds[0], fmt, result);
	if (!rc)
		rc = svc_target_mnt_id(m, target_fd, &result->target_mnt_id);
	m->target_mnt_id = result->target_mnt_id;
	if (!rc) /* what has no path, or too long a one, could not be undone either */
		rc = svc_target_true_path(m, target_fd, result->true_target,
					  sizeof(result->true_target));
	if (!rc)
		rc = mount_checked(m, order, fds, fmt);
	if (rc)
		return rc;
	/* Others mounted in the meantime, perhaps. The parent takes away what is too much. */
	if (m->uid != 0 && svc_rights_check_number(m, target_fd, false) != 0)
		return -EOWNERDEAD;
	if (svc_target_true_path(m, target_fd, result->true_target, sizeof(result->true_target)) !=
	    0)
		return -EOWNERDEAD;
	/* For utab. The mount point must not be held by whoever waits there for a lock. */
	(void)svc_connection_of(m, fds[0], &m->connection);
	m->true_target = strdup(result->true_target);
	return m->true_target && fchdir(m->proc_fd) == 0 ? 0 : -EOWNERDEAD;
}

/*
 * Detaches the mount at whose root @fd lies. Must not ask its server anything: it may hang. The end
 * of a fuseblk mount waits for it where not even SIGKILL ends a wait, so MNT_FORCE hangs up first.
 */
static int unmount_root(const struct svc_mount *m, int fd)
{
	int flags = MNT_DETACH | (m->has_connection ? MNT_FORCE : 0);
	char path[64];
	int rc = path_to_fd(m, fd, path, sizeof(path));

	return rc ? rc : umount2(path, flags) < 0 ? -errno : 0;
}

/* The path leads to the root of what is mounted there now; is that ours? */
static int unmount_once(struct svc_mount *m)
{
	_cleanup_fd_ int fd = -1;
	char path[PATH_MAX];
	int rc = open_mounted(m, m->target_fd, path, sizeof(path), &fd);

	if (rc)
		return rc;
	return svc_target_has_our_mount(m, fd, path) ? unmount_root(m, fd) : -ENOENT;
}

/* A path that is renamed under us leads there the next time, or the one after that. */
int svc_unmount_now(struct svc_mount *m)
{
	const struct timespec pause = { .tv_nsec = 1000 * 1000 };
	int tries = m->mounted ? UNMOUNT_TRIES : UNMOUNT_TRIES / 10, rc = -ENOENT;

	if (!mnt_context_switch_target_ns(m->cxt))
		return -EINVAL;
	/* It may have been killed before it told. */
	if (svc_target_mnt_id(m, m->target_fd, &m->target_mnt_id) != 0)
		return -EINVAL;
	for (int i = 0; i < tries && rc; i++) {
		if (i)
			(void)nanosleep(&pause, NULL);
		rc = unmount_once(m);
	}
	return rc;
}
