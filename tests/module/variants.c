// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A hook module for libmount in all the ways that a module may be wrong: it mounts the types
 *"example" and "example.*" as a tmpfs, and says in ATTRS= of utab what it is. (The smallest that is
 *right is ten-lines.c.) Compiled with -D
 *
 *	WRONG_ABI, WRONG_SIZE, TOO_NEW, NO_TYPE, NO_MOUNT	it is not to be used
 *	RESTRICTED						it may be used for ordinary users
 *	FAIL_PREPARE=RC, FAIL_MOUNT=RC, SAY="TEXT", EXCODE=N	it fails with RC, and says that
 *	APPEND="OPTIONS"					prepare() adds options
 *	EARLY							prepare() knows the attributes
 *	MARK="FILE"						callbacks write there that they were
 *called
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libmount-hooks.h"

#ifndef EXCODE
#define EXCODE MNT_EX_FAIL
#endif

static void mark(const char *what)
{
#ifdef MARK
	int fd = open(MARK, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd >= 0 && dprintf(fd, "%s\n", what) >= 0)
		close(fd);
#else
	(void)what;
#endif
}

static int set_attributes(struct libmnt_context *cxt)
{
	return mnt_fs_set_attributes(mnt_context_get_fs(cxt), "example=1");
}

static int prepare(struct libmnt_context *cxt, void **data)
{
	*data = NULL;
	mark("prepare");
#ifdef FAIL_PREPARE
	return FAIL_PREPARE;
#endif
#ifdef APPEND
	if (mnt_context_append_options(cxt, APPEND))
		return -ENOMEM;
#endif
#ifdef EARLY
	return set_attributes(cxt);
#endif
	(void)cxt;
	return 0;
}

/* A tree with the folder "sub" in it, which X-mount.subdir can name. */
static int make_tree(const char *source)
{
	int fs = fsopen("tmpfs", FSOPEN_CLOEXEC), tree = -1;

	if (fs >= 0 && !fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) &&
	    !fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		tree = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (fs >= 0)
		close(fs);
	return tree;
}

__attribute__((unused)) static int mount_example(struct libmnt_context *cxt, void *data,
						 int *fd_tree)
{
	unsigned long flags = 0;

	(void)data;
	mark("mount");
#ifdef FAIL_MOUNT
	return FAIL_MOUNT;
#endif
	mnt_context_get_mflags(cxt, &flags);
	if (flags & MS_REMOUNT)
		return 0;
	*fd_tree = make_tree(mnt_context_get_source(cxt));
	if (*fd_tree < 0)
		return -errno;
	(void)mkdirat(*fd_tree, "sub", 0755);
	return set_attributes(cxt);
}

static void attached(struct libmnt_context *cxt, void *data)
{
	(void)cxt;
	(void)data;
	mark("attached");
}

static int get_excode(struct libmnt_context *cxt, void *data, int rc, char *buf, size_t size)
{
	(void)cxt;
	(void)data;
#ifdef SAY
	(void)rc;
	snprintf(buf, size, "%s", SAY);
#else
	snprintf(buf, size, "example: %s", strerror(-rc));
#endif
	return EXCODE;
}

static void deinit(struct libmnt_context *cxt, void *data)
{
	(void)cxt;
	(void)data;
	mark("deinit");
}

const struct libmnt_hooks_module libmnt_hooks_module = {
#ifdef WRONG_ABI
	.abi = LIBMNT_HOOKS_ABI + 1,
#else
	.abi = LIBMNT_HOOKS_ABI,
#endif
#ifdef WRONG_SIZE
	.size = sizeof(struct libmnt_hooks_module) - sizeof(void *),
#else
	.size = sizeof(struct libmnt_hooks_module),
#endif
	.name = "example",
#ifdef TOO_NEW
	.min_libmount = 9999,
#endif
#ifdef RESTRICTED
	.flags = LIBMNT_HOOKS_RESTRICTED,
#endif
#ifdef NO_TYPE
	.types = (const char *const[]){ "other", "other.*", NULL },
#else
	.types = (const char *const[]){ "example", "example.*", NULL },
#endif
	.prepare = prepare,
#ifndef NO_MOUNT
	.mount = mount_example,
#endif
	.attached = attached,
	.get_excode = get_excode,
	.deinit = deinit,
};
