/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page that the injected library (inject.c) and the one who runs the helper (faults.c) share.
 * All processes of one run of the helper count in it.
 */
#ifndef FSVC_TESTS_INJECT_H
#define FSVC_TESTS_INJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define FAULTS_ENV "FSVC_FAULTS_PAGE" /* the file that is the page */

enum fault_kind {
	FAULT_ALLOC,
	FAULT_OPEN,
	FAULT_SOCKET,
	FAULT_SEND,
	FAULT_RECV,
	FAULT_PROCESS,
	FAULT_MOUNT,
	FAULT_WRITE,
	FAULT_PRIVS,
	FAULT_WAIT,
	FAULT_LOOK,
	N_FAULT_KINDS
};

/* What a process may do. */
struct rights {
	uint32_t uid, gid;
	uint64_t effective, permitted, inheritable, bounding;
	uint32_t no_new_privs;
	uint32_t is_known;
};

struct faults {
	/* What is to fail: the nth call of a kind; 0 for none, only to count. */
	uint32_t kind, nth;
	int32_t err;

	/* What came of it. */
	atomic_uint count[N_FAULT_KINDS];
	atomic_int connections;
	atomic_int mounts; /* made, less those taken away */
	atomic_int signal; /* that ended one of the processes */
	int32_t first_pid;
	bool hit;	       /* the call failed */
	bool hit_in_first;     /* in the helper itself, not in a child */
	bool hit_mounted;      /* while something was mounted */
	struct rights talker;  /* when it connected */
	struct rights mounter; /* when it mounted */
	char function[24];
	char where[480]; /* its callers, innermost first: "object+offset" for addr2line(1) */
};

#endif /* FSVC_TESTS_INJECT_H */
