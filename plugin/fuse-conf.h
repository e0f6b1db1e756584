/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuse.conf(5)'s two settings: what the administrator grants to users who are not root. The file
 * is fusermount3's; whoever limits users there limits them here.
 */
#ifndef FUSE_SVC_FUSE_CONF_H
#define FUSE_SVC_FUSE_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

#define SVC_FUSE_CONF	       "/etc/fuse.conf"
#define SVC_MOUNT_MAX	       1000 /* what fusermount3 takes if the file does not say */
#define SVC_MOUNT_MAX_NO_LIMIT -1

struct svc_fuse_conf {
	bool user_allow_other;
	int mount_max; /* FUSE mounts in all; SVC_MOUNT_MAX_NO_LIMIT for none */
};

/*
 * Understands the text of the file, or nothing of it: a misspelt limit must not be none.
 * Returns 0, or -EINVAL with the number of the bad line.
 */
int svc_fuse_conf_parse(const char *text, size_t len, struct svc_fuse_conf *conf,
			unsigned int *line) _must_check_ _nonnull_all_;

/*
 * Reads a file; one that is not there leaves the defaults.
 * Returns 0; -EINVAL with the number of the bad line, or with 0 for a file that is none of root's
 * alone to write, or too large; or -errno.
 */
int svc_fuse_conf_read(const char *path, struct svc_fuse_conf *conf,
		       unsigned int *line) _must_check_ _nonnull_all_;

#endif /* FUSE_SVC_FUSE_CONF_H */
