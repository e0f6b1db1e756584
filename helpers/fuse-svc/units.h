/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The units of the service manager, as it tells of them on the system bus. Nobody needs privilege
 * for that.
 *
 * There need be no service manager: then the connection is NULL, which all these functions take.
 * They return 0 or -errno: -ENOENT if there is no such unit or property, -ENOTCONN if there is
 * nobody to ask. No call waits for longer than a few seconds; one that did is the last that waits.
 */
#ifndef FUSE_SVC_UNITS_H
#define FUSE_SVC_UNITS_H

#include <stdint.h>
#include <sys/types.h>

#include "cleanup.h"

#define UNIT_PREFIX   "fuse-svc-"
#define UNIT_INSTANCE "@fuse-svc.service" /* of a template: never started, only looked at */

struct units;

struct unit {
	char *name;
	char *load_state;   /* loaded, masked, not-found, bad-setting, error ... */
	char *active_state; /* active, inactive, failed ... */
	char *sub_state;    /* listening, running, dead ... */
	char *result;	    /* success, or why it failed */
	char *file_state;   /* enabled, disabled, masked, static ..., or "" */
	char *description;
	char *fragment;	 /* path of the unit file, or "" */
	char **drop_ins; /* paths, with a NULL at the end */
};

/*
 * Returns 0 with a connection, or with NULL if there is no service manager; or -errno: it does not
 * answer.
 */
int units_open(struct units **out) _must_check_ _nonnull_all_;
void units_close(struct units *u);

/*
 * Names of units that match a pattern of fnmatch(3), sorted, with a NULL at the end: of all that
 * have a file or are loaded.
 */
int units_list(struct units *u, const char *pattern, char ***names) _must_check_ _nonnull_(2, 3);

/*
 * One that is not loaded yet gets loaded: of a template, any instance can be looked at. One without
 * a file has the load state "not-found".
 */
int units_get(struct units *u, const char *name, struct unit **out) _must_check_ _nonnull_(2, 3);

/* Properties of the unit's own kind (socket, service), by their names on the bus. */
int units_get_text(struct units *u, const char *name, const char *property,
		   char **text) _must_check_ _nonnull_(2, 3, 4);
int units_get_texts(struct units *u, const char *name, const char *property,
		    char ***texts) _must_check_ _nonnull_(2, 3, 4);
/* Of a number of any size, or a boolean. */
int units_get_number(struct units *u, const char *name, const char *property,
		     uint64_t *number) _must_check_ _nonnull_(2, 3, 4);
/*
 * All properties of the unit's own kind, for those that have a text: yes or no, a decimal number, a
 * text; the elements of a list have a blank between them, those of a structure a colon.
 */
typedef void units_property(const char *property, const char *text, void *data);
int units_get_all(struct units *u, const char *name, units_property *f, void *data) _must_check_
	_nonnull_(2, 3);
/* The words of the first command of ExecStart=. */
int units_get_command(struct units *u, const char *name, char ***words) _must_check_
	_nonnull_(2, 3);

/* In which unit is a process? -ENODATA: in none. */
int units_of_process(pid_t pid, char **name) _must_check_ _nonnull_all_;

void unit_free(struct unit *unit);

/* A list of texts with a NULL at the end, or NULL. */
static inline void texts_free(char **texts)
{
	for (char **t = texts; t && *t; t++)
		free(*t);
	free(texts);
}

static inline void cleanup_units(struct units **u)
{
	units_close(*u);
}
static inline void cleanup_unit(struct unit **unit)
{
	unit_free(*unit);
}
static inline void cleanup_texts(char ***texts)
{
	texts_free(*texts);
}
#define _cleanup_units_ _cleanup_(cleanup_units)
#define _cleanup_unit_	_cleanup_(cleanup_unit)
#define _cleanup_texts_ _cleanup_(cleanup_texts)

#endif /* FUSE_SVC_UNITS_H */
