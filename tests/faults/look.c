/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See faults.h. Reads mount tables and /proc as text: libmount is among what is tested.
 */
#include "faults.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "cleanup.h"

#define UTAB	  "/run/mount/utab"
#define UTAB_LOCK UTAB ".lock"

static void append(char text[TEXT_SIZE], const char *what, const char *which)
{
	size_t used = strlen(text);

	(void)snprintf(text + used, TEXT_SIZE - used, "%s%s %s", used ? ", " : "", what, which);
}

/* Replaces the number after each @name by N. */
static void blank_number(char *line, const char *name)
{
	for (char *p = strstr(line, name); p; p = strstr(p, name)) {
		char *end = p += strlen(name);

		while (isdigit((unsigned char)*end))
			end++;
		if (end > p) {
			*p++ = 'N';
			memmove(p, end, strlen(end) + 1);
		}
	}
}

static bool has_word(const char *line, const char *word)
{
	size_t len = strlen(word);
	const char *p = line;

	while ((p = strstr(p, word))) {
		if (p > line && (p[-1] == ' ' || p[-1] == '=') && strchr(" \n", p[len]))
			return true;
		p += len;
	}
	return false;
}

/* The lines of a file that hold a word (or all: ""). Of each, the first @skip words are left out.
 */
static void find_lines(const char *path, const char *word, int skip, char text[TEXT_SIZE])
{
	FILE *f = fopen(path, "re");
	char line[TEXT_SIZE];
	size_t used = 0;

	text[0] = '\0';
	while (f && fgets(line, sizeof(line), f)) {
		const char *p = line;

		if (*word && !has_word(line, word))
			continue;
		for (int i = 0; i < skip; i++)
			p = strchr(p, ' ') ? strchr(p, ' ') + 1 : p;
		used += (size_t)snprintf(text + used, TEXT_SIZE - used, "%s", p);
		if (used >= TEXT_SIZE)
			break;
	}
	if (f)
		(void)fclose(f);
}

static void remove_number(char *text, const char *before)
{
	char *at = strstr(text, before), *end = at ? at + strlen(before) : NULL;

	if (!at)
		return;
	end += strspn(end, "0123456789");
	memmove(at, end, strlen(end) + 1);
}

void look_at(const char *target, const char *ns, struct mounted *now)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%.20s/mountinfo", ns);
	find_lines(path, target, 3, now->mountinfo);
	find_lines(UTAB, "", 0, now->utab); /* a line without a target would be nobody's */
	blank_number(now->utab, "ID=");
	blank_number(now->utab, "svc.pid=");
	blank_number(now->utab, "svc.start=");
	remove_number(now->utab,
		      ",svc.connection="); /* where the kernel does not tell, it is not there */
}

void read_log(const char *path, char log[TEXT_SIZE])
{
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(log, 1, TEXT_SIZE - 1, f) : 0;

	log[n] = '\0';
	blank_number(log, "start: ");
	if (f)
		(void)fclose(f);
}

static bool is_link_to(int dir, const char *name, const char *path)
{
	char buf[TEXT_SIZE];
	ssize_t n = readlinkat(dir, name, buf, sizeof(buf) - 1);

	if (n <= 0)
		return false;
	buf[n] = '\0';
	return strcmp(buf, path) == 0;
}

static bool has_open(int process, const char *path)
{
	int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	bool has = false;

	while (dir && !has) {
		const struct dirent *d = readdir(dir);

		if (!d)
			break;
		has = is_link_to(fd, d->d_name, path);
	}
	if (dir)
		(void)closedir(dir);
	return has;
}

static void find_processes(const char *helper, const char *server, char text[TEXT_SIZE])
{
	DIR *proc = opendir("/proc");
	const struct dirent *d;

	while (proc && (d = readdir(proc))) {
		_cleanup_fd_ int fd = -1;

		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		fd = openat(dirfd(proc), d->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (is_link_to(fd, "exe", helper))
			append(text, "helper process", d->d_name);
		else if (is_link_to(fd, "exe", server))
			append(text, "server process", d->d_name);
		else if (has_open(fd, "/dev/fuse"))
			append(text, "holder of /dev/fuse", d->d_name);
	}
	if (proc)
		(void)closedir(proc);
}

/* Its lock, which nobody may hold, is what libmount leaves, but no temporary file. */
static void find_files(char text[TEXT_SIZE])
{
	_cleanup_fd_ int lock = open(UTAB_LOCK, O_RDONLY | O_CLOEXEC);
	glob_t found;

	if (glob(UTAB ".??????", 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			append(text, "file", found.gl_pathv[i]);
	globfree(&found);
	if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) < 0)
		append(text, "lock of", UTAB);
}

bool is_nothing_left(const char *helper, const char *server, char text[TEXT_SIZE])
{
	text[0] = '\0';
	find_processes(helper, server, text);
	find_files(text);
	return !*text;
}
