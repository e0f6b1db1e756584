/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answers to trapped calls. Few paths are special: the source, which is there for the server
 * only as long as somebody answers for it, /dev/fuse, and a list of users with the server alone in
 * it. What is about any other path goes its way, and what the sandbox does not show is not there.
 *
 * Must never give away a descriptor of a directory, nor one of ours: each open(2) of the source is
 * one of the helper's own, with flags, offset and locks of its own.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "rule.h"
#include "run.h"

/* Elsewhere the C library's struct stat is not the kernel's. */
_Static_assert(sizeof(long) == 8, "stat(2) can be answered on 64-bit systems alone");

/* What a call wants to know about the path in one of its arguments. */
enum topic { TOPIC_OPEN, TOPIC_OPEN_HOW, TOPIC_STAT, TOPIC_STATX, TOPIC_ACCESS, TOPIC_LINK };

static const struct path_call {
	int number;
	enum topic topic;
	uint8_t path;  /* argument */
	uint8_t value; /* argument: flags, mode, or where to store the answer */
} path_calls[] = {
#ifdef SYS_open
	{ SYS_open, TOPIC_OPEN, 0, 1 },	       { SYS_stat, TOPIC_STAT, 0, 1 },
	{ SYS_lstat, TOPIC_STAT, 0, 1 },       { SYS_access, TOPIC_ACCESS, 0, 1 },
	{ SYS_readlink, TOPIC_LINK, 0, 1 },
#endif
	{ SYS_openat, TOPIC_OPEN, 1, 2 },      { SYS_openat2, TOPIC_OPEN_HOW, 1, 2 },
	{ SYS_newfstatat, TOPIC_STAT, 1, 2 },  { SYS_statx, TOPIC_STATX, 1, 4 },
	{ SYS_faccessat, TOPIC_ACCESS, 1, 2 }, { SYS_faccessat2, TOPIC_ACCESS, 1, 2 },
	{ SYS_readlinkat, TOPIC_LINK, 1, 2 },
};

bool run_can_be_source(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));
}

bool run_is_write_protected(int fd)
{
	struct stat st;
	int is_ro = 0;

	return fstat(fd, &st) == 0 && S_ISBLK(st.st_mode) && ioctl(fd, BLKROGET, &is_ro) == 0 &&
	       is_ro;
}

