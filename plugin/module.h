/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hook module: what a host (a mount helper today, libmount itself one day) sees of it.
 *
 * A mount of type fuse.svc runs through stages over a struct libmnt_context that the host has
 * filled in. The module never prints and never exits: what went wrong is recorded, one function
 * turns it into text.
 */
#ifndef FUSE_SVC_MODULE_H
#define FUSE_SVC_MODULE_H

#include <libmount.h>
#include <stdbool.h>
#include <sys/types.h>

#include "cleanup.h"

enum svc_stage {
	SVC_STAGE_PREP,	 /* understand what is wanted; nothing is changed */
	SVC_STAGE_MOUNT, /* talk to the server, mount */
	SVC_STAGE_POST,	 /* tell utab */
};

struct svc_mount; /* one mount on its way through the stages */

/*
 * What the host lends to the module. @message brings words of the server that are not an error
 * to the person who mounts, @progress what it does just now: @per_mille of it is done, 0 if that is
 * not known. Both may be called in a child process, and be NULL; @text is clean already.
 */
struct svc_host {
	uid_t uid; /* the caller, whatever ids this process has */
	gid_t gid;
	void (*message)(const char *target, const char *service, int level, const char *text);
	void (*progress)(const char *target, const char *service, unsigned int per_mille,
			 const char *text);
	bool verbose;	  /* hand on information too, not only warnings */
	bool is_detached; /* it attaches what is mounted, and writes utab */
	int hangup_fd;	  /* readable when nobody waits for the mount any more; -1: there is none */
};

/* The module's descriptor, as libmount's own hooksets have one. */
struct svc_module {
	const char *name;
	bool (*is_type)(const char *fstype); /* is a mount of this type ours? */
	int (*init)(struct svc_mount **m, struct libmnt_context *cxt, const struct svc_host *host);
	int (*run)(struct svc_mount *m, enum svc_stage stage); /* 0, or -errno and an error */
	/*
	 * The exit code of mount(8) for how it went, with one line about it in @buf, or "" if
	 * there is nothing to say.
	 */
	int (*get_excode)(const struct svc_mount *m, char *buf, size_t size);
	void (*deinit)(struct svc_mount *m);
};

extern const struct svc_module fuse_svc_module;

/*
 * Of a mount that is detached: how it went, with the mount itself, to the process that attaches it.
 * Sent by the socket to that.
 */
int svc_report_send(struct svc_mount *m, int sock) _must_check_ _nonnull_all_;

/* After that: until the mount is attached, and its end can harm nobody. */
void svc_report_stay(struct svc_mount *m, int sock) _nonnull_all_;

/*
 * The service that a mount type names: "" if it names none, as fuse.svc; NULL if the type is not
 * ours.
 */
const char *svc_service_of_type(const char *fstype);

/*
 * Is the one name the other with a slip of the finger, or cut off: "archiv", "iso"? 0: no; else,
 * the less the nearer. @right is a valid name.
 */
unsigned int svc_nearness(const char *wrong, const char *right) _nonnull_all_;

/*
 * Opens a source to look into it, but nothing that an open alone could block on or change: -EISDIR,
 * or -EINVAL, if it is neither a regular file nor a block device.
 */
int svc_source_open(const char *source, int *fd) _must_check_ _nonnull_all_;

/*
 * What a source is, as libblkid has it: the name of the service, if nobody names one. -ENODATA: it
 * is not recognized; -ENOTUNIQ: it could be several things. The source may be a stranger's, so the
 * process must have given up what power it has.
 */
int svc_source_type(int fd, char *name, size_t size) _must_check_ _nonnull_all_;

/*
 * What helps with a source of that type ("": it is not recognized), as the error of a mount would
 * say it; or "". Takes an open source, and its path. It may be a stranger's, too.
 */
void svc_source_hint(int fd, const char *source, const char *type, char *text,
		     size_t size) _nonnull_all_;

/*
 * Unmounting: a host finds the server before it unmounts, and waits for its end after that.
 */
struct svc_server;

struct svc_server_info {
	const char *name;	  /* of the service; lives as long as the server does */
	pid_t pid;		  /* 0: not known, or gone */
	bool is_dead;		  /* it has ended, and left its mount behind */
	unsigned long long start; /* when @pid was started: clock ticks since boot */
	unsigned int connection;  /* its folder in fusectl */
	unsigned int timeout;	  /* svc-timeout= of the mount: seconds, 0: for ever */
};

/* -ENOENT: nothing is mounted there; -EMEDIUMTYPE: it is not ours; or -errno. */
int svc_server_find(struct libmnt_context *cxt, const char *target,
		    struct svc_server **s) _must_check_ _nonnull_all_;
/* The same of a mount from a table that knows utab. Does not touch the mount. */
int svc_server_of(struct libmnt_fs *fs, struct svc_server **s) _must_check_ _nonnull_all_;
struct svc_server_info svc_server_info(const struct svc_server *s) _nonnull_all_;
/*
 * 0: it has ended, so all is written; or nobody knows who it is. -EBUSY: the file system is still
 * in use elsewhere. -ETIMEDOUT: it has not ended in time.
 */
int svc_server_wait(const struct svc_server *s) _must_check_ _nonnull_all_;
/* How many requests have no answer yet: only root and who mounted may know. Or -errno. */
int svc_server_waiting(const struct svc_server *s,
		       unsigned long *requests) _must_check_ _nonnull_all_;
void svc_server_free(struct svc_server *s);

/*
 * Removes all capabilities but those the module needs for a caller who is root, or is not. For a
 * host's first statements.
 */
int svc_limit_capabilities(bool for_root) _must_check_;

/* Gives all power up for good: root becomes nobody, and nothing that is executed brings it back. */
int svc_drop_privileges(void) _must_check_;

#define SVC_OPTIONS_MAX (64 * 1024) /* bytes of all option lists; a host refuses more */

/*
 * Is it a whole list of mount options? libmount drops what follows a quote without its second one
 * ("ro" may be among it); from 2.41 on it does so before the module sees the list. So a host that
 * has the text asks before it hands it to libmount.
 */
bool svc_is_option_list(const char *all) _must_check_ _nonnull_all_;

#endif /* FUSE_SVC_MODULE_H */
