/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuse-svc status: the mounts of contained services, and who serves each.
 *
 * Must never touch a mount, not even by a stat(2): who looks for a server that hangs would hang
 * with it.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "module.h"
#include "mounts.h"
#include "say.h"
#include "services.h"

enum {
	COL_TARGET,
	COL_SOURCE,
	COL_SERVICE,
	COL_STATE,
	COL_PID,
	COL_PROGRAM,
	COL_UNIT,
	COL_SINCE,
	COL_MEMORY,
	COL_WAITING,
	COL_RO,
	COL_TYPE,
	COL_OPTIONS,
	COL_CONNECTION,
	COL_LOGS,
};

static const struct table_column columns[] = {
	[COL_TARGET] = { "TARGET", "where it is mounted", TABLE_TEXT, true },
	[COL_SOURCE] = { "SOURCE", "what is mounted", TABLE_TEXT, true },
	[COL_SERVICE] = { "SERVICE", "name of the service", TABLE_TEXT, true },
	[COL_STATE] = { "STATE", "serving, stopped, or dead: then unmount it", TABLE_TEXT, true },
	[COL_PID] = { "PID", "process of the server", TABLE_NUMBER, true },
	[COL_PROGRAM] = { "PROGRAM", "program that serves", TABLE_TEXT, false },
	[COL_UNIT] = { "UNIT", "unit in which the server runs", TABLE_TEXT, false },
	[COL_SINCE] = { "SINCE", "when the server was started", TABLE_TEXT, false },
	[COL_MEMORY] = { "MEMORY", "memory of its unit, or of its process", TABLE_SIZE, true },
	[COL_WAITING] = { "WAITING", "requests without an answer yet; for root and who mounted it",
			  TABLE_NUMBER, true },
	[COL_RO] = { "RO", "is it read-only?", TABLE_BOOLEAN, false },
	[COL_TYPE] = { "TYPE", "type of the mount", TABLE_TEXT, false },
	[COL_OPTIONS] = { "OPTIONS", "all mount options", TABLE_TEXT, false },
	[COL_CONNECTION] = { "CONNECTION", "its folder in /sys/fs/fuse/connections", TABLE_NUMBER,
			     false },
	[COL_LOGS] = { "LOGS", "command that shows what the server had to say", TABLE_TEXT, false },
};

static const struct table_format format = { "mounts", columns, ARRAY_SIZE(columns) };

static void free_server(struct svc_server **s)
{
	svc_server_free(*s);
}

static void set_since(struct table *t, bool json, unsigned long long ticks)
{
	struct timespec now, boot;
	char text[64];
	struct tm tm;
	time_t since;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)clock_gettime(CLOCK_BOOTTIME, &boot);
	since = now.tv_sec - boot.tv_sec + (time_t)(ticks / (unsigned long)sysconf(_SC_CLK_TCK));
	if (!(json ? gmtime_r(&since, &tm) : localtime_r(&since, &tm)))
		return;
	if (strftime(text, sizeof(text), json ? "%FT%TZ" : "%F %T", &tm))
		table_set_text(t, COL_SINCE, text);
}

/* Bytes that a process has in memory; 0: not known. */
static uint64_t resident(pid_t pid)
{
	_cleanup_free_ char *line = NULL;
	uint64_t kilobytes = 0;
	char path[32];
	size_t size = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (!kilobytes && getline(&line, &size, f) > 0)
		(void)sscanf(line, "VmRSS: %" SCNu64, &kilobytes);
	(void)fclose(f);
	return kilobytes * 1024;
}

static void set_memory(struct table *t, struct units *units, const char *unit, pid_t pid)
{
	uint64_t bytes;

	if (!unit || units_get_number(units, unit, "MemoryCurrent", &bytes) != 0 ||
	    bytes == UINT64_MAX)
		bytes = resident(pid);
	if (bytes)
		table_set_number(t, COL_MEMORY, bytes);
}

/* That of the service; where no unit tells, what the process says of itself. */
static void set_program(struct table *t, const struct service *service, pid_t pid)
{
	char link[32], path[PATH_MAX];
	ssize_t len;

	if (service && service->program) {
		table_set_text(t, COL_PROGRAM, service->program);
		return;
	}
	(void)snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	len = pid ? readlink(link, path, sizeof(path) - 1) : -1;
	if (len < 0)
		return;
	path[len] = '\0';
	table_set_text(t, COL_PROGRAM, path);
}

/* Of a server that is gone, nobody knows which of the service's units it had. */
static void set_logs(struct table *t, const struct service *service, const char *unit)
{
	char text[FUSESVC_NAME_SIZE + 512];

	if (unit)
		(void)snprintf(text, sizeof(text), "journalctl -u %s", unit);
	else if (service && service->unit)
		(void)snprintf(text, sizeof(text), "journalctl -u '" UNIT_PREFIX "%s@*'",
			       service->name);
	else
		return;
	table_set_text(t, COL_LOGS, text);
}

static const struct service *find_service(const struct services *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->service[i].name, name) == 0)
			return &all->service[i];
	return NULL;
}

