/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the odd server mounts, talks, multiplies, and ends.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "odd.h"

static void pause_for(double seconds)
{
	struct timespec left = { (time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9) };

	while (nanosleep(&left, &left) < 0)
		continue;
}

static _Noreturn void hang(void)
{
	for (;;)
		(void)pause();
}

/*
 * Mounting. A trapped call may be interrupted, which others of the kind never are.
 */

static void cmd_fuse(struct odd *o, char **args)
{
	o->peer.fuse_fd = TEMP_FAILURE_RETRY(open("/dev/fuse", O_RDWR | O_CLOEXEC));
	note_result(o, "fuse", o->peer.fuse_fd < 0 ? errno : 0);
}

static void try_mount(struct odd *o, const char *target, unsigned long flags, const char *more)
{
	char options[2048];
	int rc;

	(void)snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0%s%s",
		       o->peer.fuse_fd, *more ? "," : "", more);
	rc = TEMP_FAILURE_RETRY(mount("odd", target, "fuse.odd", flags, options));
	note(o, "mount %s %#lx %s: %s", target, flags, more, errno_name(rc < 0 ? errno : 0));
}

static void cmd_mount(struct odd *o, char **args)
{
	try_mount(o, o->target, MS_NOSUID | MS_NODEV, args[0]);
}

static void cmd_mount_at(struct odd *o, char **args)
{
	try_mount(o, args[0], strtoul(args[1], NULL, 0), args[2]);
}

static void cmd_get_init(struct odd *o, char **args)
{
	note_result(o, "get-init", fuse_get_init(&o->peer));
}

static void cmd_put_init(struct odd *o, char **args)
{
	note_result(o, "put-init", fuse_answer_init(&o->peer, atoi(args[0])));
}

static void cmd_serve(struct odd *o, char **args)
{
	fuse_serve(&o->peer);
}

/* All that a good server does. */
static void cmd_good(struct odd *o, char **args)
{
	cmd_fuse(o, args);
	try_mount(o, o->target, MS_NOSUID | MS_NODEV, "");
	(void)fuse_get_init(&o->peer);
	(void)fuse_answer_init(&o->peer, 0);
	fuse_serve(&o->peer);
}

/*
 * Talking
 */

static void write_all(const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(STDERR_FILENO, text, len);

		if (n < 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static void cmd_say(struct odd *o, char **args)
{
	write_all(args[0], strlen(args[0]));
	write_all("\n", 1);
}

static void cmd_print(struct odd *o, char **args)
{
	write_all(args[0], strlen(args[0]));
}

static void cmd_flood(struct odd *o, char **args)
{
	static char bytes[64 * 1024];

	memset(bytes, 'x', sizeof(bytes));
	for (size_t i = 0; strcmp(args[1], "lines") == 0 && i < sizeof(bytes); i += 128)
		bytes[i] = '\n';
	for (int i = 0; i < 16 * atoi(args[0]); i++)
		write_all(bytes, sizeof(bytes));
	note(o, "flood: done");
}

static void cmd_no_output(struct odd *o, char **args)
{
	(void)close(STDOUT_FILENO);
	(void)close(STDERR_FILENO);
}

/*
 * Processes
 */

static void cmd_daemon(struct odd *o, char **args)
{
	for (int i = 0; i < 2; i++) {
		if (fork() != 0)
			_exit(EXIT_SUCCESS);
		(void)setsid();
	}
	note(o, "daemon: %d", (int)getpid());
}

static void cmd_child(struct odd *o, char **args)
{
	if (fork() == 0) {
		note(o, "child: %d", (int)getpid());
		(void)odd_obey(o, args[0]);
		_exit(EXIT_SUCCESS);
	}
}

static void cmd_wait(struct odd *o, char **args)
{
	while (wait(NULL) > 0)
		continue;
}

struct job {
	struct odd *o;
	char *line;
};

static void *run_job(void *arg)
{
	const struct job *job = arg;

	(void)odd_obey(job->o, job->line);
	return NULL;
}

static void cmd_thread(struct odd *o, char **args)
{
	struct job job = { o, args[0] };
	pthread_t thread;

	if (pthread_create(&thread, NULL, run_job, &job) == 0)
		(void)pthread_join(thread, NULL);
}

/* Children that wait for ever, or each a child of the one before. */
static void cmd_bomb(struct odd *o, char **args)
{
	for (int i = 0; i < atoi(args[0]); i++)
		if (fork() == 0)
			hang();
}

static void cmd_chain(struct odd *o, char **args)
{
	int n = atoi(args[0]);

	while (n-- > 0)
		if (fork() != 0)
			hang();
	hang();
}

static int slow_fd;

static void save_slowly(int sig)
{
	static const char saved[] = "saved\n";

	pause_for(1.5);
	_exit(write(slow_fd, saved, sizeof(saved) - 1) < 0);
}

static void cmd_term(struct odd *o, char **args)
{
	slow_fd = o->log_fd;
	(void)signal(SIGTERM, strcmp(args[0], "ignore") == 0 ? SIG_IGN : save_slowly);
}

static void do_nothing(int sig)
{
}

/* Signals every millisecond, for ever. With a handler that leaves system calls, or begins them
 * again. */
static void cmd_tick(struct odd *o, char **args)
{
	const struct sigaction action = {
		.sa_handler = do_nothing,
		.sa_flags = strcmp(args[0], "restart") == 0 ? SA_RESTART : 0,
	};
	const struct itimerspec every = { { 0, 1000000 }, { 0, 1000000 } };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	timer_t timer;

	(void)sigaction(SIGUSR1, &action, NULL);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0 ||
	    timer_settime(timer, 0, &every, NULL) < 0)
		note(o, "tick: %s", errno_name(errno));
}

/*
 * Looking at itself
 */

static void cmd_fds(struct odd *o, char **args)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(dir) &&
		    atoi(entry->d_name) != o->log_fd)
			note(o, "fd: %s", entry->d_name);
	if (dir)
		(void)closedir(dir);
}

