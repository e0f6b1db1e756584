/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuse-svc doctor: runs the checks and prints what they found. See doctor.h. Nothing that a check
 * hands over reaches a terminal before it is clean.
 */
#include "doctor.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "checks.h"
#include "commands.h"
#include "fusesvc.h"
#include "module.h"
#include "say.h"

#define TEXT_SIZE  2048
#define SHORT_MEND 120 /* bytes of commands that fit into a table with more in it */

static bool is_known(const struct doctor *d, const struct doctor_finding *f)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->findings[i].check, f->check) == 0 &&
		    strcmp(d->findings[i].subject, f->subject) == 0 &&
		    strcmp(d->findings[i].text, f->text) == 0)
			return true;
	return false;
}

static void free_finding(struct doctor_finding *f)
{
	free(f->subject);
	free(f->text);
	free(f->mend);
}

static void doctor_free(struct doctor *d)
{
	for (size_t i = 0; i < d->n; i++)
		free_finding(&d->findings[i]);
	free(d->findings);
	free(d->in_fstab);
}

void doctor_find(struct doctor *d, enum doctor_level level, const char *subject, const char *format,
		 ...)
{
	struct doctor_finding f = { .level = level, .check = d->check }, *grown;
	char text[TEXT_SIZE];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	f.subject = table_clean(subject);
	f.text = table_clean(text);
	grown = f.subject && f.text ? reallocarray(d->findings, d->n + 1, sizeof(*grown)) : NULL;
	if (grown)
		d->findings = grown;
	else
		d->rc = -ENOMEM;
	d->is_new = grown && !is_known(d, &f);
	if (d->is_new)
		d->findings[d->n++] = f;
	else
		free_finding(&f);
}

void doctor_mend(struct doctor *d, const char *format, ...)
{
	_cleanup_free_ char *line = NULL, *all = NULL;
	struct doctor_finding *f;
	va_list args;
	int len;

	if (!d->is_new)
		return;
	f = &d->findings[d->n - 1];
	va_start(args, format);
	len = vasprintf(&line, format, args);
	va_end(args);
	if (len < 0) {
		line = NULL;
		d->rc = -ENOMEM;
		return;
	}
	if (asprintf(&all, "%s%s%s", f->mend ? f->mend : "", f->mend ? "\n" : "", line) < 0) {
		all = NULL;
		d->rc = -ENOMEM;
		return;
	}
	free(f->mend);
	f->mend = steal_pointer(&all);
}

/* In $'...' of the shell, an escape of ours means what it says. */
const char *doctor_quote(const char *word, char *buf, size_t size)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "@%+=:,./_-";
	char escaped[DOCTOR_QUOTED_SIZE];
	size_t len = 0;

	if (*word && word[strspn(word, plain)] == '\0') {
		(void)snprintf(buf, size, "%s", word);
		return buf;
	}
	(void)fusesvc_escape(word, escaped, sizeof(escaped));
	(void)snprintf(buf, size, "$'");
	len = strlen(buf);
	for (const char *c = escaped; *c && len + 6 < size; c++)
		len += (size_t)snprintf(buf + len, size - len, *c == '\'' ? "\\x27" : "%c", *c);
	(void)snprintf(buf + len, size - len, "'");
	return buf;
}

/*
 * The checks
 */

static const struct {
	const char *name;
	void (*run)(struct doctor *d);
} host_checks[] = {
	{ "service-unknown", check_service_unknown },
	{ "service-enabled", check_service_enabled },
	{ "helper-missing", check_helper_missing },
	{ "helper-link", check_helper_link },
	{ "helper-mode", check_helper_mode },
	{ "helper-libraries", check_helper_libraries },
	{ "helper-version", check_helper_version },
	{ "helper-nosuid", check_helper_nosuid },
	{ "umount-setuid", check_umount_setuid },
	{ "users-may-mount", check_users_may_mount },
	{ "kernel-version", check_kernel_version },
	{ "fuse-module", check_fuse_module },
	{ "fuse-device", check_fuse_device },
	{ "fusectl", check_fusectl },
	{ "seccomp", check_seccomp },
	{ "ptrace-scope", check_ptrace_scope },
	{ "fuse-conf", check_fuse_conf },
	{ "socket-dir", check_socket_dir },
	{ "fstab-service", check_fstab_service },
	{ "fstab-boot", check_fstab_boot },
	{ "mount-dead", check_mount_dead },
	{ "mount-stopped", check_mount_stopped },
	{ "mount-stuck", check_mount_stuck },
};

