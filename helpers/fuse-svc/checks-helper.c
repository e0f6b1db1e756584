/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks of the helpers that mount(8) and umount(8) run: where they are, whose they are, whether
 * they run. Must run none that anybody but root could have put there.
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "checks.h"
#include "clock.h"

#define DEADLINE_MS    5000
#define MOUNT_HELPER   "mount.fuse.svc"
#define UMOUNT_HELPER  "umount.fuse.svc"
#define NOT_STARTED    127 /* of a program without its libraries, or that is none */
#define REINSTALL_HINT "make install # in the source tree"

static const char *const helper_names[] = { MOUNT_HELPER, UMOUNT_HELPER };

/* Where libmount looks, in that order. */
static const char *const libmount_dirs[] = { "/sbin", "/sbin/fs.d", "/sbin/fs" };

/* The first of libmount's places that has it; NULL if there is none. */
static const char *find_helper(const char *name, char *path, size_t size)
{
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(libmount_dirs); i++) {
		(void)snprintf(path, size, "%s/%s", libmount_dirs[i], name);
		if (lstat(path, &st) == 0)
			return path;
	}
	return NULL;
}

/* What it is, through links: false if there is none. */
static bool stat_helper(const char *name, char *path, size_t size, struct stat *st)
{
	return find_helper(name, path, size) && stat(path, st) == 0;
}

bool is_helper_setuid(void)
{
	char path[PATH_MAX];
	struct stat st;

	return stat_helper(MOUNT_HELPER, path, sizeof(path), &st) && (st.st_mode & S_ISUID) &&
	       st.st_uid == 0;
}

bool is_helper_for_root(char *path, size_t size)
{
	struct stat st;

	return stat_helper(MOUNT_HELPER, path, size, &st) && !is_helper_setuid();
}

void check_helper_missing(struct doctor *d)
{
	char path[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(helper_names); i++) {
		const char *name = helper_names[i];

		if (stat_helper(name, path, sizeof(path), &st))
			continue;
		doctor_find(d, DOCTOR_PROBLEM, name,
			    "not in /sbin, where mount(8) and umount(8) look for helpers: they do "
			    "not know the type");
		if (snprintf(path, sizeof(path), MOUNT_HELPER_DIR "/%s", name) > 0 &&
		    stat(path, &st) == 0)
			doctor_mend(d, "ln -sf %s /sbin/%s", DOCTOR_QUOTED(path), name);
		else
			doctor_mend(d, REINSTALL_HINT);
	}
}

/* Remount and umount of a block device look for these. */
void check_helper_link(struct doctor *d)
{
	static const char *const links[] = { "mount.fuseblk.svc", "umount.fuseblk.svc" };
	char path[PATH_MAX], target[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		if (stat_helper(links[i], path, sizeof(path), &st) ||
		    !find_helper(helper_names[i], target, sizeof(target)))
			continue;
		doctor_find(d, DOCTOR_PROBLEM, links[i],
			    "not in /sbin: block devices can be mounted, but not remounted or "
			    "unmounted");
		doctor_mend(d, "ln -sf %s /sbin/%s", target, links[i]);
	}
}

/* One that others could write to must be written anew: it would only look good with another owner.
 */
void check_helper_mode(struct doctor *d)
{
	char path[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(helper_names); i++) {
		if (!stat_helper(helper_names[i], path, sizeof(path), &st))
			continue;
		if (st.st_uid != 0) {
			doctor_find(d, DOCTOR_PROBLEM, path,
				    "not root's: its owner decides what root runs to mount");
			doctor_mend(d, REINSTALL_HINT);
		} else if (st.st_mode & (S_IWGRP | S_IWOTH)) {
			doctor_find(d, DOCTOR_PROBLEM, path,
				    "others may write to it, and decide what root runs to mount");
			doctor_mend(d, REINSTALL_HINT);
		} else if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) != 0111) {
			doctor_find(d, DOCTOR_PROBLEM, path,
				    "not executable for all: mount(8) cannot run it");
			doctor_mend(d, "chmod a+rx %s", path);
		}
	}
}

/* It needs no power of its own; and it is not written for it. */
void check_umount_setuid(struct doctor *d)
{
	char path[PATH_MAX];
	struct stat st;

	if (!stat_helper(UMOUNT_HELPER, path, sizeof(path), &st) || !(st.st_mode & S_ISUID))
		return;
	doctor_find(d, DOCTOR_PROBLEM, path,
		    "set-user-ID: umount(8) has the rights that users need, this program must not");
	doctor_mend(d, "chmod u-s %s", path);
}

void check_helper_nosuid(struct doctor *d)
{
	char path[PATH_MAX];
	struct statvfs fs;

	if (!is_helper_setuid() || !find_helper(MOUNT_HELPER, path, sizeof(path)) ||
	    statvfs(path, &fs) < 0 || !(fs.f_flag & ST_NOSUID))
		return;
	doctor_find(d, DOCTOR_PROBLEM, path,
		    "set-user-ID, but on a file system that is mounted nosuid: users cannot mount");
	doctor_mend(d, "mount -o remount,bind,suid \"$(findmnt -no TARGET -T %s)\"", path);
}

/* Which services users shall have, only who names them can say. */
static void tell_all_closed(struct doctor *d, const char *path)
{
	const char *how = d->services->units
				  ? "systemctl edit fuse-svc-NAME.socket, SocketMode=0222"
				  : "chmod 0222 " FUSE_SVC_SOCKET_DIR "/NAME";

	doctor_find(d, DOCTOR_WARNING, path,
		    "set-user-ID, but users may connect to no service: none can mount%s%s",
		    *d->names ? "" : "; choose which: ", *d->names ? "" : how);
	for (size_t i = 0; i < d->services->n; i++)
		if (d->services->service[i].is_listening)
			mend_socket_mode(d, &d->services->service[i], USERS_SOCKET_MODE);
}

