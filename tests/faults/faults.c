/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs the helper again and again, and has another of its calls fail each time:
 *
 *   faults [-u] [-N PID] [-k REGEX]... KIND ERRNO LIBRARY SERVER LOG SOURCE TARGET [HELPER OPTIONS]
 *
 * The first run is undisturbed: it counts the calls of the kind, and shows what a mount looks like
 * in the mount tables, and what the server sees. Then, for each of the calls, a run in which that
 * one fails once must end well: with success and the very same mount; or mounted, without a line in
 * utab, and exit code 16; or with one line that says why, and nothing left. No process of it may
 * ever have more rights than in the first run.
 *
 *   -u        the server gives up after the mount: each run must fail, and undo it
 *   -N PID    mount in the mount namespace of that process
 *   -k REGEX  a known weakness: "FUNCTION: FINDING, CALLERS" is no failure if it matches
 *   KIND      one of the names below; ERRNO a name too, as EMFILE
 */
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

#include "cleanup.h"
#include "inject.h"

#define HELPER	     "/sbin/mount.fuse.svc"
#define PREFIX	     "mount.fuse.svc: "
#define DEADLINE     60 /* seconds that a run may take; it takes a few milliseconds */
#define MAX_KNOWN    16
#define MAX_FINDINGS 8
#define MAX_BAD	     20 /* when they are that many, more of them tell nothing new */

static const char *const kinds[N_FAULT_KINDS] = {
	[FAULT_ALLOC] = "alloc", [FAULT_OPEN] = "open",	  [FAULT_SOCKET] = "socket",
	[FAULT_SEND] = "send",	 [FAULT_RECV] = "recv",	  [FAULT_PROCESS] = "process",
	[FAULT_MOUNT] = "mount", [FAULT_WRITE] = "write", [FAULT_PRIVS] = "privs",
	[FAULT_WAIT] = "wait",	 [FAULT_LOOK] = "look",
};

static struct {
	bool undo;
	regex_t known[MAX_KNOWN];
	size_t n_known;
	enum fault_kind kind;
	int err;
	const char *library, *server, *log, *target, *ns;
	char **helper_argv;
	struct faults *page;
	int stderr_fd;
	struct mounted expected;
	struct rights talker, mounter; /* as they should be */
	char expected_log[TEXT_SIZE];
} t = { .ns = "self", .stderr_fd = -1 };

/* How a run went. */
static struct {
	int status;
	char text[TEXT_SIZE]; /* of stderr */
	struct mounted now;
	char findings[MAX_FINDINGS][3 * TEXT_SIZE];
	size_t n_findings; /* 0 if all is well */
} run;

static struct {
	unsigned int runs, not_reached, succeeded, failed, without_utab, known, bad;
} total;

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

__attribute__((format(printf, 1, 2))) static void find(const char *format, ...)
{
	va_list args;

	if (run.n_findings == MAX_FINDINGS)
		return;
	va_start(args, format);
	(void)vsnprintf(run.findings[run.n_findings++], sizeof(run.findings[0]), format, args);
	va_end(args);
}

static void pause_a_moment(void)
{
	(void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static bool is_past(time_t start)
{
	return time(NULL) > start + DEADLINE;
}

/* Waits for a child; ends it if it takes too long. */
static int wait_for(pid_t pid)
{
	time_t start = time(NULL);
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (is_past(start)) {
			find("does not end");
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			break;
		}
		pause_a_moment();
	}
	return status;
}

static void read_stderr(void)
{
	ssize_t n = pread(t.stderr_fd, run.text, sizeof(run.text) - 1, 0);

	run.text[n > 0 ? n : 0] = '\0';
}

static void exec_helper(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(t.stderr_fd, 2) < 0 ||
	    setenv("LD_PRELOAD", t.library, 1) < 0)
		_exit(127);
	(void)execv(HELPER, t.helper_argv);
	_exit(127);
}

static void run_helper(uint32_t nth)
{
	pid_t pid;

	memset(t.page, 0, sizeof(*t.page));
	t.page->kind = t.kind;
	t.page->nth = nth;
	t.page->err = t.err;
	run.n_findings = 0;
	if (truncate(t.log, 0) < 0 || ftruncate(t.stderr_fd, 0) < 0 ||
	    lseek(t.stderr_fd, 0, SEEK_SET) < 0)
		die("truncate");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0)
		exec_helper();
	run.status = wait_for(pid);
	read_stderr();
	look_at(t.target, t.ns, &run.now);
}

/* umount(8), which removes the line in utab too; and if that does not help, by all means. */
static void unmount(void)
{
	struct mounted now;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		if (strcmp(t.ns, "self") == 0)
			(void)execlp("umount", "umount", t.target, NULL);
		(void)execlp("umount", "umount", "-N", t.ns, t.target, NULL);
		_exit(127);
	}
	if (wait_for(pid) != 0)
		find("umount fails");
	look_at(t.target, t.ns, &now);
	if (*now.mountinfo && umount2(t.target, MNT_DETACH) == 0)
		find("umount left the mount");
	if (*now.utab && unlink("/run/mount/utab") == 0)
		find("umount left the line in utab");
}

