/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See units.h. The only file that knows systemd. Asks for nothing that a user may not know, and
 * must never ask for a change.
 */
#include "units.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-login.h>

#include "clock.h"
#include "units-text.h"

#define DEADLINE_MS 5000

#define MANAGER	      "org.freedesktop.systemd1"
#define MANAGER_PATH  "/org/freedesktop/systemd1"
#define MANAGER_IFACE MANAGER ".Manager"
#define UNIT_IFACE    MANAGER ".Unit"
#define UNIT_PATH     MANAGER_PATH "/unit"
#define _cleanup_msg_ _cleanup_(sd_bus_message_unrefp)
#define _cleanup_err_ _cleanup_(sd_bus_error_free)

struct units {
	sd_bus *bus;
	bool is_silent; /* it has let us wait once */
};

void unit_free(struct unit *unit)
{
	if (!unit)
		return;
	free(unit->name);
	free(unit->load_state);
	free(unit->active_state);
	free(unit->sub_state);
	free(unit->result);
	free(unit->file_state);
	free(unit->description);
	free(unit->fragment);
	texts_free(unit->drop_ins);
	free(unit);
}

/* The greetings have deadlines of their own, which are too long. */
static int wait_until_ready(sd_bus *bus)
{
	int64_t end = now_ms() + DEADLINE_MS;
	int rc;

	while ((rc = sd_bus_is_ready(bus)) == 0) {
		int64_t left = end - now_ms();

		if (left <= 0)
			return -ETIMEDOUT;
		rc = sd_bus_process(bus, NULL);
		if (rc == 0)
			rc = sd_bus_wait(bus, (uint64_t)left * 1000);
		if (rc < 0 && rc != -EINTR)
			return rc;
	}
	return rc < 0 ? rc : 0;
}

int units_open(struct units **out)
{
	_cleanup_units_ struct units *u = NULL;
	int rc;

	*out = NULL;
	if (sd_booted() <= 0)
		return 0;
	u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	rc = sd_bus_open_system(&u->bus);
	if (rc == -ENOENT || rc == -ECONNREFUSED) /* a system without that bus */
		return 0;
	if (rc < 0)
		return rc;
	rc = wait_until_ready(u->bus);
	if (rc == 0)
		rc = sd_bus_set_method_call_timeout(u->bus, DEADLINE_MS * 1000);
	if (rc < 0)
		return rc;
	*out = steal_pointer(&u);
	return 0;
}

void units_close(struct units *u)
{
	if (!u)
		return;
	(void)sd_bus_close_unref(u->bus);
	free(u);
}

/* What an answer means, and whether there will be another. */
static int understand(struct units *u, int rc, const sd_bus_error *error)
{
	if (rc >= 0)
		return 0;
	if (rc == -ETIMEDOUT)
		u->is_silent = true;
	if (sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_PROPERTY) ||
	    sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_OBJECT) ||
	    sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_INTERFACE) ||
	    sd_bus_error_has_name(error, "org.freedesktop.systemd1.NoSuchUnit"))
		return -ENOENT;
	return rc;
}

static bool can_ask(const struct units *u)
{
	return u && !u->is_silent;
}

/* Adds a copy, unless it is there. */
static int add_text(char ***texts, size_t *n, const char *text)
{
	char **more;

	for (size_t i = 0; i < *n; i++)
		if (strcmp((*texts)[i], text) == 0)
			return 0;
	more = reallocarray(*texts, *n + 2, sizeof(*more));
	if (!more)
		return -ENOMEM;
	*texts = more;
	more[*n + 1] = NULL;
	more[*n] = strdup(text);
	return more[*n] ? ((*n)++, 0) : -ENOMEM;
}

/*
 * Adds what a method with a pattern lists: an array of structures that begin with the name of a
 * unit, or with the path of its file.
 */
