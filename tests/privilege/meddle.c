/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tries what one process may not do to another: meddle PID
 *
 * One line for each attempt, "NAME: OK" or "NAME: EPERM". It does no harm where it may: signals
 * are sent last, and none but signal 0 unless "meddle PID SIGNAL..." names them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "cleanup.h"

static void say(const char *name, int err)
{
	(void)printf("%s: %s\n", name, err ? strerrorname_np(err) : "OK");
}

static void say_rc(const char *name, long rc)
{
	say(name, rc < 0 ? errno : 0);
}

static void try_ptrace(pid_t pid)
{
	long rc = ptrace(PTRACE_ATTACH, pid, NULL, NULL);

	say_rc("ptrace-attach", rc);
	if (rc == 0) {
		(void)waitpid(pid, NULL, __WALL);
		(void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
	}
	rc = ptrace(PTRACE_SEIZE, pid, NULL, NULL);
	say_rc("ptrace-seize", rc);
	if (rc == 0) {
		(void)ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
		(void)waitpid(pid, NULL, __WALL);
		(void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
	}
}

static void try_memory(pid_t pid)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { &byte, 1 };

	/* Nothing is at that address, maybe: only EPERM is a refusal. */
	say("read-memory",
	    process_vm_readv(pid, &here, 1, &there, 1, 0) < 0 && errno == EPERM ? EPERM : 0);
	say("write-memory",
	    process_vm_writev(pid, &here, 1, &there, 1, 0) < 0 && errno == EPERM ? EPERM : 0);
	say_rc("kcmp", syscall(SYS_kcmp, pid, getpid(), KCMP_VM, 0, 0));
}

static void try_fds(pid_t pid)
{
	_cleanup_fd_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	_cleanup_fd_ int fd = -1;

	fd = (int)syscall(SYS_pidfd_getfd, pidfd, STDERR_FILENO, 0);
	say_rc("take-fd", fd);
}

static void try_limits(pid_t pid)
{
	struct rlimit old;
	struct rlimit none = { 0, 0 };
	cpu_set_t cpus;

	say_rc("get-limit", prlimit(pid, RLIMIT_CORE, NULL, &old));
	say_rc("set-limit", prlimit(pid, RLIMIT_CORE, &none, NULL));
	say_rc("renice", setpriority(PRIO_PROCESS, (id_t)pid, 1));
	say_rc("ioprio", syscall(SYS_ioprio_set, 1, pid, 2 << 13 | 7));
	CPU_ZERO(&cpus);
	(void)sched_getaffinity(0, sizeof(cpus), &cpus);
	say_rc("affinity", sched_setaffinity(pid, sizeof(cpus), &cpus));
	say_rc("scheduler",
	       sched_setscheduler(pid, SCHED_BATCH, &(struct sched_param){ .sched_priority = 0 }));
}

static void try_files(pid_t pid)
{
	static const struct {
		const char *name;
		int flags;
	} files[] = {
		{ "mem", O_RDONLY },
		{ "mem", O_RDWR },
		{ "environ", O_RDONLY },
		{ "maps", O_RDONLY },
		{ "smaps", O_RDONLY },
		{ "auxv", O_RDONLY },
		{ "syscall", O_RDONLY },
		{ "stack", O_RDONLY },
		{ "io", O_RDONLY },
		{ "clear_refs", O_WRONLY },
		{ "oom_score_adj", O_RDWR },
		{ "coredump_filter", O_RDWR },
		{ "timerslack_ns", O_RDWR },
		{ "setgroups", O_WRONLY },
		{ "uid_map", O_WRONLY },
		{ "fd", O_RDONLY | O_DIRECTORY },
		{ "fdinfo", O_RDONLY | O_DIRECTORY },
		{ "map_files", O_RDONLY | O_DIRECTORY },
	};
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char byte;
		int err = 0;
		_cleanup_fd_ int fd = -1;

		(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, files[i].name);
		fd = open(path, files[i].flags);
		/* Some are refused only when they are read; to mem, there is nothing at 0 to read.
		 */
		if (fd < 0 || ((files[i].flags & O_ACCMODE) != O_WRONLY &&
			       !(files[i].flags & O_DIRECTORY) && read(fd, &byte, 1) < 0))
			err = errno == EIO ? 0 : errno;
		(void)snprintf(path, sizeof(path), "%s-%s",
			       (files[i].flags & O_ACCMODE) == O_RDONLY ? "read" : "write",
			       files[i].name);
		say(path, err);
	}
}

static void try_links(pid_t pid)
{
	static const char *const links[] = { "exe", "cwd", "root", "fd/0", "ns/mnt", "ns/user" };
	char path[64], target[256];

	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, links[i]);
		say_rc(links[i], readlink(path, target, sizeof(target)));
	}
}

int main(int argc, char **argv)
{
	pid_t pid = argc > 1 ? (pid_t)atoi(argv[1]) : 0;

	if (pid <= 0) {
		(void)fputs("Usage: meddle PID [SIGNAL...]\n", stderr);
		return EXIT_FAILURE;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	try_ptrace(pid);
	try_memory(pid);
	try_fds(pid);
	try_limits(pid);
	try_files(pid);
	try_links(pid);
	say_rc("kill 0", kill(pid, 0));
	for (int i = 2; i < argc; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "kill %.20s", argv[i]);
		say_rc(name, kill(pid, atoi(argv[i])));
	}
	return EXIT_SUCCESS;
}
