/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests between child and parent, see request.h. Must never let a malformed packet or an
 * unexpected descriptor through.
 */
#include "request.h"

#include <string.h>
#include <sys/socket.h>

int svc_packet_send(int sock, const void *data, size_t size, int fd1, int fd2)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_len = size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[2], n = 0;

	memcpy(&iov.iov_base, &data, sizeof(data)); /* struct iovec knows no const */
	if (fd1 >= 0)
		fds[n++] = fd1;
	if (fd2 >= 0)
		fds[n++] = fd2;
	if (n) {
		size_t fds_size = (size_t)n * sizeof(int);

		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(fds_size);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(fds_size);
		memcpy(CMSG_DATA(&control.align), fds, fds_size);
	}
	while (sendmsg(sock, &msg, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* Moves what came into @fds; returns false, and keeps the first two, if there are more. */
static bool take_fds(struct msghdr *msg, int fds[2])
{
	int taken = 0;
	bool ok = !(msg->msg_flags & MSG_CTRUNC);

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (taken < 2) {
				fds[taken++] = fd;
			} else {
				(void)close(fd);
				ok = false;
			}
		}
	}
	return ok;
}

int svc_packet_recv(int sock, void *data, size_t size, int fds[2])
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = data, .iov_len = size };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int resets = 0;
	ssize_t n;
	bool ok;

	fds[0] = fds[1] = -1;
	/* Who ends without having read all makes this fail once; what he said is still there. */
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && (errno == EINTR || (errno == ECONNRESET && resets++ == 0)));
	if (n < 0)
		return -errno;
	ok = take_fds(&msg, fds);
	if (n == (ssize_t)size && ok && !(msg.msg_flags & MSG_TRUNC))
		return 0;
	close_fd_keep_errno(steal_fd(&fds[0]));
	close_fd_keep_errno(steal_fd(&fds[1]));
	return n == 0 ? -ECONNRESET : -EBADMSG;
}

int svc_request_send(int sock, const struct svc_request *req, int fd1, int fd2)
{
	return svc_packet_send(sock, req, sizeof(*req), fd1, fd2);
}

int svc_request_recv(int sock, struct svc_request *req, int fds[2])
{
	int rc = svc_packet_recv(sock, req, sizeof(*req), fds);

	if (rc)
		return rc;
	req->name[sizeof(req->name) - 1] = '\0';
	req->words[sizeof(req->words) - 1] = '\0';
	req->error.subject[sizeof(req->error.subject) - 1] = '\0';
	req->hint.name[sizeof(req->hint.name) - 1] = '\0';
	return 0;
}

int svc_answer_send(int sock, int32_t answer)
{
	/* Whoever does not read its answers must not make us wait. */
	while (send(sock, &answer, sizeof(answer), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int svc_answer_recv(int sock, int32_t *answer)
{
	ssize_t n;

	do
		n = recv(sock, answer, sizeof(*answer), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == (ssize_t)sizeof(*answer) && *answer <= 0 ? 0 : -ECONNRESET;
}
