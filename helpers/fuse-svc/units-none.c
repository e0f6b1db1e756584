/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * units.h for a build without libsystemd: there is never a service manager to ask.
 */
#include "units.h"

int units_open(struct units **out)
{
	*out = NULL;
	return 0;
}

void units_close(struct units *u)
{
	(void)u;
}

int units_list(struct units *u, const char *pattern, char ***names)
{
	return -ENOTCONN;
}

int units_get(struct units *u, const char *name, struct unit **out)
{
	return -ENOTCONN;
}

int units_get_text(struct units *u, const char *name, const char *property, char **text)
{
	return -ENOTCONN;
}

int units_get_texts(struct units *u, const char *name, const char *property, char ***texts)
{
	return -ENOTCONN;
}

int units_get_number(struct units *u, const char *name, const char *property, uint64_t *number)
{
	return -ENOTCONN;
}

int units_get_all(struct units *u, const char *name, units_property *f, void *data)
{
	return -ENOTCONN;
}

int units_get_command(struct units *u, const char *name, char ***words)
{
	return -ENOTCONN;
}

int units_of_process(pid_t pid, char **name)
{
	return -ENODATA;
}

void unit_free(struct unit *unit)
{
	(void)unit;
}
