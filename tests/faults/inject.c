/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into the helper: makes one call fail, and changes nothing else.
 *
 * It stands before the C library for each call that can fail and that the helper, or a library of
 * it, makes. A call that is to fail is not made: its wrapper returns what failure looks like.
 * Children go on counting in the page of their parent. Whatever happens here must not allocate,
 * nor keep anything that the helper would see.
 */
#include "inject.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* In no header of the C library. */
int capget(cap_user_header_t head, cap_user_data_t data);
int capset(cap_user_header_t head, const cap_user_data_t data);

static struct faults *page;

#define REAL(name)                                                  \
	({                                                          \
		static __typeof__(&(name)) real_;                   \
		if (!real_)                                         \
			*(void **)&real_ = dlsym(RTLD_NEXT, #name); \
		real_;                                              \
	})

/* Names the callers. Only the first failure of a run gets here, so its cost is no matter. */
static void note(const char *function)
{
	void *frames[16];
	int n = backtrace(frames, 16), first = 0;
	Dl_info own, info;
	size_t used = 0;

	page->hit = true;
	page->hit_in_first = getpid() == page->first_pid;
	page->hit_mounted = atomic_load(&page->mounts) > 0;
	(void)snprintf(page->function, sizeof(page->function), "%s", function);
	(void)dladdr(&page, &own);
	/* A sanitizer may stand before backtrace(): what comes before our frames is no caller. */
	for (int i = 0; i < n; i++)
		if (dladdr(frames[i], &info) && info.dli_fbase == own.dli_fbase)
			first = i + 1;
	for (int i = first; i < n && used < sizeof(page->where); i++) {
		const char *name;

		if (!dladdr(frames[i], &info))
			continue;
		name = strrchr(info.dli_fname, '/');
		used += (size_t)snprintf(page->where + used, sizeof(page->where) - used,
					 " %s+0x%lx", name ? name + 1 : info.dli_fname,
					 (unsigned long)frames[i] - (unsigned long)info.dli_fbase);
	}
}

/* Is it this call's turn to fail? */
static bool fails(enum fault_kind kind, const char *function)
{
	static bool is_busy; /* what note() calls is not the helper's */

	if (!page || is_busy || atomic_fetch_add(&page->count[kind], 1) + 1 != page->nth ||
	    kind != page->kind)
		return false;
	is_busy = true;
	note(function);
	is_busy = false;
	errno = page->err;
	return true;
}

static void on_crash(int sig)
{
	atomic_store(&page->signal, sig);
	(void)REAL(signal)(sig, SIG_DFL);
	(void)raise(sig);
}

static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS };

static bool is_crash(int sig)
{
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		if (sig == crashes[i])
			return true;
	return false;
}

/* Before main(), so before the helper cleans its environment. */
__attribute__((constructor)) static void start(void)
{
	const char *path = getenv(FAULTS_ENV);
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *frames[4], *map;

	if (fd < 0)
		return;
	(void)backtrace(frames, 4); /* loads what it needs now, not while memory is short */
	map = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (map == MAP_FAILED)
		return;
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		(void)signal(crashes[i], on_crash);
	page = map;
	page->first_pid = getpid();
}

