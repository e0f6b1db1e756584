/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks of the lines in fstab(5) that have a type of ours. The file is read by ourselves, as
 * libmount does not tell which line an entry has, and that is what mends.
 */
#include <libmount.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "checks.h"
#include "fusesvc.h"
#include "module.h"

#define FSTAB	       "/etc/fstab"
#define REQUIRES       "x-systemd.requires"
#define FIELDS	       4 /* source, target, type, options */
#define OPTIONS_PREFIX "[[:space:]]*([^[:space:]]+[[:space:]]+){3}[^[:space:]]+"

struct line {
	unsigned int number;
	char *field[FIELDS]; /* as they are written */
	int n;
	char service[FUSESVC_NAME_SIZE]; /* or "": it depends on the source */
};

static void free_fields(struct line *l)
{
	for (int i = 0; i < FIELDS; i++) {
		free(l->field[i]);
		l->field[i] = NULL;
	}
}

static const char *options(const struct line *l)
{
	return l->n == FIELDS ? l->field[3] : "";
}

static bool has_option(const struct line *l, const char *name)
{
	return mnt_optstr_get_option(options(l), name, NULL, NULL) == 0;
}

/* Fills in the service; false if the type is none of ours. */
static bool is_ours(struct line *l)
{
	const char *name = svc_service_of_type(l->field[2]);
	char *value = NULL;
	size_t len = 0;

	if (!name)
		return false;
	if (*name == '\0' && mnt_optstr_get_option(options(l), "svc", &value, &len) == 0 && value)
		(void)snprintf(l->service, sizeof(l->service), "%.*s", (int)len, value);
	else
		(void)snprintf(l->service, sizeof(l->service), "%s", name);
	return true;
}

/* Calls @f for each line of ours. Nobody but root has a fstab that cannot be read. */
static void each_line(struct doctor *d, void (*f)(struct doctor *d, const struct line *l))
{
	_cleanup_free_ char *text = NULL;
	FILE *file = fopen(FSTAB, "re");
	struct line l = { 0 };
	size_t size = 0;

	if (!file)
		return;
	while (getline(&text, &size, file) > 0) {
		l.number++;
		if (text[strspn(text, " \t")] == '#')
			continue;
		l.n = sscanf(text, "%ms %ms %ms %ms", &l.field[0], &l.field[1], &l.field[2],
			     &l.field[3]);
		if (l.n >= 3 && is_ours(&l))
			f(d, &l);
		free_fields(&l);
	}
	(void)fclose(file);
}

static const char *subject(const struct line *l, char *buf, size_t size)
{
	(void)snprintf(buf, size, FSTAB ": line %u: %s", l->number, l->field[1]);
	return buf;
}

#define SUBJECT(l) subject(l, (char[PATH_MAX]){ 0 }, PATH_MAX)

/* By systemd, before anybody can look. */
static bool is_mounted_at_boot(const struct doctor *d, const struct line *l)
{
	return d->services->units && !has_option(l, "noauto") &&
	       !has_option(l, "x-systemd.automount");
}

/* A command of sed(1) for a line. systemd has units made of the file as it was. */
static void mend_line(struct doctor *d, const struct line *l, const char *flags, const char *format,
		      ...) __attribute__((format(printf, 4, 5)));
