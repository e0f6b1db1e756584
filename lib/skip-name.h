/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Programs begin what they say with their names, and whoever shows it has named them before.
 */
#ifndef FUSESVC_SKIP_NAME_H
#define FUSESVC_SKIP_NAME_H

#include <string.h>

/* Where @text goes on after "NAME: ", as often as it begins with that. */
static inline const char *skip_name(const char *text, const char *name)
{
	const size_t len = strlen(name);

	while (len && strncmp(text, name, len) == 0 && text[len] == ':' && text[len + 1] == ' ')
		text += len + 2 + strspn(text + len + 2, " ");
	return text;
}

#endif /* FUSESVC_SKIP_NAME_H */
