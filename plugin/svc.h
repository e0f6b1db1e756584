/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One mount on its way through the stages, and what the features of the module offer each other.
 * Private to plugin/.
 */
#ifndef FUSE_SVC_SVC_H
#define FUSE_SVC_SVC_H

#include <limits.h>
#include <signal.h>
#include <stdint.h>

#include "errors.h"
#include "fuse-conf.h"
#include "fusesvc.h"
#include "module.h"
#include "request.h"

#define SVC_TYPE     "fuse.svc"
#define SVC_BLK_TYPE "fuseblk.svc"

#define SVC_NO_SOURCE "none" /* how mount(8) says that there is none, and a server is told */

#define SVC_TIMEOUT_MAX (365UL * 24 * 3600)

/* Attributes in utab. */
#define SVC_ATTR_NAME	    "svc"
#define SVC_ATTR_PID	    "svc.pid"
#define SVC_ATTR_START	    "svc.start"	     /* so that a pid is never a reused one */
#define SVC_ATTR_CONNECTION "svc.connection" /* so that it is never another mount's */
#define SVC_ATTR_TIMEOUT    "svc.timeout"
#define SVC_ATTR_READ_ONLY  "svc.ro" /* there is no way to write: no descriptor for it was given */

/* One of ours, and our end of a socket to it. */
struct svc_process {
	pid_t pid; /* 0: there is none */
	int fd;
};

/* What the caller's -o options say: options.c */
struct svc_options {
	char *vfs;    /* mount flags, as libmount spells them */
	char *user;   /* userspace options, for utab */
	char *server; /* what the server gets, escaped as fuse_opt_parse(3) wants */
	char **paths; /* option values that begin with "/", unescaped; ended by NULL */
	size_t n_paths;
	char *name; /* svc= */
	unsigned int timeout;
	bool read_only, allow_suid, allow_dev, no_fuseblk, nofail, remount;
};

struct svc_mount {
	struct libmnt_context *cxt;
	struct svc_host host;
	struct fusesvc_error error;
	struct svc_hint hint;
	char words[FUSESVC_MESSAGE_SIZE]; /* the server's last error message, not cleaned */

	struct svc_options opts;
	uid_t uid; /* the caller */
	gid_t gid;
	bool may_allow_other;
	int mount_max;
	const char *target;	      /* as the caller wrote it */
	char *source;		      /* what is mounted; NULL if the caller has none */
	char name[FUSESVC_NAME_SIZE]; /* of the service; "" if it must be guessed from the source */
	bool is_guess;		      /* it was, by now */
	bool fuseblk;
	dev_t source_dev;	 /* of a source that is mounted as fuseblk */
	unsigned int sector;	 /* its logical block size, 0 if that is not known */
	bool was_source_opened;	 /* by the server */
	bool was_asked_to_write; /* to the source */
	bool was_asked_to_mount; /* the mount may cover the source by now */
	bool is_device_free;	 /* nobody else has claimed the source, when it was opened first */
	bool has_connection;	 /* what was mounted was made of our /dev/fuse */
	bool is_absent;		 /* there is no source, and "nofail" says that this is no failure */
	int target_fd;	  /* the pinned mount point, as long as a mount may have to be undone */
	int proc_fd;	  /* our own /proc, wherever we go with mount -N */
	sigset_t signals; /* blocked from the mount on until utab is written */
	sigset_t old_signals;
	bool signals_blocked;

	struct svc_process talker, mounter; /* there are none before SVC_STAGE_MOUNT */
	int fuse_fd;	  /* the server's, while it is not known what was mounted */
	int tree_fd;	  /* the mount, if it is the host who attaches it */
	uint32_t added;	  /* mount flags that were not the caller's */
	bool is_mounting; /* the mounter has an order and has not answered */

	/* Set by the parent while and after it mounts, and by the mounter for itself. */
	char *true_target;
	uint64_t target_mnt_id; /* the mount in which the mount point lies */
	pid_t server_pid;
	unsigned int connection; /* its number in fusectl, 0 if that is not known */
	bool is_read_only;	 /* the file system cannot be made writable later */
	bool mounted;
};

/* module.c */
int svc_mount_new(struct svc_mount **out, struct libmnt_context *cxt, const struct svc_host *host);
void svc_mount_free(struct svc_mount *m); /* one that has no processes */

