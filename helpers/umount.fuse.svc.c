/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * umount.fuse.svc - the helper that umount(8) runs for the type fuse.svc.
 *
 * umount(8) returns when the kernel has let go of a file system; of one that is served by a
 * process, not all may be written by then. So this waits for the end of that process. To unmount is
 * the work of another process, which can be waited for with a deadline: it does for root what
 * umount(8) does, by libmount; for others, and for all that is not plain, it becomes "umount -i",
 * with its own rights and checks. Must have no power of its own: a set-user-ID bit is refused.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "fusesvc.h"
#include "module.h"
#include "namespace.h"
#include "safe-start.h"
#include "say.h"

/* What is handed on to umount(8). */
static const char *const plain_options[] = { "-f", "-l", "-n", "-r", "-v" };

struct invocation {
	struct libmnt_context *cxt;
	const char *target, *ns;
	bool is_set[ARRAY_SIZE(plain_options)];
	bool lazy, verbose;
};

static const struct option long_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static int usage(void)
{
	puts("Usage: " PROGRAM " TARGET [-flnrv] [-N NS] [-t TYPE]\n"
	     "\n"
	     "Unmount a contained service's file system, and wait until it has written all.\n"
	     "Normally called by umount(8).\n"
	     "\n"
	     " -f            hang up on a service that does not answer\n"
	     " -l            detach it now, and wait for nothing\n"
	     " -n            leave utab alone\n"
	     " -N NS         unmount in the mount namespace of process or file NS\n"
	     " -r            if it is busy, make it read-only\n"
	     " -t TYPE       accepted for compatibility, does nothing\n"
	     " -v            say more\n"
	     "     --help    show this text\n"
	     "     --version show the version\n"
	     "\n"
	     "For more details see umount.fuse.svc(8).");
	return MNT_EX_SUCCESS;
}

/* Returns -1 to go on, or the exit code. */
static int parse_option(struct invocation *inv, int c, const char *arg)
{
	switch (c) {
	case 'h':
		return usage();
	case 'V':
		puts(PROGRAM " from " PACKAGE_STRING);
		return MNT_EX_SUCCESS;
	case 'N':
		inv->ns = optarg;
		return set_namespace(inv->cxt, optarg);
	case 't':
		return -1;
	case ':':
	case '?':
		return say_bad_option(c, arg);
	default:
		break;
	}
	inv->lazy |= c == 'l';
	inv->verbose |= c == 'v';
	for (size_t i = 0; i < ARRAY_SIZE(plain_options); i++)
		inv->is_set[i] |= plain_options[i][1] == c;
	return -1;
}

static int parse_options(struct invocation *inv, int argc, char **argv)
{
	int c, excode;

	while ((c = getopt_long(argc, argv, ":flnrvN:t:", long_options, NULL)) != -1) {
		if ((c == 'h' || c == 'V') && argc != 2)
			c = '?';
		excode = parse_option(inv, c, argv[optind - 1]);
		if (excode >= 0)
			return excode;
	}
	if (argc - optind != 1 || !*argv[optind])
		return say_misuse("one TARGET is needed, and nothing else");
	inv->target = argv[optind];
	/* umount(8) has looked already where the path leads: a server that hangs is not asked. */
	(void)mnt_context_disable_canonicalize(inv->cxt, 1);
	return -1;
}

static char *word(const char *s)
{
	char *p;

	memcpy(&p, &s, sizeof(p)); /* execvp() knows no const */
	return p;
}

_Noreturn static void execute(const struct invocation *inv)
{
	char *args[ARRAY_SIZE(plain_options) + 8] = { word("umount"), word("-i") };
	size_t n = 2;

	for (size_t i = 0; i < ARRAY_SIZE(plain_options); i++)
		if (inv->is_set[i])
			args[n++] = word(plain_options[i]);
	if (*inv->target == '/')
		args[n++] = word("-c");
	if (inv->ns) {
		args[n++] = word("-N");
		args[n++] = word(inv->ns);
	}
	args[n++] = word("--");
	args[n] = word(inv->target);
	(void)execvp(args[0], args);
	use_language();
	say(STDERR_FILENO, PROGRAM ": cannot run umount(8): %s\n", strerror(errno));
	_exit(MNT_EX_SYSERR);
}

static bool is_plain(const struct invocation *inv)
{
	for (size_t i = 0; i < ARRAY_SIZE(plain_options); i++)
		if (inv->is_set[i])
			return false;
	return getuid() == 0 && !inv->ns && *inv->target == '/';
}

/* Does not return if it unmounted; what went wrong is for umount(8) to find out, and to tell. */
static void unmount_by_libmount(const struct invocation *inv)
{
	int rc = mnt_context_disable_helpers(inv->cxt, 1);
	char text[512] = "";

	if (!rc)
		rc = mnt_context_set_target(inv->cxt, inv->target);
	if (!rc)
		rc = mnt_context_umount(inv->cxt);
	if (!mnt_context_syscall_called(inv->cxt) || mnt_context_get_syscall_errno(inv->cxt))
		return;
	rc = mnt_context_get_excode(inv->cxt, rc, text, sizeof(text));
	if (rc && *text)
		say_about(STDERR_FILENO, inv->target, text);
	_exit(rc);
}

