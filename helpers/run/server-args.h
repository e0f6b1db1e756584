/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a server is started with: a preset, and what the caller of mount(8) said.
 *
 * Pure. Nothing that the preset does not know reaches a server.
 */
#ifndef FUSE_SVC_SERVER_ARGS_H
#define FUSE_SVC_SERVER_ARGS_H

#include <sys/types.h>

#include "preset.h"

#define SERVER_MAX_OPTIONS (64 * 1024) /* bytes of the caller's options */
#define SERVER_MAX_SOURCE  4096	       /* bytes of a source that is a text, with its NUL */

/* The caller's options, as far as they matter here. */
struct server_options {
	bool is_read_only;	   /* ro was said, and no rw after it */
	bool allow_other;	   /* the kernel's own: never the server's business */
	bool default_permissions;  /* likewise */
	char *said;		   /* the names of all, with a comma before and after each */
	struct preset_words paths; /* values that name files, which the helper opens */
	char *text;		   /* what these are in */
	char *list; /* those for the server, with commas between them; may be empty */
};

/*
 * Understands the caller's options: separated by commas; inside a value, comma and backslash
 * have a backslash before them. @service is for the error, which names the option.
 * On success @o is to be freed; on failure there is nothing in it. Returns 0, -EINVAL, or -ENOMEM.
 */
int server_options_parse(const struct preset *p, const char *service, const char *options,
			 struct server_options *o,
			 struct preset_error *e) _must_check_ _nonnull_all_;

void server_options_free(struct server_options *o) _nonnull_all_;

#define _cleanup_server_options_ _cleanup_(server_options_free)

/*
 * May this be given to the server as a text? Every source may if the preset has it opened by the
 * helper. Returns 0 or -EINVAL.
 */
int server_source_check(const struct preset *p, const char *source,
			struct preset_error *e) _must_check_ _nonnull_all_;

/* What a command line is made of, next to the preset. */
struct server_values {
	const struct server_options *options;
	const char *source;	/* for {source} */
	const char *mountpoint; /* for {mountpoint} */
	uid_t uid;		/* for {uid}: the caller's */
	gid_t gid;		/* for {gid} */
	int progress_fd;	/* for {progress} */
	bool is_read_only;	/* which options of the preset are added */
};

/*
 * The command line of the server, whose program is @program, or of a prepare step, less than
 * n_prepare. *argv is one allocation, ended by NULL.
 * Returns 0; -EINVAL for a source that may not be given; or -ENOMEM.
 */
int server_argv(const struct preset *p, const char *program, const struct server_values *v,
		char ***argv, struct preset_error *e) _must_check_ _nonnull_all_;
int server_prepare_argv(const struct preset *p, size_t step, const struct server_values *v,
			char ***argv, struct preset_error *e) _must_check_ _nonnull_all_;

#endif /* FUSE_SVC_SERVER_ARGS_H */
