/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks of what units of people's own forget: a program that the sandbox does not show to the
 * server, and what fuse-svc-run needs. As systemd has understood an instance that is loaded and
 * never started.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "checks.h"

#define UNIT_NAME_SIZE (sizeof(UNIT_PREFIX) + FUSESVC_NAME_SIZE + sizeof(UNIT_INSTANCE))
#define ADMIN_DIR      "/etc/systemd/system/"
#define TRAP_CONF      UNIT_DIR "/fuse-svc-preset.service.d/20-trap.conf"

enum { ROOT, BINDS, READ_ONLY_BINDS, HOME, CALLS, N_PROPERTIES };

static const char *const properties[N_PROPERTIES] = {
	[ROOT] = "RootDirectory",
	[BINDS] = "BindPaths",
	[READ_ONLY_BINDS] = "BindReadOnlyPaths",
	[HOME] = "ProtectHome",
	[CALLS] = "SystemCallFilter",
};

struct view {
	char *text[N_PROPERTIES]; /* of units_get_all(), or NULL */
	char template[UNIT_NAME_SIZE];
};

static void view_free(struct view *v)
{
	for (size_t i = 0; i < N_PROPERTIES; i++)
		free(v->text[i]);
}
#define _cleanup_view_ _cleanup_(view_free)

static void keep(const char *property, const char *text, void *data)
{
	struct view *v = data;

	for (size_t i = 0; i < N_PROPERTIES; i++)
		if (strcmp(properties[i], property) == 0 && !v->text[i])
			v->text[i] = strdup(text);
}

/* False if nobody knows it. */
static bool get_view(const struct doctor *d, const struct service *s, struct view *v)
{
	char instance[UNIT_NAME_SIZE];

	if (!s->unit || !s->command)
		return false;
	(void)snprintf(v->template, sizeof(v->template), UNIT_PREFIX "%s@.service", s->name);
	(void)snprintf(instance, sizeof(instance), UNIT_PREFIX "%s" UNIT_INSTANCE, s->name);
	if (units_get_all(d->services->units, instance, keep, v) != 0)
		return false;
	for (size_t i = 0; i < N_PROPERTIES; i++)
		if (!v->text[i])
			return false;
	return true;
}

static bool is_below(const char *path, const char *dir, size_t len)
{
	return strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* Among words "SOURCE:DESTINATION:...", is there one for that path? */
static bool is_bound(const char *binds, const char *path)
{
	while (*(binds += strspn(binds, " "))) {
		size_t n = strcspn(binds, " ");
		const char *to = memchr(binds, ':', n);

		if (to && is_below(path, to + 1, strcspn(to + 1, ": ")))
			return true;
		binds += n;
	}
	return false;
}

/* An empty file there is only a place to bind to. */
static bool is_in_root(const char *root, const char *program)
{
	char path[PATH_MAX];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s%s", root, program);
	return stat(path, &st) == 0 && st.st_size > 0;
}

static bool is_in(const char *program, const char *dir)
{
	return is_below(program, dir, strlen(dir));
}

/* A drop-in that is read after all that people are likely to have. */
static void mend_view(struct doctor *d, const struct view *v, const char *name, const char *setting,
		      const char *value)
{
	doctor_mend(d, "mkdir -p " ADMIN_DIR "%s.d", v->template);
	doctor_mend(d, "printf '[Service]\\n%s=%%s\\n' %s >" ADMIN_DIR "%s.d/zz-%s.conf", setting,
		    DOCTOR_QUOTED(value), v->template, name);
	doctor_mend(d, "systemctl daemon-reload");
}

static bool is_shown(const struct view *v, const char *program)
{
	return is_bound(v->text[BINDS], program) || is_bound(v->text[READ_ONLY_BINDS], program);
}

/* With "tmpfs", what is bound there can be seen; but /root is root's alone all the same. */
static void look_at_home(struct doctor *d, const struct view *v, const char *program)
{
	bool is_root = is_in(program, "/root");

	if (strcmp(v->text[HOME], "yes") != 0 && (!is_root || strcmp(v->text[HOME], "tmpfs") != 0))
		return;
	doctor_find(d, DOCTOR_PROBLEM, v->template,
		    "ProtectHome=%s hides %s: no mount gets a server%s", v->text[HOME], program,
		    is_root ? "; put it elsewhere, as into /usr/local/libexec" : "");
	if (!is_root)
		mend_view(d, v, "home", "ProtectHome", "tmpfs");
}

void check_program_hidden(struct doctor *d, const struct service *s)
{
	_cleanup_view_ struct view v = { 0 };
	const char *program, *root;

	if (!get_view(d, s, &v) || access(s->command[0], X_OK) < 0)
		return;
	program = s->command[0];
	root = v.text[ROOT];
	if (*root && strcmp(root, "/") != 0 && !is_shown(&v, program) &&
	    !is_in_root(root, program)) {
		doctor_find(d, DOCTOR_PROBLEM, v.template,
			    "it does not show %s to its servers: no mount gets one", program);
		mend_view(d, &v, "program", "BindReadOnlyPaths", program);
	}
	if (is_in(program, "/home") || is_in(program, "/root") || is_in(program, "/run/user"))
		look_at_home(d, &v, program);
}

static bool has_call(const char *list, const char *call)
{
	size_t len = strlen(call);

	for (const char *at = list; (at = strstr(at, call)); at += len)
		if (strchr(" :", at[-1]) && strchr(" ", at[len]))
			return true;
	return false;
}

/* What fuse-svc-run answers has to get as far as that. */
void check_trap(struct doctor *d, const struct service *s)
{
	static const char allowed[] = "yes:";
	_cleanup_view_ struct view v = { 0 };
	const char *list;

	if (!s->has_preset || !get_view(d, s, &v))
		return;
	list = v.text[CALLS];
	if (strncmp(list, allowed, strlen(allowed)) != 0 ||
	    (has_call(list, "mount") && has_call(list, "seccomp")))
		return;
	doctor_find(d, DOCTOR_PROBLEM, v.template,
		    "without 20-trap.conf, which fuse-svc-run needs: mounts fail with \"%s\"",
		    strerror(EPERM));
	doctor_mend(d, "mkdir -p " ADMIN_DIR "%s.d", v.template);
	doctor_mend(d, "ln -sf " TRAP_CONF " " ADMIN_DIR "%s.d/", v.template);
	doctor_mend(d, "systemctl daemon-reload");
}