/* Without O_EXCL a file that is there may be "created". No server is to empty its source. */
static int check_open_flags(const struct run_file *f, int flags)
{
	if (flags & O_CREAT && flags & O_EXCL)
		return -EEXIST;
	if (f->read_only && ((flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC))
		return -EROFS;
	if (flags & O_DIRECTORY)
		return -ENOTDIR;
	return flags & (O_TRUNC | O_PATH) ? -EPERM : 0;
}

static int ask_for(struct run *r, const struct fusesvc_open_request *req, int *fd)
{
	int rc;

	if (r->state >= RUN_UP) /* there is nobody to ask any more */
		return -ENXIO;
	rc = fusesvc_server_open(r->server, req, fd);
	if (r->state == RUN_MOUNTING && fusesvc_server_mount_is_answered(r->server))
		run_mount_answered(r);
	return rc;
}

static void open_file(struct run *r, const struct run_file *f, const struct trapped_call *call,
		      int flags)
{
	const int ours = O_CREAT | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW | O_LARGEFILE;
	const struct fusesvc_open_request req = {
		.path = f->asked,
		.open_flags = (uint32_t)(flags & ~ours),
	};
	_cleanup_fd_ int fd = -1;
	int rc = check_open_flags(f, flags);

	if (!rc)
		rc = ask_for(r, &req, &fd);
	if (!rc && !run_can_be_source(fd))
		rc = -EPERM;
	if (rc)
		trap_return(call, rc);
	else
		trap_return_fd(call, fd, flags & O_CLOEXEC);
}

/* Has the file to be looked at been opened for that? */
static int look_at(struct run *r, struct run_file *f)
{
	const struct fusesvc_open_request req = { .path = f->asked, .quiet = true };

	if (f->fd >= 0)
		return 0;
	return ask_for(r, &req, &f->fd);
}

static int write_stat(const struct run_file *f, const struct trapped_call *call, uint64_t where)
{
	struct stat st;

	return fstat(f->fd, &st) < 0 ? -errno : trap_write(call, where, &st, sizeof(st));
}

static int write_statx(const struct run_file *f, const struct trapped_call *call, uint64_t where)
{
	struct statx st;

	return statx(f->fd, "", AT_EMPTY_PATH, (unsigned int)call->req.data.args[3], &st) < 0
		       ? -errno
		       : trap_write(call, where, &st, sizeof(st));
}

static int check_access(const struct run_file *f, uint64_t mode)
{
	if (mode & ~(uint64_t)(R_OK | W_OK | X_OK))
		return -EINVAL;
	if (mode & X_OK)
		return -EACCES;
	return mode & W_OK && f->read_only ? -EROFS : 0;
}

static void answer_about_file(struct run *r, struct run_file *f, const struct trapped_call *call,
			      const struct path_call *how)
{
	const uint64_t value = call->req.data.args[how->value];
	int rc;

	if (how->topic == TOPIC_OPEN) {
		open_file(r, f, call, (int)value);
		return;
	}
	rc = look_at(r, f);
	if (!rc && how->topic == TOPIC_STAT)
		rc = write_stat(f, call, value);
	else if (!rc && how->topic == TOPIC_STATX)
		rc = write_statx(f, call, value);
	else if (!rc && how->topic == TOPIC_ACCESS)
		rc = check_access(f, value);
	else if (!rc)
		rc = how->topic == TOPIC_LINK ? -EINVAL : -ENOSYS; /* no link; there is openat(2) */
	trap_return(call, rc);
}

static struct run_file *find_file(struct run *r, const char *path)
{
	for (size_t i = 0; i < r->n_files; i++)
		if (strcmp(r->files[i].name, path) == 0)
			return &r->files[i];
	return NULL;
}

/*
 * Files that are nowhere, of which servers want to read: a list of users, without which some do not
 * start, the file systems that the kernel knows, a list of mounts without any, and a file in its
 * own mount that a server in Go opens to see that it is up.
 */
static bool is_made_up(const char *path, char *text, size_t size)
{
	text[0] = '\0';
	if (strcmp(path, "/etc/passwd") == 0)
		(void)snprintf(text, size, "fuse-svc:x:%u:%u::/:/bin/false\n", geteuid(),
			       getegid());
	else if (strcmp(path, "/etc/group") == 0)
		(void)snprintf(text, size, "fuse-svc:x:%u:\n", getegid());
	else if (strcmp(path, "/proc/filesystems") == 0)
		(void)snprintf(text, size, "nodev\tfuse\n\tfuseblk\n");
	else
		return strcmp(path, "/etc/mtab") == 0 ||
		       strcmp(path, RUN_MOUNTPOINT "/.go-fuse-epoll-hack") == 0;
	return true;
}

/* Sealed: what a server could write to, it could execute, in spite of its sandbox. */
static int open_made_up(const char *text)
{
	const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	const ssize_t len = (ssize_t)strlen(text);
	_cleanup_fd_ int fd = memfd_create("fuse-svc", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || write(fd, text, (size_t)len) != len || lseek(fd, 0, SEEK_SET) < 0 ||
	    fcntl(fd, F_ADD_SEALS, seals) < 0)
		return -errno;
	return steal_fd(&fd);
}

/* Our standard input, opened anew: the sandbox has no /dev. -ENOENT if we have another one. */
static int open_null(uint64_t flags)
{
	_cleanup_fd_ int fd = open("/proc/self/fd/0", (int)(flags & O_ACCMODE) | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3) ? steal_fd(&fd) : -ENOENT;
}

static void answer_with(const struct trapped_call *call, int fd, uint64_t flags)
{
	if (fd < 0)
		trap_return(call, fd);
	else
		trap_return_fd(call, fd, flags & O_CLOEXEC);
}

static void answer_path_call(struct run *r, const struct trapped_call *call,
			     const struct path_call *how)
{
	const __u64 *args = call->req.data.args;
	const bool opens = how->topic == TOPIC_OPEN;
	char path[RULE_MAX_VALUE + 2]; /* more than any that counts */
	char text[128];
	struct run_file *f;

	if (trap_read_string(call, args[how->path], path, sizeof(path))) {
		trap_continue(call); /* the kernel knows what is wrong with it */
	} else if ((f = find_file(r, path))) {
		answer_about_file(r, f, call, how);
	} else if (opens && strcmp(path, "/dev/fuse") == 0) {
		if (args[how->value] & O_NONBLOCK) /* it is the server's alone to read */
			(void)fcntl(r->fuse_fd, F_SETFL, O_NONBLOCK);
		answer_with(call, r->fuse_fd >= 0 ? r->fuse_fd : -ENODEV, args[how->value]);
	} else if (opens && strcmp(path, "/dev/null") == 0) {
		_cleanup_fd_ int fd = open_null(args[how->value]);

		if (fd < 0)
			trap_continue(call);
		else
			answer_with(call, fd, args[how->value]);
	} else if (opens && is_made_up(path, text, sizeof(text))) {
		_cleanup_fd_ int fd = open_made_up(text);

		answer_with(call, fd, args[how->value]);
	} else if (how->topic == TOPIC_ACCESS && run_is_mountpoint(call, path)) {
		trap_return(call, 0); /* the helper has checked who may mount there */
	} else {
		trap_continue(call);
	}
}

void run_answer_call(struct run *r)
{
	struct trapped_call call;

	if (trap_receive(r->listener, &call))
		return;
	if (call.req.data.nr == SYS_mount) {
		run_mount(r, &call);
		return;
	}
	if (call.req.data.nr == SYS_umount2) {
		run_umount(r, &call);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(path_calls); i++)
		if (path_calls[i].number == call.req.data.nr) {
			answer_path_call(r, &call, &path_calls[i]);
			return;
		}
	trap_continue(&call);
}