static void mend_line(struct doctor *d, const struct line *l, const char *flags, const char *format,
		      ...)
{
	char script[PATH_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(script, sizeof(script), format, args);
	va_end(args);
	doctor_mend(d, "sed -i%s '%us/%s/' " FSTAB, flags, l->number, script);
	if (d->services->units)
		doctor_mend(d, "systemctl daemon-reload");
}

/* All that is missing at once, as each command counts on the line as it is. */
static void mend_options(struct doctor *d, const struct line *l, const char *missing)
{
	if (l->n == FIELDS)
		mend_line(d, l, " -E", "^" OPTIONS_PREFIX "/&,%s", missing);
	else
		mend_line(d, l, "", "[[:space:]]*$/ %s 0 0", missing);
}

static void look_at_boot(struct doctor *d, const struct line *l)
{
	bool may_fail = has_option(l, "nofail") || has_option(l, "_netdev");
	char wanted[FUSESVC_NAME_SIZE + 64] = "", missing[sizeof(wanted) + 16];

	if (fusesvc_name_is_valid(l->service))
		(void)snprintf(wanted, sizeof(wanted), REQUIRES "=" UNIT_PREFIX "%s.socket",
			       l->service);
	if (!is_mounted_at_boot(d, l) || (*l->service && !find_service(d, l->service)) ||
	    (may_fail && strstr(options(l), wanted)))
		return;
	(void)snprintf(missing, sizeof(missing), "%s%s%s", may_fail ? "" : "nofail",
		       may_fail || !*wanted || strstr(options(l), wanted) ? "" : ",",
		       strstr(options(l), wanted) ? "" : wanted);
	if (may_fail)
		doctor_find(d, DOCTOR_WARNING, SUBJECT(l),
			    "mounted at boot without %s: it may come too early, and fail", missing);
	else
		doctor_find(
			d, DOCTOR_PROBLEM, SUBJECT(l),
			"mounted at boot without %s: if it fails, the boot ends in emergency mode",
			missing);
	mend_options(d, l, missing);
}

static void look_for_service(struct doctor *d, const struct line *l)
{
	const struct service *near;

	if (!*l->service || find_service(d, l->service))
		return;
	doctor_find(d, DOCTOR_PROBLEM, SUBJECT(l),
		    "there is no service \"%s\": it cannot be mounted", l->service);
	near = near_service(d, l->service);
	if (near && fusesvc_name_is_valid(l->service))
		mend_line(d, l, "", "svc\\([.=]\\)%s/svc\\1%s", l->service, near->name);
}

/* The name of the service whose socket such an option is about; false if it is about another. */
static bool socket_of_option(const char *value, size_t len, char *name, size_t size)
{
	static const char prefix[] = UNIT_PREFIX, suffix[] = ".socket";
	size_t before = strlen(prefix), after = strlen(suffix);

	if (len <= before + after || strncmp(value, prefix, before) != 0 ||
	    memcmp(value + len - after, suffix, after) != 0)
		return false;
	(void)snprintf(name, size, "%.*s", (int)(len - before - after), value + before);
	return true;
}

/* Either it gets the right name, or, if the right one is there too, it goes. */
static void mend_required(struct doctor *d, const struct line *l, const char *wrong,
			  const struct service *right)
{
	char good[FUSESVC_NAME_SIZE + 64] = "";

	if (right)
		(void)snprintf(good, sizeof(good), REQUIRES "=" UNIT_PREFIX "%s.socket",
			       right->name);
	if (right && !strstr(options(l), good))
		mend_line(d, l, "", REQUIRES "=" UNIT_PREFIX "%s\\.socket/%s", wrong, good);
	else if (strchr(options(l), ','))
		mend_line(d, l, " -E",
			  "," REQUIRES "=" UNIT_PREFIX "%s\\.socket|" REQUIRES "=" UNIT_PREFIX
			  "%s\\.socket,/",
			  wrong, wrong);
	else
		mend_line(d, l, "", REQUIRES "=" UNIT_PREFIX "%s\\.socket/defaults", wrong);
}

static void look_at_required(struct doctor *d, const struct line *l)
{
	char *list = (char *)(uintptr_t)options(l), *option, *value, wrong[FUSESVC_NAME_SIZE + 64];
	size_t option_len, len;

	while (d->services->units &&
	       mnt_optstr_next_option(&list, &option, &option_len, &value, &len) == 0) {
		const struct service *s;

		if (option_len != strlen(REQUIRES) || memcmp(option, REQUIRES, option_len) != 0 ||
		    !value || !socket_of_option(value, len, wrong, sizeof(wrong)))
			continue;
		s = find_service(d, wrong);
		if (s && s->unit)
			continue;
		doctor_find(d, DOCTOR_PROBLEM, SUBJECT(l),
			    "it requires " UNIT_PREFIX "%s.socket, which does not exist: it is not "
			    "mounted",
			    wrong);
		s = find_service(d, l->service);
		if (!s || !s->unit)
			s = near_service(d, wrong);
		if (fusesvc_name_is_valid(wrong))
			mend_required(d, l, wrong, s && s->unit ? s : NULL);
	}
}

static void note_service(struct doctor *d, const struct line *l)
{
	for (size_t i = 0; i < d->services->n; i++)
		if (strcmp(d->services->service[i].name, l->service) == 0)
			d->in_fstab[i] = true;
}

void find_in_fstab(struct doctor *d)
{
	each_line(d, note_service);
}

void check_fstab_boot(struct doctor *d)
{
	each_line(d, look_at_boot);
}

void check_fstab_service(struct doctor *d)
{
	each_line(d, look_for_service);
	each_line(d, look_at_required);
}