/* options.c */
int svc_options_parse(struct svc_mount *m) _must_check_ _nonnull_all_;
void svc_options_free(struct svc_options *o) _nonnull_all_;

/* service.c */
bool svc_is_type(const char *fstype);
int svc_service_from_type(struct svc_mount *m) _must_check_ _nonnull_all_;
int svc_service_guess(struct svc_mount *m) _must_check_ _nonnull_all_;
int svc_source_check(struct svc_mount *m) _must_check_ _nonnull_all_;
int svc_service_socket_path(struct svc_mount *m, char *buf, size_t size) _must_check_ _nonnull_all_;
int svc_service_check_socket(struct svc_mount *m) _must_check_ _nonnull_all_;

/* target.c */
int svc_target_pin(struct svc_mount *m, int *fd, mode_t *fmt) _must_check_ _nonnull_all_;
int svc_target_check_fd(int fd, mode_t *fmt) _must_check_ _nonnull_all_;
int svc_target_check_not_mounted(struct svc_mount *m, int fd) _must_check_ _nonnull_all_;
int svc_target_check_same(struct svc_mount *m, int fd) _must_check_ _nonnull_all_;
/* The true path of a pinned mount point, as it is at the moment. */
int svc_target_true_path(const struct svc_mount *m, int fd, char *buf,
			 size_t size) _must_check_ _nonnull_all_;
int svc_target_mnt_id(const struct svc_mount *m, int fd, uint64_t *id) _must_check_ _nonnull_all_;
/* All FUSE mounts of this namespace; -EINVAL if @fd lies in none of its mounts; or -errno. */
int svc_target_count_fuse(const struct svc_mount *m, int fd) _must_check_ _nonnull_all_;
/* Is it the root of a mount of that device, on another mount than the one we mount on? */
bool svc_target_is_mount_of(const struct svc_mount *m, int fd, dev_t dev) _nonnull_all_;
bool svc_target_has_our_mount(struct svc_mount *m, int fd, const char *path) _nonnull_all_;

/* rights.c: what a user who is not root may do */
int svc_rights_check_target(struct svc_mount *m, int fd, mode_t fmt) _must_check_ _nonnull_all_;
int svc_rights_check_number(struct svc_mount *m, int fd, bool before) _must_check_ _nonnull_all_;

/* privs.c */
int svc_become_caller(const struct svc_mount *m) _must_check_ _nonnull_all_;

/* talk.c: the child */
_Noreturn void svc_talk(struct svc_mount *m, int sock, pid_t parent) _nonnull_all_;

/* parent.c */
int svc_parent_run(struct svc_mount *m) _must_check_ _nonnull_all_;
/* Ends the processes that it may have left. */
void svc_parent_end(struct svc_mount *m) _nonnull_all_;
/* What a server's request for a mount tells of it. */
void svc_note_server(struct svc_mount *m, const struct svc_request *req) _nonnull_all_;

/*
 * worker.c: what may hang is done by a process that can be killed. An order is a request whose type
 * is one of these; that to mount comes with /dev/fuse and the mount point, and the worker stays.
 */
enum svc_work {
	SVC_WORK_MOUNT = 1,
	SVC_WORK_UNMOUNT,
	SVC_WORK_REMOUNT,
	SVC_WORK_UTAB,
};

struct svc_result {
	int32_t rc; /* 0 or -errno */
	struct fusesvc_error error;
	uint64_t target_mnt_id;
	uint32_t added; /* mount flags that became necessary */
	char true_target[PATH_MAX];
};

int svc_worker_start(struct svc_process *w, struct svc_mount *m) _must_check_ _nonnull_all_;
bool svc_worker_has_answered(const struct svc_process *w, int timeout_ms) _nonnull_all_;
/*
 * What it answered, and the mount that it made, or -1: 0 with a result, or -EOWNERDEAD: it died
 * without a word. Does not wait.
 */
int svc_worker_answer(const struct svc_process *w, struct svc_result *result,
		      int *tree_fd) _must_check_ _nonnull_all_;
/* For who is forked: the socket to the host is the parent's alone. */
void svc_leave_host(struct svc_mount *m) _nonnull_all_;
/* All at once, for as long as svc-timeout= says; what it returns, and the error that it leaves. */
int svc_worker_run(struct svc_mount *m, enum svc_work work) _must_check_ _nonnull_all_;

