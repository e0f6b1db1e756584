/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The server of a mount, for whoever unmounts or looks: which process it is, as utab tells, and
 * whether it has ended, which is when all is written.
 *
 * A pid is believed only together with the time at which the process was started, and the number of
 * the connection that it serves. The connection is known by its open folder in fusectl, as its
 * number may soon be another mount's. Must never hang up by itself: what the server has not written
 * yet would be lost.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "clock.h"
#include "svc.h"

#define LOOK_MS 20 /* how often to look whether the file system is still in use elsewhere */
#define LINGER_MS                                                                       \
	200 /* the kernel may let go of it a moment later, as when somebody looks at it \
	     */

struct svc_server {
	char name[FUSESVC_NAME_SIZE];
	pid_t pid;    /* 0: utab does not tell, or it is gone */
	bool is_dead; /* utab tells of one that has ended */
	unsigned long long start;
	int pid_fd;		 /* readable when it has ended */
	int connection_fd;	 /* its folder in fusectl: empty when it has ended */
	unsigned int connection; /* its number there */
	unsigned int timeout;	 /* seconds, 0: for ever */
};

int svc_process_start_time(pid_t pid, unsigned long long *ticks)
{
	char path[64], buf[1024];
	_cleanup_fd_ int fd = -1;
	char *p;
	ssize_t n;

	*ticks = 0;
	if (pid <= 0)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (n < 0)
		return errno == ENOENT || errno == ESRCH ? 0 : -errno;
	buf[n] = '\0';
	p = strrchr(buf, ')'); /* the name before it may hold anything */
	if (!p || sscanf(p + 1,
			 " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			 "%*s %*s %*s %llu",
			 ticks) != 1)
		*ticks = 0;
	return 0;
}

static bool get_number(struct libmnt_fs *fs, const char *name, unsigned long long *number)
{
	char *value = NULL, digits[24];
	size_t len = 0;

	if (mnt_fs_get_attribute(fs, name, &value, &len) != 0 || !value || !len ||
	    len >= sizeof(digits))
		return false;
	memcpy(digits, value, len);
	digits[len] = '\0';
	return strspn(digits, "0123456789") == len && sscanf(digits, "%llu", number) == 1;
}

static bool has_ended(const struct svc_server *s, int timeout_ms)
{
	struct pollfd pfd = { .fd = s->pid_fd, .events = POLLIN };

	return s->pid == 0 || poll(&pfd, 1, timeout_ms) > 0;
}

/* The process that utab names, if it is still the same. */
static void find_process(struct libmnt_fs *fs, struct svc_server *s)
{
	unsigned long long pid, start, connection, timeout, now;

	if (get_number(fs, SVC_ATTR_TIMEOUT, &timeout) && timeout <= SVC_TIMEOUT_MAX)
		s->timeout = (unsigned int)timeout;
	if (!get_number(fs, SVC_ATTR_PID, &pid) || !get_number(fs, SVC_ATTR_START, &start) ||
	    pid == 0 || pid > INT_MAX)
		return;
	/* Folders that were renamed can make the line of one mount look like that of another. */
	if (get_number(fs, SVC_ATTR_CONNECTION, &connection) && connection != s->connection)
		return;
	s->pid_fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (s->pid_fd < 0) {
		s->is_dead = errno == ESRCH;
		return;
	}
	/* Looked at after it is pinned: a later one of that number was started later. */
	if (svc_process_start_time((pid_t)pid, &now) == 0 && now == start) {
		s->pid = (pid_t)pid;
		s->start = start;
		s->is_dead = has_ended(s, 0);
	} else {
		s->is_dead = now != 0; /* where /proc is hidden, nobody knows */
		close_fd_keep_errno(steal_fd(&s->pid_fd));
	}
}

int svc_server_of(struct libmnt_fs *fs, struct svc_server **out)
{
	const char *name = svc_service_of_type(mnt_fs_get_fstype(fs));
	struct svc_server *s;

	*out = NULL;
	if (!name)
		return -EMEDIUMTYPE;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	(void)snprintf(s->name, sizeof(s->name), "%s", name);
	s->timeout = FUSESVC_TIMEOUT;
	s->pid_fd = -1;
	s->connection = svc_connection_number(mnt_fs_get_devno(fs));
	s->connection_fd = svc_connection_open(s->connection, ".", O_PATH);
	find_process(fs, s);
	*out = s;
	return 0;
}

int svc_server_find(struct libmnt_context *cxt, const char *target, struct svc_server **out)
{
	struct libmnt_fs *fs = NULL;
	int rc = mnt_context_find_umount_fs(cxt, target, &fs);

	*out = NULL;
	if (rc)
		return rc > 0 ? -ENOENT : -EIO;
	return svc_server_of(fs, out);
}

void svc_server_free(struct svc_server *s)
{
	if (!s)
		return;
	close_fd_keep_errno(s->pid_fd);
	close_fd_keep_errno(s->connection_fd);
	free(s);
}

struct svc_server_info svc_server_info(const struct svc_server *s)
{
	return (struct svc_server_info){
		.name = s->name,
		.pid = s->pid,
		.is_dead = s->is_dead,
		.start = s->start,
		.connection = s->connection,
		.timeout = s->timeout,
	};
}

/* Is the file system still mounted somewhere else, or held by somebody after a lazy unmount? */
static bool is_in_use(const struct svc_server *s)
{
	return s->connection_fd >= 0 && faccessat(s->connection_fd, "waiting", F_OK, 0) == 0;
}

int svc_server_waiting(const struct svc_server *s, unsigned long *requests)
{
	_cleanup_fd_ int fd = openat(s->connection_fd, "waiting", O_RDONLY | O_CLOEXEC);
	char text[24];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	return sscanf(text, "%lu", requests) == 1 ? 0 : -EIO;
}

int svc_server_wait(const struct svc_server *s)
{
	int64_t begin = now_ms(), waited = 0;

	while (!has_ended(s, LOOK_MS)) {
		waited = now_ms() - begin;
		if (waited >= LINGER_MS && is_in_use(s))
			return -EBUSY;
		if (s->timeout && waited >= (int64_t)s->timeout * 1000)
			return -ETIMEDOUT;
	}
	return 0;
}
