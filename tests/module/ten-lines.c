// SPDX-License-Identifier: GPL-2.0-or-later
/* The smallest hook module for libmount: "mount -t ten NAME TARGET" makes a tmpfs of ten files. */
#include <sys/mount.h>
#include <unistd.h>

#include "libmount-hooks.h"

static int mount_ten(struct libmnt_context *cxt, void *data, int *fd_tree)
{
	int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);

	fsconfig(fs, FSCONFIG_SET_STRING, "source", mnt_context_get_source(cxt), 0);
	fsconfig(fs, FSCONFIG_SET_STRING, "nr_inodes", "10", 0);
	fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	*fd_tree = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	return close(fs);
}

const struct libmnt_hooks_module libmnt_hooks_module = {
	.abi = LIBMNT_HOOKS_ABI,
	.size = sizeof(struct libmnt_hooks_module),
	.name = "ten",
	.types = (const char *const[]){ "ten", NULL },
	.mount = mount_ten,
};
