/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a server says on its standard output and error.
 */
#ifndef FUSE_SVC_RUN_OUTPUT_H
#define FUSE_SVC_RUN_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

#define OUTPUT_LINES	  4   /* that are kept */
#define OUTPUT_LINE_SIZE  256 /* bytes of a line, with its NUL; longer ones are several */
#define OUTPUT_LAST_READS 16  /* once nothing more is wanted, this much is read: 64 KiB */

struct output {
	const char *alias;	       /* where the server says this, it means ... */
	const char *name;	       /* ... this; NULL as long as that is not known */
	const char *service, *program; /* who says it, which is not kept; or NULL */
	int fd; /* the reading end of a pipe, not blocking; -1 once all its writers are gone */
	char line[OUTPUT_LINE_SIZE];
	size_t len;
	char last[OUTPUT_LINES][OUTPUT_LINE_SIZE];
	unsigned int n; /* lines so far */
};

/* Makes the pipe; @write_fd is for the server. */
int output_open(struct output *o, int *write_fd) _must_check_ _nonnull_all_;

/* Reads a piece of what is there, without waiting. Was there any? */
bool output_read(struct output *o) _nonnull_all_;

/* Reads what is there now; the last line need not be ended. */
void output_end(struct output *o) _nonnull_all_;

/* The last lines as one text, "" if there was none. */
void output_text(const struct output *o, char *buf, size_t size) _nonnull_all_;

#endif /* FUSE_SVC_RUN_OUTPUT_H */
