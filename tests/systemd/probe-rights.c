// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The probe's attempts to have or to gain rights: capabilities, users, namespaces, sockets, other
 * processes, limits.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_alg.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "probe.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define SOCKET 3 /* the connection to the helper */

/*
 * Capabilities and users
 */

static void tell_status(void)
{
	static const char *const wanted[] = { "CapInh", "CapPrm", "CapEff",    "CapBnd",
					      "CapAmb", "Groups", "NoNewPrivs" };
	FILE *f = fopen("/proc/self/status", "re");
	char line[256], *value;

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		value = strchr(line, ':');
		if (!value)
			continue;
		*value++ = '\0';
		for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
			if (strcmp(line, wanted[i]) == 0)
				tell(line, "%s", value + strspn(value, "\t "));
	}
	if (f)
		(void)fclose(f);
	tell("root", "%s", getuid() == 0 || geteuid() == 0 || getgid() == 0 ? "yes" : "no");
}

static int try_capset(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 1, 1, 1 } };

	return RESULT(syscall(SYS_capset, &head, data));
}

static int try_ambient(void)
{
	return RESULT(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 1, 0, 0));
}

static int try_setuid(void)
{
	return RESULT(syscall(SYS_setuid, 0));
}

static int try_setresgid(void)
{
	return RESULT(syscall(SYS_setresgid, 0, 0, 0));
}

static int try_setgroups(void)
{
	gid_t none = 0;

	return RESULT(syscall(SYS_setgroups, 1, &none));
}

static int run_setuid_program(void)
{
	(void)execl(PROBE_SETUID, PROBE_SETUID, "--ids", (char *)NULL);
	return errno;
}

/*
 * Namespaces
 */

static int namespace_flag;

static int try_unshare(void)
{
	return RESULT(unshare(namespace_flag));
}

static int try_clone3(void)
{
	uint64_t args[8] = { (uint64_t)namespace_flag, 0, 0, 0, SIGCHLD };
	long pid = syscall(SYS_clone3, args, sizeof(args));

	if (pid == 0)
		_exit(0);
	return RESULT(pid);
}

static int try_setns(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	return RESULT(setns(fd, 0));
}

static void try_namespaces(void)
{
	static const struct {
		const char *name;
		int flag;
	} namespaces[] = {
		{ "cgroup", CLONE_NEWCGROUP }, { "ipc", CLONE_NEWIPC }, { "mount", CLONE_NEWNS },
		{ "net", CLONE_NEWNET },       { "pid", CLONE_NEWPID }, { "time", CLONE_NEWTIME },
		{ "user", CLONE_NEWUSER },     { "uts", CLONE_NEWUTS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		namespace_flag = namespaces[i].flag;
		report(in_child(try_unshare), "unshare %s", namespaces[i].name);
		if (namespace_flag != CLONE_NEWTIME) /* there is no such flag of clone */
			report(in_child(try_clone3), "clone3 %s", namespaces[i].name);
	}
	report(in_child(try_setns), "setns");
}

/*
 * Sockets
 */

static int try_socket(int family)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_RAW };
	int error = EPERM;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		int fd = socket(family, types[i] | SOCK_CLOEXEC, 0);

		if (fd >= 0) {
			(void)close(fd);
			return 0;
		}
		error = errno;
	}
	return error;
}

static int try_socketpair(void)
{
	int fds[2];

	return RESULT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
}

static int try_connect(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/run/systemd/notify" };

	return RESULT(connect(SOCKET, (struct sockaddr *)&address, sizeof(address)));
}

static int try_listen(void)
{
	return RESULT(listen(SOCKET, 1));
}

static int try_bind(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	return RESULT(bind(SOCKET, (struct sockaddr *)&address, sizeof(sa_family_t)));
}

static void try_sockets(void)
{
	static const struct {
		const char *name;
		int family;
	} families[] = {
		{ "AF_ALG", AF_ALG },	    { "AF_BLUETOOTH", AF_BLUETOOTH },
		{ "AF_CAN", AF_CAN },	    { "AF_INET", AF_INET },
		{ "AF_INET6", AF_INET6 },   { "AF_NETLINK", AF_NETLINK },
		{ "AF_PACKET", AF_PACKET }, { "AF_UNIX", AF_UNIX },
		{ "AF_VSOCK", AF_VSOCK },   { "AF_XDP", 44 },
	};
	static const struct attempt others[] = {
		ATTEMPT("socketpair", try_socketpair),
		ATTEMPT("connect", try_connect),
		ATTEMPT("bind", try_bind),
		ATTEMPT("listen", try_listen),
	};

	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		report(try_socket(families[i].family), "socket %s", families[i].name);
	try_all("socket", others, ARRAY_SIZE(others));
}

