/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of libfusesvc-fuse3 share.
 */
#ifndef LIB_FUSE3_SERVICE_H
#define LIB_FUSE3_SERVICE_H

#define FUSE_USE_VERSION 314

#include "fusesvc-fuse3.h"

/** struct mount_options - what libfuse before 3.19 would keep to itself */
struct mount_options {
	uint32_t ms_flags;
	bool default_permissions, allow_other, blkdev;
	uint32_t max_read, blksize; /* 0: not given */
	char *fsname, *subtype;
};

/** struct fuse_service - a server that runs as a contained service */
struct fuse_service {
	struct fusesvc_server *server;
	struct mount_options options;
	mode_t expected_fmt;
	int fuse_fd; /* the session's, once it is bound; else -1 */
};

/*
 * Parses mount options out of @args into @o: removes them, or only looks if @look is set.
 * Returns 0 or -1 after having said why.
 */
int mount_options_parse(struct mount_options *o, struct fuse_args *args, bool look);

/* The options for the kernel as MNTOPTS wants them: "" if none, to free(); NULL without memory. */
char *mount_options_text(const struct mount_options *o);

void mount_options_free(struct mount_options *o);

/* The service that this process has accepted, or NULL: there can be only one. */
struct fuse_service *service_current(void);

/* Logs why the conversation failed or, if it did not, @what with an errno value @rc. */
void service_log_failure(const struct fuse_service *sf, const char *what, int rc);

/* Until service_log_stop(), the last error in libfuse's log is kept, to be told to a person. */
void service_log_start(void);
void service_log_stop(void);
/* Copies the last error, "" if there is none. */
void service_log_last_error(char *text, size_t size);

#endif
