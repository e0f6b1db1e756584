// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The probe's attempts as a server that fuse-svc-run has started: on that parent, which has the
 * connection to the helper and answers system calls, and on what it answers.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cleanup.h"
#include "probe.h"

#define SOURCE	   "/source"
#define MOUNTPOINT "/usr/libexec/fuse-svc/mountpoint"
#define RACES	   2000

static pid_t parent;

static int try_parent(const char *name, int flags)
{
	char path[64];
	_cleanup_fd_ int fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", parent, name);
	fd = open(path, flags | O_CLOEXEC);
	return fd >= 0 ? 0 : errno == ENOENT ? EACCES : errno; /* hidden */
}

static int try_descriptors(void)
{
	return try_parent("fd", O_RDONLY | O_DIRECTORY);
}

static int try_connection(void)
{
	int error = EACCES;

	for (int i = 3; i < 20 && error; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "fd/%d", i);
		error = try_parent(name, O_RDWR);
	}
	return error;
}

static int try_memory(void)
{
	return try_parent("mem", O_RDWR);
}

static int try_environment(void)
{
	return try_parent("environ", O_RDONLY);
}

static int try_working_directory(void)
{
	return try_parent("cwd", O_RDONLY);
}

static int try_attaching(void)
{
	return RESULT(ptrace(PTRACE_SEIZE, parent, 0, 0));
}

static int try_getfd(void)
{
	int pidfd = (int)syscall(SYS_pidfd_open, parent, 0);

	return pidfd < 0 ? errno : RESULT(syscall(SYS_pidfd_getfd, pidfd, 3, 0));
}

static int try_reading(void)
{
	char byte;
	struct iovec local = { &byte, 1 }, remote = { (void *)0x400000, 1 };

	return RESULT(process_vm_readv(parent, &local, 1, &remote, 1, 0));
}

/*
 * What is answered
 */

static int try_writing_source(void)
{
	return RESULT(open(SOURCE, O_RDWR | O_CLOEXEC));
}

static int try_emptying_source(void)
{
	return RESULT(open(SOURCE, O_RDONLY | O_TRUNC | O_CLOEXEC));
}

static int try_writing_through_proc(void)
{
	_cleanup_fd_ int fd = open(SOURCE, O_RDONLY | O_CLOEXEC);
	char path[64];

	if (fd < 0)
		return EFAULT;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return RESULT(open(path, O_RDWR | O_CLOEXEC));
}

static int try_around_source(void)
{
	_cleanup_fd_ int fd = open(SOURCE, O_RDONLY | O_CLOEXEC);
	int other;

	if (fd < 0)
		return EFAULT;
	other = openat(fd, "..", O_RDONLY | O_CLOEXEC);
	return other >= 0 ? 0 : errno == ENOTDIR ? EACCES : errno;
}

static int mount_at(const char *target, const char *type, unsigned long flags)
{
	return RESULT(
		mount("none", target, type, flags, "fd=3,rootmode=40000,user_id=0,group_id=0"));
}

static int try_mount_at_home(void)
{
	return mount_at("/home", "fuse", MS_NOSUID);
}

static int try_bind(void)
{
	return mount_at(MOUNTPOINT, "fuse", MS_BIND);
}

static int try_remount(void)
{
	return mount_at("/", "fuse", MS_REMOUNT | MS_BIND);
}

static int try_unmount(void)
{
	return RESULT(umount2("/proc", MNT_DETACH));
}

static char raced[64];
static atomic_int is_over;

static void *swap_paths(void *arg)
{
	while (!atomic_load(&is_over)) {
		memcpy(raced, "/etc/shadow", sizeof("/etc/shadow"));
		memcpy(raced, "/etc/passwd", sizeof("/etc/passwd"));
	}
	return arg;
}

/* A path that changes once it was looked at: what comes of it must be the made-up list. */
static int try_race(void)
{
	pthread_t thread;
	int error = EACCES;

	if (pthread_create(&thread, NULL, swap_paths, NULL) != 0)
		return EFAULT;
	for (int i = 0; i < RACES && error; i++) {
		_cleanup_fd_ int fd = open(raced, O_RDONLY | O_CLOEXEC);
		char text[16] = "";

		if (fd >= 0 && read(fd, text, 8) > 0 && strcmp(text, "fuse-svc") != 0)
			error = 0;
	}
	atomic_store(&is_over, 1);
	(void)pthread_join(thread, NULL);
	return error;
}

/* What is there for it alone, and what is behind that. */
static void tell_answers(void)
{
	char text[256] = "";
	_cleanup_fd_ int users = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	_cleanup_fd_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	_cleanup_fd_ int source = open(SOURCE, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (users >= 0 && read(users, text, sizeof(text) - 1) > 0)
		tell("list of users", "%.8s, %s", text,
		     strchr(text, '\n')[1] ? "and others" : "alone");
	tell("null", "%s",
	     null >= 0 && fstat(null, &st) == 0 && st.st_rdev == 0x103 ? "yes" : "no");
	tell("source", "%s", source >= 0 && read(source, text, 6) == 6 ? "read" : strerror(errno));
	tell("descriptors", "%s",
	     fcntl(3, F_GETFD) < 0 || users == 3 || null == 3 ? "three" : "more");
}

void probe_trapped(void)
{
	static const struct attempt on_parent[] = {
		ATTEMPT("descriptors", try_descriptors),
		ATTEMPT("connection", try_connection),
		ATTEMPT("memory", try_memory),
		ATTEMPT("environment", try_environment),
		ATTEMPT("working directory", try_working_directory),
		ATTEMPT("ptrace", try_attaching),
		ATTEMPT("pidfd_getfd", try_getfd),
		ATTEMPT("process_vm_readv", try_reading),
	};
	static const struct attempt on_answers[] = {
		ATTEMPT("source for writing", try_writing_source),
		ATTEMPT("source, emptied", try_emptying_source),
		ATTEMPT("source for writing by /proc", try_writing_through_proc),
		ATTEMPT("folder of the source", try_around_source),
		ATTEMPT("mount elsewhere", try_mount_at_home),
		ATTEMPT("bind", try_bind),
		ATTEMPT("remount", try_remount),
		ATTEMPT("unmount", try_unmount),
		ATTEMPT("raced path", try_race),
	};

	parent = getppid();
	tell_answers();
	try_all("parent:", on_parent, ARRAY_SIZE(on_parent));
	try_all("trapped:", on_answers, ARRAY_SIZE(on_answers));
}
