/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of fuse-svc-run share: one mount, from the first call of its server to the last.
 */
#ifndef FUSE_SVC_RUN_H
#define FUSE_SVC_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "children.h"
#include "cleanup.h"
#include "fusesvc.h"
#include "output.h"
#include "step.h"
#include "trap.h"

/*
 * What a server is told instead of the caller's paths: a name that is nowhere, and RUN_MOUNTPOINT,
 * which is an empty directory that was installed.
 */
#define RUN_SOURCE "/source"

#define PROGRAM "fuse-svc-run"

/* How far the mount has come. */
enum run_state {
	RUN_PREPARING, /* no mount is wanted yet */
	RUN_STARTING,  /* the server looks at its source */
	RUN_MOUNTING,  /* the helper was asked to mount */
	RUN_INIT,      /* it is mounted, and the server has to read FUSE_INIT */
	RUN_UP,	       /* goodbye was said: the server is on its own */
	RUN_OVER,      /* it was unmounted: what is left has nothing to do any more */
	RUN_FAILED     /* no mount will come of it */
};

/* A file that the server may open, by way of the helper. */
struct run_file {
	const char *name;  /* what the server calls it */
	const char *asked; /* what the caller called it */
	bool read_only;
	int fd; /* to look at it: never the server's; or -1 */
};
#define RUN_MAX_FILES 16

struct run {
	struct fusesvc_server *server;
	const char *service; /* its name */
	const char *source;  /* as the caller wrote it */
	const char *target;  /* likewise */
	bool source_is_file; /* else only the server can tell what it is */
	bool read_only;
	bool is_write_refused; /* to the source; the caller wanted it */
	bool allow_other;
	bool default_permissions;

	enum run_state state;
	bool is_sync_init;
	bool mount_waits;    /* the server's mount(2), for its answer */
	uint64_t mount_call; /* that call */
	pid_t mount_pid;     /* its thread */

	struct run_file
		files[RUN_MAX_FILES]; /* the source, if it is a file, and files of options */
	size_t n_files;
	int lock_fd;  /* of a source that is a regular file: locked until we end */
	int fuse_fd;  /* ours, until goodbye, or -1 */
	int listener; /* where trapped calls arrive, or -1 */
	struct children children;
	struct output output[2]; /* the server's standard output, and its standard error */
	int output_fds[2];	 /* where they go in */
	struct step step;	 /* what is run before the server */
	int signal_fd;
	int64_t kill_time;  /* when what is left is killed, once no mount is left */
	bool is_killing;    /* that time has come */
	bool has_any_ended; /* a process, since what is left was signalled */
};

/* supervise.c: everything that is wanted of the system, before anything is started */
int run_set_up(struct run *r) _must_check_ _nonnull_all_;

/*
 * Starts a program and looks after it until it and all that it left behind have ended.
 * Returns 0, or -errno if it could not be executed.
 */
int run_child(struct run *r, char *const argv[]) _must_check_ _nonnull_all_;

/* The mount failed. Unless the server had words for it, this is why; NULL if the helper knows. */
void run_fail(struct run *r, const char *why) _nonnull_(1);

/* May the server get this? Never a directory: through one, all that is around it could be had. */
bool run_can_be_source(int fd);

/* A device that is write-protected? Linux opens one for writing, and refuses only the writes. */
bool run_is_write_protected(int fd);

/* Is this path, in a call, the directory that stands for the mount point? */
bool run_is_mountpoint(const struct trapped_call *call, const char *path) _nonnull_all_;

/* Nothing more is to be seen of the files. */
void run_close_files(struct run *r) _nonnull_all_;

/* calls.c: receives a trapped call and answers it */
void run_answer_call(struct run *r) _nonnull_all_;

/* mounting.c: a server mounts and unmounts, the helper has an answer, the server may be up */
void run_mount(struct run *r, const struct trapped_call *call) _nonnull_all_;
void run_umount(struct run *r, const struct trapped_call *call) _nonnull_all_;
void run_mount_answered(struct run *r) _nonnull_all_;
void run_check_init(struct run *r) _nonnull_all_;

#endif /* FUSE_SVC_RUN_H */