/* What is a parameter here looks like an expression to clang-format. */
/* clang-format off */
#define WRAP(kind, type, failed, name, params, args)                    \
	type name params                                                \
	{                                                               \
		return fails(kind, #name) ? (failed) : REAL(name) args; \
	}

#ifndef WITHOUT_ALLOC
/*
 * The C library's own names: finding them by dlsym() would allocate. Built with AddressSanitizer,
 * a program has an allocator of its own, which knows none of these.
 */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

void *malloc(size_t size)
{
	return fails(FAULT_ALLOC, "malloc") ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails(FAULT_ALLOC, "calloc") ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return fails(FAULT_ALLOC, "realloc") ? NULL : __libc_realloc(p, size);
}
#endif

WRAP(FAULT_OPEN, FILE *, NULL, fopen, (const char *path, const char *mode), (path, mode))
WRAP(FAULT_OPEN, FILE *, NULL, fdopen, (int fd, const char *mode), (fd, mode))
WRAP(FAULT_OPEN, DIR *, NULL, opendir, (const char *path), (path))
WRAP(FAULT_OPEN, int, -1, memfd_create, (const char *name, unsigned int flags), (name, flags))
WRAP(FAULT_OPEN, int, -1, mkostemp, (char *template, int flags), (template, flags))

WRAP(FAULT_SOCKET, int, -1, socket, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(FAULT_SOCKET, int, -1, socketpair, (int domain, int type, int protocol, int fds[2]),
     (domain, type, protocol, fds))
WRAP(FAULT_SOCKET, int, -1, getpeername, (int fd, __SOCKADDR_ARG addr, socklen_t *len),
     (fd, addr, len))
WRAP(FAULT_SOCKET, int, -1, getsockopt,
     (int fd, int level, int option, void *value, socklen_t *len), (fd, level, option, value, len))
WRAP(FAULT_SOCKET, int, -1, setsockopt,
     (int fd, int level, int option, const void *value, socklen_t len),
     (fd, level, option, value, len))

WRAP(FAULT_SEND, ssize_t, -1, sendmsg, (int fd, const struct msghdr *msg, int flags),
     (fd, msg, flags))
WRAP(FAULT_SEND, ssize_t, -1, send, (int fd, const void *buf, size_t size, int flags),
     (fd, buf, size, flags))
WRAP(FAULT_RECV, ssize_t, -1, recvmsg, (int fd, struct msghdr *msg, int flags), (fd, msg, flags))
WRAP(FAULT_RECV, ssize_t, -1, recv, (int fd, void *buf, size_t size, int flags),
     (fd, buf, size, flags))

WRAP(FAULT_PROCESS, pid_t, -1, fork, (void), ())
WRAP(FAULT_PROCESS, int, -1, pipe2, (int fds[2], int flags), (fds, flags))

#ifdef FSOPEN_CLOEXEC
WRAP(FAULT_MOUNT, int, -1, fsopen, (const char *type, unsigned int flags), (type, flags))
WRAP(FAULT_MOUNT, int, -1, fsconfig,
     (int fd, unsigned int cmd, const char *key, const void *value, int aux),
     (fd, cmd, key, value, aux))
WRAP(FAULT_MOUNT, int, -1, fsmount, (int fd, unsigned int flags, unsigned int attrs),
     (fd, flags, attrs))
WRAP(FAULT_MOUNT, int, -1, mount_setattr,
     (int fd, const char *path, unsigned int flags, struct mount_attr *attr, size_t size),
     (fd, path, flags, attr, size))
#endif
WRAP(FAULT_MOUNT, int, -1, setns, (int fd, int type), (fd, type))

WRAP(FAULT_WRITE, ssize_t, -1, write, (int fd, const void *buf, size_t size), (fd, buf, size))
WRAP(FAULT_WRITE, int, -1, fsync, (int fd), (fd))
WRAP(FAULT_WRITE, int, EOF, fflush, (FILE *f), (f))
WRAP(FAULT_WRITE, int, -1, rename, (const char *from, const char *to), (from, to))
WRAP(FAULT_WRITE, int, -1, link, (const char *from, const char *to), (from, to))
WRAP(FAULT_WRITE, int, -1, mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(FAULT_WRITE, int, -1, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(FAULT_WRITE, int, -1, fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid))
WRAP(FAULT_WRITE, int, -1, flock, (int fd, int how), (fd, how))

WRAP(FAULT_PRIVS, int, -1, setresuid, (uid_t r, uid_t e, uid_t s), (r, e, s))
WRAP(FAULT_PRIVS, int, -1, setresgid, (gid_t r, gid_t e, gid_t s), (r, e, s))
WRAP(FAULT_PRIVS, int, -1, setgroups, (size_t n, const gid_t *groups), (n, groups))
WRAP(FAULT_PRIVS, int, -1, capset, (cap_user_header_t head, const cap_user_data_t data),
     (head, data))
WRAP(FAULT_PRIVS, int, -1, capget, (cap_user_header_t head, cap_user_data_t data), (head, data))
WRAP(FAULT_PRIVS, int, -1, clearenv, (void), ())

WRAP(FAULT_WAIT, int, -1, signalfd, (int fd, const sigset_t *set, int flags), (fd, set, flags))
WRAP(FAULT_WAIT, int, -1, sigprocmask, (int how, const sigset_t *set, sigset_t *old),
     (how, set, old))
WRAP(FAULT_WAIT, int, -1, poll, (struct pollfd *fds, nfds_t n, int timeout), (fds, n, timeout))
WRAP(FAULT_WAIT, pid_t, -1, waitpid, (pid_t pid, int *status, int options), (pid, status, options))

WRAP(FAULT_LOOK, int, -1, statx,
     (int fd, const char *path, int flags, unsigned int mask, struct statx *stx),
     (fd, path, flags, mask, stx))
WRAP(FAULT_LOOK, int, -1, stat, (const char *path, struct stat *st), (path, st))
WRAP(FAULT_LOOK, int, -1, lstat, (const char *path, struct stat *st), (path, st))
WRAP(FAULT_LOOK, int, -1, fstat, (int fd, struct stat *st), (fd, st))
WRAP(FAULT_LOOK, ssize_t, -1, readlink, (const char *path, char *buf, size_t size),
     (path, buf, size))
WRAP(FAULT_LOOK, int, -1, access, (const char *path, int mode), (path, mode))
WRAP(FAULT_LOOK, ssize_t, -1, read, (int fd, void *buf, size_t size), (fd, buf, size))
WRAP(FAULT_LOOK, off_t, -1, lseek, (int fd, off_t offset, int whence), (fd, offset, whence))
WRAP(FAULT_LOOK, int, -1, fchdir, (int fd), (fd))
/* clang-format on */

int open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;
	va_end(args);
	return fails(FAULT_OPEN, "open") ? -1 : REAL(open)(path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;
	va_end(args);
	return fails(FAULT_OPEN, "openat") ? -1 : REAL(openat)(dir, path, flags, mode);
}

/* How programs that are built with _FORTIFY_SOURCE call them. */
int __open_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);

int __open_2(const char *path, int flags)
{
	return fails(FAULT_OPEN, "open") ? -1 : REAL(__open_2)(path, flags);
}

int __openat_2(int dir, const char *path, int flags)
{
	return fails(FAULT_OPEN, "openat") ? -1 : REAL(__openat_2)(dir, path, flags);
}

/* The helper gives all signals their default action again; on_crash() stays. */
sighandler_t signal(int sig, sighandler_t handler)
{
	return page && is_crash(sig) ? SIG_DFL : REAL(signal)(sig, handler);
}

int fcntl(int fd, int cmd, ...)
{
	va_list args;
	long arg;

	va_start(args, cmd);
	arg = va_arg(args, long);
	va_end(args);
	return fails(FAULT_LOOK, "fcntl") ? -1 : REAL(fcntl)(fd, cmd, arg);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	return fails(FAULT_LOOK, "ioctl") ? -1 : REAL(ioctl)(fd, request, arg);
}

int prctl(int option, ...)
{
	unsigned long a[4];
	va_list args;

	va_start(args, option);
	for (size_t i = 0; i < 4; i++)
		a[i] = va_arg(args, unsigned long);
	va_end(args);
	return fails(FAULT_PRIVS, "prctl") ? -1 : REAL(prctl)(option, a[0], a[1], a[2], a[3]);
}

/* By numbers, as these calls do not count. */
static void note_rights(struct rights *r)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	long (*call)(long, ...) = REAL(syscall);

	(void)call(SYS_capget, &head, data);
	r->uid = geteuid();
	r->gid = getegid();
	r->effective = data[0].effective | (uint64_t)data[1].effective << 32;
	r->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	r->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
	r->bounding = 0;
	for (int cap = 0; cap < 64; cap++)
		if (call(SYS_prctl, PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
			r->bounding |= UINT64_C(1) << cap;
	r->no_new_privs = (uint32_t)call(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	r->is_known = 1;
}

int connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
	int rc;

	if (page)
		note_rights(&page->talker);
	rc = fails(FAULT_SOCKET, "connect") ? -1 : REAL(connect)(fd, addr, len);
	if (page && rc == 0)
		(void)atomic_fetch_add(&page->connections, 1);
	return rc;
}

/* Something was mounted (1) or unmounted (-1), if the call succeeded. */
static int count_mount(int rc, int change)
{
	if (page && rc >= 0)
		(void)atomic_fetch_add(&page->mounts, change);
	return rc;
}

int mount(const char *source, const char *target, const char *type, unsigned long flags,
	  const void *data)
{
	if (page)
		note_rights(&page->mounter);
	return fails(FAULT_MOUNT, "mount")
		       ? -1
		       : count_mount(REAL(mount)(source, target, type, flags, data), 1);
}

#ifdef FSOPEN_CLOEXEC
int move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags)
{
	if (page)
		note_rights(&page->mounter);
	return fails(FAULT_MOUNT, "move_mount")
		       ? -1
		       : count_mount(REAL(move_mount)(from_fd, from, to_fd, to, flags), 1);
}
#endif

int umount2(const char *target, int flags)
{
	return fails(FAULT_MOUNT, "umount2") ? -1 : count_mount(REAL(umount2)(target, flags), -1);
}

/* libmount makes the calls that are newer than its C library by their numbers. */
static bool is_mount_call(long number)
{
	static const long numbers[] = {
		SYS_fsopen,	   SYS_fsconfig,   SYS_fsmount,
		SYS_fspick,	   SYS_move_mount, SYS_open_tree,
#ifdef SYS_mount_setattr
		SYS_mount_setattr,
#endif
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (number == numbers[i])
			return true;
	return false;
}

long syscall(long number, ...)
{
	va_list args;
	long a[6], rc;

	va_start(args, number);
	for (size_t i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_move_mount && page)
		note_rights(&page->mounter);
	if (is_mount_call(number) && fails(FAULT_MOUNT, "syscall"))
		return -1;
	rc = REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	return number == SYS_move_mount && page ? count_mount((int)rc, 1) : rc;
}
