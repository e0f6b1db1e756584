/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is the sandbox of a service what is shipped? As systemd has understood it, of an instance that is
 * loaded and never started. Names the file that is to blame.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "checks.h"
#include "preset.h"
#include "sandbox.h"

#define MAX_RULES     128
#define MAX_NAMED     3 /* in one line */
#define SANDBOX_DIR   "fuse-svc-.service.d"
#define SANDBOX_CONF  "10-sandbox.conf"
#define LINE_SIZE     1024
#define SETTINGS_SIZE 2048

struct weakness {
	const struct sandbox_rule *rule;
	const char *culprit; /* a file; "" if none says it */
	bool is_told;
};

struct look {
	unsigned int layers;
	struct weakness weak[MAX_RULES];
	size_t n;
	bool is_known[MAX_RULES];
};

static void compare(const char *property, const char *text, void *data)
{
	struct look *look = data;

	for (size_t i = 0; sandbox_rules[i].setting; i++) {
		const struct sandbox_rule *rule = &sandbox_rules[i];

		if (strcmp(rule->property ? rule->property : rule->setting, property) != 0)
			continue;
		look->is_known[i] = true;
		if (sandbox_is_weaker(rule, look->layers, text) && look->n < MAX_RULES)
			look->weak[look->n++].rule = rule;
	}
}

static unsigned int layers_of(const struct service *s)
{
	_cleanup_preset_ struct preset p = { 0 };
	unsigned int layers = SANDBOX_BASE;
	struct preset_error e;

	if (!s->has_preset)
		return layers;
	layers |= SANDBOX_TRAP;
	if (strcmp(s->name, "sshfs") == 0)
		return layers | SANDBOX_SSHFS;
	if (strcmp(s->name, "gocryptfs") == 0)
		layers |= SANDBOX_GOCRYPTFS;
	if (preset_load(s->command[1], &p, &e) == 0 && p.has_text_source)
		layers |= SANDBOX_USER;
	return layers;
}

/*
 * Files
 */

/* Where the units of this project are installed; systemd may leave "/usr" out, or have it. */
static bool is_shipped(const char *path)
{
	static const char usr[] = "/usr", dir[] = UNIT_DIR "/";
	const char *d = dir;

	if (strncmp(path, usr, strlen(usr)) == 0)
		path += strlen(usr);
	if (strncmp(d, usr, strlen(usr)) == 0)
		d += strlen(usr);
	return strncmp(path, d, strlen(d)) == 0;
}

static bool has_setting(const char *path, const char *setting)
{
	FILE *f = fopen(path, "re");
	char line[LINE_SIZE];
	size_t len = strlen(setting);
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		const char *at = line + strspn(line, " \t");

		found = strncmp(at, setting, len) == 0 && at[len + strspn(at + len, " \t")] == '=';
	}
	if (f)
		(void)fclose(f);
	return found;
}

/* The last that says something of it, but none of ours. */
static const char *find_culprit(const struct unit *unit, const char *setting)
{
	const char *found = "";

	if (!is_shipped(unit->fragment) && has_setting(unit->fragment, setting))
		found = unit->fragment;
	for (char **path = unit->drop_ins; *path; path++)
		if (!is_shipped(*path) && has_setting(*path, setting))
			found = *path;
	return found;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A file of that name elsewhere takes the place of ours. */
static bool is_in_place_of_ours(const char *path)
{
	return strcmp(base_name(path), SANDBOX_CONF) == 0 ||
	       strcmp(base_name(path), "20-trap.conf") == 0;
}

/* What keeps 10-sandbox.conf from being read. NULL: it is read, or nobody knows why not. */
static const char *find_mask(const struct unit *unit, char *path, size_t size)
{
	static const char *const dirs[] = { "/etc/systemd/system", "/run/systemd/system",
					    "/usr/local/lib/systemd/system" };
	struct stat st;

	for (char **drop_in = unit->drop_ins; *drop_in; drop_in++)
		if (is_shipped(*drop_in) && strcmp(base_name(*drop_in), SANDBOX_CONF) == 0)
			return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		(void)snprintf(path, size, "%s/" SANDBOX_DIR "/" SANDBOX_CONF, dirs[i]);
		if (!is_shipped(path) && lstat(path, &st) == 0)
			return path;
	}
	return NULL;
}

/*
 * Findings
 */

