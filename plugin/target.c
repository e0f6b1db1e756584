/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mount point: pinned by a descriptor, then checked through it, so that nobody can swap it in
 * between. Must never ask the file system that is mounted there now: it may hang, so attributes
 * come from the kernel's cache (AT_STATX_DONT_SYNC).
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "svc.h"

static int cached_statx(int fd, struct statx *stx)
{
	int rc = statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		       STATX_BASIC_STATS | STATX_MNT_ID, stx);

	return rc < 0 ? -errno : 0;
}

/* Opens a path in the namespace of the target (mount -N). */
static int open_in_target_ns(struct svc_mount *m, const char *path, int flags, int *fd)
{
	struct libmnt_ns *old = mnt_context_switch_target_ns(m->cxt);
	int err = 0;

	if (!old)
		return -EINVAL;
	*fd = open(path, O_PATH | O_CLOEXEC | flags);
	if (*fd < 0)
		err = -errno;
	if (!mnt_context_switch_ns(m->cxt, old)) {
		close_fd_keep_errno(steal_fd(fd));
		return -EINVAL;
	}
	return err;
}

static int target_error(struct svc_mount *m, uint32_t code, int rc)
{
	return fusesvc_error_set(&m->error, SVC_STEP_TARGET, code, -rc, m->target);
}

int svc_target_check_fd(int fd, mode_t *fmt)
{
	struct statx stx;
	int rc = cached_statx(fd, &stx);
	int flags = fcntl(fd, F_GETFL);

	if (rc || flags < 0)
		return rc ? rc : -errno;
	if (!(flags & O_PATH))
		return -EBADF;
	*fmt = stx.stx_mode & S_IFMT;
	return *fmt == S_IFDIR || *fmt == S_IFREG ? 0 : -ENOTDIR;
}

int svc_target_pin(struct svc_mount *m, int *fd, mode_t *fmt)
{
	int rc;

	rc = open_in_target_ns(m, m->target, 0, fd);
	if (!rc)
		rc = svc_target_check_fd(*fd, fmt);
	return rc ? target_error(m, SVC_E_TARGET, rc) : 0;
}

int svc_target_check_same(struct svc_mount *m, int fd)
{
	_cleanup_fd_ int now = -1;
	struct statx a, b;
	int rc;

	rc = open_in_target_ns(m, m->target, 0, &now);
	if (!rc)
		rc = cached_statx(fd, &a);
	if (!rc)
		rc = cached_statx(now, &b);
	if (rc)
		return target_error(m, SVC_E_TARGET, rc);
	if (a.stx_dev_major != b.stx_dev_major || a.stx_dev_minor != b.stx_dev_minor ||
	    a.stx_ino != b.stx_ino || a.stx_mnt_id != b.stx_mnt_id)
		return target_error(m, SVC_E_TARGET_CHANGED, -ESTALE);
	return 0;
}

/* Notes where a pinned mount point is: its true path, and the mount in which it lies. */
int svc_target_locate(struct svc_mount *m, int fd)
{
	char link[64], buf[PATH_MAX];
	struct statx stx;
	ssize_t len;
	int rc;

	rc = cached_statx(fd, &stx);
	if (rc)
		return rc;
	m->target_mnt_id = stx.stx_mnt_id;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, buf, sizeof(buf) - 1);
	if (len < 0)
		return -errno;
	buf[len] = '\0';
	if (buf[0] != '/')
		return -ENOENT;
	m->true_target = strdup(buf);
	return m->true_target ? 0 : -ENOMEM;
}

static void unref_table(struct libmnt_table **tb)
{
	mnt_unref_table(*tb);
}

/* The mounts of the namespace we are in. Its own /proc may show other processes, or be missing. */
static struct libmnt_table *read_mountinfo(const struct svc_mount *m)
{
	int fd = openat(m->proc_fd, "self/mountinfo", O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "re");
	struct libmnt_table *tb = f ? mnt_new_table() : NULL;

	if (!f)
		close_fd_keep_errno(fd);
	if (tb && mnt_table_parse_stream(tb, f, "mountinfo") != 0) {
		mnt_unref_table(tb);
		tb = NULL;
	}
	if (f)
		(void)fclose(f);
	return tb;
}

/* The mountinfo line of the mount in which @fd lies; it belongs to @tb. NULL if there is none. */
static struct libmnt_fs *find_mount_of(int fd, struct libmnt_table *tb)
{
	struct libmnt_iter *it = mnt_new_iter(MNT_ITER_BACKWARD);
	struct libmnt_fs *fs = NULL, *found = NULL;
	struct statx stx;

	if (it && cached_statx(fd, &stx) == 0 && (stx.stx_mask & STATX_MNT_ID))
		while (!found && mnt_table_next_fs(tb, it, &fs) == 0)
			if ((uint64_t)mnt_fs_get_id(fs) == stx.stx_mnt_id)
				found = fs;
	mnt_free_iter(it);
	return found;
}

static bool is_mount_of_service(const struct svc_mount *m, struct libmnt_fs *fs)
{
	const char *fstype = mnt_fs_get_fstype(fs), *source = mnt_fs_get_source(fs);
	const char *suffix = fstype && svc_is_type(fstype) ? strstr(fstype, ".svc.") : NULL;

	return suffix && strcmp(suffix + 5, m->name) == 0 && source &&
	       strcmp(source, m->source ? m->source : m->name) == 0;
}

int svc_target_check_not_mounted(struct svc_mount *m, int fd)
{
	_cleanup_(unref_table) struct libmnt_table *tb = NULL;
	struct libmnt_fs *fs;
	struct statx stx;
	int rc;

	rc = cached_statx(fd, &stx);
	if (rc)
		return target_error(m, SVC_E_TARGET, rc);
	if (!(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return 0;
	tb = read_mountinfo(m);
	fs = tb ? find_mount_of(fd, tb) : NULL;
	if (fs && is_mount_of_service(m, fs))
		return fusesvc_error_set(&m->error, SVC_STEP_TARGET, SVC_E_BUSY, EBUSY,
					 m->source ? m->source : m->name);
	return 0;
}

bool svc_target_is_mount_of(const struct svc_mount *m, int fd, dev_t dev)
{
	struct statx stx;

	return cached_statx(fd, &stx) == 0 && stx.stx_mnt_id != m->target_mnt_id &&
	       (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT) &&
	       makedev(stx.stx_dev_major, stx.stx_dev_minor) == dev;
}

bool svc_target_has_our_mount(struct svc_mount *m, int fd)
{
	_cleanup_(unref_table) struct libmnt_table *tb = NULL;
	struct libmnt_fs *fs;
	char *value = NULL, expected[16];
	struct statx stx;
	size_t len = 0;

	if (cached_statx(fd, &stx) != 0 || stx.stx_mnt_id == m->target_mnt_id ||
	    !(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return false;
	tb = read_mountinfo(m);
	fs = tb ? find_mount_of(fd, tb) : NULL;
	if (!fs || !is_mount_of_service(m, fs))
		return false;
	/* One that lies on another than our mount point is somebody else's, though it looks alike.
	 */
	if ((uint64_t)mnt_fs_get_parent_id(fs) != m->target_mnt_id)
		return false;
	/* Whoever swaps paths under us must not make us unmount what another user mounted. */
	(void)snprintf(expected, sizeof(expected), "%u", m->uid);
	return mnt_fs_get_option(fs, "user_id", &value, &len) == 0 && value &&
	       len == strlen(expected) && strncmp(value, expected, len) == 0;
}
