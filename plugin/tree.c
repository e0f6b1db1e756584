/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A mount that is attached nowhere yet, for a host that attaches mounts itself, as libmount does.
 *
 * It is gone with the last descriptor of it, so nothing has to be found and undone. libmount has no
 * public function that makes one; the options are those of mount.c. Of the flags of the mount,
 * those that keep somebody from something are set here, as it must not be anywhere without them,
 * and those that a server may ask for: the host sets all, but only if its caller asked for one.
 */
#include <string.h>
#include <sys/mount.h>

#include "svc.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

static const struct {
	unsigned long flag; /* of mount(2) */
	unsigned int attr;  /* of the mount */
	const char *name;   /* for the file system */
} flags[] = {
	{ MS_RDONLY, MOUNT_ATTR_RDONLY, "ro" },
	{ MS_NOSUID, MOUNT_ATTR_NOSUID, NULL },
	{ MS_NODEV, MOUNT_ATTR_NODEV, NULL },
	{ MS_NOEXEC, MOUNT_ATTR_NOEXEC, NULL },
	{ MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW, NULL },
	{ MS_NOATIME, MOUNT_ATTR_NOATIME, NULL },
	{ MS_NODIRATIME, MOUNT_ATTR_NODIRATIME, NULL },
	{ MS_SYNCHRONOUS, 0, "sync" },
	{ MS_DIRSYNC, 0, "dirsync" },
	{ MS_LAZYTIME, 0, "lazytime" },
};

static int set_flags(int fs_fd, const char *vfs, unsigned int *attrs)
{
	unsigned long given = 0;
	int rc = mnt_optstr_get_flags(vfs, &given, mnt_get_builtin_optmap(MNT_LINUX_MAP));

	for (size_t i = 0; i < ARRAY_SIZE(flags) && !rc; i++) {
		if (!(given & flags[i].flag))
			continue;
		*attrs |= flags[i].attr;
		if (flags[i].name && fsconfig(fs_fd, FSCONFIG_SET_FLAG, flags[i].name, NULL, 0) < 0)
			rc = -errno;
	}
	return rc;
}

/* These are all our own: names and numbers. */
static int set_data(int fs_fd, char *data)
{
	char *name, *value;
	size_t name_len, value_len;

	while (data && mnt_optstr_next_option(&data, &name, &name_len, &value, &value_len) == 0) {
		_cleanup_free_ char *n = strndup(name, name_len);
		_cleanup_free_ char *v = value ? strndup(value, value_len) : NULL;

		if (!n || (value && !v))
			return -ENOMEM;
		if (fsconfig(fs_fd, v ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, n, v, 0) < 0)
			return -errno;
	}
	return 0;
}

static int configure(const struct svc_mount *m, int fs_fd, const char *optstr, unsigned int *attrs)
{
	_cleanup_free_ char *vfs = NULL, *data = NULL;
	int rc = mnt_split_optstr(optstr, NULL, &vfs, &data, 0, 0);

	if (!rc &&
	    fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", m->source ? m->source : m->name, 0) < 0)
		rc = -errno;
	if (!rc)
		rc = set_flags(fs_fd, vfs ? vfs : "", attrs);
	if (!rc)
		rc = set_data(fs_fd, data);
	if (!rc && fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		rc = -errno;
	return rc;
}

static int make(struct svc_mount *m, int fuse_fd, const char *optstr)
{
	_cleanup_fd_ int fs_fd = fsopen(m->fuseblk ? "fuseblk" : "fuse", FSOPEN_CLOEXEC);
	unsigned int attrs = 0;
	int rc;

	if (fs_fd < 0)
		return -errno;
	rc = configure(m, fs_fd, optstr, &attrs);
	if (rc)
		return rc;
	/* A device that is mounted already: it is that mount's file system, and stays as it is. */
	if (m->fuseblk && !svc_has_connection(m, fuse_fd))
		return -EBUSY;
	m->tree_fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, attrs);
	if (m->tree_fd < 0)
		return -errno;
	(void)svc_connection_of(m, fuse_fd, &m->connection);
	return 0;
}

/* As libmount has it: what cannot be written to is mounted read-only. */
int svc_tree_make(struct svc_mount *m, int fuse_fd, const char *optstr, uint32_t *added)
{
	_cleanup_free_ char *read_only = NULL;
	int rc = make(m, fuse_fd, optstr);

	if (!m->fuseblk || (rc != -EACCES && rc != -EROFS))
		return rc;
	read_only = strdup(optstr);
	if (!read_only || mnt_optstr_append_option(&read_only, "ro", NULL) != 0)
		return -ENOMEM;
	*added = MS_RDONLY;
	return make(m, fuse_fd, read_only);
}

/* The end of a fuseblk mount waits for its server, where not even SIGKILL ends a wait. */
void svc_tree_end(struct svc_mount *m)
{
	if (m->tree_fd < 0)
		return;
	if (m->fuseblk)
		(void)svc_abort_connection(m->source_dev);
	close_fd_keep_errno(steal_fd(&m->tree_fd));
}