static void cmd_environment(struct odd *o, char **args)
{
	for (char **e = environ; *e; e++)
		note(o, "environment: %s", *e);
}

/* status WORD: that line of /proc/self/status */
static void cmd_status(struct odd *o, char **args)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, args[0], strlen(args[0])) == 0) {
			line[strcspn(line, "\n")] = '\0';
			note(o, "%s", line);
		}
	if (f)
		(void)fclose(f);
}

/*
 * Ending
 */

static void cmd_exit(struct odd *o, char **args)
{
	_exit(atoi(args[0]));
}

static void cmd_die(struct odd *o, char **args)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)signal(atoi(args[0]), SIG_DFL);
	(void)raise(atoi(args[0]));
}

static void cmd_sleep(struct odd *o, char **args)
{
	pause_for(strtod(args[0], NULL));
}

static void cmd_hang(struct odd *o, char **args)
{
	hang();
}

static void cmd_undumpable(struct odd *o, char **args)
{
	note_result(o, "undumpable", prctl(PR_SET_DUMPABLE, 0) < 0 ? errno : 0);
}

const struct odd_command odd_commands[] = {
	{ "fuse", 0, cmd_fuse },
	{ "mount", 1, cmd_mount },	 /* [OPTIONS] */
	{ "mount-at", 3, cmd_mount_at }, /* TARGET FLAGS [OPTIONS] */
	{ "get-init", 0, cmd_get_init },
	{ "put-init", 1, cmd_put_init }, /* ERROR */
	{ "serve", 0, cmd_serve },
	{ "good", 0, cmd_good },
	{ "say", 1, cmd_say },	   /* TEXT: a line on stderr */
	{ "print", 1, cmd_print }, /* TEXT */
	{ "flood", 2, cmd_flood }, /* MIB lines|bytes */
	{ "no-output", 0, cmd_no_output },
	{ "daemon", 0, cmd_daemon },
	{ "child", 1, cmd_child }, /* COMMAND */
	{ "wait", 0, cmd_wait },
	{ "thread", 1, cmd_thread }, /* COMMAND */
	{ "bomb", 1, cmd_bomb },     /* N */
	{ "chain", 1, cmd_chain },   /* N */
	{ "term", 1, cmd_term },     /* ignore|slow */
	{ "tick", 1, cmd_tick },     /* restart|interrupt */
	{ "fds", 0, cmd_fds },
	{ "environment", 0, cmd_environment },
	{ "status", 1, cmd_status }, /* WORD */
	{ "exit", 1, cmd_exit },     /* STATUS */
	{ "die", 1, cmd_die },	     /* SIGNAL */
	{ "sleep", 1, cmd_sleep },   /* SECONDS */
	{ "hang", 0, cmd_hang },
	{ "undumpable", 0, cmd_undumpable },
	{ NULL },
};
