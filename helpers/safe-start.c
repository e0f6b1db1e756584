/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See safe-start.h. Runs before anything that the caller could influence; must not allocate more
 * than it needs, nor print.
 */
#include "safe-start.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

/* What a program keeps of its environment: the language of messages. */
static const char *const kept[] = { "LANG", "LC_ALL", "LC_CTYPE", "LC_MESSAGES" };

/* For root alone. What steers libmount has no effect in a process that nobody may trace. */
static const char *const kept_for_root[] = { "LIBMOUNT_DEBUG" };

static int open_standard_fds(void)
{
	for (;;) {
		int fd = open("/dev/null", O_RDWR);

		if (fd < 0)
			return -errno;
		if (fd > 2)
			return close(fd) < 0 ? -errno : 0;
	}
}

/*
 * A setuid program takes all ids, as whoever has its real user id could stop it while it holds a
 * lock, or end it between a mount and its line in utab.
 */
static int become_root(void)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return -errno;
	if (getresuid(&r, &e, &s) < 0 || getresgid(&rg, &eg, &sg) < 0)
		return -errno;
	return r || e || s || rg || eg || sg ? -EPERM : 0;
}

/*
 * Nothing that the caller had open goes on to another program. Root's stays open for us: with -N,
 * libmount passes the namespace as a descriptor. Kernels before 5.11 cannot mark it; we execute
 * nothing.
 */
static int keep_fds_to_ourselves(bool is_setuid)
{
	if (is_setuid)
		return close_range(3, ~0U, 0) < 0 ? -errno : 0;
	(void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	return 0;
}

/*
 * What the caller ignores of the signals that end a program stays ignored, as nohup(1) has it.
 * Nothing comes in between otherwise: who waits for a signal looks for it (signalfd). Job control
 * works for root; any other caller could stop us by his terminal between a mount and the look at
 * whether it may stay.
 */
static int hold_signals(bool is_setuid)
{
	static const int polite[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	static const int job_control[] = { SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT };
	static const struct itimerval never;
	sigset_t held;

	/* First: what the caller ignores and lets ring must not find its default unblocked. */
	(void)sigfillset(&held);
	if (sigprocmask(SIG_SETMASK, &held, NULL) < 0)
		return -errno;
	for (int sig = 1; sig < NSIG; sig++) {
		bool is_polite = false;

		for (size_t i = 0; i < ARRAY_SIZE(polite); i++)
			is_polite |= sig == polite[i];
		if (!is_polite)
			(void)signal(sig, SIG_DFL); /* not all of them can be set */
	}
	for (size_t i = 0; i < ARRAY_SIZE(job_control) && !is_setuid; i++)
		(void)sigdelset(&held, job_control[i]);
	if (sigprocmask(SIG_SETMASK, &held, NULL) < 0)
		return -errno;
	/* Timers outlive an exec. */
	if (setitimer(ITIMER_REAL, &never, NULL) < 0 ||
	    setitimer(ITIMER_VIRTUAL, &never, NULL) < 0 || setitimer(ITIMER_PROF, &never, NULL) < 0)
		return -errno;
	/* Nor must a limit on the size of files end us between a mount and its line in utab. */
	return signal(SIGXFSZ, SIG_IGN) == SIG_ERR ? -errno : 0;
}

/*
 * The limits by which a caller could end us halfway, or have libmount lose what others have in
 * utab: it takes a lack of memory for an option that is not there. The rest make a call fail, which
 * is told.
 */
static int lift_limits(void)
{
	static const __rlimit_resource_t lifted[] = {
		RLIMIT_FSIZE, RLIMIT_CPU, RLIMIT_RTTIME, RLIMIT_DATA, RLIMIT_AS, RLIMIT_STACK,
	};
	static const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY }, zero;

	for (size_t i = 0; i < ARRAY_SIZE(lifted); i++)
		if (setrlimit(lifted[i], &none) < 0)
			return -errno;
	return setrlimit(RLIMIT_CORE, &zero) < 0 ? -errno : 0;
}

static int save(const char *const *names, size_t n, char **values)
{
	for (size_t i = 0; i < n; i++) {
		const char *value = getenv(names[i]);

		values[i] = value ? strdup(value) : NULL;
		if (value && !values[i])
			return -ENOMEM;
	}
	return 0;
}

static int restore(const char *const *names, size_t n, char **values)
{
	int rc = 0;

	for (size_t i = 0; i < n; i++) {
		if (values[i] && setenv(names[i], values[i], 1) < 0)
			rc = -errno;
		free(values[i]);
	}
	return rc;
}

static int clean_environment(bool is_root)
{
	size_t n_root = is_root ? ARRAY_SIZE(kept_for_root) : 0;
	char *values[ARRAY_SIZE(kept)], *root_values[ARRAY_SIZE(kept_for_root)] = { NULL };
	int rc;

	rc = save(kept, ARRAY_SIZE(kept), values);
	if (!rc)
		rc = save(kept_for_root, n_root, root_values);
	if (rc)
		return rc;
	if (clearenv() != 0 || setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1) < 0)
		return -ENOMEM;
	rc = restore(kept, ARRAY_SIZE(kept), values);
	return rc ? rc : restore(kept_for_root, n_root, root_values);
}

static struct caller invoker; /* who runs us */

void give_up_power(void)
{
	if (invoker.uid == 0 || geteuid() == invoker.uid)
		return;
	if (setresgid(invoker.gid, invoker.gid, invoker.gid) < 0 ||
	    setresuid(invoker.uid, invoker.uid, invoker.uid) < 0 || setuid(0) == 0)
		_exit(EXIT_FAILURE);
}

int safe_start(struct caller *caller)
{
	bool is_setuid = geteuid() == 0 && getuid() != 0;
	int rc = open_standard_fds();

	caller->uid = getuid();
	caller->gid = getgid();
	invoker = *caller;
	if (!rc)
		rc = hold_signals(is_setuid);
	if (!rc && is_setuid)
		rc = become_root();
	if (!rc && is_setuid)
		rc = lift_limits();
	if (!rc)
		rc = keep_fds_to_ourselves(is_setuid);
	if (!rc && prctl(PR_SET_DUMPABLE, 0) < 0)
		rc = -errno;
	if (rc)
		return rc;
	(void)umask(022);
	return clean_environment(caller->uid == 0);
}