static int add_listed(struct units *u, const char *method, const char *pattern,
		      const char *contents, char ***names, size_t *n)
{
	_cleanup_err_ sd_bus_error error = SD_BUS_ERROR_NULL;
	_cleanup_msg_ sd_bus_message *reply = NULL;
	const char *name;
	char type[32];
	int rc;

	if (!can_ask(u))
		return -ENOTCONN;
	(void)snprintf(type, sizeof(type), "(%s)", contents);
	rc = sd_bus_call_method(u->bus, MANAGER, MANAGER_PATH, MANAGER_IFACE, method, &error,
				&reply, "asas", 0, 1, pattern);
	if (rc < 0)
		return understand(u, rc, &error);
	rc = sd_bus_message_enter_container(reply, 'a', type);
	while (rc >= 0 && (rc = sd_bus_message_enter_container(reply, 'r', contents)) > 0) {
		rc = sd_bus_message_read(reply, "s", &name);
		if (rc >= 0)
			rc = add_text(names, n, strrchr(name, '/') ? strrchr(name, '/') + 1 : name);
		if (rc >= 0)
			rc = sd_bus_message_skip(reply, contents + 1);
		if (rc >= 0)
			rc = sd_bus_message_exit_container(reply);
	}
	return rc < 0 ? rc : 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int units_list(struct units *u, const char *pattern, char ***names)
{
	_cleanup_texts_ char **found = calloc(1, sizeof(*found));
	size_t n = 0;
	int rc;

	if (!found)
		return -ENOMEM;
	rc = add_listed(u, "ListUnitFilesByPatterns", pattern, "ss", &found, &n);
	if (!rc)
		rc = add_listed(u, "ListUnitsByPatterns", pattern, "ssssssouso", &found, &n);
	if (rc)
		return rc;
	qsort(found, n, sizeof(*found), by_text);
	*names = steal_pointer(&found);
	return 0;
}

/* Reading it loads the unit. */
static int get_property(struct units *u, const char *name, const char *iface, const char *property,
			const char *type, sd_bus_message **reply)
{
	_cleanup_err_ sd_bus_error error = SD_BUS_ERROR_NULL;
	_cleanup_free_ char *path = NULL;
	int rc;

	if (!can_ask(u))
		return -ENOTCONN;
	rc = sd_bus_path_encode(UNIT_PATH, name, &path);
	if (rc >= 0)
		rc = sd_bus_get_property(u->bus, MANAGER, path, iface, property, &error, reply,
					 type);
	return understand(u, rc, &error);
}

static int get_text(struct units *u, const char *name, const char *iface, const char *property,
		    char **text)
{
	_cleanup_msg_ sd_bus_message *reply = NULL;
	const char *value;
	int rc = get_property(u, name, iface, property, "s", &reply);

	if (!rc)
		rc = sd_bus_message_read(reply, "s", &value);
	if (rc < 0)
		return rc;
	*text = strdup(value);
	return *text ? 0 : -ENOMEM;
}

static int get_texts(struct units *u, const char *name, const char *iface, const char *property,
		     char ***texts)
{
	_cleanup_msg_ sd_bus_message *reply = NULL;
	int rc = get_property(u, name, iface, property, "as", &reply);

	*texts = NULL;
	if (!rc)
		rc = sd_bus_message_read_strv(reply, texts);
	if (rc < 0)
		return rc;
	if (!*texts)
		*texts = calloc(1, sizeof(**texts));
	return *texts ? 0 : -ENOMEM;
}

/* The interface of the unit's own kind: org.freedesktop.systemd1.Socket of "x.socket". */
static int own_iface(const char *name, char *buf, size_t size)
{
	const char *kind = strrchr(name, '.');
	size_t at = strlen(MANAGER) + 1;

	if (!kind || !kind[1])
		return -EINVAL;
	(void)snprintf(buf, size, MANAGER "%s", kind);
	buf[at] = (char)(buf[at] - 'a' + 'A');
	return 0;
}

int units_get_text(struct units *u, const char *name, const char *property, char **text)
{
	char iface[64];
	int rc = own_iface(name, iface, sizeof(iface));

	return rc ? rc : get_text(u, name, iface, property, text);
}

int units_get_texts(struct units *u, const char *name, const char *property, char ***texts)
{
	char iface[64];
	int rc = own_iface(name, iface, sizeof(iface));

	return rc ? rc : get_texts(u, name, iface, property, texts);
}

static int read_number(sd_bus_message *reply, uint64_t *number)
{
	const char *type;
	char kind;
	int32_t i;
	uint32_t u;
	int rc = sd_bus_message_peek_type(reply, &kind, &type);

	if (rc < 0)
		return rc;
	switch (kind) {
	case 't':
	case 'x':
		return sd_bus_message_read_basic(reply, kind, number);
	case 'u':
		rc = sd_bus_message_read_basic(reply, kind, &u);
		*number = rc < 0 ? 0 : u;
		return rc;
	case 'i':
	case 'b':
		rc = sd_bus_message_read_basic(reply, kind, &i);
		*number = rc < 0 ? 0 : (uint64_t)i;
		return rc;
	default:
		return -EINVAL;
	}
}

int units_get_number(struct units *u, const char *name, const char *property, uint64_t *number)
{
	_cleanup_err_ sd_bus_error error = SD_BUS_ERROR_NULL;
	_cleanup_msg_ sd_bus_message *reply = NULL;
	_cleanup_free_ char *path = NULL;
	const char *type;
	char iface[64];
	int rc = own_iface(name, iface, sizeof(iface));

	if (rc)
		return rc;
	if (!can_ask(u))
		return -ENOTCONN;
	rc = sd_bus_path_encode(UNIT_PATH, name, &path);
	if (rc >= 0) /* of a type that is not known beforehand */
		rc = sd_bus_call_method(u->bus, MANAGER, path, "org.freedesktop.DBus.Properties",
					"Get", &error, &reply, "ss", iface, property);
	if (rc < 0)
		return understand(u, rc, &error);
	rc = sd_bus_message_peek_type(reply, NULL, &type);
	if (rc >= 0)
		rc = sd_bus_message_enter_container(reply, 'v', type);
	if (rc >= 0)
		rc = read_number(reply, number);
	return rc < 0 ? rc : 0;
}

/* One that has no text is skipped. */
static int tell_property(sd_bus_message *reply, units_property *f, void *data)
{
	_cleanup_free_ char *text = NULL;
	const char *property, *type;
	int rc = sd_bus_message_read(reply, "s", &property);

	if (rc >= 0)
		rc = sd_bus_message_peek_type(reply, NULL, &type);
	if (rc >= 0)
		rc = sd_bus_message_enter_container(reply, 'v', type);
	if (rc >= 0)
		rc = units_text(reply, type, &text);
	if (rc < 0)
		return rc;
	if (text)
		f(property, text, data);
	rc = sd_bus_message_exit_container(reply);
	return rc < 0 ? rc : sd_bus_message_exit_container(reply);
}

int units_get_all(struct units *u, const char *name, units_property *f, void *data)
{
	_cleanup_err_ sd_bus_error error = SD_BUS_ERROR_NULL;
	_cleanup_msg_ sd_bus_message *reply = NULL;
	_cleanup_free_ char *path = NULL;
	char iface[64];
	int rc = own_iface(name, iface, sizeof(iface));

	if (rc)
		return rc;
	if (!can_ask(u))
		return -ENOTCONN;
	rc = sd_bus_path_encode(UNIT_PATH, name, &path);
	if (rc >= 0)
		rc = sd_bus_call_method(u->bus, MANAGER, path, "org.freedesktop.DBus.Properties",
					"GetAll", &error, &reply, "s", iface);
	if (rc < 0)
		return understand(u, rc, &error);
	rc = sd_bus_message_enter_container(reply, 'a', "{sv}");
	while (rc >= 0 && (rc = sd_bus_message_enter_container(reply, 'e', "sv")) > 0)
		rc = tell_property(reply, f, data);
	return rc < 0 ? rc : 0;
}

int units_get_command(struct units *u, const char *name, char ***words)
{
	_cleanup_msg_ sd_bus_message *reply = NULL;
	char iface[64];
	int rc = own_iface(name, iface, sizeof(iface));

	*words = NULL;
	if (!rc)
		rc = get_property(u, name, iface, "ExecStart", "a(sasbttttuii)", &reply);
	if (!rc)
		rc = sd_bus_message_enter_container(reply, 'a', "(sasbttttuii)");
	if (rc >= 0)
		rc = sd_bus_message_enter_container(reply, 'r', "sasbttttuii");
	if (rc == 0)
		return -ENOENT;
	if (rc > 0)
		rc = sd_bus_message_skip(reply, "s");
	if (rc >= 0)
		rc = sd_bus_message_read_strv(reply, words);
	if (rc >= 0 && (!*words || !**words))
		rc = -ENOENT;
	return rc < 0 ? rc : 0;
}

int units_get(struct units *u, const char *name, struct unit **out)
{
	_cleanup_unit_ struct unit *unit = calloc(1, sizeof(*unit));
	const struct {
		const char *property;
		char **text;
	} texts[] = {
		{ "Id", &unit->name },
		{ "LoadState", &unit->load_state },
		{ "ActiveState", &unit->active_state },
		{ "SubState", &unit->sub_state },
		{ "UnitFileState", &unit->file_state },
		{ "Description", &unit->description },
		{ "FragmentPath", &unit->fragment },
	};
	int rc = unit ? 0 : -ENOMEM;

	for (size_t i = 0; !rc && i < ARRAY_SIZE(texts); i++)
		rc = get_text(u, name, UNIT_IFACE, texts[i].property, texts[i].text);
	if (!rc)
		rc = get_texts(u, name, UNIT_IFACE, "DropInPaths", &unit->drop_ins);
	if (!rc)
		rc = units_get_text(u, name, "Result", &unit->result);
	if (!rc)
		*out = steal_pointer(&unit);
	return rc;
}

int units_of_process(pid_t pid, char **name)
{
	int rc = sd_pid_get_unit(pid, name);

	return rc < 0 ? rc : 0;
}
