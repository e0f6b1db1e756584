/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The line in utab: the caller's userspace options, and attributes that name the service and the
 * process of its server. libmount locks and writes; umount(8) removes the line.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "svc.h"

#define UTAB	       "/run/mount/utab"
#define USERS_UTAB_MAX (256 * 1024) /* bytes of utab, from which on users get no line in it */

/*
 * With X-mount.subdir=, mount(8) has us mount on a place of its own, of which nothing is left when
 * it has the directory where it was wanted. A line for that place would be nobody's, for ever.
 */
#define TEMPORARY_TARGET "/run/mount/tmptgt"

static void unref_fs(struct libmnt_fs **fs)
{
	mnt_unref_fs(*fs);
}

static void free_update(struct libmnt_update **upd)
{
	mnt_free_update(*upd);
}

static int append(char **attributes, const char *name, unsigned long long number)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu", number);
	return mnt_optstr_append_option(attributes, name, text);
}

int svc_utab_attributes(const struct svc_mount *m, struct libmnt_fs *fs)
{
	_cleanup_free_ char *attributes = NULL;
	unsigned long long start;
	int rc = svc_process_start_time(m->server_pid, &start);

	if (!rc)
		rc = mnt_optstr_append_option(&attributes, SVC_ATTR_NAME, m->name);
	if (!rc && start)
		rc = append(&attributes, SVC_ATTR_PID, (unsigned int)m->server_pid);
	if (!rc && start)
		rc = append(&attributes, SVC_ATTR_START, start);
	if (!rc && start && m->connection)
		rc = append(&attributes, SVC_ATTR_CONNECTION, m->connection);
	if (!rc && m->opts.timeout != FUSESVC_TIMEOUT)
		rc = append(&attributes, SVC_ATTR_TIMEOUT, m->opts.timeout);
	if (!rc && m->is_read_only)
		rc = mnt_optstr_append_option(&attributes, SVC_ATTR_READ_ONLY, NULL);
	return rc ? rc : mnt_fs_set_attributes(fs, attributes);
}

/*
 * Short of memory, libmount writes half a line or none, and calls that a success. The last line
 * that has our attributes must be a whole one. What cannot be read is believed to be there.
 */
static bool is_noted(struct libmnt_fs *fs)
{
	_cleanup_free_ char *line = NULL;
	char wanted[FUSESVC_NAME_SIZE + 128];
	FILE *f = fopen(UTAB, "re");
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

/*
 * A user could make utab as long as he likes, by mounts that he unmounts in other ways than by
 * umount(8): so it is for users only until it is long. They lose nothing but the wait for their
 * server at the end.
 */
static bool has_no_room(const struct svc_mount *m)
{
	struct stat st;

	if (m->uid == 0)
		return false;
	return stat(UTAB, &st) == 0 && st.st_size > USERS_UTAB_MAX;
}

/* @flags are MS_REMOUNT to change the line that is there, or 0 for a new one. */
static int write_line(struct libmnt_fs *fs, unsigned long flags)
{
	_cleanup_(free_update) struct libmnt_update *upd = mnt_new_update();
	int rc = upd ? mnt_update_set_fs(upd, flags, NULL, fs) : -ENOMEM;

	if (rc == 1) /* there is no utab that could be written, say /run is read-only */
		return 0;
	if (!rc)
		rc = mnt_update_table(upd, NULL);
	if (rc <= -MNT_ERR_NOFSTAB) /* libmount's own: it got no lock */
		return -ENOLCK;
	return !rc && !is_noted(fs) ? -EIO : rc;
}

static int add_line(struct svc_mount *m)
{
	_cleanup_(unref_fs) struct libmnt_fs *fs = mnt_new_fs();
	int rc;

	if (strcmp(m->true_target, TEMPORARY_TARGET) == 0)
		return 0;
	if (!fs)
		return -ENOMEM;
	rc = mnt_fs_set_source(fs, m->source ? m->source : m->name);
	if (!rc)
		rc = mnt_fs_set_target(fs, m->true_target);
	if (!rc && m->opts.user)
		rc = mnt_fs_set_options(fs, m->opts.user);
	if (!rc)
		rc = svc_utab_attributes(m, fs);
	return rc ? rc : write_line(fs, 0);
}

/* mount(8) before 2.39 does not hand on all options that there are: what is not said anew stays. */
static int merge_options(struct libmnt_fs *fs, char *user)
{
	_cleanup_free_ char *merged = NULL;
	const char *old = mnt_fs_get_user_options(fs);
	char *name, *value;
	size_t name_len, value_len;
	int rc = 0;

	if (old) {
		merged = strdup(old);
		rc = merged ? 0 : -ENOMEM;
	}
	while (!rc && user &&
	       mnt_optstr_next_option(&user, &name, &name_len, &value, &value_len) == 0) {
		_cleanup_free_ char *n = strndup(name, name_len);
		_cleanup_free_ char *v = value ? strndup(value, value_len) : NULL;

		rc = !n || (value && !v) ? -ENOMEM : mnt_optstr_set_option(&merged, n, v);
	}
	return rc ? rc : mnt_fs_set_options(fs, merged);
}

static int change_line(struct svc_mount *m)
{
	struct libmnt_fs *mounted = NULL, *copy;
	int rc = mnt_context_find_umount_fs(m->cxt, m->target, &mounted);

	if (rc || !mnt_fs_get_attributes(mounted))
		return 0; /* there is no line */
	copy = mnt_copy_fs(NULL, mounted);
	if (!copy)
		return -ENOMEM;
	rc = merge_options(copy, m->opts.user);
	if (!rc)
		rc = write_line(copy, MS_REMOUNT);
	mnt_unref_fs(copy);
	return rc;
}

int svc_utab_now(struct svc_mount *m)
{
	if (!mnt_context_switch_target_ns(m->cxt))
		return -EINVAL;
	return m->opts.remount ? change_line(m) : add_line(m);
}

/* Is a new line there, whatever became of who wrote it? Where nobody can read, there is none. */
static bool is_added(const struct svc_mount *m)
{
	_cleanup_(unref_fs) struct libmnt_fs *fs = mnt_new_fs();

	return !m->opts.remount && faccessat(AT_FDCWD, UTAB, R_OK, AT_EACCESS) == 0 && fs &&
	       svc_utab_attributes(m, fs) == 0 && is_noted(fs);
}

/* libmount waits for its lock for as long as somebody holds it, and anybody can. */
int svc_utab_update(struct svc_mount *m)
{
	int rc;

	if (mnt_context_is_fake(m->cxt) || mnt_context_is_nomtab(m->cxt) || has_no_room(m))
		return 0;
	rc = svc_worker_run(m, SVC_WORK_UTAB);
	if (rc && is_added(m))
		rc = 0;
	if (rc)
		return fusesvc_error_set(&m->error, SVC_STEP_UTAB, SVC_E_UTAB, rc < 0 ? -rc : EIO,
					 NULL);
	return 0;
}
