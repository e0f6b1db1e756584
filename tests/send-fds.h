/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sending whatever bytes with whatever descriptors: for tests whose peers need not be good ones.
 */
#ifndef TESTS_SEND_FDS_H
#define TESTS_SEND_FDS_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#ifndef MAX_FDS
#define MAX_FDS 253 /* of one packet, as the kernel has it */
#endif

/* Returns 0 or a positive errno value. */
static inline int send_with_fds(int sock, const void *buf, size_t size, const int *fds,
				size_t n_fds, int flags)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(MAX_FDS * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds > MAX_FDS)
		return EINVAL;
	if (n_fds) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, n_fds * sizeof(int));
	}
	return sendmsg(sock, &msg, flags | MSG_NOSIGNAL) < 0 ? errno : 0;
}

#endif
