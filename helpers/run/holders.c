/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See holders.h. A descriptor alone tells nothing, as a child of a server inherits it: whether
 * there is a mount behind it only itself can tell. So it is borrowed, and given back at once: for
 * as long as we had it, the mount would outlive its server.
 *
 * Must never overlook the server: it could be on its way into the background while we look. So who
 * is about to go counts, as its end will be a reason to look again.
 */
#include "holders.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_getfd /* Linux 5.6 */
#define SYS_pidfd_getfd 438
#endif

#define MAX_DEPTH 64 /* of processes that started each other */

static bool is_connected(pid_t pid, int number)
{
	_cleanup_fd_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	_cleanup_fd_ int fd = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	if (fd < 0) /* closed by now; else it cannot be told */
		return errno != EBADF;
	return poll(&pfd, 1, 0) >= 0 && !(pfd.revents & POLLERR);
}

static bool holds(pid_t pid)
{
	char path[64], target[16];
	struct dirent *entry;
	bool found = false, is_empty = true;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return true;
	while (!found && (entry = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target));

		is_empty = is_empty && n < 0;
		found = n == 9 && memcmp(target, "/dev/fuse", 9) == 0 &&
			is_connected(pid, atoi(entry->d_name));
	}
	(void)closedir(dir);
	return found || is_empty; /* of who has ended, and is not reaped yet */
}

static bool has_holder_below(const char *process, int depth);

static bool is_holder(pid_t pid, int depth)
{
	char path[64];

	if (holds(pid))
		return true;
	(void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
	return has_holder_below(path, depth);
}

/* Each thread has children of its own; @process is the folder of a process's threads. */
static bool has_holder_below(const char *process, int depth)
{
	struct dirent *entry;
	bool found = depth > MAX_DEPTH;
	DIR *dir = found ? NULL : opendir(process);

	while (dir && !found && (entry = readdir(dir))) {
		char path[512];
		FILE *list;
		int pid;

		(void)snprintf(path, sizeof(path), "%s/%s/children", process, entry->d_name);
		list = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
		while (list && !found && fscanf(list, "%d", &pid) == 1)
			found = is_holder(pid, depth + 1);
		if (list)
			(void)fclose(list);
	}
	if (dir)
		(void)closedir(dir);
	return found;
}

bool has_holder(void)
{
	/* A list of children may lack one, if another one ends while it is read. */
	for (int i = 0; i < 2; i++)
		if (has_holder_below("/proc/self/task", 0))
			return true;
	return false;
}