/* Ends it, if it is there, and waits for that; but not for one that not even SIGKILL ends. */
void svc_process_end(struct svc_process *p) _nonnull_all_;
/* Leaves one alone that not even SIGKILL ends. */
void svc_process_forget(struct svc_process *p) _nonnull_all_;
/* Waits for a process to end, but not for one that not even SIGKILL ends. 0 or -ETIMEDOUT. */
int svc_reap(pid_t pid, int timeout_ms, int *status) _nonnull_all_;

/* mounter.c */
int svc_mounter_start(struct svc_mount *m) _must_check_ _nonnull_all_;
int svc_mounter_order(struct svc_mount *m, const struct svc_request *req, int fuse_fd,
		      int target_fd) _must_check_ _nonnull_all_;
/*
 * 0: it mounted. -EOWNERDEAD: nobody knows, or there is a mount that must not be. -EBUSY: nothing
 * ends it.
 */
int svc_mounter_result(struct svc_mount *m, bool kill_it) _nonnull_all_;
/* -ENOENT: there is nothing of ours. Only a connection that is ours is hung up on. */
int svc_unmount(struct svc_mount *m) _must_check_ _nonnull_all_;

/* mount.c */
int svc_mount_now(struct svc_mount *m, const struct svc_request *order, const int fds[2],
		  struct svc_result *result) _must_check_ _nonnull_all_;
int svc_unmount_now(struct svc_mount *m) _must_check_ _nonnull_all_;

/* Appends the flags that a server asked for, and those that are forced. */
int svc_flag_options(const struct svc_mount *m, uint32_t ms_flags,
		     char **optstr) _must_check_ _nonnull_all_;
/* The kernel's options of a mount. */
int svc_mount_options(const struct svc_mount *m, const struct svc_request *req, int fuse_fd,
		      mode_t fmt, char **optstr) _must_check_ _nonnull_all_;

/* tree.c: a mount that is attached nowhere, as the mounter's m->tree_fd */
int svc_tree_make(struct svc_mount *m, int fuse_fd, const char *optstr,
		  uint32_t *added) _must_check_ _nonnull_all_;
/* Ends it, if it is there; without a wait for its server. */
void svc_tree_end(struct svc_mount *m) _nonnull_all_;

/* report.c: 0, or -errno: it is none of ours, or the end. An error in it is m->error then. */
int svc_report_recv(struct svc_mount *m, int sock) _must_check_ _nonnull_all_;

/* server.c: when it was started, in clock ticks since boot; 0: it is gone, or not to be seen. */
int svc_process_start_time(pid_t pid, unsigned long long *ticks) _must_check_ _nonnull_all_;

/* fusectl.c: was a mount made of that /dev/fuse? */
bool svc_has_connection(const struct svc_mount *m, int fuse_fd) _must_check_ _nonnull_all_;
/* By which number, where the kernel tells (6.18)? */
bool svc_connection_of(const struct svc_mount *m, int fuse_fd, unsigned int *number) _nonnull_all_;
/* The connection of the mount with that device number, and a file in its folder; or -errno. */
unsigned int svc_connection_number(dev_t dev);
int svc_connection_open(unsigned int number, const char *name,
			int flags) _must_check_ _nonnull_all_;
/* Ends the connection of the fuseblk mount of that device. */
int svc_abort_connection(dev_t dev);

/* remount.c */
int svc_remount_now(struct svc_mount *m) _must_check_ _nonnull_all_;
int svc_remount(struct svc_mount *m) _must_check_ _nonnull_all_;

/* utab.c */
int svc_utab_attributes(const struct svc_mount *m, struct libmnt_fs *fs) _must_check_ _nonnull_all_;
int svc_utab_now(struct svc_mount *m) _must_check_ _nonnull_all_;
int svc_utab_update(struct svc_mount *m) _must_check_ _nonnull_all_;

/* hints.c: m->hint, for m->error */
void svc_look_for_hint(struct svc_mount *m) _nonnull_all_;

/* open.c: what a server may open */
int svc_open(struct svc_mount *m, const struct fusesvc_open_request *req,
	     int *fd) _must_check_ _nonnull_all_;

/* mntopts.c: what a server may add to the mount options */
int svc_mntopts_parse(const char *options, struct svc_request *req, const char **bad,
		      size_t *bad_len) _must_check_ _nonnull_all_;

#endif /* FUSE_SVC_SVC_H */