/* Who may mount is said twice: by the helper, and by each socket. */
void check_users_may_mount(struct doctor *d)
{
	const struct service *open_one = NULL;
	char path[PATH_MAX];
	bool is_any = false;

	if (!find_helper(MOUNT_HELPER, path, sizeof(path)))
		return;
	for (size_t i = 0; i < d->services->n; i++) {
		const struct service *s = &d->services->service[i];

		is_any |= s->is_listening;
		if (s->is_listening && (s->mode & S_IWOTH))
			open_one = s;
	}
	if (is_helper_setuid() && is_any && !open_one) {
		tell_all_closed(d, path);
	} else if (!is_helper_setuid() && d->uid != 0) {
		doctor_find(d, *d->names ? DOCTOR_PROBLEM : DOCTOR_WARNING, path,
			    "not set-user-ID: only root can mount");
		doctor_mend(d, "chmod u+s %s", path);
	} else if (!is_helper_setuid() && open_one) {
		doctor_find(d, DOCTOR_WARNING, open_one->socket,
			    "users may connect, but only root can mount: %s is not set-user-ID",
			    path);
		doctor_mend(d, "chmod u+s %s", path);
	}
}

/*
 * Running it
 */

static int spawn(const char *path, int *out, pid_t *pid)
{
	char *argv[] = { (char *)(uintptr_t)path, (char[]){ "--version" }, NULL };
	char *envp[] = { (char[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" }, NULL };
	posix_spawn_file_actions_t actions;
	_cleanup_fd_ int write_end = -1;
	int fds[2], rc;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	*out = fds[0];
	write_end = fds[1];
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ENOMEM;
	rc = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&actions, write_end, STDOUT_FILENO);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&actions, write_end, STDERR_FILENO);
	if (!rc)
		rc = posix_spawn(pid, path, &actions, NULL, argv, envp);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -rc;
}

/* What it says, up to the deadline. False if it does not end by itself. */
static bool listen_to(int fd, char *text, size_t size)
{
	int64_t end = now_ms() + DEADLINE_MS;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t len = 0;

	text[0] = '\0';
	for (;;) {
		int64_t left = end - now_ms();
		ssize_t n;

		if (left <= 0 || len == size - 1 || poll(&pfd, 1, (int)left) <= 0)
			return false;
		n = read(fd, text + len, size - 1 - len);
		if (n <= 0)
			return n == 0;
		len += (size_t)n;
		text[len] = '\0';
	}
}

/* A set-user-ID program cannot be killed by its caller: it is not waited for then. */
static int wait_for(pid_t pid)
{
	int64_t end = now_ms() + DEADLINE_MS;
	int status;

	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
		if (got < 0 || now_ms() >= end)
			return -ETIMEDOUT;
		(void)poll(NULL, 0, 10);
	}
}

/* Its exit code, and what it says; or -errno. */
static int run_helper(const char *path, char *text, size_t size)
{
	_cleanup_fd_ int out = -1;
	pid_t pid;
	int rc = spawn(path, &out, &pid);

	if (rc == -ENOENT || rc == -ENOEXEC || rc == -ELIBBAD)
		return NOT_STARTED;
	if (rc)
		return rc;
	if (!listen_to(out, text, size)) {
		(void)kill(pid, SIGKILL);
		(void)wait_for(pid);
		return -ETIMEDOUT;
	}
	return wait_for(pid);
}

/* Only what is root's alone is run. */
static bool can_run(const char *name, char *path, size_t size)
{
	struct stat st;

	return stat_helper(name, path, size, &st) && S_ISREG(st.st_mode) && st.st_uid == 0 &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH)) && access(path, X_OK) == 0;
}

void check_helper_libraries(struct doctor *d)
{
	char path[PATH_MAX], text[1024] = "";

	for (size_t i = 0; i < ARRAY_SIZE(helper_names); i++) {
		if (!can_run(helper_names[i], path, sizeof(path)) ||
		    run_helper(path, text, sizeof(text)) != NOT_STARTED)
			continue;
		doctor_find(d, DOCTOR_PROBLEM, path,
			    "it does not start, as it does not find its libraries: %.*s",
			    (int)strcspn(text, "\n"), *text ? text : "no loader");
		doctor_mend(d, "echo %s >/etc/ld.so.conf.d/fuse-svc.conf && ldconfig",
			    DOCTOR_QUOTED(LIB_DIR));
	}
}

void check_helper_version(struct doctor *d)
{
	char path[PATH_MAX], text[1024] = "";
	const char *version;

	for (size_t i = 0; i < ARRAY_SIZE(helper_names); i++) {
		int rc;

		if (!can_run(helper_names[i], path, sizeof(path)))
			continue;
		rc = run_helper(path, text, sizeof(text));
		if (rc == NOT_STARTED)
			continue;
		text[strcspn(text, "\n")] = '\0';
		version = strrchr(text, ' ');
		if (rc == 0 && version && strcmp(version + 1, PACKAGE_VERSION) == 0)
			continue;
		if (rc == 0 && version)
			doctor_find(d, DOCTOR_PROBLEM, path,
				    "version %s, and this is " PACKAGE_VERSION
				    ": another installation is in the way",
				    version + 1);
		else
			doctor_find(d, DOCTOR_PROBLEM, path, "it does not say its version (%s)",
				    rc < 0 ? strerror(-rc) : "it fails");
		doctor_mend(d, REINSTALL_HINT);
	}
}
