// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A program with threads that mounts by libmount, as udisksd is one:
 *
 *	host TYPE SOURCE FOLDER THREADS ROUNDS
 *
 * Each thread mounts on its own folder below FOLDER (0, 1 ...) and unmounts, again and again, while
 * another one runs children that are nobody else's to wait for. In the end nothing of the process
 * may be different: signals, working directory, umask, environment, descriptors, children.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libmount.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_THREADS 64

static struct {
	const char *type, *source, *folder;
	int rounds;
	atomic_int failures, mounted;
	atomic_bool is_over;
} job;

static void complain(const char *what)
{
	fprintf(stderr, "host: %s\n", what);
	job.failures++;
}

static int unmount_once(const char *target)
{
	struct libmnt_context *cxt = mnt_new_context();
	int rc = -ENOMEM;

	if (cxt && mnt_context_set_target(cxt, target) == 0)
		rc = mnt_context_umount(cxt);
	if (cxt && mnt_context_syscall_called(cxt) && mnt_context_get_syscall_errno(cxt))
		rc = -mnt_context_get_syscall_errno(cxt);
	mnt_free_context(cxt);
	return rc;
}

/* A child of another thread's has all descriptors until its exec, and so makes mounts busy. */
static int unmount(const char *target)
{
	int tries = 500, rc;

	while ((rc = unmount_once(target)) == -EBUSY && tries--)
		(void)usleep(10000);
	return rc;
}

static void mount_once(const char *target)
{
	struct libmnt_context *cxt = mnt_new_context();
	char text[1024] = "";
	int rc;

	if (!cxt || mnt_context_set_fstype(cxt, job.type) ||
	    mnt_context_set_source(cxt, job.source) || mnt_context_set_target(cxt, target)) {
		complain("no memory");
	} else {
		rc = mnt_context_mount(cxt);
		if (mnt_context_get_excode(cxt, rc, text, sizeof(text)) != MNT_EX_SUCCESS)
			complain(text);
		else if (mnt_context_helper_executed(cxt))
			complain("a helper has mounted");
		else if (unmount(target) != 0)
			complain("cannot unmount");
		else
			job.mounted++;
	}
	mnt_free_context(cxt);
}

static void *mount_often(void *data)
{
	char target[4096];

	(void)snprintf(target, sizeof(target), "%s/%d", job.folder, *(int *)data);
	for (int i = 0; i < job.rounds; i++)
		mount_once(target);
	return NULL;
}

static void *run_children(void *data)
{
	static char name[] = "true";
	char *const args[] = { name, NULL };

	(void)data;
	while (!job.is_over) {
		pid_t pid;
		int status = -1;

		if (posix_spawn(&pid, "/bin/true", NULL, NULL, args, environ) != 0 ||
		    waitpid(pid, &status, 0) != pid || status != 0)
			complain("a child was not mine alone");
	}
	return NULL;
}

/* What must not change. */
struct process {
	sigset_t blocked;
	struct sigaction actions[NSIG];
	mode_t mask;
	char cwd[4096], **env;
	int fds;
};

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		(void)closedir(dir);
	return n;
}

static void look(struct process *p)
{
	memset(p, 0, sizeof(*p));
	(void)pthread_sigmask(SIG_BLOCK, NULL, &p->blocked);
	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, NULL, &p->actions[sig]);
	p->mask = umask(027);
	(void)umask(p->mask);
	if (!getcwd(p->cwd, sizeof(p->cwd)))
		complain("no working directory");
	p->env = environ;
	p->fds = count_fds();
}

static void compare(const struct process *a, const struct process *b)
{
	if (memcmp(&a->blocked, &b->blocked, sizeof(a->blocked)) != 0)
		complain("other signals are blocked");
	for (int sig = 1; sig < NSIG; sig++)
		if (a->actions[sig].sa_handler != b->actions[sig].sa_handler ||
		    a->actions[sig].sa_flags != b->actions[sig].sa_flags)
			complain(strsignal(sig));
	if (a->mask != b->mask)
		complain("another umask");
	if (strcmp(a->cwd, b->cwd) != 0)
		complain("another working directory");
	if (a->env != b->env)
		complain("another environment");
	if (a->fds != b->fds)
		complain("descriptors were left open");
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		complain("a child was left");
}

static void on_child(int sig)
{
	(void)sig;
}

static void run(int threads)
{
	pthread_t all[MAX_THREADS + 1];
	int numbers[MAX_THREADS];

	if (pthread_create(&all[threads], NULL, run_children, NULL) != 0)
		abort();
	for (int i = 0; i < threads; i++) {
		numbers[i] = i;
		if (pthread_create(&all[i], NULL, mount_often, &numbers[i]) != 0)
			abort();
	}
	for (int i = 0; i < threads; i++)
		(void)pthread_join(all[i], NULL);
	job.is_over = true;
	(void)pthread_join(all[threads], NULL);
}

int main(int argc, char **argv)
{
	static struct process before, after;
	int threads;

	if (argc != 6)
		return EXIT_FAILURE;
	job.type = argv[1];
	job.source = argv[2];
	job.folder = argv[3];
	threads = atoi(argv[4]);
	job.rounds = atoi(argv[5]);
	if (threads < 1 || threads > MAX_THREADS)
		return EXIT_FAILURE;
	(void)signal(SIGCHLD, on_child);
	mount_once(job.folder); /* what is loaded once stays */
	look(&before);
	run(threads);
	look(&after);
	compare(&before, &after);
	printf("%d mounts\n", job.mounted);
	return job.failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