/* A connection starts a server sooner or later, even if nobody waits for it any more. */
static void wait_for_server(void)
{
	time_t start = time(NULL);
	char log[TEXT_SIZE];

	if (atomic_load(&t.page->connections) == 0)
		return;
	do {
		read_log(t.log, log);
		if (*log)
			return;
		pause_a_moment();
	} while (!is_past(start));
	find("the server was not started");
}

/* Servers notice a moment later that they are not needed any more. */
static void check_nothing_left(void)
{
	time_t start = time(NULL);
	char text[TEXT_SIZE];

	wait_for_server();
	while (!is_nothing_left(HELPER, t.server, text)) {
		if (is_past(start)) {
			find("left: %s", text);
			return;
		}
		pause_a_moment();
	}
}

static void check_same(const char *what, const char *is, const char *should)
{
	if (strcmp(is, should) != 0)
		find("%s: \"%s\" instead of \"%s\"", what, is, should);
}

static void check_rights(const char *who, const struct rights *is, const struct rights *should)
{
	if (is->is_known && memcmp(is, should, sizeof(*is)) != 0)
		find("the %s has other rights: %llx %llx %llx %llx instead of %llx %llx %llx %llx",
		     who, (unsigned long long)is->effective, (unsigned long long)is->permitted,
		     (unsigned long long)is->inheritable, (unsigned long long)is->bounding,
		     (unsigned long long)should->effective, (unsigned long long)should->permitted,
		     (unsigned long long)should->inheritable, (unsigned long long)should->bounding);
}

/* One line in mount(8)'s form; none if all is well. */
static void check_stderr(bool wanted)
{
	static const char *const unclear[] = {
		": : ",	    "Success",		 "Unknown error",
		"(signal ", "malformed options", "ended without mounting"
	};
	const char *end = strchr(run.text, '\n');

	for (size_t i = 0; i < ARRAY_SIZE(unclear); i++)
		if (strstr(run.text, unclear[i]))
			find("unclear: %.*s", (int)strcspn(run.text, "\n"), run.text);

	if (!wanted && *run.text)
		find("success, but stderr says \"%s\"", run.text);
	if (wanted && (strncmp(run.text, PREFIX, strlen(PREFIX)) != 0 || !end || end[1]))
		find("exit code %d without one clear line: \"%s\"", WEXITSTATUS(run.status),
		     run.text);
}

static void check_success(void)
{
	total.succeeded++;
	check_stderr(false);
	if (t.undo)
		find("success, but the server gave up");
	check_same("mount", run.now.mountinfo, t.expected.mountinfo);
	check_same("utab", run.now.utab, t.expected.utab);
}

static void check_without_utab(void)
{
	total.without_utab++;
	check_stderr(true);
	if (t.undo)
		find("mounted, but the server gave up");
	check_same("mount", run.now.mountinfo, t.expected.mountinfo);
	check_same("utab", run.now.utab, "");
}

static void check_failure(int code)
{
	total.failed++;
	check_stderr(true);
	if (code != 1 && code != 2 && code != 4 && code != 8 && code != 32)
		find("exit code %d", code);
	if (*run.now.mountinfo)
		find("failed (%.*s), but mounted: %s", (int)strcspn(run.text, "\n"), run.text,
		     run.now.mountinfo);
	if (*run.now.utab)
		find("failed, but in utab: %s", run.now.utab);
}

static void check_run(void)
{
	int crash = atomic_load(&t.page->signal);
	char log[TEXT_SIZE];

	if (crash)
		find("a process crashed (signal %d): %s", crash, run.text);
	check_rights("talker", &t.page->talker, &t.talker);
	check_rights("mounter", &t.page->mounter, &t.mounter);
	if (WIFSIGNALED(run.status))
		find("ended by signal %d", WTERMSIG(run.status));
	else if (WEXITSTATUS(run.status) == 0)
		check_success();
	else if (WEXITSTATUS(run.status) == 16)
		check_without_utab();
	else
		check_failure(WEXITSTATUS(run.status));
	if (*run.now.mountinfo || *run.now.utab)
		unmount();
	check_nothing_left();
	if (run.status == 0) {
		read_log(t.log, log);
		if (!strstr(log, strerrorname_np(t.err))) /* a server may live with a refusal */
			check_same("server's log", log, t.expected_log);
	}
}

static bool is_known(const char *line)
{
	for (size_t i = 0; i < t.n_known; i++)
		if (regexec(&t.known[i], line, 0, NULL, 0) == 0)
			return true;
	return false;
}