/*
 * What it has in memory still goes to the server: to end it would lose that. One whose connection
 * is gone waits for the lock of utab, which anybody can hold; its number is another's by now.
 */
static int not_unmounted_in_time(const struct invocation *inv, const struct svc_server *s,
				 pid_t pid)
{
	const struct svc_server_info server = svc_server_info(s);
	unsigned long requests;
	char text[512];
	bool is_unmounted = svc_server_waiting(s, &requests) == -ENOENT;

	if (is_unmounted)
		(void)snprintf(text, sizeof(text),
			       "unmounted, but utab was locked for %u seconds; process %d goes on "
			       "to wait for it",
			       server.timeout, (int)pid);
	else
		(void)snprintf(text, sizeof(text),
			       "service \"%s\" has not taken all that is to be written within %u "
			       "seconds; process %d goes on with it. To lose that instead: "
			       "echo 1 >/sys/fs/fuse/connections/%u/abort",
			       server.name, server.timeout, (int)pid, server.connection);
	say_about(STDERR_FILENO, inv->target, text);
	return is_unmounted ? MNT_EX_FILEIO : MNT_EX_FAIL;
}

/* Returns umount(8)'s exit code, who also says what is wrong if there is no server. */
static int run_umount(const struct invocation *inv, const struct svc_server *s)
{
	unsigned int timeout = s ? svc_server_info(s).timeout : 0;
	struct pollfd pfd = { .events = POLLIN };
	int status, n;
	pid_t pid = fork();

	if (pid == 0) {
		if (is_plain(inv))
			unmount_by_libmount(inv);
		execute(inv);
	}
	if (pid < 0)
		return say_system_error(-errno);
	pfd.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	do /* job control may come in between */
		n = pfd.fd < 0 ? 1 : poll(&pfd, 1, poll_timeout(timeout));
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return not_unmounted_in_time(inv, s, pid);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return say_system_error(-errno);
	return WIFEXITED(status) ? WEXITSTATUS(status) : MNT_EX_USER;
}

static int wait_for_server(const struct invocation *inv, const struct svc_server *s)
{
	const struct svc_server_info server = svc_server_info(s);
	int rc = svc_server_wait(s);
	char text[512];

	if (rc == -ETIMEDOUT) {
		(void)snprintf(text, sizeof(text),
			       "unmounted, but service \"%s\" (process %d) has not ended within %u "
			       "seconds: not all may be written yet",
			       server.name, (int)server.pid, server.timeout);
		say_about(STDERR_FILENO, inv->target, text);
		return MNT_EX_FAIL;
	}
	if (inv->verbose && server.pid) {
		(void)snprintf(text, sizeof(text), "service \"%s\" (process %d) %s", server.name,
			       (int)server.pid, rc ? "goes on: still in use" : "has ended");
		say_about(STDOUT_FILENO, inv->target, text);
	}
	return MNT_EX_SUCCESS;
}

static int unmount(const struct invocation *inv)
{
	struct svc_server *s = NULL;
	int excode, rc = svc_server_find(inv->cxt, inv->target, &s);

	if (rc == -EMEDIUMTYPE) {
		say_about(STDERR_FILENO, inv->target, "not a file system of the type fuse.svc");
		return MNT_EX_USAGE;
	}
	if (rc == -ENOMEM)
		return say_system_error(rc);
	excode = run_umount(inv, s);
	if (excode == MNT_EX_SUCCESS && s && !inv->lazy)
		excode = wait_for_server(inv, s);
	svc_server_free(s);
	return excode;
}

/* Ctrl-C ends us and umount(8) as it ends umount(8) alone: there is nothing here to be undone. */
static int start(void)
{
	struct caller caller;
	sigset_t none;

	if (geteuid() != getuid() || getegid() != getgid())
		return -EPERM;
	(void)sigemptyset(&none);
	return safe_start(&caller) || sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -EPERM : 0;
}

int main(int argc, char **argv)
{
	struct invocation inv = { 0 };
	int excode;

	if (argc < 1 || start() != 0) {
		say(STDERR_FILENO, PROGRAM ": cannot make this process safe (it must not be "
					   "set-user-ID)\n");
		return MNT_EX_SYSERR;
	}
	(void)mnt_init_debug(0);
	inv.cxt = mnt_new_context();
	if (!inv.cxt)
		return say_system_error(-ENOMEM);
	excode = parse_options(&inv, argc, argv);
	if (excode < 0)
		excode = unmount(&inv);
	mnt_free_context(inv.cxt);
	return excode;
}
