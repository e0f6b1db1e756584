/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first statements of a helper: what its caller handed to it, and what is left of that.
 *
 * In child processes, as there is no way back. Of a set-user-ID program's caller nothing is left;
 * to play one, a test must be root.
 */
#include "test-util.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "safe-start.h"

#define USER	   65534
#define USER_GROUP 65533

/*
 * Runs a child that makes its process strange, starts safely, and looks. With a uid that is not
 * root's, it has the ids with which the kernel starts a set-user-ID program.
 */
static void start_as(uid_t uid, void (*make_strange)(void), void (*look)(bool is_setuid))
{
	int status = -1;
	pid_t pid;

	require_or_skip(geteuid() == 0, "root");
	pid = fork();
	assert_return_code(pid, errno);
	if (pid == 0) {
		gid_t gid = uid == 0 ? 0 : USER_GROUP;
		struct caller caller = { .uid = 1, .gid = 1 };

		make_strange();
		expect_in_child(setresgid(gid, gid, gid) == 0 && setresuid(uid, 0, 0) == 0);
		expect_in_child(safe_start(&caller) == 0);
		expect_in_child(caller.uid == uid && caller.gid == gid);
		look(uid != 0);
		_exit(EXIT_SUCCESS);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void start_as_both(void (*make_strange)(void), void (*look)(bool is_setuid))
{
	start_as(0, make_strange, look);
	start_as(USER, make_strange, look);
}

static void look_at_ids(bool is_setuid)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	expect_in_child(getresuid(&r, &e, &s) == 0 && getresgid(&rg, &eg, &sg) == 0);
	expect_in_child(r == 0 && e == 0 && s == 0 && rg == 0 && eg == 0 && sg == 0);
	expect_in_child(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
}

static void make_dumpable(void)
{
	expect_in_child(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
}

static void test_ids(void **state)
{
	start_as_both(make_dumpable, look_at_ids);
}

static void fill_environment(void)
{
	static const char *const names[] = {
		"LD_PRELOAD", "LIBMOUNT_DEBUG", "LIBMOUNT_UTAB", "BLKID_FILE",
		"IFS",	      "TMPDIR",		"NOTIFY_SOCKET", "LC_TIME",
		"LANGUAGE",   "GLIBC_TUNABLES", "LISTEN_FDS",	 "TERMCAP"
	};

	expect_in_child(clearenv() == 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		expect_in_child(setenv(names[i], "x", 1) == 0);
	expect_in_child(setenv("PATH", "/tmp", 1) == 0 && setenv("LANG", "C", 1) == 0);
	expect_in_child(setenv("TERM", "dumb", 1) == 0 && setenv("LC_ALL", "C", 1) == 0);
}

static void look_at_environment(bool is_setuid)
{
	size_t n = 0;

	while (environ[n])
		n++;
	expect_in_child(strcmp(getenv("PATH"), "/usr/sbin:/usr/bin:/sbin:/bin") == 0);
	expect_in_child(strcmp(getenv("LANG"), "C") == 0 && strcmp(getenv("LC_ALL"), "C") == 0);
	expect_in_child(!getenv("LIBMOUNT_DEBUG") ==
			is_setuid); /* root may ask libmount what it does */
	expect_in_child(n == (is_setuid ? 3 : 4));
}

static void test_environment(void **state)
{
	start_as_both(fill_environment, look_at_environment);
}

static void leave_no_environment(void)
{
	environ = NULL;
}

static void look_for_path(bool is_setuid)
{
	expect_in_child(environ && environ[0] && !environ[1] &&
			strncmp(environ[0], "PATH=/usr/", 10) == 0);
}

static void test_no_environment(void **state)
{
	start_as_both(leave_no_environment, look_for_path);
}

static void open_many(void)
{
	for (int i = 0; i < 20; i++)
		expect_in_child(open("/dev/null", O_RDONLY) >= 0); /* without O_CLOEXEC */
	expect_in_child(dup2(STDERR_FILENO, 900) == 900);
}

static void look_at_fds(bool is_setuid)
{
	for (int fd = 0; fd < 1024; fd++) {
		int flags = fcntl(fd, F_GETFD);

		if (fd <= STDERR_FILENO)
			expect_in_child(flags >= 0);
		else
			expect_in_child(is_setuid ? flags < 0 : flags < 0 || flags & FD_CLOEXEC);
	}
}

static void test_descriptors(void **state)
{
	start_as_both(open_many, look_at_fds);
}

static void close_standard_fds(void)
{
	for (int fd = 0; fd < STDERR_FILENO; fd++)
		(void)close(fd);
}

static void test_standard_descriptors(void **state)
{
	start_as_both(close_standard_fds, look_at_fds);
}

static void open_umask(void)
{
	(void)umask(0);
}

static void look_at_umask(bool is_setuid)
{
	expect_in_child(umask(0) == 022);
}

static void test_umask(void **state)
{
	start_as_both(open_umask, look_at_umask);
}

static const int polite[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

static bool is_polite(int sig)
{
	for (size_t i = 0; i < ARRAY_SIZE(polite); i++)
		if (sig == polite[i])
			return true;
	return false;
}

static void on_signal(int sig)
{
	_exit(EXIT_FAILURE);
}

static void ignore_all(void)
{
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
	sigset_t none;

	for (int sig = 1; sig <= SIGRTMAX; sig++)
		(void)signal(sig, sig == SIGUSR1 ? on_signal : SIG_IGN);
	(void)sigemptyset(&none);
	expect_in_child(sigprocmask(SIG_SETMASK, &none, NULL) == 0);
	expect_in_child(setitimer(ITIMER_REAL, &often, NULL) == 0);
	expect_in_child(setitimer(ITIMER_VIRTUAL, &often, NULL) == 0);
	expect_in_child(setitimer(ITIMER_PROF, &often, NULL) == 0);
}

static bool is_armed(__itimer_which_t which)
{
	struct itimerval it;

	expect_in_child(getitimer(which, &it) == 0);
	return it.it_value.tv_sec || it.it_value.tv_usec || it.it_interval.tv_usec;
}

static void look_at_signals(bool is_setuid)
{
	struct sigaction sa;
	sigset_t blocked;

	expect_in_child(sigprocmask(SIG_BLOCK, NULL, &blocked) == 0);
	for (int sig = 1; sig <= SIGRTMAX; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP || sigaction(sig, NULL, &sa) < 0)
			continue; /* is nobody's, or the C library's own */
		/* The caller's will counts where a signal ends a program, and nowhere else. */
		expect_in_child(sa.sa_handler ==
				(is_polite(sig) || sig == SIGXFSZ ? SIG_IGN : SIG_DFL));
		if (sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU)
			expect_in_child(sigismember(&blocked, sig) == is_setuid);
		else if (sig != SIGCONT)
			expect_in_child(sigismember(&blocked, sig));
	}
	expect_in_child(!is_armed(ITIMER_REAL) && !is_armed(ITIMER_VIRTUAL) &&
			!is_armed(ITIMER_PROF));
}

static void test_signals(void **state)
{
	start_as_both(ignore_all, look_at_signals);
}

static void lower_limits(void)
{
	struct rlimit low;

	expect_in_child(getrlimit(RLIMIT_FSIZE, &low) == 0);
	low.rlim_cur = 1;
	expect_in_child(setrlimit(RLIMIT_FSIZE, &low) == 0);
	expect_in_child(getrlimit(RLIMIT_CPU, &low) == 0);
	low.rlim_cur = 100;
	expect_in_child(setrlimit(RLIMIT_CPU, &low) == 0);
	expect_in_child(getrlimit(RLIMIT_CORE, &low) == 0);
	low.rlim_cur = low.rlim_max;
	expect_in_child(setrlimit(RLIMIT_CORE, &low) == 0);
}

static void look_at_limits(bool is_setuid)
{
	struct rlimit is;

	if (!is_setuid) /* root's are his own will */
		return;
	expect_in_child(getrlimit(RLIMIT_FSIZE, &is) == 0 && is.rlim_cur == RLIM_INFINITY);
	expect_in_child(getrlimit(RLIMIT_CPU, &is) == 0 && is.rlim_cur == RLIM_INFINITY);
	expect_in_child(getrlimit(RLIMIT_CORE, &is) == 0 && is.rlim_cur == 0 && is.rlim_max == 0);
}

static void test_limits(void **state)
{
	start_as_both(lower_limits, look_at_limits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_no_environment),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_standard_descriptors),
		cmocka_unit_test(test_umask),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
