/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the odd server looks at files: system calls of all kinds, and what they say.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "odd.h"

#define CALL(name)                \
	{                         \
#name, SYS_##name \
	}

static const struct {
	const char *name;
	long number;
} calls[] = {
#ifdef SYS_open
	CALL(open),	     CALL(stat),       CALL(lstat),	 CALL(access),	  CALL(readlink),
#endif
	CALL(openat),	     CALL(newfstatat), CALL(statx),	 CALL(faccessat), CALL(faccessat2),
	CALL(mount),	     CALL(umount2),    CALL(readlinkat), CALL(fsopen),	  CALL(fsconfig),
	CALL(fsmount),	     CALL(fspick),     CALL(move_mount), CALL(open_tree), CALL(chdir),
	CALL(openat2),	     CALL(truncate),   CALL(unlink),	 CALL(ftruncate), CALL(write),
	CALL(mount_setattr),
};

/* A number, NULL, BUFFER (4 KiB), HOW (of openat2), FD (of /dev/fuse), or a string. */
static long argument(const struct odd *o, const char *word)
{
	static char buffer[4096];
	static struct open_how how;
	char *end;
	long n = strtol(word, &end, 0);

	if (*word && !*end)
		return n;
	if (strcmp(word, "NULL") == 0)
		return 0;
	if (strcmp(word, "FD") == 0)
		return o->peer.fuse_fd;
	if (strcmp(word, "HOW") == 0)
		return (long)&how;
	return strcmp(word, "BUFFER") == 0 ? (long)buffer : (long)word;
}

static void cmd_call(struct odd *o, char **args)
{
	_cleanup_free_ char *copy = strdup(args[1]);
	long values[6] = { 0 }, rc;
	char *saved;
	int n = 0;

	for (char *w = copy ? strtok_r(copy, " ", &saved) : NULL; w && n < 6;
	     w = strtok_r(NULL, " ", &saved))
		values[n++] = argument(o, w);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		if (strcmp(calls[i].name, args[0]) != 0)
			continue;
		rc = syscall(calls[i].number, values[0], values[1], values[2], values[3], values[4],
			     values[5]);
		note(o, "call %s %s: %s", args[0], args[1], errno_name(rc < 0 ? errno : 0));
		return;
	}
	note(o, "call %s: no such call", args[0]);
}

static int flags_of(char *words)
{
	static const struct {
		const char *name;
		int flag;
	} flags[] = {
		{ "O_RDONLY", O_RDONLY },   { "O_WRONLY", O_WRONLY },
		{ "O_RDWR", O_RDWR },	    { "O_CREAT", O_CREAT },
		{ "O_EXCL", O_EXCL },	    { "O_TRUNC", O_TRUNC },
		{ "O_APPEND", O_APPEND },   { "O_DIRECTORY", O_DIRECTORY },
		{ "O_PATH", O_PATH },	    { "O_NOFOLLOW", O_NOFOLLOW },
		{ "O_CLOEXEC", O_CLOEXEC }, { "O_TMPFILE", O_TMPFILE },
		{ "O_SYNC", O_SYNC },	    { "O_NONBLOCK", O_NONBLOCK },
		{ "O_NOCTTY", O_NOCTTY },
	};
	int value = 0;
	char *saved;

	for (char *w = strtok_r(words, "|", &saved); w; w = strtok_r(NULL, "|", &saved))
		for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
			if (strcmp(flags[i].name, w) == 0)
				value |= flags[i].flag;
	return value;
}

static void cmd_open(struct odd *o, char **args)
{
	_cleanup_free_ char *words = strdup(args[1]);
	_cleanup_fd_ int fd = open(args[0], flags_of(args[1]), 0600);
	int err = fd < 0 ? errno : 0, flags = fd < 0 ? 0 : fcntl(fd, F_GETFD);

	note(o, "open %s %s: %s%s", args[0], words, errno_name(err),
	     flags & FD_CLOEXEC ? " cloexec" : "");
}

/* Opens it until that fails. */
static void cmd_opens(struct odd *o, char **args)
{
	int n = 0, max = atoi(args[0]);

	while (n < max && open(args[1], O_RDONLY | O_CLOEXEC) >= 0)
		n++;
	note(o, "opens: %d, then %s", n, errno_name(n < max ? errno : 0));
	(void)close_range((unsigned int)o->log_fd + 1, ~0U, 0);
}

static void cmd_offsets(struct odd *o, char **args)
{
	_cleanup_fd_ int a = open(args[0], O_RDONLY | O_CLOEXEC);
	_cleanup_fd_ int b = open(args[0], O_RDONLY | O_CLOEXEC);
	char bytes[10];

	if (read(a, bytes, sizeof(bytes)) != sizeof(bytes))
		note(o, "offsets: %s", errno_name(errno));
	else
		note(o, "offsets: %ld %ld", (long)lseek(a, 0, SEEK_CUR),
		     (long)lseek(b, 0, SEEK_CUR));
}

