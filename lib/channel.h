/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One connection: whole packets with a deadline, and at most one descriptor with each.
 *
 * Knows neither commands nor their order. Never blocks without a deadline, never lets a
 * descriptor through that was not asked for.
 */
#ifndef FUSESVC_CHANNEL_H
#define FUSESVC_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fusesvc.h"
#include "packet.h"

struct channel {
	int fd;
	unsigned int timeout; /* seconds for each wait, 0 for ever */
	bool takes_fds;	      /* may the peer send descriptors? */
	uint8_t in[PACKET_MAX];
	uint8_t out[PACKET_MAX]; /* apart: an answer may quote the packet that asked */
};

/* What came with a packet. The descriptor is the caller's; -1 if there is none. */
struct channel_extra {
	int fd;
	pid_t pid; /* of the sender; 0 unless credentials are passed */
};

/*
 * Takes over a connected socket; an AF_UNIX SOCK_SEQPACKET one, or -EAFNOSUPPORT or -ENOTSOCK.
 * On failure the descriptor stays the caller's.
 */
int channel_open(struct channel *ch, int fd, bool takes_fds,
		 bool passes_pid) _must_check_ _nonnull_all_;
void channel_close(struct channel *ch) _nonnull_all_;

/* From now on the peer may send no descriptor. */
void channel_refuse_fds(struct channel *ch) _nonnull_all_;

/* Sends one packet, with a descriptor unless it is -1. -EPIPE if the peer is gone, -ETIMEDOUT. */
int channel_send(struct channel *ch, const struct packet *p, int fd) _must_check_ _nonnull_all_;

/*
 * Receives one packet; its string lives until the next call. Returns 0; -ECONNRESET at the end,
 * -ETIMEDOUT, -EBADMSG for a malformed packet or more than one descriptor, or another -errno.
 */
int channel_recv(struct channel *ch, struct packet *p,
		 struct channel_extra *extra) _must_check_ _nonnull_all_;

/*
 * Waits until the channel or @other_fd is readable; the latter counts first.
 * Returns 0 for the channel, 1 for the other, -ETIMEDOUT or another -errno.
 */
int channel_wait(struct channel *ch, int other_fd) _must_check_ _nonnull_all_;

/* Turns what a function of this file returned into an error for the caller. Returns @rc. */
int channel_error(struct fusesvc_error *e, uint32_t step, int rc, const char *subject);

#endif /* FUSESVC_CHANNEL_H */
