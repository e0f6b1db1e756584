/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections to servers: which is ours, and hanging up on it by fusectl, the file system with a
 * folder for each FUSE connection.
 *
 * Hanging up is the last resort: a fuseblk mount that fails after FUSE_INIT makes the kernel wait
 * for the answer to FUSE_DESTROY, where not even SIGKILL ends a wait. Must be done to no connection
 * but ours: a device that is mounted already leads to the connection of that mount.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "svc.h"

#define FUSE_CTL_SUPER_MAGIC 0x65735543 /* in no header */

#ifndef FUSE_DEV_IOC_CLONE
#define FUSE_DEV_IOC_CLONE _IOR(229, 0, uint32_t)
#endif
#ifndef FUSE_DEV_IOC_SYNC_INIT
#define FUSE_DEV_IOC_SYNC_INIT _IO(229, 3)
#endif

/*
 * Asking a /dev/fuse that waits for its mount would wait with it. Kernels where one can do so show
 * the connection in its fdinfo.
 */
bool svc_connection_of(const struct svc_mount *m, int fuse_fd, unsigned int *number)
{
	char path[32], text[1024], *at;
	_cleanup_fd_ int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "self/fdinfo/%d", fuse_fd);
	fd = openat(m->proc_fd, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return false;
	text[n] = '\0';
	at = strstr(text, "\nfuse_connection:");
	return at && sscanf(at, "\nfuse_connection: %u", number) == 1;
}

bool svc_has_connection(const struct svc_mount *m, int fuse_fd)
{
	_cleanup_fd_ int other = -1;
	uint32_t fd = (uint32_t)fuse_fd;
	unsigned int number;
	char path[32];

	if (svc_connection_of(m, fuse_fd, &number))
		return true;
	/* The device anew, also where the mount namespace has none. */
	(void)snprintf(path, sizeof(path), "self/fd/%d", fuse_fd);
	other = openat(m->proc_fd, path, O_RDWR | O_CLOEXEC);
	if (other < 0 || ioctl(other, FUSE_DEV_IOC_SYNC_INIT) == 0)
		return false;
	/* Elsewhere: only what a mount was made of can be cloned. */
	return ioctl(other, FUSE_DEV_IOC_CLONE, &fd) == 0;
}

/* A mount of fusectl that nobody else sees. */
static int open_own_fusectl(void)
{
#ifdef FSOPEN_CLOEXEC
	_cleanup_fd_ int fs = fsopen("fusectl", FSOPEN_CLOEXEC);

	if (fs >= 0 && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		return fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
#endif
	return -1;
}

static int open_fusectl(void)
{
	struct statfs fs;
	int fd = open_own_fusectl();

	if (fd >= 0)
		return fd;
	fd = open("/sys/fs/fuse/connections", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &fs) == 0 && fs.f_type == FUSE_CTL_SUPER_MAGIC)
		return fd;
	close_fd_keep_errno(fd);
	return -ENOSYS;
}

/* The number as the kernel has it: 12 bits of the major one, 20 of the minor one. */
unsigned int svc_connection_number(dev_t dev)
{
	return major(dev) << 20 | minor(dev);
}

int svc_connection_open(unsigned int number, const char *name, int flags)
{
	_cleanup_fd_ int root = open_fusectl();
	char path[64];
	int fd;

	if (root < 0)
		return root;
	(void)snprintf(path, sizeof(path), "%u/%s", number, name);
	fd = openat(root, path, flags | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

int svc_abort_connection(dev_t dev)
{
	_cleanup_fd_ int fd = svc_connection_open(svc_connection_number(dev), "abort", O_WRONLY);

	if (fd < 0)
		return fd;
	return write(fd, "1", 1) < 0 ? -errno : 0;
}
