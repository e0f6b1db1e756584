// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A contained service that is up to no good: it tries whatever a server must not be able to do,
 * tells on stderr, and so in the journal, how that went, and then says that it cannot mount.
 *
 * The mount option probe= says what: all (the default), memory, tasks, or wait (to be there, for
 * SECONDS); sibling=PID names a process of another server to attack. Where an attempt succeeds it
 * must do no harm: magic numbers are wrong, signals are 0, files are removed again.
 *
 * probe --trapped SOURCE MOUNTPOINT [-o OPTIONS] does the same as a server that knows nothing of
 * contained services, under fuse-svc-run.
 */
#include "probe.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fusesvc.h"

__attribute__((format(printf, 1, 0))) static void say(const char *fmt, va_list ap, const char *end)
{
	char text[1024];

	/* In one piece: a line in the journal is what was written at once. */
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	(void)fprintf(stderr, "probe: %s%s\n", text, end);
}

static bool is_denied(int error)
{
	return error == EPERM || error == EACCES || error == ENOSYS || error == EROFS ||
	       error == EAFNOSUPPORT;
}

void report(int error, const char *fmt, ...)
{
	char end[64] = ": ALLOWED";
	va_list ap;

	if (error)
		(void)snprintf(end, sizeof(end), ": %s (%s)",
			       is_denied(error) ? "denied" : "REACHED", strerrorname_np(error));
	va_start(ap, fmt);
	say(fmt, ap, end);
	va_end(ap);
}

void report_path(const char *what, const char *path, int error)
{
	if (error == ENOENT || error == ENOTDIR)
		error = EACCES;
	report(error, "%s %s", what, path);
}

void tell(const char *name, const char *fmt, ...)
{
	char text[512] = "";
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "probe: is %s: %s\n", name, text);
}

int in_child(int (*run)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(run());
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return EFAULT;
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? EPERM : EFAULT;
	return WEXITSTATUS(status);
}

void try_all(const char *what, const struct attempt *attempts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		report(in_child(attempts[i].run), "%s %s", what, attempts[i].name);
}

/* The value of a mount option, in a buffer that the next call overwrites; NULL if it is not set. */
static const char *option(int argc, const char *const *argv, const char *name)
{
	static char value[256];
	size_t len = strlen(name);

	for (int i = 3; i < argc; i++)
		for (const char *p = argv[i]; p; p = strchr(p, ',')) {
			p += *p == ',';
			if (strncmp(p, name, len) == 0 && p[len] == '=') {
				(void)snprintf(value, sizeof(value), "%.*s",
					       (int)strcspn(p + len + 1, ","), p + len + 1);
				return value;
			}
		}
	return NULL;
}

static void tell_caller(void)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(3, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
		tell("caller", "%u:%u", cred.uid, cred.gid);
}

/* What the options say. @is_trapped: fuse-svc-run has started us. */
static void probe(int argc, const char *const *argv, bool is_trapped)
{
	const char *what = option(argc, argv, "probe");
	const char *sibling;

	if (what && strcmp(what, "memory") == 0) {
		probe_memory();
	} else if (what && strcmp(what, "tasks") == 0) {
		probe_tasks();
	} else if (what && strcmp(what, "wait") == 0) {
		tell("pid", "%d", getpid());
		(void)sleep(60); /* or until the helper is gone, and the test stops us */
	} else {
		(void)fprintf(stderr, "<0>probe: loud\n");
		sibling = option(argc, argv, "sibling");
		if (is_trapped)
			probe_trapped();
		else
			tell_caller();
		if (sibling)
			probe_sibling((pid_t)atoi(sibling));
		probe_files();
		probe_rights();
		probe_kernel();
	}
}

/* What the copy with the set-user-ID bit does. */
static int tell_ids(void)
{
	(void)fprintf(stderr, "probe: is setuid program's user: %s\n",
		      geteuid() == 0 ? "root" : "as before");
	return 0;
}

int main(int argc, char **argv)
{
	struct fusesvc_server *s;
	struct fusesvc_error error;
	char text[512];
	const char *const *args;
	int n;

	if (argc > 1 && strcmp(argv[1], "--ids") == 0)
		return tell_ids();
	if (argc > 1 && strcmp(argv[1], "--trapped") == 0) {
		probe(argc, (const char *const *)argv, true);
		(void)fprintf(stderr, "probe: end\n");
		return EXIT_FAILURE;
	}
	if (fusesvc_server_accept(&s, &error) || !s) {
		(void)fprintf(stderr, "probe: %s\n",
			      s ? fusesvc_error_text(&error, text, sizeof(text)) : "no service");
		return EXIT_FAILURE;
	}
	args = fusesvc_server_args(s, &n);
	probe(n, args, false);
	(void)fprintf(stderr, "probe: end\n");
	(void)fusesvc_server_bye(s, EXIT_FAILURE);
	fusesvc_server_free(s);
	return EXIT_SUCCESS;
}
