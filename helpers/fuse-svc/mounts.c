/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See mounts.h. The caller's word for a mount may lead through one whose server hangs: only a
 * process with a deadline follows it.
 */
#include "mounts.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "bounded.h"
#include "module.h"

int mounts_load(struct mounts *m)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	size_t n;
	int rc;

	*m = (struct mounts){ .table = mnt_new_table() };
	rc = m->table && iter ? mnt_table_parse_mtab(m->table, NULL) : -ENOMEM;
	n = rc ? 0 : (size_t)mnt_table_get_nents(m->table);
	m->fs = calloc(n + 1, sizeof(*m->fs));
	m->is_wanted = calloc(n + 1, sizeof(*m->is_wanted));
	if (!m->fs || !m->is_wanted)
		rc = -ENOMEM;
	while (!rc && mnt_table_next_fs(m->table, iter, &fs) == 0)
		if (svc_service_of_type(mnt_fs_get_fstype(fs)))
			m->fs[m->n++] = fs;
	mnt_free_iter(iter);
	return rc > 0 ? -EIO : rc;
}

/* The end of a path is not asked anything: if a mount is there, its server is not, either. */
static int resolve(const char *what, char *answer, size_t size)
{
	_cleanup_free_ char *path = mnt_tag_is_valid(what) ? mnt_resolve_spec(what, NULL) : NULL;
	_cleanup_fd_ int fd = open(path ? path : what, O_PATH | O_CLOEXEC);
	char link[32];
	ssize_t len;

	if (fd < 0)
		return -errno;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, answer, size - 1);
	if (len < 0)
		return -errno;
	answer[len] = '\0';
	return 0;
}

/* What is behind /dev/loopN? */
static bool is_loop_of(const char *source, const char *image)
{
	_cleanup_free_ char *line = NULL;
	char path[64];
	size_t size = 0;
	bool is = false;
	ssize_t len;
	FILE *f;

	if (strncmp(source, "/dev/loop", strlen("/dev/loop")) != 0 ||
	    strchr(source + strlen("/dev/"), '/')) /* may be any user's word */
		return false;
	(void)snprintf(path, sizeof(path), "/sys/block/%.20s/loop/backing_file",
		       source + strlen("/dev/"));
	f = fopen(path, "re");
	if (!f)
		return false;
	len = getline(&line, &size, f);
	if (len > 0) {
		line[len - 1] = '\0';
		is = strcmp(line, image) == 0;
	}
	(void)fclose(f);
	return is;
}

static int want(struct mounts *m, const char *name)
{
	int rc = -ENOENT;

	for (size_t i = 0; i < m->n; i++) {
		const char *target = mnt_fs_get_target(m->fs[i]);
		const char *source = mnt_fs_get_source(m->fs[i]);

		if ((target && strcmp(target, name) == 0) ||
		    (source && (strcmp(source, name) == 0 || is_loop_of(source, name)))) {
			m->is_wanted[i] = true;
			rc = 0;
		}
	}
	return rc;
}

int mounts_want(struct mounts *m, const char *what)
{
	char path[PATH_MAX];
	int rc = want(m, what);

	if (rc == 0)
		return 0;
	rc = bounded_run(resolve, what, path, sizeof(path));
	if (rc == -ETIMEDOUT || rc == -ENOMEM)
		return rc;
	return rc ? -ENOENT : want(m, path);
}

bool process_read(pid_t pid, struct process *p)
{
	unsigned long long user, system;
	char path[64], buf[1024], *end;
	_cleanup_fd_ int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	end = strrchr(buf, ')'); /* the name before it may hold anything */
	if (!end || sscanf(end + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu",
			   &p->state, &user, &system) != 3)
		return false;
	p->cpu = user + system;
	return true;
}

bool process_is_stopped(pid_t pid)
{
	struct process p;

	return process_read(pid, &p) && p.state == 'T';
}

void mounts_free(struct mounts *m)
{
	free(m->fs);
	free(m->is_wanted);
	mnt_unref_table(m->table);
}
