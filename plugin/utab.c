/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The line in utab: the caller's userspace options, and attributes that name the service and the
 * process of its server. libmount locks and writes; umount(8) removes the line.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "svc.h"

static void unref_fs(struct libmnt_fs **fs)
{
	mnt_unref_fs(*fs);
}

static void free_update(struct libmnt_update **upd)
{
	mnt_free_update(*upd);
}

/*
 * When a process was started, in clock ticks since boot: with it, a pid is never a reused one. 0
 * for one that is gone, or that we do not see.
 */
static int start_time(pid_t pid, unsigned long long *ticks)
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

static int set_attributes(const struct svc_mount *m, struct libmnt_fs *fs)
{
	unsigned long long start;
	char attributes[FUSESVC_NAME_SIZE + 64];
	int rc = start_time(m->server_pid, &start);

	if (rc)
		return rc;
	if (start)
		(void)snprintf(attributes, sizeof(attributes), "svc=%s,svc.pid=%d,svc.start=%llu",
			       m->name, (int)m->server_pid, start);
	else
		(void)snprintf(attributes, sizeof(attributes), "svc=%s", m->name);
	return mnt_fs_set_attributes(fs, attributes);
}

/*
 * Short of memory, libmount writes half a line or none, and calls that a success. The last line
 * that has our attributes must be a whole one. What cannot be read is believed to be there.
 */
static bool is_noted(struct libmnt_fs *fs)
{
	_cleanup_free_ char *line = NULL;
	char wanted[FUSESVC_NAME_SIZE + 72];
	FILE *f = fopen("/run/mount/utab", "re");
	bool found = false;
	size_t size = 0;

	if (!f)
		return true;
	(void)snprintf(wanted, sizeof(wanted), " ATTRS=%s", mnt_fs_get_attributes(fs));
	errno = 0;
	while (getline(&line, &size, f) > 0)
		if (strstr(line, wanted))
			found = strstr(line, "SRC=") && strstr(line, " TARGET=");
	if (errno)
		found = true;
	(void)fclose(f);
	return found;
}

static int write_line(struct svc_mount *m)
{
	_cleanup_(unref_fs) struct libmnt_fs *fs = mnt_new_fs();
	_cleanup_(free_update) struct libmnt_update *upd = mnt_new_update();
	int rc;

	if (!fs || !upd)
		return -ENOMEM;
	rc = mnt_fs_set_source(fs, m->source ? m->source : m->name);
	if (!rc)
		rc = mnt_fs_set_target(fs, m->true_target);
	if (!rc && m->opts.user)
		rc = mnt_fs_set_options(fs, m->opts.user);
	if (!rc)
		rc = set_attributes(m, fs);
	if (!rc)
		rc = mnt_update_set_fs(upd, 0, NULL, fs);
	if (rc == 1) /* there is no utab that could be written, say /run is read-only */
		return 0;
	if (!rc)
		rc = mnt_update_table(upd, NULL);
	if (rc <= -MNT_ERR_NOFSTAB) /* libmount's own: it got no lock */
		return -ENOLCK;
	return !rc && !is_noted(fs) ? -EIO : rc;
}

int svc_utab_add(struct svc_mount *m)
{
	struct libmnt_ns *old;
	int rc;

	if (mnt_context_is_fake(m->cxt) || mnt_context_is_nomtab(m->cxt))
		return 0;
	old = mnt_context_switch_target_ns(m->cxt);
	rc = old ? write_line(m) : -EINVAL;
	if (old) /* the line is there, wherever we are now */
		(void)mnt_context_switch_ns(m->cxt, old);
	if (rc)
		return fusesvc_error_set(&m->error, SVC_STEP_UTAB, SVC_E_UTAB, rc < 0 ? -rc : EIO,
					 NULL);
	return 0;
}
