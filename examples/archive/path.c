// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Paths as they stand in an archive. A leading "/", "." and empty components count for nothing.
 *
 * Must never let a ".." pass: there is no directory above the tree.
 */
#include "path.h"

#include <string.h>

#include "tree.h"

size_t path_next(const char **path)
{
	size_t len;

	for (;;) {
		*path += strspn(*path, "/");
		len = strcspn(*path, "/");
		if (len != 1 || **path != '.')
			return len;
		*path += 1;
	}
}

const char *path_trouble(const char *path)
{
	unsigned int depth = 0;
	size_t len;

	if (*path == '\0')
		return "it has an empty name";
	for (; (len = path_next(&path)) > 0; path += len) {
		if (len == 2 && memcmp(path, "..", 2) == 0)
			return "its name has a \"..\"";
		if (len > TREE_MAX_NAME)
			return "its name is too long";
		if (++depth > TREE_MAX_DEPTH)
			return "it is too deep in directories";
	}
	return NULL;
}
