/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program as it runs on a kernel without the new mount API: "mount2 PROGRAM ARGS...". libmount
 * has a switch for that, LIBMOUNT_FORCE_MOUNT2; but it does not look at it in a program that nobody
 * may trace, as the helper is.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"

#define UNKNOWN(call)                                           \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##call, 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS)

int main(int argc, char **argv)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		UNKNOWN(fsopen),
		UNKNOWN(fspick),
		UNKNOWN(fsconfig),
		UNKNOWN(fsmount),
		UNKNOWN(open_tree),
		UNKNOWN(move_mount),
		UNKNOWN(mount_setattr),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { .len = ARRAY_SIZE(code), .filter = code };

	if (argc < 2)
		return EXIT_FAILURE;
	/* Without no_new_privs, by which set-user-ID programs would be none: we are root. */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0 || execv(argv[1], argv + 1) < 0)
		perror(argv[1]);
	return EXIT_FAILURE;
}
