/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The connection, see channel.h. Must never wait without a deadline, raise SIGPIPE, or keep a
 * descriptor that a peer slipped in.
 */
#include "channel.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "clock.h"

/* Linux 6.16; older headers lack it. Two architectures number their socket options otherwise. */
#if !defined(SO_PASSRIGHTS) && !defined(__sparc__) && !defined(__hppa__)
#define SO_PASSRIGHTS 83
#endif

/* The moment at which a wait that starts now must end; -1 for never. */
static int64_t deadline(const struct channel *ch)
{
	return ch->timeout ? now_ms() + (int64_t)ch->timeout * 1000 : -1;
}

static int poll_until(struct pollfd *fds, nfds_t n, int64_t until)
{
	for (;;) {
		int64_t left = until < 0 ? -1 : until - now_ms();
		int rc;

		if (until >= 0 && left <= 0)
			left = 0;
		if (left > INT32_MAX)
			left = INT32_MAX;
		rc = poll(fds, n, (int)left);
		if (rc > 0)
			return 0;
		if (rc < 0 && errno != EINTR)
			return -errno;
		if (until >= 0 && now_ms() >= until)
			return -ETIMEDOUT;
	}
}

static int get_int_option(int fd, int option, int *value)
{
	socklen_t len = sizeof(*value);

	return getsockopt(fd, SOL_SOCKET, option, value, &len) < 0 ? -errno : 0;
}

int channel_open(struct channel *ch, int fd, bool takes_fds, bool passes_pid)
{
	int domain, type, rc, flags, one = 1;
	struct sockaddr_un peer;
	socklen_t len = sizeof(peer);

	rc = get_int_option(fd, SO_DOMAIN, &domain);
	if (!rc)
		rc = get_int_option(fd, SO_TYPE, &type);
	if (rc)
		return rc;
	if (domain != AF_UNIX)
		return -EAFNOSUPPORT;
	if (type != SOCK_SEQPACKET || getpeername(fd, (struct sockaddr *)&peer, &len) < 0)
		return -ENOTSOCK;
	flags = fcntl(fd, F_GETFD);
	if (flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0)
		return -errno;
	if (passes_pid && setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) < 0)
		return -errno;

	ch->fd = fd;
	ch->takes_fds = takes_fds;
	if (!takes_fds)
		channel_refuse_fds(ch);
	return 0;
}

void channel_close(struct channel *ch)
{
	close_fd_keep_errno(steal_fd(&ch->fd));
}

void channel_refuse_fds(struct channel *ch)
{
#ifdef SO_PASSRIGHTS
	int zero = 0;

	/* Kernels before 6.16 do not know it: there, receive() drops what arrives. */
	(void)setsockopt(ch->fd, SOL_SOCKET, SO_PASSRIGHTS, &zero, sizeof(zero));
#endif
	ch->takes_fds = false;
}

int channel_send(struct channel *ch, const struct packet *p, int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = ch->out };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int64_t until = deadline(ch);
	ssize_t size = packet_encode(p, ch->out, sizeof(ch->out));

	if (size < 0)
		return (int)size;
	if (ch->fd < 0)
		return -EPIPE;
	iov.iov_len = (size_t)size;
	if (fd >= 0) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	for (;;) {
		struct pollfd pfd = { .fd = ch->fd, .events = POLLOUT };
		int rc;

		if (sendmsg(ch->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return errno == ECONNRESET ? -EPIPE : -errno;
		rc = poll_until(&pfd, 1, until);
		if (rc)
			return rc;
	}
}

/* Takes the one descriptor that may be there; closes all others and then fails. */
static int take_fds(struct channel *ch, const struct cmsghdr *c, struct channel_extra *extra)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int rc = 0;

	for (size_t i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
		if (ch->takes_fds && extra->fd < 0) {
			extra->fd = fd;
			continue;
		}
		(void)close(fd);
		if (ch->takes_fds)
			rc = -EBADMSG;
	}
	return rc;
}

static int take_control(struct channel *ch, struct msghdr *msg, struct channel_extra *extra)
{
	int rc = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_CREDENTIALS &&
		    c->cmsg_len >= CMSG_LEN(sizeof(struct ucred))) {
			struct ucred cred;

			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
			extra->pid = cred.pid;
		} else if (c->cmsg_type == SCM_RIGHTS && take_fds(ch, c, extra)) {
			rc = -EBADMSG;
		}
	}
	/* Descriptors that did not fit were never installed, but somebody tried. */
	if ((msg->msg_flags & MSG_CTRUNC) && ch->takes_fds)
		rc = -EBADMSG;
	return rc;
}

/* Returns the size of a packet. */
static ssize_t receive(struct channel *ch, struct channel_extra *extra)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = ch->in, .iov_len = sizeof(ch->in) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		/* Without room for one it is never installed: to close it could wait for its file
		 * system. */
		.msg_controllen =
			ch->takes_fds ? sizeof(control) : CMSG_SPACE(sizeof(struct ucred)),
	};
	ssize_t size = recvmsg(ch->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	/* A peer went without reading all of ours: the error comes once, before its last words. */
	if (size < 0 && errno == ECONNRESET)
		size = recvmsg(ch->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (size < 0)
		return -errno;
	if (take_control(ch, &msg, extra) || (msg.msg_flags & MSG_TRUNC))
		return -EBADMSG;
	return size > 0 ? size : -ECONNRESET;
}

int channel_recv(struct channel *ch, struct packet *p, struct channel_extra *extra)
{
	int64_t until = deadline(ch);
	ssize_t size;
	int rc;

	*extra = (struct channel_extra){ .fd = -1 };
	if (ch->fd < 0)
		return -ECONNRESET;
	for (;;) {
		struct pollfd pfd = { .fd = ch->fd, .events = POLLIN };

		size = receive(ch, extra);
		if (size != -EAGAIN && size != -EINTR)
			break;
		rc = poll_until(&pfd, 1, until);
		if (rc)
			return rc;
	}
	rc = size < 0 ? (int)size : packet_decode(ch->in, (size_t)size, p);
	if (rc)
		close_fd_keep_errno(steal_fd(&extra->fd));
	return rc == -EPIPE ? -ECONNRESET : rc;
}

int channel_wait(struct channel *ch, int other_fd)
{
	struct pollfd pfds[] = {
		{ .fd = ch->fd, .events = POLLIN },
		{ .fd = other_fd, .events = POLLIN },
	};
	int rc = poll_until(pfds, ARRAY_SIZE(pfds), deadline(ch));

	if (rc)
		return rc;
	return pfds[1].revents ? 1 : 0;
}

int channel_error(struct fusesvc_error *e, uint32_t step, int rc, const char *subject)
{
	uint32_t code = FUSESVC_E_SYSTEM;

	if (rc == -ETIMEDOUT)
		code = FUSESVC_E_TIMEOUT;
	else if (rc == -ECONNRESET || rc == -EPIPE)
		code = FUSESVC_E_CLOSED;
	else if (rc == -EBADMSG)
		code = FUSESVC_E_PROTOCOL;
	return fusesvc_error_set(e, step, code, -rc, subject);
}
