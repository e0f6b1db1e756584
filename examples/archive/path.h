/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paths as they stand in an archive.
 */
#ifndef ARCHIVE_PATH_H
#define ARCHIVE_PATH_H

#include <stddef.h>

/**
 * path_next() - the next component of a path that is neither "." nor empty
 * @path: moved to where it begins
 *
 * Returns: its length; 0 at the end.
 */
size_t path_next(const char **path) __attribute__((nonnull));

/** path_trouble() - why a path cannot be in a tree, or NULL */
const char *path_trouble(const char *path) __attribute__((nonnull));

#endif