static const struct {
	const char *name;
	void (*run)(struct doctor *d, const struct service *s);
	bool keeps_from_mounting;
} service_checks[] = {
	{ "unit-masked", check_unit_masked, true },
	{ "unit-broken", check_unit_broken, true },
	{ "template", check_template, true },
	{ "unit-accept", check_unit_accept, true },
	{ "unit-failed", check_unit_failed, true },
	{ "unit-disabled", check_unit_disabled, true },
	{ "unit-inactive", check_unit_inactive, true },
	{ "socket-missing", check_socket_missing, true },
	{ "socket-type", check_socket_type, true },
	{ "socket-stale", check_socket_stale, true },
	{ "socket-protocol", check_socket_protocol, true },
	{ "socket-mode", check_socket_mode, true },
	{ "preset", check_preset, true },
	{ "program", check_program, true },
	{ "program-hidden", check_program_hidden, true },
	{ "trap", check_trap, true },
	{ "unit-transient", check_unit_transient, false },
	{ "instances", check_instances, false },
	{ "sandbox", check_sandbox, false },
};

bool is_named(const struct doctor *d, const struct service *s)
{
	for (char *const *name = d->names; *name; name++)
		if (strcmp(*name, s->name) == 0)
			return true;
	return false;
}

static bool has_mount(const struct doctor *d, const struct service *s)
{
	for (size_t i = 0; i < d->mounts->n; i++) {
		const char *name = svc_service_of_type(mnt_fs_get_fstype(d->mounts->fs[i]));

		if (name && strcmp(name, s->name) == 0)
			return true;
	}
	return false;
}

/* A socket alone may be what a unit has left behind. */
bool is_examined(const struct doctor *d, const struct service *s)
{
	if (*d->names)
		return is_named(d, s);
	return s->is_listening || (s->has_socket && !s->unit) || has_mount(d, s) ||
	       d->in_fstab[s - d->services->service] ||
	       (s->unit && (strncmp(s->unit->file_state, "enabled", strlen("enabled")) == 0 ||
			    strcmp(s->unit->active_state, "inactive") != 0));
}

static void examine(struct doctor *d)
{
	find_in_fstab(d);
	for (size_t i = 0; i < ARRAY_SIZE(host_checks); i++, d->n_checks++) {
		d->check = host_checks[i].name;
		host_checks[i].run(d);
	}
	for (size_t i = 0; i < d->services->n; i++) {
		const struct service *s = &d->services->service[i];

		if (!is_examined(d, s))
			continue;
		for (size_t j = 0; j < ARRAY_SIZE(service_checks); j++, d->n_checks++) {
			d->check = service_checks[j].name;
			service_checks[j].run(d, s);
		}
	}
}

/* All in one line, for a cell. */
static char *join(const char *mend)
{
	char *all = malloc(4 * strlen(mend) + 1), *to = all;

	for (; all && *mend; mend++)
		to = *mend == '\n' ? stpcpy(to, " && ") : (*to = *mend, to + 1);
	if (all)
		*to = '\0';
	return all;
}

int service_find_problem(const struct services *all, struct service *s)
{
	char *const names[] = { s->name, NULL };
	_cleanup_(doctor_free) struct doctor d = { .names = names, .services = all };
	_cleanup_free_ char *mend = NULL;
	const struct doctor_finding *f;
	char helper[PATH_MAX];

	(void)snprintf(s->problem, sizeof(s->problem), "%s",
		       service_is_known(s) ? "" : "there is no such service");
	for (size_t i = 0; i < ARRAY_SIZE(service_checks) && !d.n; i++) {
		d.check = service_checks[i].name;
		if (service_checks[i].keeps_from_mounting)
			service_checks[i].run(&d, s);
	}
	f = d.findings;
	if (service_is_known(s) && !d.n && geteuid() != 0 &&
	    is_helper_for_root(helper, sizeof(helper)))
		(void)snprintf(s->problem, sizeof(s->problem),
			       "only root can mount: %.400s is not set-user-ID", helper);
	if (d.rc || !d.n || f->level == DOCTOR_NOTE)
		return d.rc;
	mend = f->mend ? join(f->mend) : strdup("");
	if (!mend)
		return -ENOMEM;
	if (strlen(mend) > SHORT_MEND)
		*mend = '\0';
	(void)snprintf(s->problem, sizeof(s->problem), "%s%s%s", f->text, *mend ? "; " : "", mend);
	return 0;
}

/*
 * What is printed
 */

static const char *const level_names[] = {
	[DOCTOR_PROBLEM] = "problem",
	[DOCTOR_WARNING] = "warning",
	[DOCTOR_NOTE] = "note",
	[DOCTOR_DETAIL] = "detail",
};

