/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the sandbox of a service has to be: the settings that are shipped, and whether what a unit
 * has is weaker. Pure: it gets texts and knows no bus; checks-sandbox.c asks and reports.
 */
#ifndef FUSE_SVC_SANDBOX_H
#define FUSE_SVC_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

/* Drop-ins, as they come on top of each other. */
enum sandbox_layer {
	SANDBOX_BASE = 1 << 0,	    /* 10-sandbox.conf, of all services */
	SANDBOX_TRAP = 1 << 1,	    /* 20-trap.conf, of those behind fuse-svc-run */
	SANDBOX_SSHFS = 1 << 2,	    /* 20-sshfs.conf */
	SANDBOX_GOCRYPTFS = 1 << 3, /* 20-gocryptfs.conf */
	SANDBOX_USER = 1 << 4,	    /* the source is a directory: fuse-svc-preset(5) lets the
				     * unit show it, and have the user who may use it */
};

#define SANDBOX_MAX_LINES 32

/* What the layers say of one setting: its lines, from the last empty one on. */
struct sandbox_want {
	const char *line[SANDBOX_MAX_LINES];
	size_t n;
};

struct sandbox_rule {
	const char *setting;
	const char *property; /* on the bus, or NULL if it is called like the setting */
	/* Is it weaker than wanted? NULL: that does not matter. */
	bool (*is_weaker)(const struct sandbox_want *want, const char *got);
	bool is_limit;	  /* of what is consumed, not of what can be reached */
	const char *risk; /* what is possible then */
};

/* A rule for each setting that matters; ends with one that has no setting. */
extern const struct sandbox_rule sandbox_rules[];

/* What is wanted of a setting with those layers. */
void sandbox_wanted(const char *setting, unsigned int layers,
		    struct sandbox_want *want) _nonnull_all_;

/* Is what a unit has weaker? @got is the text of units_get_all(). */
bool sandbox_is_weaker(const struct sandbox_rule *rule, unsigned int layers,
		       const char *got) _nonnull_all_;

#endif /* FUSE_SVC_SANDBOX_H */
