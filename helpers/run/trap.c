/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See trap.h. Must never wait: neither for who was trapped nor for what he asks for.
 */
#include "trap.h"

#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS /* Linux 6.6 */
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS	   SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

/* Calls that take a path. What works on a descriptor, as reading and writing does, is not trapped.
 */
static const int path_calls[] = {
	SCMP_SYS(open),	    SCMP_SYS(openat),	  SCMP_SYS(openat2),   SCMP_SYS(stat),
	SCMP_SYS(lstat),    SCMP_SYS(access),	  SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
	SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(mount),     SCMP_SYS(umount2),
};

/* These have a path or a descriptor, and fstat(3) is made of them: no need to stop for that. */
static const struct {
	int call;
	unsigned int flags_arg;
} stat_calls[] = {
	{ SCMP_SYS(newfstatat), 3 },
	{ SCMP_SYS(statx), 2 },
};

/*
 * Other ways to mount than mount(2), which servers fall back to; and what the parent of a server
 * may use in the sandbox, and the server may not.
 */
static const int absent_calls[] = {
	SCMP_SYS(fsopen),	    SCMP_SYS(fsconfig),
	SCMP_SYS(fsmount),	    SCMP_SYS(fspick),
	SCMP_SYS(move_mount),	    SCMP_SYS(open_tree),
	SCMP_SYS(mount_setattr),    SCMP_SYS(memfd_create),
	SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_open),	    SCMP_SYS(pidfd_getfd),
};

static int add_rules(scmp_filter_ctx ctx)
{
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(path_calls) && !rc; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, path_calls[i], 0);
	for (size_t i = 0; i < ARRAY_SIZE(stat_calls) && !rc; i++)
		rc = seccomp_rule_add(
			ctx, SCMP_ACT_NOTIFY, stat_calls[i].call, 1,
			SCMP_CMP(stat_calls[i].flags_arg, SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, 0));
	for (size_t i = 0; i < ARRAY_SIZE(absent_calls) && !rc; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), absent_calls[i], 0);
	return rc;
}

int trap_install(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int rc;

	if (!ctx)
		return -ENOMEM;
	rc = add_rules(ctx);
	if (!rc)
		rc = seccomp_load(ctx);
	if (!rc)
		rc = seccomp_notify_fd(ctx);
	if (rc >= 0) /* the context would close its own */
		rc = fcntl(rc, F_DUPFD_CLOEXEC, 0);
	seccomp_release(ctx);
	return rc;
}

/* Then a call and its answer are one change of processes each, on one processor. */
void trap_prepare(int listener)
{
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
}

int trap_receive(int listener, struct trapped_call *call)
{
	memset(call, 0, sizeof(*call));
	call->listener = listener;
	return ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call->req) < 0 ? -errno : 0;
}

static void answer(int listener, struct seccomp_notif_resp *resp)
{
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, resp);
}

void trap_continue(const struct trapped_call *call)
{
	struct seccomp_notif_resp resp = {
		.id = call->req.id,
		.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE,
	};

	answer(call->listener, &resp);
}

void trap_return_id(int listener, uint64_t id, int rc)
{
	struct seccomp_notif_resp resp = {
		.id = id,
		.error = rc < 0 ? rc : 0,
		.val = rc < 0 ? 0 : rc,
	};

	answer(listener, &resp);
}

void trap_return(const struct trapped_call *call, int rc)
{
	trap_return_id(call->listener, call->req.id, rc);
}

void trap_return_fd(const struct trapped_call *call, int fd, bool cloexec)
{
	struct seccomp_notif_addfd add = {
		.id = call->req.id,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.srcfd = (uint32_t)fd,
		.newfd_flags = cloexec ? O_CLOEXEC : 0,
	};

	/* It may have no descriptor left; then it shall know. */
	if (ioctl(call->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0 && errno != ENOENT)
		trap_return(call, -errno);
}

/* The number of a thread is another's once it is gone; the call is not. */
static int still_there(const struct trapped_call *call)
{
	return ioctl(call->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call->req.id) < 0 ? -EFAULT : 0;
}

int trap_read_string(const struct trapped_call *call, uint64_t address, char *buf, size_t size)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t done = 0;

	/* Page by page: what comes after the string need not be there. */
	while (done + 1 < size) {
		const uint64_t from = address + done;
		const size_t on_page = page - (size_t)(from % page);
		const size_t wanted = size - 1 - done < on_page ? size - 1 - done : on_page;
		struct iovec local = { buf + done, wanted };
		struct iovec remote = { (void *)(uintptr_t)from, wanted };
		ssize_t n = process_vm_readv((pid_t)call->req.pid, &local, 1, &remote, 1, 0);

		if (n <= 0)
			return -EFAULT;
		if (memchr(buf + done, '\0', (size_t)n))
			return still_there(call);
		done += (size_t)n;
	}
	buf[done] = '\0';
	return still_there(call);
}

int trap_write(const struct trapped_call *call, uint64_t address, const void *data, size_t size)
{
	char copy[512]; /* the vectors of process_vm_writev(2) know no const */
	struct iovec local = { copy, size };
	struct iovec remote = { (void *)(uintptr_t)address, size };

	if (size > sizeof(copy) || still_there(call))
		return -EFAULT;
	memcpy(copy, data, size);
	return process_vm_writev((pid_t)call->req.pid, &local, 1, &remote, 1, 0) == (ssize_t)size
		       ? 0
		       : -EFAULT;
}

bool trap_is_in(const struct trapped_call *call, const char *directory)
{
	struct stat a, b;
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%u/cwd", call->req.pid);
	return stat(path, &a) == 0 && stat(directory, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino && still_there(call) == 0;
}