/*
 * Other processes: signal 0 does nothing, but needs the right to send one
 */

static pid_t victim = 1;

static int try_kill(void)
{
	return RESULT(kill(victim, 0));
}

static int try_kill_all(void)
{
	return RESULT(kill(-1, 0));
}

static int try_tgkill(void)
{
	return RESULT(syscall(SYS_tgkill, victim, victim, 0));
}

static int try_sigqueue(void)
{
	siginfo_t info = { .si_code = SI_QUEUE };

	return RESULT(syscall(SYS_rt_sigqueueinfo, victim, 0, &info));
}

static int try_pidfd(void)
{
	return RESULT(syscall(SYS_pidfd_open, victim, 0));
}

static int try_reading_memory(void)
{
	char byte;
	struct iovec local = { &byte, 1 }, remote = { &victim, 1 };

	return RESULT(process_vm_readv(victim, &local, 1, &remote, 1, 0));
}

static int try_proc_mem(void)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", victim);
	if (open(path, O_RDWR | O_CLOEXEC) >= 0)
		return 0;
	return errno == ENOENT ? EACCES : errno; /* hidden */
}

static const struct attempt on_processes[] = {
	ATTEMPT("kill", try_kill),
	ATTEMPT("tgkill", try_tgkill),
	ATTEMPT("rt_sigqueueinfo", try_sigqueue),
	ATTEMPT("pidfd_open", try_pidfd),
	ATTEMPT("process_vm_readv", try_reading_memory),
	ATTEMPT("/proc/PID/mem", try_proc_mem),
};

void probe_sibling(pid_t pid)
{
	victim = pid;
	try_all("another server:", on_processes, ARRAY_SIZE(on_processes));
	victim = 1;
}

/*
 * Limits
 */

static int try_raising(int resource)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0)
		return EPERM;
	if (limit.rlim_max == RLIM_INFINITY)
		return 0;
	limit.rlim_max++;
	return RESULT(setrlimit(resource, &limit));
}

static int try_nofile(void)
{
	return try_raising(RLIMIT_NOFILE);
}

static int try_core(void)
{
	return try_raising(RLIMIT_CORE);
}

static int try_nice(void)
{
	return RESULT(setpriority(PRIO_PROCESS, 0, -20));
}

static int try_realtime(void)
{
	struct sched_param param = { .sched_priority = 1 };

	return RESULT(sched_setscheduler(0, SCHED_FIFO, &param));
}

static int try_ioprio(void)
{
	return RESULT(syscall(SYS_ioprio_set, 1, 0, 1 << 13));
}

void probe_rights(void)
{
	static const struct attempt on_rights[] = {
		ATTEMPT("capset", try_capset),	     ATTEMPT("ambient capability", try_ambient),
		ATTEMPT("setuid", try_setuid),	     ATTEMPT("setresgid", try_setresgid),
		ATTEMPT("setgroups", try_setgroups),
	};
	static const struct attempt on_limits[] = {
		ATTEMPT("RLIMIT_NOFILE", try_nofile),
		ATTEMPT("RLIMIT_CORE", try_core),
		ATTEMPT("nice", try_nice),
		ATTEMPT("realtime", try_realtime),
		ATTEMPT("realtime I/O", try_ioprio),
	};
	static const struct attempt all_processes[] = { ATTEMPT("kill", try_kill_all) };

	tell_status();
	try_all("gain", on_rights, ARRAY_SIZE(on_rights));
	if (in_child(run_setuid_program) == EPERM)
		tell("setuid program's user", "cannot be run");
	try_namespaces();
	try_sockets();
	try_all("the first process:", on_processes, ARRAY_SIZE(on_processes));
	try_all("all processes:", all_processes, ARRAY_SIZE(all_processes));
	try_all("raise", on_limits, ARRAY_SIZE(on_limits));
}
