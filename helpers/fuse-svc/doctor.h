/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuse-svc doctor: checks of the host and of services, and what they find. A check is a function
 * and a row in a table; it finds one thing, under one name.
 *
 * A check must not wait without a deadline, and touches nothing: no file of a FUSE mount, no socket
 * of a service. A user gets what he can see, and a note of what he cannot.
 */
#ifndef FUSE_SVC_DOCTOR_H
#define FUSE_SVC_DOCTOR_H

#include <stdbool.h>
#include <sys/types.h>

#include "cleanup.h"
#include "mounts.h"
#include "services.h"

enum doctor_level {
	DOCTOR_PROBLEM, /* something does not work, or is not safe */
	DOCTOR_WARNING, /* something may not be what is wanted */
	DOCTOR_NOTE,	/* something could not be looked at, or is worth knowing */
	DOCTOR_DETAIL,	/* something small could not: only tables have it */
};

struct doctor_finding {
	enum doctor_level level;
	const char *check;
	char *subject, *text; /* clean */
	char *mend;	      /* commands, clean, one a line; or NULL */
};

struct doctor {
	uid_t uid;	    /* who asks */
	char *const *names; /* of the services that are asked for; none: what is in use */
	const struct services *services; /* all */
	bool *in_fstab;			 /* for each of them */
	const struct mounts *mounts;
	const char *check; /* the one that runs */
	unsigned int n_checks;
	bool is_new; /* what was found last */
	struct doctor_finding *findings;
	size_t n;
	int rc; /* 0 or -ENOMEM */
};

/*
 * What a check has found: what it is about, and why that matters, in half a sentence. The bytes may
 * be anybody's. The same thing counts once.
 */
void doctor_find(struct doctor *d, enum doctor_level level, const char *subject, const char *format,
		 ...) _nonnull_all_ __attribute__((format(printf, 4, 5)));

/* The command that mends what was found last. Words that are not ours are quoted: doctor_quote().
 */
void doctor_mend(struct doctor *d, const char *format, ...) _nonnull_all_
	__attribute__((format(printf, 2, 3)));

/* Bytes of a word that is quoted, with its NUL. */
#define DOCTOR_QUOTED_SIZE (4 * 4096 + 4)

/* A word for a shell, without anything that a terminal could obey. Returns @buf. */
const char *doctor_quote(const char *word, char *buf, size_t size) _nonnull_all_;

#define DOCTOR_QUOTED(word) doctor_quote(word, (char[DOCTOR_QUOTED_SIZE]){ 0 }, DOCTOR_QUOTED_SIZE)

/*
 * Fills in the problem of one of the services: the first that a check finds which keeps one from
 * mounting, with the command that mends it if that is short. Returns 0 or -ENOMEM.
 */
int service_find_problem(const struct services *all, struct service *s) _must_check_ _nonnull_all_;

#endif /* FUSE_SVC_DOCTOR_H */
