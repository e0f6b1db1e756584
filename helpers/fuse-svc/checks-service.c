/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks of what a service has, whoever manages it: its socket, its preset, its program. Must never
 * connect to a socket: that would start a server.
 */
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "checks.h"
#include "module.h"
#include "preset.h"

const struct service *find_service(const struct doctor *d, const char *name)
{
	for (size_t i = 0; i < d->services->n; i++)
		if (strcmp(d->services->service[i].name, name) == 0)
			return &d->services->service[i];
	return NULL;
}

const struct service *near_service(const struct doctor *d, const char *name)
{
	const struct service *found = NULL;
	unsigned int nearest = UINT_MAX;

	for (size_t i = 0; i < d->services->n; i++) {
		unsigned int n = svc_nearness(name, d->services->service[i].name);

		if (n && n < nearest) {
			nearest = n;
			found = &d->services->service[i];
		}
	}
	return found;
}

static bool exists(const char *dir, const char *name, char *path, size_t size)
{
	return snprintf(path, size, "%s/%s", dir, name) < (int)size && access(path, F_OK) == 0;
}

/*
 * The preset by which it is served, or NULL. Without a unit nobody knows: one that has the name of
 * the service is believed to be it.
 */
static const char *preset_name(const struct service *s, char *path, size_t size)
{
	if (s->command)
		return s->has_preset ? s->command[1] : NULL;
	return exists(PRESET_ETC_DIR, s->name, path, size) ||
			       exists(PRESET_DIR, s->name, path, size)
		       ? s->name
		       : NULL;
}

bool has_preset_service(const struct doctor *d)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < d->services->n; i++) {
		const struct service *s = &d->services->service[i];

		if (is_examined(d, s) && preset_name(s, path, sizeof(path)))
			return true;
	}
	return false;
}

bool is_for_root(const struct service *s)
{
	_cleanup_preset_ struct preset p = { 0 };
	struct preset_error e = { 0 };
	char path[PATH_MAX];
	const char *name = preset_name(s, path, sizeof(path));

	return name && preset_load(name, &p, &e) == 0 && p.has_text_source;
}

void check_service_unknown(struct doctor *d)
{
	for (char *const *name = d->names; *name; name++) {
		const struct service *near;

		if (find_service(d, *name))
			continue;
		near = near_service(d, *name);
		doctor_find(d, DOCTOR_PROBLEM, *name, "there is no such service; %s%s%s",
			    near ? "do you mean \"" : "'" PROGRAM " list' shows all",
			    near ? near->name : "", near ? "\"?" : "");
		if (near)
			doctor_mend(d, PROGRAM " doctor %s", near->name);
	}
}

/* Fresh from the installation, nothing is wrong, and nothing works. */
void check_service_enabled(struct doctor *d)
{
	for (size_t i = 0; i < d->services->n; i++)
		if (is_examined(d, &d->services->service[i]))
			return;
	if (d->services->units && !*d->names)
		doctor_find(
			d, DOCTOR_NOTE, "services",
			"none is enabled; systemctl enable --now fuse-svc-NAME.socket, '" PROGRAM
			" list' shows all");
}

/* Does the service manager say that it listens? Without one: nobody says otherwise. */
static bool should_listen(const struct service *s)
{
	return !s->unit || (strcmp(s->unit->load_state, "loaded") == 0 &&
			    strcmp(s->unit->active_state, "active") == 0);
}

static void mend_socket(struct doctor *d, const struct service *s)
{
	if (s->unit)
		doctor_mend(d, "systemctl restart %s", s->unit->name);
	else
		doctor_mend(d, "rm %s", s->socket);
}

void check_socket_missing(struct doctor *d, const struct service *s)
{
	struct stat st;

	if (!s->unit || !should_listen(s) || lstat(s->socket, &st) == 0)
		return;
	doctor_find(d, DOCTOR_PROBLEM, s->socket,
		    "%s, although its unit is active: nobody finds the service", strerror(errno));
	mend_socket(d, s);
}

void check_socket_type(struct doctor *d, const struct service *s)
{
	struct stat st;

	if (!should_listen(s) || lstat(s->socket, &st) < 0 || S_ISSOCK(st.st_mode))
		return;
	doctor_find(d, DOCTOR_PROBLEM, s->socket, "not a socket: nobody finds the service");
	if (s->unit) /* it would not be in the way of a socket alone */
		doctor_mend(d, "rm -r %s", s->socket);
	mend_socket(d, s);
}

