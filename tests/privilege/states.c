/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The states that a program can be started in.
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "cleanup.h"

/* "max" is what the kernel calls so. */
static unsigned long number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 0);

	if (strcmp(text, "max") == 0)
		return ~0UL;
	if (!*text || *end) {
		errno = EINVAL;
		die(text);
	}
	return n;
}

static char *long_text(size_t size)
{
	char *text = malloc(size + 1);

	check(text ? 0 : -1, "malloc");
	memset(text, 'x', size);
	text[size] = '\0';
	return text;
}

static int standard_fd(const char *text)
{
	unsigned long fd = number(text);

	if (fd > STDERR_FILENO) {
		errno = EBADF;
		die(text);
	}
	return (int)fd;
}

/*
 * Arguments
 */

static void no_argv(struct launch *l, char **args)
{
	l->no_argv = true;
}

static void argv0(struct launch *l, char **args)
{
	l->argv0 = args[0];
}

static void huge_argv0(struct launch *l, char **args)
{
	l->argv0 = long_text(number(args[0]));
}

/*
 * Descriptors
 */

static void fds(struct launch *l, char **args)
{
	unsigned long n = number(args[0]);
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && --n > 0);
	if (fd < 0 && errno != EMFILE)
		die("/dev/null");
}

static void fd_of_file(struct launch *l, char **args)
{
	check(open(args[0], O_RDWR), args[0]);
}

static void fd_of_dir(struct launch *l, char **args)
{
	check(open(args[0], O_RDONLY | O_DIRECTORY), args[0]);
}

static void fd_of_socket(struct launch *l, char **args)
{
	int pair[2];

	check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
}

static void close_fd(struct launch *l, char **args)
{
	l->closed[standard_fd(args[0])] = true;
}

/* A pipe in the place of a standard descriptor; we keep the other end, if anybody does. */
static int pipe_for(struct launch *l, const char *text, bool keep)
{
	int ends[2], fd = standard_fd(text), ours = fd == STDIN_FILENO, high;

	check(pipe(ends), "pipe");
	high = fcntl(ends[!ours ? 0 : 1], F_DUPFD_CLOEXEC, 200);
	check(high, "fcntl");
	check(dup2(ends[ours ? 0 : 1], fd), "dup2");
	(void)close(ends[0]);
	(void)close(ends[1]);
	l->hold = true;
	if (keep)
		l->kept[fd] = high + 1;
	else
		(void)close(high);
	return fd;
}

/* Nobody reads what is in it; there is no place for a byte more. */
static void full_pipe(struct launch *l, char **args)
{
	int fd = pipe_for(l, args[0], true), flags = fcntl(fd, F_GETFL);

	check(fcntl(fd, F_SETFL, flags | O_NONBLOCK), "fcntl");
	while (write(fd, "x", 1) == 1)
		;
	check(fcntl(fd, F_SETFL, flags), "fcntl");
}

/* Input that never comes. */
static void silent_pipe(struct launch *l, char **args)
{
	(void)pipe_for(l, args[0], true);
}

static void broken_pipe(struct launch *l, char **args)
{
	(void)pipe_for(l, args[0], false);
}

/*
 * Signals, timers, limits
 */

static void ignore_signal(struct launch *l, char **args)
{
	if (strcmp(args[0], "all") != 0) {
		if (signal((int)number(args[0]), SIG_IGN) == SIG_ERR)
			die(args[0]);
		return;
	}
	for (int sig = 1; sig <= SIGRTMAX; sig++)
		(void)signal(sig, SIG_IGN); /* not all can be */
}

static void block_signals(struct launch *l, char **args)
{
	sigset_t all;

	(void)sigfillset(&all);
	check(sigprocmask(SIG_BLOCK, &all, NULL), "sigprocmask");
}

static void timer(struct launch *l, char **args)
{
	static const char *const names[] = { "real", "virtual", "prof" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(args[0], names[i]) == 0)
			l->timer[i] = (unsigned int)number(args[1]);
}

static const struct {
	const char *name;
	int resource;
} limits[] = {
	{ "as", RLIMIT_AS },
	{ "core", RLIMIT_CORE },
	{ "cpu", RLIMIT_CPU },
	{ "data", RLIMIT_DATA },
	{ "fsize", RLIMIT_FSIZE },
	{ "locks", RLIMIT_LOCKS },
	{ "memlock", RLIMIT_MEMLOCK },
	{ "msgqueue", RLIMIT_MSGQUEUE },
	{ "nice", RLIMIT_NICE },
	{ "nofile", RLIMIT_NOFILE },
	{ "nproc", RLIMIT_NPROC },
	{ "rss", RLIMIT_RSS },
	{ "rtprio", RLIMIT_RTPRIO },
	{ "rttime", RLIMIT_RTTIME },
	{ "sigpending", RLIMIT_SIGPENDING },
	{ "stack", RLIMIT_STACK },
};

static int resource(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (strcmp(limits[i].name, name) == 0)
			return limits[i].resource;
	errno = EINVAL;
	die(name);
}

static void limit(struct launch *l, char **args)
{
	struct rlimit rlim = { number(args[1]), number(args[1]) };

	check(setrlimit((__rlimit_resource_t)resource(args[0]), &rlim), args[0]);
}

static void soft_limit(struct launch *l, char **args)
{
	__rlimit_resource_t res = (__rlimit_resource_t)resource(args[0]);
	struct rlimit rlim;

	check(getrlimit(res, &rlim), args[0]);
	rlim.rlim_cur = number(args[1]);
	check(setrlimit(res, &rlim), args[0]);
}

