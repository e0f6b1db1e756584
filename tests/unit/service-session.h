/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A contained service of libfuse3 in the test's own process, with the scripted helper of
 * server-session.h. What goes to standard error, the log, is kept to be looked at.
 */
#ifndef TESTS_SERVICE_SESSION_H
#define TESTS_SERVICE_SESSION_H

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 19)

#include "server-session.h"

#include "fusesvc-fuse3.h"

struct service {
	struct helper h;
	struct fuse_service *sf;
};

/* Setup and teardown: as server_test(), and the log is empty. */
int service_before(void **state);
int service_after(void **state);

#define service_test(f) cmocka_unit_test_setup_teardown(f, service_before, service_after)

/* What was logged since it was cleared; lives until the next call. */
const char *log_text(void);
void log_clear(void);
/* Exactly one line, with @text in it. */
void assert_log_line(const char *text);
#define assert_no_log() assert_string_equal(log_text(), "")

/* The helper says hello and passes arguments, ended by NULL, and /dev/fuse (-1: /dev/null). */
void service_new(struct service *s, uint32_t flags, uint32_t ext_bits, const char *const *argv,
		 int fuse_fd);
/* It was accepted, with "sq /img /mnt", and said so. */
void service_begin(struct service *s, uint32_t ext_bits, int fuse_fd);
void service_end(struct service *s);

/* Arguments that can be changed and freed, from words with blanks between them; and back. */
struct fuse_args args_from(const char *words);
const char *args_text(const struct fuse_args *args);

/* A session of no operations, with these arguments; its mount options are kept. */
struct fuse_session *session_new(const char *words);

/* All packets of the server that were not yet heard, as text. */
const char *service_said(struct service *s);

/* The answers to FSOPEN, SOURCE and MNTPT. */
void helper_takes_mntpt(struct service *s);

#endif