void check_socket_stale(struct doctor *d, const struct service *s)
{
	if (!should_listen(s) || !s->has_socket || s->is_listening)
		return;
	doctor_find(d, DOCTOR_PROBLEM, s->socket, "left over: nobody listens any more");
	mend_socket(d, s);
}

void check_socket_protocol(struct doctor *d, const struct service *s)
{
	if (!s->is_listening || s->is_seqpacket)
		return;
	doctor_find(d, DOCTOR_PROBLEM, s->socket,
		    "not a SOCK_SEQPACKET socket: nobody can talk to the service");
	mend_socket_listen(d, s);
}

/* As whoever asks: root may always. */
void check_socket_mode(struct doctor *d, const struct service *s)
{
	if (!s->is_listening || s->may_connect)
		return;
	doctor_find(d, *d->names ? DOCTOR_PROBLEM : DOCTOR_WARNING, s->socket,
		    "mode %04o: you may not connect", s->mode);
	mend_socket_mode(d, s, USERS_SOCKET_MODE);
}

/* A file that others may write to, or one of the administrator's in the way of a good one. */
static void mend_preset(struct doctor *d, const char *name)
{
	char path[PATH_MAX], shipped[PATH_MAX];
	bool is_shipped = exists(PRESET_DIR, name, shipped, sizeof(shipped));
	bool is_own = exists(PRESET_ETC_DIR, name, path, sizeof(path));
	struct stat st;

	if (stat(is_own ? path : shipped, &st) < 0)
		return;
	if (st.st_uid || (st.st_mode & (S_IWGRP | S_IWOTH))) {
		doctor_mend(d, "chown root:root %s", is_own ? path : shipped);
		doctor_mend(d, "chmod go-w %s", is_own ? path : shipped);
	} else if (is_own && is_shipped) {
		doctor_mend(d, "mv %s %s.bad", path, path);
	}
}

void check_preset(struct doctor *d, const struct service *s)
{
	char path[PATH_MAX], text[PRESET_ERROR_SIZE];
	const char *name = preset_name(s, path, sizeof(path));
	_cleanup_preset_ struct preset p = { 0 };
	struct preset_error e = { 0 };
	int rc = name ? preset_load(name, &p, &e) : 0;

	if (!rc)
		return;
	(void)preset_error_text(&e, text, sizeof(text));
	if (rc == -EACCES) {
		doctor_find(d, DOCTOR_NOTE, s->name, "%s", text);
		return;
	}
	doctor_find(d, DOCTOR_PROBLEM, s->name, "no mount gets a server: %s", text);
	mend_preset(d, name);
}

/* By dpkg's own list: then a file is gone, which no "apt install" brings back by itself. */
static bool is_installed(const char *package)
{
	char pattern[PATH_MAX];
	glob_t found;
	bool is;

	(void)snprintf(pattern, sizeof(pattern), "/var/lib/dpkg/info/%s{,:*}.list", package);
	is = glob(pattern, GLOB_BRACE, NULL, &found) == 0;
	globfree(&found);
	return is;
}

static const char *programs(const struct preset *p, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < p->programs.n && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", i ? ", " : "",
					p->programs.word[i]);
	return buf;
}

/* What a preset runs. */
static void look_for_server(struct doctor *d, const struct service *s, const char *preset)
{
	_cleanup_preset_ struct preset p = { 0 };
	struct preset_error e = { 0 };
	const char *program;
	char all[PATH_MAX];

	if (preset_load(preset, &p, &e) != 0 || preset_find_program(&p, &program, &e) == 0)
		return;
	doctor_find(d, DOCTOR_PROBLEM, s->name, "there is no %s: no mount gets a server",
		    programs(&p, all, sizeof(all)));
	if (p.package)
		doctor_mend(d, "apt install %s%s", is_installed(p.package) ? "--reinstall " : "",
			    p.package);
}

void check_program(struct doctor *d, const struct service *s)
{
	const char *program = s->command ? s->command[0] : NULL, *preset;
	char path[PATH_MAX];

	if (program && access(program, X_OK) < 0) {
		int err = errno;

		doctor_find(d, DOCTOR_PROBLEM, program, "%s: no mount gets a server",
			    strerror(err));
		if (err == EACCES)
			doctor_mend(d, "chmod 755 %s", DOCTOR_QUOTED(program));
		return;
	}
	preset = preset_name(s, path, sizeof(path));
	if (preset)
		look_for_server(d, s, preset);
}