/*
 * The rest
 */

static void set_umask(struct launch *l, char **args)
{
	(void)umask((mode_t)number(args[0]));
}

static void cwd(struct launch *l, char **args)
{
	check(chdir(args[0]), args[0]);
}

static void deleted_cwd(struct launch *l, char **args)
{
	check(mkdir(args[0], 0755), args[0]);
	check(chdir(args[0]), args[0]);
	check(rmdir(args[0]), args[0]);
}

static void env(struct launch *l, char **args)
{
	check(putenv(args[0]) ? -1 : 0, args[0]);
}

static void no_env(struct launch *l, char **args)
{
	check(clearenv() ? -1 : 0, "clearenv");
}

/* KiB, in variables of 64 KiB; each of its own name. */
static void huge_env(struct launch *l, char **args)
{
	unsigned long n = number(args[0]) / 64;

	for (unsigned long i = 0; i < n; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "HUGE_%lu", i);
		check(setenv(name, long_text(64UL * 1024), 1), name);
	}
}

/* UID GID GROUP,GROUP...: for good */
static void user(struct launch *l, char **args)
{
	gid_t groups[16], gid = (gid_t)number(args[1]);
	uid_t uid = (uid_t)number(args[0]);
	size_t n = 0;

	for (char *g = strtok(args[2], ","); g && n < ARRAY_SIZE(groups); g = strtok(NULL, ","))
		groups[n++] = (gid_t)number(g);
	check(setgroups(n, groups), "setgroups");
	check(setresgid(gid, gid, gid), "setresgid");
	check(setresuid(uid, uid, uid), "setresuid");
}

static void pdeathsig(struct launch *l, char **args)
{
	l->set_pdeathsig = true;
	l->hold = true;
}

static void no_new_privs(struct launch *l, char **args)
{
	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
}

static void traced(struct launch *l, char **args)
{
	l->traced = true;
	l->hold = true;
}

static void subreaper(struct launch *l, char **args)
{
	check(prctl(PR_SET_CHILD_SUBREAPER, 1), "subreaper");
}

/* Children that the program knows nothing of: one that is dead, one that dies soon. */
static void children(struct launch *l, char **args)
{
	for (unsigned int i = 0; i < 2; i++) {
		pid_t pid = fork();

		check(pid, "fork");
		if (pid == 0) {
			(void)usleep(i * 200000);
			_exit(7);
		}
	}
}

static void hold(struct launch *l, char **args)
{
	l->hold = true;
}

static void pty(struct launch *l, char **args)
{
	l->pty = true;
}

void make_late_states(const struct launch *l)
{
	static const __itimer_which_t which[] = { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };

	if (l->set_pdeathsig)
		check(prctl(PR_SET_PDEATHSIG, SIGKILL), "pdeathsig");
	if (l->traced)
		check((int)ptrace(PTRACE_TRACEME, 0, NULL, NULL), "ptrace");
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		if (l->kept[fd])
			(void)close(l->kept[fd] - 1);
		if (l->closed[fd])
			(void)close(fd);
	}
	for (size_t i = 0; i < ARRAY_SIZE(which); i++) {
		struct timeval tv = { l->timer[i] / 1000, l->timer[i] % 1000 * 1000 };
		struct itimerval it = { tv, tv };

		if (l->timer[i])
			check(setitimer(which[i], &it, NULL), "setitimer");
	}
}

const struct state states[] = {
	{ "--no-argv", 0, no_argv },	       /* no argument at all, not even the program's name */
	{ "--argv0", 1, argv0 },	       /* TEXT */
	{ "--huge-argv0", 1, huge_argv0 },     /* BYTES */
	{ "--fds", 1, fds },		       /* N, or max: until there can be no more */
	{ "--fd", 1, fd_of_file },	       /* PATH, for reading and writing */
	{ "--fd-of-dir", 1, fd_of_dir },       /* PATH */
	{ "--fd-of-socket", 0, fd_of_socket }, /* two of them */
	{ "--close", 1, close_fd },	       /* 0, 1 or 2 */
	{ "--full-pipe", 1, full_pipe },       /* 1 or 2; implies --hold */
	{ "--silent-pipe", 1, silent_pipe },   /* 0; implies --hold */
	{ "--broken-pipe", 1, broken_pipe },   /* 0, 1 or 2; implies --hold */
	{ "--ignore-signal", 1, ignore_signal }, /* NUMBER, or all */
	{ "--block-signals", 0, block_signals }, /* all */
	{ "--timer", 2, timer }, /* real|virtual|prof MILLISECONDS, again and again */
	{ "--limit", 2, limit }, /* NAME NUMBER, soft and hard */
	{ "--soft-limit", 2, soft_limit },
	{ "--umask", 1, set_umask }, /* NUMBER, as C has it */
	{ "--cwd", 1, cwd },	     /* PATH */
	{ "--deleted-cwd", 1, deleted_cwd },
	{ "--env", 1, env }, /* NAME=VALUE */
	{ "--no-env", 0, no_env },
	{ "--huge-env", 1, huge_env },	 /* KIB */
	{ "--user", 3, user },		 /* UID GID GROUPS */
	{ "--pdeathsig", 0, pdeathsig }, /* SIGKILL if launch ends; implies --hold */
	{ "--no-new-privs", 0, no_new_privs },
	{ "--traced", 0, traced }, /* implies --hold */
	{ "--subreaper", 0, subreaper },
	{ "--children", 0, children },
	{ "--hold", 0, hold },
	{ "--pty", 0, pty },
	{ NULL, 0, NULL },
};
