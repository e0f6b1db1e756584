/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Presets: how to run a FUSE server that knows nothing of contained services, and which options
 * of mount(8) it understands. One small text file a service; fuse-svc-preset(5) has the format.
 *
 * preset_parse() is pure; it gets fuzzed. A preset is understood as a whole or not at all.
 */
#ifndef FUSE_SVC_PRESET_H
#define FUSE_SVC_PRESET_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"
#include "rule.h"
#include "words.h"

#define PRESET_MAX_SIZE	 (64 * 1024) /* bytes of a file */
#define PRESET_MAX_LINE	 1024	     /* bytes of a line */
#define PRESET_MAX_RULES 512	     /* in a file */

struct preset {
	const char *description;
	const char *package;		/* or NULL */
	struct preset_words programs;	/* absolute paths, the first that is there is run */
	struct preset_words arguments;	/* of the server, without its name */
	struct preset_words *prepare;	/* commands in their order, for read-write mounts */
	size_t n_prepare;		/* ... */
	bool prepare_ok[UINT8_MAX + 1]; /* by exit status */
	bool is_read_write;		/* access = read-write */
	bool has_text_source;		/* source = text: {source} is what the caller wrote */
	bool has_own_permissions;	/* permissions = server: no default_permissions */
	struct preset_words options, options_ro, options_rw;
	struct preset_words *defaults; /* an option, and names of those that take its place */
	size_t n_defaults;
	struct rule *rules;
	size_t n_rules;
	char *text; /* what all the strings are in */
};

/*
 * What is wrong with a preset, or with what the caller wants of it. May have a stranger's bytes in
 * it: escape it once, where it is printed.
 */
struct preset_error {
	char file[PATH_MAX]; /* or empty: it is not about a file */
	unsigned int line;   /* or 0: it is not about one line */
	char text[512];
};

/*
 * Fills in an error, with no file and no line. Returns -@err, so that "return
 * preset_error_set(...)" fails.
 */
int preset_error_set(struct preset_error *e, int err, const char *format,
		     ...) _must_check_ _nonnull_all_ __attribute__((format(printf, 3, 4)));

/* The whole of it in one line, without a newline: "FILE: line N: TEXT". Returns @buf. */
const char *preset_error_text(const struct preset_error *e, char *buf, size_t size) _nonnull_all_;

/* Bytes of that line, with its NUL. */
#define PRESET_ERROR_SIZE (sizeof(struct preset_error) + 32)

/*
 * Understands the text of a file. On success @p is to be freed; on failure there is nothing in it.
 * Returns 0, -EINVAL, or -ENOMEM; the error has no file.
 */
int preset_parse(const char *text, size_t len, struct preset *p,
		 struct preset_error *e) _must_check_ _nonnull_all_;

/*
 * Reads the preset of a service from the first of the directories that has one: the
 * administrator's, then that of the package. One that is there and cannot be read is an error, so
 * that a restriction never gets lost.
 * Returns 0; -EINVAL for a name or a text that is none, or for a file that others may write to;
 * -ENOENT if there is no such preset; or another -errno.
 */
int preset_load(const char *name, struct preset *p,
		struct preset_error *e) _must_check_ _nonnull_all_;

/* The same with other directories, ended by NULL. */
int preset_load_from(const char *const *directories, const char *name, struct preset *p,
		     struct preset_error *e) _must_check_ _nonnull_all_;

/*
 * The first of the preset's programs that can be run.
 * Returns 0, or -ENOENT with an error that names the package to install.
 */
int preset_find_program(const struct preset *p, const char **program,
			struct preset_error *e) _must_check_ _nonnull_all_;

void preset_free(struct preset *p) _nonnull_all_;

#define _cleanup_preset_ _cleanup_(preset_free)

#endif /* FUSE_SVC_PRESET_H */
