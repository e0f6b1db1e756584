/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a user who is not root may mount, and how often: what fusermount3 grants.
 *
 * All is asked of the pinned mount point, by its descriptor, as it may lie on a file system that
 * does not answer: in the child, so that no service is woken up for nothing, and in the mounter,
 * where it counts. Must never look at a path of the caller's.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "svc.h"

/*
 * File systems that hold users' files. Others are interfaces of the kernel, where users may write
 * to files that the rest of the system relies on. The numbers without a name are in no header.
 */
static const unsigned long filesystems[] = {
	AFS_SUPER_MAGIC,      AUTOFS_SUPER_MAGIC,    BTRFS_SUPER_MAGIC,
	CEPH_SUPER_MAGIC,     CIFS_SUPER_MAGIC,	     ECRYPTFS_SUPER_MAGIC,
	EXFAT_SUPER_MAGIC,    EXT4_SUPER_MAGIC, /* of ext2 and ext3 too */
	F2FS_SUPER_MAGIC,     FUSE_SUPER_MAGIC,	     JFFS2_SUPER_MAGIC,
	MSDOS_SUPER_MAGIC,    NCP_SUPER_MAGIC,	     NFS_SUPER_MAGIC,
	NILFS_SUPER_MAGIC,    OVERLAYFS_SUPER_MAGIC, RAMFS_MAGIC,
	REISERFS_SUPER_MAGIC, SMB2_SUPER_MAGIC,	     SQUASHFS_MAGIC,
	TMPFS_MAGIC,	      XFS_SUPER_MAGIC,	     0x61756673, /* aufs */
	0xca451a4e,						 /* bcachefs */
	0x01161970,						 /* gfs2 */
	0x47504653,						 /* gpfs */
	0x0000482b,						 /* hfsplus */
	0x3153464a,						 /* jfs */
	0x0bd00bd0,						 /* lustre */
	0x5346544e,						 /* ntfs */
	0x7366746e,						 /* ntfs3 */
	0xaad7aaea,						 /* panfs */
	0x24051905,						 /* ubifs */
	0x18031977,						 /* wekafs */
	0x2fc12fc1,						 /* zfs */
};

static int refuse(struct svc_mount *m, uint32_t code, int err, const char *subject)
{
	return fusesvc_error_set(&m->error, SVC_STEP_TARGET, code, err, subject);
}

static int check_filesystem(struct svc_mount *m, int fd)
{
	struct statfs fs;
	char text[32];

	if (fstatfs(fd, &fs) < 0)
		return refuse(m, SVC_E_TARGET, errno, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(filesystems); i++)
		if ((unsigned long)(uint32_t)fs.f_type == filesystems[i])
			return 0;
	(void)snprintf(text, sizeof(text), "0x%lx", (unsigned long)fs.f_type);
	return refuse(m, SVC_E_TARGET_FILESYSTEM, EPERM, text);
}

/* Returns 0 if the ids by which files are judged are these; there is no other way to know. */
static int judge_as(uid_t uid, gid_t gid)
{
	(void)setfsgid(gid);
	(void)setfsuid(uid);
	return setfsuid((uid_t)-1) == (int)uid && setfsgid((gid_t)-1) == (int)gid ? 0 : -EPERM;
}

/*
 * The child is the caller already. The mounter is judged as him for as long as it takes, without
 * the capabilities that concern files; its other ids stay, so that he cannot signal it. A change of
 * ids makes the kernel forget what else was arranged.
 */
static int check_access(const struct svc_mount *m, int fd, mode_t fmt)
{
	int wanted = fmt == S_IFDIR ? W_OK | X_OK : W_OK;
	int rc = judge_as(m->uid, m->gid), back = 0;

	if (rc)
		return rc;
	rc = faccessat(fd, "", wanted, AT_EMPTY_PATH | AT_EACCESS) < 0 ? -errno : 0;
	if (geteuid() == 0)
		back = judge_as(0, 0);
	if (!back && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0))
		back = -errno;
	return rc ? rc : back;
}

int svc_rights_check_target(struct svc_mount *m, int fd, mode_t fmt)
{
	struct stat st;
	int rc;

	rc = check_filesystem(m, fd);
	if (rc)
		return rc;
	rc = check_access(m, fd, fmt);
	if (rc)
		return refuse(m, SVC_E_TARGET_ACCESS, -rc, NULL);
	if (fstat(fd, &st) < 0)
		return refuse(m, SVC_E_TARGET, errno, NULL);
	if (S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) && st.st_uid != m->uid)
		return refuse(m, SVC_E_TARGET_STICKY, EPERM, NULL);
	return 0;
}

/*
 * The mount point is in this namespace, where there are at most mount_max mounts, or will be with
 * the one that is to come.
 */
int svc_rights_check_number(struct svc_mount *m, int fd, bool before)
{
	int n = svc_target_count_fuse(m, fd);
	char text[16];

	if (n < 0)
		return refuse(m, SVC_E_TARGET, -n, m->target);
	if (m->mount_max == SVC_MOUNT_MAX_NO_LIMIT)
		return 0;
	if (before ? n < m->mount_max : n <= m->mount_max)
		return 0;
	(void)snprintf(text, sizeof(text), "%d", m->mount_max);
	return fusesvc_error_set(&m->error, SVC_STEP_MOUNT, SVC_E_MOUNT_MAX, EPERM, text);
}
