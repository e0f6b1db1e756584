/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line on the caller's terminal that tells how far a long start is.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stddef.h>

#include "cleanup.h"

/* A mount begins. Unless standard error is a terminal, none of these does anything. */
void progress_begin(void);

/*
 * What the service does just now; the text is clean. Draws the line if the mount takes longer than
 * a moment. In a child process, which may be killed at any time.
 */
void progress_show(const char *target, const char *service, unsigned int per_mille,
		   const char *text) _nonnull_all_;

/* Takes the line away, whichever process has drawn it. Nothing that needs power comes after it. */
void progress_clear(void);

/* Words of the service that are no error, for whoever mounts. The text is clean. */
void show_message(const char *target, const char *service, int level,
		  const char *text) _nonnull_all_;

/*
 * The line itself, in less than @columns: of what is too long the end is cut, but not the
 * percentage. Without one if @per_mille is 0, which says that it is not known. Pure.
 */
void progress_line(char *buf, size_t size, unsigned int columns, const char *target,
		   const char *service, unsigned int per_mille, const char *text) _nonnull_all_;

#endif /* PROGRESS_H */
