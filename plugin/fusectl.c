/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hanging up on a server by fusectl, the file system with a folder for each FUSE connection.
 *
 * The last resort: a fuseblk mount that fails after FUSE_INIT makes the kernel wait for the answer
 * to FUSE_DESTROY, where not even SIGKILL ends a wait. Must be used for no connection but one that
 * is ours for sure.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#include "svc.h"

/* A mount of fusectl that nobody else sees. */
static int open_fusectl(int *fd)
{
#ifdef FSOPEN_CLOEXEC
	_cleanup_fd_ int fs = fsopen("fusectl", FSOPEN_CLOEXEC);

	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	*fd = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	return *fd < 0 ? -errno : 0;
#else
	*fd = -1;
	return -ENOSYS;
#endif
}

int svc_abort_connection(dev_t dev)
{
	_cleanup_fd_ int root = -1, file = -1;
	char path[32];
	int rc;

	rc = open_fusectl(&root);
	if (rc)
		return rc;
	/* The number as the kernel has it: 12 bits of the major one, 20 of the minor one. */
	(void)snprintf(path, sizeof(path), "%u/abort", major(dev) << 20 | minor(dev));
	file = openat(root, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (file < 0)
		return -errno;
	return write(file, "1", 1) < 0 ? -errno : 0;
}
