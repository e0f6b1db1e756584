/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the child, who talks to the server, may ask of the parent, who has the power.
 *
 * One fixed-size packet over a socket pair. No text of the server's: numbers, booleans, flags
 * from a closed list, descriptors. (The name of the service is the caller's, or libblkid's guess,
 * and is checked again; an error and words end on the terminal only, cleaned.)
 */
#ifndef FUSE_SVC_REQUEST_H
#define FUSE_SVC_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/mount.h>

#include "cleanup.h"
#include "errors.h"
#include "fusesvc.h"

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

/* The mount flags that a server may add. */
#define SVC_SERVER_MS_FLAGS                                                                      \
	((uint32_t)(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_SYNCHRONOUS | MS_DIRSYNC | \
		    MS_NOATIME | MS_NODIRATIME | MS_NOSYMFOLLOW))

enum svc_request_type {
	SVC_REQUEST_MOUNT = 1,	/* with /dev/fuse and the target */
	SVC_REQUEST_BLOCK_SIZE, /* with a block device */
	SVC_REQUEST_END,	/* the conversation is over: error tells how it went */
	SVC_REQUEST_BUSY,	/* what follows looks at files: it may hang, and needs a deadline */
	SVC_REQUEST_READY,	/* it did not */
	SVC_REQUEST_REPORT,	/* not a request: report.c */
};

struct svc_request {
	uint32_t type;
	uint32_t ms_flags;
	uint32_t max_read;   /* 0: not asked for */
	uint32_t blksize;    /* mount option of fuseblk; 0: not asked for */
	uint32_t block_size; /* of the block device */
	int32_t server_pid;
	uint8_t allow_other;
	uint8_t default_permissions;
	uint8_t is_absent; /* of the end: there is no source, which is no failure with "nofail" */
	uint8_t is_read_only; /* of a report, as the next two */
	uint32_t connection;
	uint64_t device; /* of a fuseblk mount */
	char name[FUSESVC_NAME_SIZE];
	struct fusesvc_error error;
	struct svc_hint hint;
	char words[FUSESVC_MESSAGE_SIZE];
};

/*
 * A packet of fixed size with up to two descriptors (-1 for none), which are the receiver's. 0 or
 * -errno; of who receives -ECONNRESET at the end, -EBADMSG for anything else than a whole packet
 * with at most two descriptors, -EAGAIN if there is none: nobody waits here.
 */
int svc_packet_send(int sock, const void *data, size_t size, int fd1,
		    int fd2) _must_check_ _nonnull_all_;
int svc_packet_recv(int sock, void *data, size_t size, int fds[2]) _must_check_ _nonnull_all_;

/* Sends a request with up to two descriptors (-1 for none). Returns 0 or -errno. */
int svc_request_send(int sock, const struct svc_request *req, int fd1,
		     int fd2) _must_check_ _nonnull_all_;

/*
 * Receives one, with descriptors that are the caller's. Returns 0; -ECONNRESET at the end,
 * -EBADMSG for anything that is not a whole request with at most two descriptors, or -errno.
 */
int svc_request_recv(int sock, struct svc_request *req, int fds[2]) _must_check_ _nonnull_all_;

/* The parent's answer: 0 or a negative errno value. */
int svc_answer_send(int sock, int32_t answer) _must_check_;
int svc_answer_recv(int sock, int32_t *answer) _must_check_ _nonnull_all_;

#endif /* FUSE_SVC_REQUEST_H */
