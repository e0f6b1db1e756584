/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mount point: pinned by a descriptor, then checked through it, so that nobody can swap it in
 * between. Must never ask the file system that is mounted there now: it may hang, so attributes
 * come from the kernel's cache (AT_STATX_DONT_SYNC).
 */
#include <fcntl.h>
#include <inttypes.h>
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

int svc_target_true_path(const struct svc_mount *m, int fd, char *buf, size_t size)
{
	char link[64];
	ssize_t len;

	(void)snprintf(link, sizeof(link), "self/fd/%d", fd);
	len = readlinkat(m->proc_fd, link, buf, size);
	if (len < 0)
		return -errno;
	if ((size_t)len >= size)
		return -ENAMETOOLONG;
	buf[len] = '\0';
	return buf[0] == '/' ? 0 : -ENOENT;
}

/*
 * From fdinfo: the file system has no say in it, while statx(2) of a user's FUSE mount is refused
 * even to root.
 */
int svc_target_mnt_id(const struct svc_mount *m, int fd, uint64_t *id)
{
	char path[32], text[1024], *at;
	_cleanup_fd_ int info = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "self/fdinfo/%d", fd);
	info = openat(m->proc_fd, path, O_RDONLY | O_CLOEXEC);
	if (info < 0)
		return -errno;
	n = read(info, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	at = strstr(text, "mnt_id:");
	return at && sscanf(at, "mnt_id: %" SCNu64, id) == 1 ? 0 : -ENODATA;
}

static void unref_table(struct libmnt_table **tb)
{
	mnt_unref_table(*tb);
}

/*
 * The mounts of the namespace we are in. Its own /proc may show other processes, or be missing.
 * libmount looks up the name of a stream, though it is a name only: it must not lead to the
 * caller's working directory.
 */
static struct libmnt_table *read_mountinfo(const struct svc_mount *m)
{
	int fd = openat(m->proc_fd, "self/mountinfo", O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "re");
	struct libmnt_table *tb = f ? mnt_new_table() : NULL;

	if (!f)
		close_fd_keep_errno(fd);
	if (tb && mnt_table_parse_stream(tb, f, "/proc/self/mountinfo") != 0) {
		mnt_unref_table(tb);
		tb = NULL;
	}
	if (f)
		(void)fclose(f);
	return tb;
}

static void free_iter(struct libmnt_iter **it)
{
	mnt_free_iter(*it);
}

/* The mountinfo line of the mount in which @fd lies; it belongs to @tb. NULL if there is none. */
static struct libmnt_fs *find_mount_of(const struct svc_mount *m, int fd, struct libmnt_table *tb)
{
	_cleanup_(free_iter) struct libmnt_iter *it = mnt_new_iter(MNT_ITER_BACKWARD);
	struct libmnt_fs *fs = NULL;
	uint64_t id;

	if (it && svc_target_mnt_id(m, fd, &id) == 0)
		while (mnt_table_next_fs(tb, it, &fs) == 0)
			if ((uint64_t)mnt_fs_get_id(fs) == id)
				return fs;
	return NULL;
}

static bool is_fuse(const char *fstype)
{
	size_t len = strncmp(fstype, "fuseblk", 7) == 0 ? 7 : 4;

	return strncmp(fstype, "fuse", 4) == 0 && (fstype[len] == '\0' || fstype[len] == '.');
}

int svc_target_count_fuse(const struct svc_mount *m, int fd)
{
	_cleanup_(unref_table) struct libmnt_table *tb = read_mountinfo(m);
	_cleanup_(free_iter) struct libmnt_iter *it = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs = NULL;
	int n = 0, rc;

	if (!tb || !it)
		return -ENOMEM;
	/* A descriptor can come from another namespace, or from a tree that is in none. */
	if (!find_mount_of(m, fd, tb))
		return -EINVAL;
	while ((rc = mnt_table_next_fs(tb, it, &fs)) == 0) {
		const char *fstype = mnt_fs_get_fstype(fs);

		n += fstype && is_fuse(fstype);
	}
	return rc < 0 ? rc : n;
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
	fs = tb ? find_mount_of(m, fd, tb) : NULL;
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

/*
 * @path is where the mount point was a moment ago, and led to @fd; the folders above may have other
 * names by now. Whoever swaps paths under us must not make us unmount what somebody else mounted,
 * though it looks alike: so it has to lie on our mount point's mount, and be the caller's.
 */
bool svc_target_has_our_mount(struct svc_mount *m, int fd, const char *path)
{
	_cleanup_(unref_table) struct libmnt_table *tb = read_mountinfo(m);
	struct libmnt_fs *fs = tb ? find_mount_of(m, fd, tb) : NULL;
	char *value = NULL, expected[16];
	const char *target = fs ? mnt_fs_get_target(fs) : NULL;
	size_t len = 0;

	if (!target || strcmp(strrchr(target, '/'), strrchr(path, '/')) != 0 ||
	    !is_mount_of_service(m, fs) || (uint64_t)mnt_fs_get_parent_id(fs) != m->target_mnt_id)
		return false;
	(void)snprintf(expected, sizeof(expected), "%u", m->uid);
	return mnt_fs_get_option(fs, "user_id", &value, &len) == 0 && value &&
	       len == strlen(expected) && strncmp(value, expected, len) == 0;
}