enum {
	COL_LEVEL,
	COL_CHECK,
	COL_SUBJECT,
	COL_TEXT,
	COL_MEND,
};

static const struct table_column columns[] = {
	[COL_LEVEL] = { "LEVEL",
			"problem, warning, note, or detail: what this systemd does not tell",
			TABLE_TEXT, true },
	[COL_CHECK] = { "CHECK", "name of the check", TABLE_TEXT, true },
	[COL_SUBJECT] = { "SUBJECT", "what it is about", TABLE_TEXT, true },
	[COL_TEXT] = { "TEXT", "what is wrong, and why that matters", TABLE_TEXT, true },
	[COL_MEND] = { "MEND", "commands that mend it, with \" && \" between them", TABLE_TEXT,
		       true },
};

static const struct table_format format = { "findings", columns, ARRAY_SIZE(columns) };

static unsigned int count(const struct doctor *d, enum doctor_level level)
{
	unsigned int n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += d->findings[i].level == level;
	return n;
}

static bool has_same_mend(const struct doctor *d, size_t before, const char *mend)
{
	for (size_t i = 0; i < before; i++)
		if (d->findings[i].mend && strcmp(d->findings[i].mend, mend) == 0)
			return true;
	return false;
}

/* What mends two things is to be done once. */
static void print_mend(const struct doctor *d, size_t i)
{
	const char *mend = d->findings[i].mend;

	if (!mend || has_same_mend(d, i, mend))
		return;
	for (const char *line = mend; *line;) {
		size_t len = strcspn(line, "\n");

		printf("    %.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
}

static void print_for_people(const struct doctor *d)
{
	unsigned int problems = count(d, DOCTOR_PROBLEM), warnings = count(d, DOCTOR_WARNING);
	bool has_mend = false;

	for (size_t i = 0; i < d->n; i++) {
		const struct doctor_finding *f = &d->findings[i];

		if (f->level == DOCTOR_DETAIL)
			continue;
		printf("%s: %s: %s\n", level_names[f->level], f->subject, f->text);
		print_mend(d, i);
		has_mend |= f->mend != NULL;
		puts("");
	}
	if (has_mend && d->uid != 0)
		puts("The commands are for root.");
	if (problems || warnings)
		printf("%u problem%s, %u warning%s\n", problems, problems == 1 ? "" : "s", warnings,
		       warnings == 1 ? "" : "s");
	else
		printf("nothing wrong found (%u checks)\n", d->n_checks);
}

static int print_table(const struct doctor *d, const struct table_options *options)
{
	_cleanup_table_ struct table *t = NULL;
	int rc = table_new(&format, options, &t);

	for (size_t i = 0; !rc && i < d->n; i++) {
		const struct doctor_finding *f = &d->findings[i];
		_cleanup_free_ char *mend = f->mend ? join(f->mend) : NULL;

		if (f->mend && !mend)
			return -ENOMEM;
		table_add_row(t);
		table_set_text(t, COL_LEVEL, level_names[f->level]);
		table_set_text(t, COL_CHECK, f->check);
		table_set_clean_text(t, COL_SUBJECT, f->subject);
		table_set_clean_text(t, COL_TEXT, f->text);
		table_set_clean_text(t, COL_MEND, mend);
	}
	return rc ? rc : table_print(t);
}

static int run(const struct invocation *inv)
{
	_cleanup_(doctor_free) struct doctor d = { .uid = geteuid(), .names = inv->args };
	_cleanup_services_ struct services services = { 0 };
	_cleanup_mounts_ struct mounts mounts = { 0 };
	int rc, rc_units = 0, excode = check_names(inv->args);

	if (excode >= 0)
		return excode;
	rc = services_load(&services, NULL, &rc_units);
	if (!rc)
		rc = mounts_load(&mounts);
	if (rc)
		return say_system_error(rc);
	say_units_error(rc_units);
	d.services = &services;
	d.mounts = &mounts;
	d.in_fstab = calloc(services.n + 1, sizeof(*d.in_fstab));
	if (!d.in_fstab)
		return say_system_error(-ENOMEM);
	examine(&d);
	rc = d.rc;
	if (!rc && inv->has_table_options)
		rc = print_table(&d, &inv->table);
	else if (!rc)
		print_for_people(&d);
	if (rc)
		return say_system_error(rc);
	return count(&d, DOCTOR_PROBLEM) ? EX_ABSENT : MNT_EX_SUCCESS;
}

const struct command doctor_command = {
	.name = "doctor",
	.arguments = "[NAME...]",
	.what = "find what is wrong with the services in use, or those named, and what mends it",
	.table = &format,
	.run = run,
};
