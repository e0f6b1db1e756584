/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How far a prepare step is, as programs like e2fsck tell it: "pass current maximum text" a line.
 */
#ifndef FUSE_SVC_RUN_STEP_H
#define FUSE_SVC_RUN_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

struct step {
	const char *program; /* its name; NULL: there is none */
	int64_t start;	     /* in ms */
	int64_t last_word;   /* when it said something, there or on its standard output or error */
	unsigned int per_mille;
	int fd, write_fd; /* a pipe for what it tells, or -1 */
	char line[64];	  /* as far as it was told: the numbers fit in */
	size_t len;
};

/* A pipe for all steps, whose end for writing is theirs. */
int step_open(struct step *s) _must_check_ _nonnull_all_;
void step_close(struct step *s) _nonnull_all_;

/* Another one begins: @path is the program's. */
void step_begin(struct step *s, const char *path) _nonnull_all_;

/*
 * One that says nothing for that long hangs, perhaps because the image wants it so. A journal may
 * be played back in silence, of a slow disk too.
 */
#define STEP_SILENCE_MS 600000
bool step_is_silent(const struct step *s, int64_t now) _nonnull_all_;

/* Reads a piece of what is there, without waiting. */
void step_read(struct step *s) _nonnull_all_;

/* What of it is done by a line like that; 0 if it is none. Pure. */
unsigned int step_per_mille(const char *line) _nonnull_all_;

/* What is being done, in a few words; without a number to show, for how long. */
void step_text(const struct step *s, char *buf, size_t size) _nonnull_all_;

#endif /* FUSE_SVC_RUN_STEP_H */
