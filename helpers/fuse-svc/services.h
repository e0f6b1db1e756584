/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The services of this machine: what has a socket where services listen, or a unit for one.
 */
#ifndef FUSE_SVC_SERVICES_H
#define FUSE_SVC_SERVICES_H

#include <stdbool.h>
#include <sys/types.h>

#include "cleanup.h"
#include "fusesvc.h"
#include "units.h"

struct service {
	char name[FUSESVC_NAME_SIZE];
	char *socket;	   /* its path, whether or not it is there */
	bool has_socket;   /* it is */
	bool is_listening; /* somebody listens on it */
	bool is_seqpacket; /* as it should */
	bool may_connect;  /* we may, as far as its mode says */
	mode_t mode;	   /* of the socket; or as its unit would make it; or 0 */
	struct unit *unit; /* of the socket, or NULL */
	char **command;	   /* what its units run, or NULL */
	bool has_preset;   /* that is fuse-svc-run */
	char *program;	   /* what really serves, or NULL: nobody knows */
	char problem[512]; /* what keeps one from mounting by it, clean; or "" */
};

struct services {
	struct units *units;
	struct service *service;
	size_t n;
};

/*
 * Those with the names (a list with a NULL at the end), or all, by name. Returns 0 or -errno; a
 * service manager that does not answer is none: then *@rc_units is not 0 but -errno.
 */
int services_load(struct services *s, char *const *names, int *rc_units) _must_check_
	_nonnull_(1, 3);
void services_free(struct services *s) _nonnull_all_;
#define _cleanup_services_ _cleanup_(services_free)

/* Has it a socket or a unit? */
bool service_is_known(const struct service *s) _nonnull_all_;

#endif /* FUSE_SVC_SERVICES_H */