static void tell(uint32_t nth, const char *finding)
{
	const struct faults *page = t.page;
	char line[4 * TEXT_SIZE];
	bool known;

	(void)snprintf(line, sizeof(line), "%s: %s, called by%s%s%s", page->function, finding,
		       page->hit_in_first ? " helper," : "", page->hit_mounted ? " mounted," : "",
		       page->where);
	known = is_known(line);
	total.known += known;
	total.bad += !known;
	if (!known || getenv("FSVC_FAULTS_VERBOSE"))
		(void)printf("%s %u%s: %s\n", kinds[t.kind], nth, known ? " (known)" : "", line);
}

static void judge(uint32_t nth)
{
	total.runs++;
	total.not_reached += !t.page->hit;
	check_run();
	if (getenv("FSVC_FAULTS_VERBOSE"))
		(void)printf("%s %u: %s: %d %.*s\n", kinds[t.kind], nth, t.page->function,
			     WEXITSTATUS(run.status), (int)strcspn(run.text, "\n"), run.text);
	for (size_t i = 0; i < run.n_findings; i++)
		tell(nth, run.findings[i]);
}

/* Returns how many calls there are. */
static uint32_t run_undisturbed(void)
{
	bool ok;

	run_helper(0);
	ok = WIFEXITED(run.status) && (WEXITSTATUS(run.status) == 0) == !t.undo;
	t.expected = run.now;
	t.talker = t.page->talker;
	t.mounter = t.page->mounter;
	if (!ok || !*run.now.mountinfo != t.undo || !*run.now.utab != t.undo)
		find("the undisturbed run fails: %s", run.text);
	if (*run.now.mountinfo || *run.now.utab)
		unmount();
	check_nothing_left();
	if (run.n_findings) {
		(void)printf("%s\n%s%s", run.findings[0], run.now.mountinfo, run.now.utab);
		exit(EXIT_FAILURE);
	}
	read_log(t.log, t.expected_log);
	return atomic_load(&t.page->count[t.kind]);
}

static void make_page(void)
{
	const char *dir = getenv("TMPDIR");
	char *name = NULL;
	int fd;

	if (asprintf(&name, "%s/faults.XXXXXX", dir ? dir : "/tmp") < 0)
		die("asprintf");
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0 || ftruncate(fd, sizeof(*t.page)) < 0 || setenv(FAULTS_ENV, name, 1) < 0)
		die(name);
	t.page = mmap(NULL, sizeof(*t.page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	t.stderr_fd = memfd_create("stderr", MFD_CLOEXEC);
	if (t.page == MAP_FAILED || t.stderr_fd < 0)
		die("mmap");
	(void)close(fd);
	free(name);
}

static _Noreturn void usage(void)
{
	(void)fputs(
		"Usage: faults [-u] [-N PID] [-k REGEX]... KIND ERRNO LIBRARY SERVER LOG SOURCE "
		"TARGET [HELPER OPTIONS]\n",
		stderr);
	exit(EXIT_FAILURE);
}

/* Returns 0 for a name that is unknown. */
static int parse_errno(const char *name)
{
	for (int err = 1; err < 256; err++) {
		const char *it = strerrorname_np(err);

		if (it && strcmp(it, name) == 0)
			return err;
	}
	return 0;
}

static void parse(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "+uN:k:")) != -1) {
		if (c == 'u')
			t.undo = true;
		else if (c == 'N')
			t.ns = optarg;
		else if (c != 'k' || t.n_known == MAX_KNOWN ||
			 regcomp(&t.known[t.n_known++], optarg, REG_EXTENDED) != 0)
			usage();
	}
	if (argc - optind < 7)
		usage();
	for (t.kind = 0; t.kind < N_FAULT_KINDS; t.kind++)
		if (strcmp(argv[optind], kinds[t.kind]) == 0)
			break;
	t.err = parse_errno(argv[optind + 1]);
	t.library = argv[optind + 2];
	t.server = argv[optind + 3];
	t.log = argv[optind + 4];
	t.target = argv[optind + 6];
	t.helper_argv = argv + optind + 4;
	t.helper_argv[0] = (char[]){ "mount.fuse.svc" };
	if (t.kind == N_FAULT_KINDS || t.err <= 0)
		usage();
}

int main(int argc, char **argv)
{
	uint32_t count;

	parse(argc, argv);
#ifdef WITHOUT_ALLOC
	if (t.kind == FAULT_ALLOC) {
		(void)puts("alloc: left out, as the sanitizer has an allocator of its own");
		return EXIT_SUCCESS;
	}
#endif
	make_page();
	count = run_undisturbed();
	for (uint32_t nth = 1; nth <= count && total.bad < MAX_BAD; nth++) {
		run_helper(nth);
		judge(nth);
	}
	(void)unlink(getenv(FAULTS_ENV));
	(void)printf("%s: %u faults, %u not reached: %u succeeded, %u failed, %u without utab; "
		     "%u known, %u bad\n",
		     kinds[t.kind], total.runs, total.not_reached, total.succeeded, total.failed,
		     total.without_utab, total.known, total.bad);
	return total.bad || !total.runs || 2 * total.not_reached > total.runs ? EXIT_FAILURE
									      : EXIT_SUCCESS;
}
