/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuse-svc list: the services, and what is the matter with each.
 */
#include <blkid.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "module.h"
#include "mounts.h"
#include "say.h"
#include "services.h"

enum {
	COL_NAME,
	COL_SOCKET,
	COL_UNIT,
	COL_ENABLED,
	COL_LISTENING,
	COL_MODE,
	COL_PROGRAM,
	COL_TYPES,
	COL_MOUNTS,
	COL_DESCRIPTION,
	COL_PROBLEM,
};

static const struct table_column columns[] = {
	[COL_NAME] = { "NAME", "name of the service", TABLE_TEXT, true },
	[COL_SOCKET] = { "SOCKET", "socket on which it listens", TABLE_TEXT, false },
	[COL_UNIT] = { "UNIT", "socket unit of the service manager", TABLE_TEXT, false },
	[COL_ENABLED] = { "ENABLED", "state of that unit's file, as systemctl(1) has it",
			  TABLE_TEXT, true },
	[COL_LISTENING] = { "LISTENING", "does somebody listen?", TABLE_BOOLEAN, true },
	[COL_MODE] = { "MODE", "mode of the socket: who may write to it may mount", TABLE_TEXT,
		       false },
	[COL_PROGRAM] = { "PROGRAM", "program that serves", TABLE_TEXT, true },
	[COL_TYPES] = { "TYPES", "types for mount(8)", TABLE_TEXT, false },
	[COL_MOUNTS] = { "MOUNTS", "how many file systems it has mounted now", TABLE_NUMBER, true },
	[COL_DESCRIPTION] = { "DESCRIPTION", "what its unit is for", TABLE_TEXT, false },
	[COL_PROBLEM] = { "PROBLEM", "what keeps you from mounting by it", TABLE_TEXT, true },
};

static const struct table_format format = { "services", columns, ARRAY_SIZE(columns) };

static unsigned int count_mounts(const struct mounts *mounts, const char *service)
{
	unsigned int n = 0;

	for (size_t i = 0; i < mounts->n; i++) {
		const char *name = svc_service_of_type(mnt_fs_get_fstype(mounts->fs[i]));

		n += name && strcmp(name, service) == 0;
	}
	return n;
}

static void add_service(struct table *t, const struct service *s, const struct mounts *mounts)
{
	char types[2 * FUSESVC_NAME_SIZE], mode[8];

	(void)snprintf(types, sizeof(types), "fuse.svc.%s%s", s->name,
		       blkid_known_fstype(s->name) ? ",fuse.svc" : "");
	(void)snprintf(mode, sizeof(mode), "%04o", s->mode);
	table_add_row(t);
	table_set_text(t, COL_NAME, s->name);
	table_set_text(t, COL_SOCKET, s->socket);
	if (s->unit) {
		table_set_text(t, COL_UNIT, s->unit->name);
		table_set_text(t, COL_ENABLED, s->unit->file_state);
		table_set_text(t, COL_DESCRIPTION, s->unit->description);
	}
	table_set_boolean(t, COL_LISTENING, s->is_listening);
	if (s->mode)
		table_set_text(t, COL_MODE, mode);
	table_set_text(t, COL_PROGRAM, s->program);
	table_set_text(t, COL_TYPES, types);
	table_set_number(t, COL_MOUNTS, count_mounts(mounts, s->name));
	table_set_text(t, COL_PROBLEM, s->problem);
}

static int list(const struct invocation *inv)
{
	_cleanup_services_ struct services services = { 0 };
	_cleanup_mounts_ struct mounts mounts = { 0 };
	_cleanup_table_ struct table *t = NULL;
	int rc, rc_units, excode = check_names(inv->args);

	if (excode >= 0)
		return excode;
	excode = MNT_EX_SUCCESS;
	rc = services_load(&services, *inv->args ? inv->args : NULL, &rc_units);
	if (!rc)
		rc = mounts_load(&mounts);
	if (!rc)
		rc = table_new(&format, &inv->table, &t);
	if (rc)
		return say_system_error(rc);
	say_units_error(rc_units);
	for (size_t i = 0; i < services.n; i++) {
		const struct service *s = &services.service[i];

		if (service_is_known(s)) {
			add_service(t, s, &mounts);
			continue;
		}
		say_about(STDERR_FILENO, s->name,
			  "there is no such service; '" PROGRAM " list' shows all");
		excode = EX_ABSENT;
	}
	rc = table_print(t);
	return rc ? say_system_error(rc) : excode;
}

const struct command list_command = {
	.name = "list",
	.arguments = "[NAME...]",
	.what = "show the services, or those with the names",
	.table = &format,
	.run = list,
};