/* All that one file weakens, as an alternative for a regular expression. */
static const char *settings(const struct look *look, const char *culprit, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < look->n && len < size; i++)
		if (strcmp(look->weak[i].culprit, culprit) == 0)
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? "|" : "",
						look->weak[i].rule->setting);
	return buf;
}

static void mend_file(struct doctor *d, const struct look *look, const char *culprit)
{
	char all[SETTINGS_SIZE];

	if (*culprit == '\0')
		return;
	if (is_in_place_of_ours(culprit))
		doctor_mend(d, "rm %s", DOCTOR_QUOTED(culprit));
	else
		doctor_mend(d, "sed -i -E '/^[[:blank:]]*(%s)[[:blank:]]*=/d' %s",
			    settings(look, culprit, all, sizeof(all)), DOCTOR_QUOTED(culprit));
	doctor_mend(d, "systemctl daemon-reload");
}

/* One finding for each file. */
static void tell_of_file(struct doctor *d, struct look *look, const char *culprit,
			 const char *template)
{
	char text[LINE_SIZE] = "";
	enum doctor_level level;
	bool is_limit = true;
	size_t len = 0, n = 0;

	for (size_t i = 0; i < look->n; i++) {
		struct weakness *w = &look->weak[i];

		if (strcmp(w->culprit, culprit) != 0)
			continue;
		w->is_told = true;
		is_limit &= w->rule->is_limit;
		if (n++ < MAX_NAMED && len < sizeof(text))
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s (%s)",
						len ? ", " : "", w->rule->setting, w->rule->risk);
	}
	if (n > MAX_NAMED && len < sizeof(text))
		(void)snprintf(text + len, sizeof(text) - len, " and %zu more", n - MAX_NAMED);
	level = is_limit ? DOCTOR_WARNING : DOCTOR_PROBLEM;
	if (*culprit == '\0')
		doctor_find(d, level, template,
			    "the sandbox is weaker than shipped, and no file says so: %s", text);
	else if (is_in_place_of_ours(culprit)) /* the same, whichever services have it */
		doctor_find(d, level, culprit,
			    "in the place of the file that is shipped: the sandbox is weaker");
	else
		doctor_find(d, level, culprit, "the sandbox is weaker than shipped: %s", text);
	mend_file(d, look, culprit);
}

/* In the order of the table: what matters most comes first. */
static int by_rule(const void *a, const void *b)
{
	const struct weakness *x = a, *y = b;

	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

static void tell(struct doctor *d, struct look *look, const struct unit *unit, const char *template)
{
	char path[PATH_MAX];
	const char *mask = find_mask(unit, path, sizeof(path));

	qsort(look->weak, look->n, sizeof(*look->weak), by_rule);
	for (size_t i = 0; i < look->n; i++) {
		struct weakness *w = &look->weak[i];

		w->culprit = find_culprit(unit, w->rule->setting);
		if (*w->culprit == '\0' && mask)
			w->culprit = mask;
	}
	for (size_t i = 0; i < look->n; i++)
		if (!look->weak[i].is_told)
			tell_of_file(d, look, look->weak[i].culprit, template);
}

static void tell_unjudged(struct doctor *d, const struct look *look, const char *template)
{
	for (size_t i = 0; sandbox_rules[i].setting; i++)
		if (sandbox_rules[i].is_weaker && !look->is_known[i])
			doctor_find(d, DOCTOR_DETAIL, template, "this systemd does not tell of %s",
				    sandbox_rules[i].setting);
}

void check_sandbox(struct doctor *d, const struct service *s)
{
	char template[sizeof(UNIT_PREFIX) + FUSESVC_NAME_SIZE + sizeof(UNIT_INSTANCE)];
	char instance[sizeof(template)];
	struct look look = { .layers = layers_of(s) };
	_cleanup_unit_ struct unit *unit = NULL;
	int rc;

	(void)snprintf(template, sizeof(template), UNIT_PREFIX "%s@.service", s->name);
	(void)snprintf(instance, sizeof(instance), UNIT_PREFIX "%s" UNIT_INSTANCE, s->name);
	if (!s->unit || units_get(d->services->units, instance, &unit) != 0 ||
	    strcmp(unit->load_state, "loaded") != 0)
		return;
	rc = units_get_all(d->services->units, instance, compare, &look);
	if (rc) {
		doctor_find(d, DOCTOR_NOTE, template, "systemd does not tell of its sandbox: %s",
			    strerror(-rc));
		return;
	}
	tell(d, &look, unit, template);
	tell_unjudged(d, &look, template);
}