static bool is_read_only(struct libmnt_fs *fs)
{
	const char *vfs = mnt_fs_get_vfs_options(fs), *super = mnt_fs_get_fs_options(fs);

	return (vfs && mnt_optstr_get_option(vfs, "ro", NULL, NULL) == 0) ||
	       (super && mnt_optstr_get_option(super, "ro", NULL, NULL) == 0);
}

static void set_server(struct table *t, const struct svc_server *s, const struct services *all,
		       bool json)
{
	const struct svc_server_info info = svc_server_info(s);
	const struct service *service = find_service(all, info.name);
	_cleanup_free_ char *unit = NULL;
	pid_t pid = info.is_dead ? 0 : info.pid;
	unsigned long waiting;

	/* A service that somebody started by hand is in whatever unit that person is. */
	if (pid && units_of_process(pid, &unit) == 0 &&
	    strncmp(unit, UNIT_PREFIX, strlen(UNIT_PREFIX)) != 0)
		free(steal_pointer(&unit));
	table_set_text(t, COL_SERVICE, info.name);
	table_set_number(t, COL_CONNECTION, info.connection);
	if (svc_server_waiting(s, &waiting) == 0)
		table_set_number(t, COL_WAITING, waiting);
	table_set_text(t, COL_UNIT, unit);
	set_program(t, service, pid);
	set_logs(t, service, unit);
	if (info.is_dead)
		table_set_text(t, COL_STATE, "dead");
	if (!pid)
		return;
	table_set_text(t, COL_STATE, process_is_stopped(pid) ? "stopped" : "serving");
	table_set_number(t, COL_PID, (uint64_t)pid);
	set_since(t, json, info.start);
	set_memory(t, all->units, unit, pid);
}

static int add_mount(struct table *t, struct libmnt_fs *fs, const struct services *all, bool json)
{
	_cleanup_(free_server) struct svc_server *s = NULL;
	int rc = svc_server_of(fs, &s);

	if (rc)
		return rc;
	table_add_row(t);
	table_set_text(t, COL_TARGET, mnt_fs_get_target(fs));
	table_set_text(t, COL_SOURCE, mnt_fs_get_source(fs));
	table_set_boolean(t, COL_RO, is_read_only(fs));
	table_set_text(t, COL_TYPE, mnt_fs_get_fstype(fs));
	table_set_text(t, COL_OPTIONS, mnt_fs_get_options(fs));
	set_server(t, s, all, json);
	return 0;
}

/* What is known of the services behind the mounts. */
static int load_services(const struct mounts *m, struct services *all)
{
	char **names = calloc(m->n + 1, sizeof(*names));
	int rc, rc_units = 0;
	size_t n = 0;

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < m->n; i++) {
		const char *name = svc_service_of_type(mnt_fs_get_fstype(m->fs[i]));

		if (!fusesvc_name_is_valid(name))
			continue;
		names[n] = strdup(name);
		if (!names[n++]) {
			texts_free(names);
			return -ENOMEM;
		}
	}
	rc = services_load(all, names, &rc_units);
	texts_free(names);
	say_units_error(rc_units);
	return rc;
}

static int show(const struct mounts *m, const struct invocation *inv, bool as_table)
{
	_cleanup_services_ struct services services = { 0 };
	_cleanup_table_ struct table *t = NULL;
	struct table_options options = inv->table;
	int rc;

	if (!as_table)
		table_all_columns(&format, &options);
	rc = load_services(m, &services);
	if (!rc)
		rc = table_new(&format, &options, &t);
	for (size_t i = 0; !rc && i < m->n; i++)
		if (m->is_wanted[i])
			rc = add_mount(t, m->fs[i], &services, options.json);
	if (rc)
		return rc;
	return as_table ? table_print(t) : table_print_rows(t);
}

static int say_not_found(const char *what, int rc)
{
	if (rc != -ENOENT && rc != -ETIMEDOUT)
		return say_system_error(rc);
	say_about(STDERR_FILENO, what,
		  rc == -ETIMEDOUT ? "lies on a file system that does not answer"
				   : "no contained service is mounted there, or has it as its "
				     "source; '" PROGRAM " status' shows all");
	return EX_ABSENT;
}

static int status(const struct invocation *inv)
{
	_cleanup_mounts_ struct mounts mounts = { 0 };
	int rc, excode = MNT_EX_SUCCESS;

	if (inv->all && *inv->args)
		return say_misuse("either --all or TARGETs are needed, not both");
	rc = mounts_load(&mounts);
	for (size_t i = 0; !rc && i < mounts.n; i++)
		mounts.is_wanted[i] = !*inv->args;
	for (char **what = inv->args; !rc && *what; what++) {
		int found = mounts_want(&mounts, *what);

		if (found < 0)
			excode = say_not_found(*what, found);
	}
	if (!rc)
		rc = show(&mounts, inv, inv->has_table_options || !*inv->args);
	return rc ? say_system_error(rc) : excode;
}

static const struct flag flags[] = {
	{ 'a', "all", "show all, as without arguments" },
	{ 0 },
};

const struct command status_command = {
	.name = "status",
	.arguments = "[TARGET|SOURCE...]",
	.what = "show what is mounted, and who serves it",
	.table = &format,
	.flags = flags,
	.run = status,
};
