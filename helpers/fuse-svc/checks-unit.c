/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks of the units of a service: of its socket, of the template for its instances, and of these.
 * Where no service manager is, there is no unit, and nothing to find.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "checks.h"

#define UNIT_NAME_SIZE (sizeof(UNIT_PREFIX) + FUSESVC_NAME_SIZE + sizeof(UNIT_INSTANCE))

static bool is_state(const char *state, const char *wanted)
{
	return strcmp(state, wanted) == 0;
}

/* Is the unit of the socket there to be started? */
static bool is_loaded(const struct service *s)
{
	return s->unit && is_state(s->unit->load_state, "loaded");
}

static const char *template_name(const struct service *s, char *buf, size_t size)
{
	(void)snprintf(buf, size, UNIT_PREFIX "%s@.service", s->name);
	return buf;
}

/* By a drop-in that is read after all that people are likely to have. */
static void mend_socket_unit(struct doctor *d, const struct service *s, const char *name,
			     const char *lines)
{
	doctor_mend(d, "mkdir -p /etc/systemd/system/%s.d", s->unit->name);
	doctor_mend(d, "printf '[Socket]\\n%s\\n' >/etc/systemd/system/%s.d/zz-%s.conf", lines,
		    s->unit->name, name);
	doctor_mend(d, "systemctl daemon-reload");
	doctor_mend(d, "systemctl restart %s", s->unit->name);
}

void mend_socket_mode(struct doctor *d, const struct service *s, const char *mode)
{
	char line[32];

	if (!is_named(d, s) || is_for_root(s))
		return;
	(void)snprintf(line, sizeof(line), "SocketMode=%s", mode);
	if (s->unit)
		mend_socket_unit(d, s, "mode", line);
	else
		doctor_mend(d, "chmod %s %s", mode, s->socket);
}

void mend_socket_listen(struct doctor *d, const struct service *s)
{
	char lines[PATH_MAX + 64];

	(void)snprintf(lines, sizeof(lines), "ListenStream=\\nListenSequentialPacket=%s",
		       s->socket);
	if (s->unit)
		mend_socket_unit(d, s, "listen", lines);
	else
		doctor_mend(d, "rm %s", s->socket);
}

void check_unit_masked(struct doctor *d, const struct service *s)
{
	if (!s->unit || !is_state(s->unit->load_state, "masked"))
		return;
	doctor_find(d, DOCTOR_PROBLEM, s->unit->name, "masked: nobody listens");
	doctor_mend(d, "systemctl unmask %s", s->unit->name);
	doctor_mend(d, "systemctl enable --now %s", s->unit->name);
}

void check_unit_broken(struct doctor *d, const struct service *s)
{
	if (!s->unit || is_loaded(s) || is_state(s->unit->load_state, "masked"))
		return;
	doctor_find(d, DOCTOR_PROBLEM, s->unit->name, "not understood (%s): nobody listens",
		    s->unit->load_state);
	doctor_mend(d, "systemd-analyze verify %s", s->unit->name);
}

/* What is started for each mount. */
void check_template(struct doctor *d, const struct service *s)
{
	char instance[UNIT_NAME_SIZE], name[UNIT_NAME_SIZE];
	_cleanup_unit_ struct unit *unit = NULL;

	(void)snprintf(instance, sizeof(instance), UNIT_PREFIX "%s" UNIT_INSTANCE, s->name);
	if (!is_loaded(s) || units_get(d->services->units, instance, &unit) != 0 ||
	    is_state(unit->load_state, "loaded"))
		return;
	(void)template_name(s, name, sizeof(name));
	doctor_find(d, DOCTOR_PROBLEM, name, "%s: no mount gets a server", unit->load_state);
	if (is_state(unit->load_state, "masked"))
		doctor_mend(d, "systemctl unmask %s", name);
	else if (!is_state(unit->load_state, "not-found"))
		doctor_mend(d, "systemd-analyze verify %s", instance);
}

void check_unit_failed(struct doctor *d, const struct service *s)
{
	if (!is_loaded(s) || !is_state(s->unit->active_state, "failed"))
		return;
	doctor_find(d, DOCTOR_PROBLEM, s->unit->name, "failed (%s): nobody listens",
		    s->unit->result);
	doctor_mend(d, "systemctl reset-failed %s", s->unit->name);
	doctor_mend(d, "systemctl restart %s", s->unit->name);
}

void check_unit_disabled(struct doctor *d, const struct service *s)
{
	if (!is_loaded(s) || !is_state(s->unit->file_state, "disabled") ||
	    is_state(s->unit->active_state, "failed") || is_state(s->unit->active_state, "active"))
		return;
	doctor_find(d, DOCTOR_PROBLEM, s->unit->name, "not enabled: nobody listens");
	doctor_mend(d, "systemctl enable --now %s", s->unit->name);
}

void check_unit_transient(struct doctor *d, const struct service *s)
{
	if (!is_loaded(s) || !is_state(s->unit->file_state, "disabled") ||
	    !is_state(s->unit->active_state, "active"))
		return;
	doctor_find(d, DOCTOR_WARNING, s->unit->name,
		    "not enabled: nobody listens after the next boot");
	doctor_mend(d, "systemctl enable %s", s->unit->name);
}

void check_unit_inactive(struct doctor *d, const struct service *s)
{
	if (!is_loaded(s) || is_state(s->unit->file_state, "disabled") ||
	    is_state(s->unit->active_state, "failed") || is_state(s->unit->active_state, "active"))
		return;
	doctor_find(d, DOCTOR_PROBLEM, s->unit->name, "not started (%s): nobody listens",
		    s->unit->active_state);
	doctor_mend(d, "systemctl start %s", s->unit->name);
}

/* A server takes one connection, not a socket that listens. */
void check_unit_accept(struct doctor *d, const struct service *s)
{
	uint64_t accept;

	if (!is_loaded(s) ||
	    units_get_number(d->services->units, s->unit->name, "Accept", &accept) != 0 || accept)
		return;
	doctor_find(d, DOCTOR_PROBLEM, s->unit->name,
		    "Accept=no: servers cannot do anything with a socket that listens");
	mend_socket_unit(d, s, "accept", "Accept=yes");
}

void check_instances(struct doctor *d, const struct service *s)
{
	char pattern[UNIT_NAME_SIZE], subject[UNIT_NAME_SIZE];
	_cleanup_texts_ char **names = NULL;
	unsigned int failed = 0;

	(void)snprintf(pattern, sizeof(pattern), UNIT_PREFIX "%s@*.service", s->name);
	if (!is_loaded(s) || units_list(d->services->units, pattern, &names) != 0)
		return;
	for (char **n = names; *n; n++) {
		_cleanup_unit_ struct unit *unit = NULL;

		if (!strstr(*n, "@.") && units_get(d->services->units, *n, &unit) == 0)
			failed += is_state(unit->active_state, "failed");
	}
	if (!failed)
		return;
	(void)template_name(s, subject, sizeof(subject));
	doctor_find(d, DOCTOR_WARNING, subject, "%u of its servers failed; the journal has why",
		    failed);
	doctor_mend(d, "journalctl --no-pager -u 'fuse-svc-%s@*'", s->name);
	doctor_mend(d, "systemctl reset-failed 'fuse-svc-%s@*'", s->name);
}