static bool is_same_stat(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_mode == b->st_mode &&
	       a->st_nlink == b->st_nlink && a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
	       a->st_rdev == b->st_rdev && a->st_size == b->st_size &&
	       a->st_blksize == b->st_blksize && a->st_blocks == b->st_blocks &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void compare_stat(struct odd *o, const char *call, long rc, const struct stat *a,
			 const struct stat *b)
{
	note(o, "same %s: %s", call,
	     rc < 0		  ? errno_name(errno)
	     : is_same_stat(a, b) ? "yes"
				  : "no");
}

/* Is what stat(2) and its kin say of a path what is true of a file? */
static void cmd_same(struct odd *o, char **args)
{
	const char *path = args[0];
	struct stat a, b;
	struct statx x, y;
	long rc;

	if (stat(args[1], &b) < 0 || statx(AT_FDCWD, args[1], 0, STATX_ALL, &y) < 0) {
		note(o, "same: %s", errno_name(errno));
		return;
	}
#ifdef SYS_stat
	compare_stat(o, "stat", syscall(SYS_stat, path, &a), &a, &b);
	compare_stat(o, "lstat", syscall(SYS_lstat, path, &a), &a, &b);
#endif
	compare_stat(o, "newfstatat", syscall(SYS_newfstatat, AT_FDCWD, path, &a, 0), &a, &b);
	compare_stat(o, "nofollow", syscall(SYS_newfstatat, -1, path, &a, AT_SYMLINK_NOFOLLOW), &a,
		     &b);
	rc = syscall(SYS_statx, AT_FDCWD, path, 0, STATX_ALL, &x);
	note(o, "same statx: %s",
	     rc < 0 ? errno_name(errno)
	     : x.stx_ino == y.stx_ino && x.stx_size == y.stx_size && x.stx_mask == y.stx_mask &&
			     x.stx_mode == y.stx_mode && x.stx_dev_minor == y.stx_dev_minor &&
			     x.stx_btime.tv_nsec == y.stx_btime.tv_nsec
		     ? "yes"
		     : "no");
}

static void cmd_realpath(struct odd *o, char **args)
{
	_cleanup_free_ char *path = realpath(args[0], NULL);

	note(o, "realpath: %s", path ? path : errno_name(errno));
}

/* Can it be changed by what open(2) gave? */
static void cmd_change(struct odd *o, char **args)
{
	_cleanup_fd_ int fd = open(args[0], O_RDWR | O_CLOEXEC);

	note(o, "change %s: %s", args[0],
	     fd < 0 || write(fd, "x", 1) < 0 ? errno_name(errno) : "OK");
}

/* The first line of a file. */
static void cmd_head(struct odd *o, char **args)
{
	_cleanup_fd_ int fd = TEMP_FAILURE_RETRY(open(args[0], O_RDONLY | O_CLOEXEC));
	char text[256];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	note(o, "head %s: %s", args[0], n < 0 ? errno_name(errno) : text);
}

/*
 * Memory
 */

static int open_at(const char *path)
{
	long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	(void)close((int)fd);
	return 0;
}

/* Paths where none can be, and answers where none can go. */
static void cmd_memory(struct odd *o, char **args)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), size = 1024UL * 1024;
	char *two =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *end = two + page;
	_cleanup_free_ char *large = malloc(size);

	if (two == MAP_FAILED || !large || munmap(end, page) < 0) {
		note(o, "memory: %s", errno_name(errno));
		return;
	}
	note_result(o, "null", open_at(NULL));
	note_result(o, "unmapped", open_at(end));
	note_result(o, "kernel", open_at((const char *)-4096L));
	memset(two, 'a', page);
	note_result(o, "unterminated", open_at(end - 10));
	memcpy(end - 8, "/source", 8);
	note_result(o, "edge", open_at(end - 8));
	note_result(o, "unterminated source", open_at(memcpy(end - 7, "/source", 7)));
	memset(large, 'a', size);
	large[size - 1] = '\0';
	note_result(o, "large", open_at(large));
	memset(large, '/', size - 8);
	memcpy(large + size - 8, "/source", 8);
	note_result(o, "large source", open_at(large));
	(void)mprotect(two, page, PROT_READ);
	errno = 0;
	(void)syscall(SYS_newfstatat, AT_FDCWD, "/source", two, 0);
	note_result(o, "read-only answer", errno);
	errno = 0;
	(void)syscall(SYS_statx, AT_FDCWD, "/source", 0, STATX_ALL, NULL);
	note_result(o, "null answer", errno);
	(void)munmap(two, page);
}

#define RACES 200
static char raced[16] = "/source";
static atomic_int race_is_over;

static void *swap_path(void *arg)
{
	while (!atomic_load(&race_is_over)) {
		memcpy(raced, "/sourcd", 8);
		memcpy(raced, "/source", 8);
	}
	return arg;
}

/* A path that changes while others read it. */
static void cmd_race(struct odd *o, char **args)
{
	int found = 0, missed = 0, other = 0;
	pthread_t thread;

	if (pthread_create(&thread, NULL, swap_path, NULL) != 0)
		return;
	for (int i = 0; i < RACES; i++) {
		int err = open_at(raced);

		found += err == 0;
		missed += err == ENOENT;
		other += err != 0 && err != ENOENT;
	}
	atomic_store(&race_is_over, 1);
	(void)pthread_join(thread, NULL);
	note(o, "race: %s, %d others", found + missed == RACES ? "all" : "not all", other);
}

const struct odd_command odd_fs_commands[] = {
	{ "call", 2, cmd_call },	 /* NAME ARGUMENT...: any system call of the list above */
	{ "open", 2, cmd_open },	 /* PATH FLAG|FLAG... */
	{ "opens", 2, cmd_opens },	 /* N PATH */
	{ "offsets", 1, cmd_offsets },	 /* PATH */
	{ "same", 2, cmd_same },	 /* PATH FILE */
	{ "realpath", 1, cmd_realpath }, /* PATH */
	{ "head", 1, cmd_head },	 /* PATH */
	{ "change", 1, cmd_change },	 /* PATH */
	{ "memory", 0, cmd_memory },	 { "race", 0, cmd_race }, { NULL },
};
