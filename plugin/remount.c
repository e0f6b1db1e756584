/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Other flags for what is mounted: "mount -o remount,...", for root.
 *
 * mount(8) hands on all options that the mount is to have. The kernel takes the flags; the server
 * has no say in it, and what it was told once stays. A file system to which no writable
 * descriptor was given never becomes writable: that must be refused here, as the kernel would
 * not.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "svc.h"

static int refuse(struct svc_mount *m, uint32_t code, int err, const char *subject)
{
	return fusesvc_error_set(&m->error, SVC_STEP_MOUNT, code, err, subject);
}

static bool has_option(const char *optstr, const char *name)
{
	return optstr && mnt_optstr_get_option(optstr, name, NULL, NULL) == 0;
}

/* utab knows whether there is a writable descriptor; without its line nobody does. */
static bool is_stuck_read_only(struct libmnt_fs *fs)
{
	const char *attributes = mnt_fs_get_attributes(fs);

	return has_option(mnt_fs_get_fs_options(fs), "ro") &&
	       (!has_option(attributes, SVC_ATTR_NAME) ||
		has_option(attributes, SVC_ATTR_READ_ONLY));
}

/* nosuid and nodev stay, unless root asks otherwise as he would for a mount. */
static int get_flags(const struct svc_mount *m, struct libmnt_fs *fs, unsigned long *flags)
{
	const char *now = mnt_fs_get_vfs_options(fs);
	int rc;

	*flags = 0;
	rc = mnt_optstr_get_flags(m->opts.vfs ? m->opts.vfs : "", flags,
				  mnt_get_builtin_optmap(MNT_LINUX_MAP));
	if (rc)
		return rc;
	*flags |= MS_REMOUNT;
	if (has_option(now, "nosuid") && !m->opts.allow_suid)
		*flags |= MS_NOSUID;
	if (has_option(now, "nodev") && !m->opts.allow_dev)
		*flags |= MS_NODEV;
	return 0;
}

/* The mount of that service; it is pinned, as the way there may be somebody else's. */
static int find_mount(struct svc_mount *m, struct libmnt_fs **fs, int *fd)
{
	const char *fstype, *name;
	char what[FUSESVC_NAME_SIZE + 16];
	uint64_t id;
	int rc;

	*fd = open(m->target, O_PATH | O_CLOEXEC);
	if (*fd < 0)
		return refuse(m, SVC_E_TARGET, errno, m->target);
	rc = mnt_context_find_umount_fs(m->cxt, m->target, fs);
	if (rc == 0)
		rc = svc_target_mnt_id(m, *fd, &id);
	fstype = rc == 0 ? mnt_fs_get_fstype(*fs) : NULL;
	name = svc_is_type(fstype) ? strstr(fstype, ".svc.") : NULL;
	if (!name || (uint64_t)mnt_fs_get_id(*fs) != id ||
	    (*m->name && strcmp(m->name, name + strlen(".svc.")) != 0)) {
		(void)snprintf(what, sizeof(what), SVC_TYPE "%s%s", *m->name ? "." : "", m->name);
		return refuse(m, SVC_E_NOT_MOUNTED, EINVAL, what);
	}
	return 0;
}

int svc_remount_now(struct svc_mount *m)
{
	struct libmnt_fs *fs = NULL;
	_cleanup_fd_ int fd = -1;
	unsigned long flags;
	char path[32];
	int rc;

	if (!mnt_context_switch_target_ns(m->cxt))
		return -EINVAL;
	rc = find_mount(m, &fs, &fd);
	if (!rc)
		rc = get_flags(m, fs, &flags);
	if (rc)
		return rc;
	if (!(flags & MS_RDONLY) && is_stuck_read_only(fs))
		return refuse(m, SVC_E_STUCK_READ_ONLY, EROFS, NULL);
	if (mnt_context_is_fake(m->cxt))
		return 0;
	(void)snprintf(path, sizeof(path), "self/fd/%d", fd);
	if (fchdir(m->proc_fd) < 0 || mount(NULL, path, NULL, flags, NULL) < 0)
		return errno == EBUSY ? refuse(m, SVC_E_REMOUNT_BUSY, EBUSY, NULL)
				      : refuse(m, SVC_E_REMOUNT, errno, NULL);
	return 0;
}

/* What is not written yet has to go to the server first, who may take its time, or for ever. */
int svc_remount(struct svc_mount *m)
{
	int rc;

	/* mount(8) has looked already where the path leads: a server that hangs is not asked. */
	(void)mnt_context_disable_canonicalize(m->cxt, 1);
	rc = svc_worker_run(m, SVC_WORK_REMOUNT);
	if (!rc || m->error.code)
		return rc;
	if (rc == -EINTR)
		return refuse(m, SVC_E_INTERRUPTED, EINTR, NULL);
	return refuse(m, rc == -ETIMEDOUT ? FUSESVC_E_TIMEOUT : SVC_E_REMOUNT, -rc, NULL);
}
