/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuse-svc probe: which service mount(8) would get a source mounted by, if nobody names one.
 *
 * A source may be a stranger's: it is opened with the caller's rights, but must be looked into only
 * by a process that has none left.
 */
#include <stdio.h>
#include <string.h>

#include "bounded.h"
#include "commands.h"
#include "module.h"
#include "say.h"
#include "services.h"

enum {
	COL_SOURCE,
	COL_TYPE,
	COL_SERVICE,
	COL_LISTENING,
	COL_PROBLEM,
};

static const struct table_column columns[] = {
	[COL_SOURCE] = { "SOURCE", "as it was named", TABLE_TEXT, true },
	[COL_TYPE] = { "TYPE", "what libblkid sees in it", TABLE_TEXT, true },
	[COL_SERVICE] = { "SERVICE", "service that would be used, if there is one of that name",
			  TABLE_TEXT, true },
	[COL_LISTENING] = { "LISTENING", "does somebody listen?", TABLE_BOOLEAN, true },
	[COL_PROBLEM] = { "PROBLEM", "what keeps you from mounting it so", TABLE_TEXT, true },
};

static const struct table_format format = { "sources", columns, ARRAY_SIZE(columns) };

#define HINT_SIZE 1024

/* In a process of its own: the answer is the type, and, behind a line feed, what helps. */
static int look(const char *source, char *answer, size_t size)
{
	char type[FUSESVC_NAME_SIZE] = "", hint[HINT_SIZE];
	bool is_tag = mnt_tag_is_valid(source);
	_cleanup_free_ char *path = is_tag ? mnt_resolve_spec(source, NULL) : NULL;
	_cleanup_fd_ int fd = -1;
	int rc;

	if (is_tag && (!path || *path != '/'))
		return -ENODEV;
	rc = svc_source_open(path ? path : source, &fd);
	if (!rc && svc_drop_privileges() != 0)
		return -ENOTSUP;
	if (rc)
		return rc;
	rc = svc_source_type(fd, type, sizeof(type));
	svc_source_hint(fd, path ? path : source, type, hint, sizeof(hint));
	(void)snprintf(answer, size, "%s\n%s", type, hint);
	return rc;
}

static const char *problem_text(int rc)
{
	switch (rc) {
	case -ENODATA:
		return "file system type not recognized";
	case -ENOTUNIQ:
		return "more than one file system type recognized";
	case -ENODEV:
		return "no such device";
	case -EINVAL:
		return "neither a regular file nor a block device";
	case -ENOTSUP:
		return "cannot give up root's power to look into it";
	case -ETIMEDOUT:
		return "lies on a file system or device that does not answer";
	default:
		return strerror(-rc);
	}
}

/* Into the table, if that shows it; else to stderr. Returns the exit code. */
static int tell_problem(struct table *t, bool is_shown, const char *source, int rc,
			const char *hint)
{
	char text[2 * HINT_SIZE];

	if (rc == -ENOTUNIQ)
		hint = "use -t fuse.svc.NAME or -o svc=NAME";
	else if (rc != -ENODATA)
		hint = "";
	(void)snprintf(text, sizeof(text), "%s%s%s", problem_text(rc), *hint ? "; " : "", hint);
	table_set_boolean(t, COL_LISTENING, false);
	table_set_text(t, COL_PROBLEM, text);
	if (!is_shown)
		say_about(STDERR_FILENO, source, text);
	if (rc == -ENOTSUP)
		return MNT_EX_SYSERR;
	return rc == -EACCES ? MNT_EX_USAGE : EX_ABSENT;
}

static int add_service(struct table *t, const char *name, const char *hint)
{
	_cleanup_services_ struct services services = { 0 };
	char *names[] = { NULL, NULL };
	_cleanup_free_ char *copy = strdup(name);
	const struct service *s;
	int rc, rc_units;

	if (!copy)
		return -ENOMEM;
	names[0] = copy;
	rc = services_load(&services, names, &rc_units);
	if (rc)
		return rc;
	say_units_error(rc_units);
	s = &services.service[0];
	if (service_is_known(s))
		table_set_text(t, COL_SERVICE, name);
	table_set_boolean(t, COL_LISTENING, s->is_listening);
	table_set_text(t, COL_PROBLEM, *hint && !service_is_known(s) ? hint : s->problem);
	return 0;
}

/* Returns the exit code. */
static int add_source(struct table *t, bool is_shown, const char *source)
{
	char answer[FUSESVC_NAME_SIZE + HINT_SIZE] = "", *hint;
	int rc = bounded_run(look, source, answer, sizeof(answer));

	hint = strchr(answer, '\n');
	if (hint)
		*hint++ = '\0';
	table_add_row(t);
	table_set_text(t, COL_SOURCE, source);
	if (!rc && !fusesvc_name_is_valid(answer))
		rc = -ENODATA;
	if (rc)
		return tell_problem(t, is_shown, source, rc, hint ? hint : "");
	table_set_text(t, COL_TYPE, answer);
	rc = add_service(t, answer, hint ? hint : "");
	return rc ? say_system_error(rc) : MNT_EX_SUCCESS;
}

static bool has_column(const struct table_options *o, size_t column)
{
	for (size_t i = 0; i < o->n_columns; i++)
		if (o->columns[i] == column)
			return true;
	return false;
}

static int probe(const struct invocation *inv)
{
	_cleanup_table_ struct table *t = NULL;
	int rc, excode = MNT_EX_SUCCESS;

	if (!*inv->args)
		return say_misuse("a SOURCE is needed");
	rc = table_new(&format, &inv->table, &t);
	if (rc)
		return say_system_error(rc);
	for (char **source = inv->args; *source; source++) {
		int code = add_source(t, has_column(&inv->table, COL_PROBLEM), *source);

		excode = code ? code : excode;
	}
	rc = table_print(t);
	return rc ? say_system_error(rc) : excode;
}

const struct command probe_command = {
	.name = "probe",
	.arguments = "SOURCE...",
	.what = "tell which service a file or device would be mounted by",
	.table = &format,
	.run = probe,
};
