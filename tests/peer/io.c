/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scripted server's connection and its log.
 */
#include "peer.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

void say(struct peer *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vfprintf(p->log, fmt, ap);
	va_end(ap);
	(void)fputc('\n', p->log);
	(void)fflush(p->log);
}

const char *errno_name(int err)
{
	const char *name = err ? strerrorname_np(err) : "OK";

	return name ? name : "unknown error";
}

int send_bytes(struct peer *p, const void *buf, size_t size, int n_fds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(MAX_FDS * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE((size_t)n_fds * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN((size_t)n_fds * sizeof(int));
		for (int i = 0; i < n_fds; i++) /* any descriptor will do: our standard ones */
			memcpy(CMSG_DATA(&control.align) + (size_t)i * sizeof(int), &(int){ i % 3 },
			       sizeof(int));
	}
	return sendmsg(p->sock, &msg, MSG_NOSIGNAL) < 0 ? errno : 0;
}

int try_send(struct peer *p, const struct packet *packet)
{
	static uint8_t buf[PACKET_MAX];
	ssize_t size = packet_encode(packet, buf, sizeof(buf));

	return size < 0 ? (int)-size : send_bytes(p, buf, (size_t)size, 0);
}

int try_receive(struct peer *p, struct packet *packet, int *fd)
{
	static uint8_t buf[PACKET_MAX];
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	ssize_t n = recvmsg(p->sock, &msg, MSG_CMSG_CLOEXEC);

	*fd = -1;
	if (n < 0)
		return errno == ECONNRESET ? EPIPE : errno;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(int));
	return n == 0 ? EPIPE : -packet_decode(buf, (size_t)n, packet);
}

static void stop_on_error(struct peer *p, int err)
{
	if (!err)
		return;
	say(p, "%s: %s", p->command, err == EPIPE ? "EOF" : errno_name(err));
	exit(EXIT_FAILURE);
}

void send_packet(struct peer *p, const struct packet *packet)
{
	stop_on_error(p, try_send(p, packet));
}

void receive_packet(struct peer *p, enum packet_type type, struct packet *packet, int *fd)
{
	stop_on_error(p, try_receive(p, packet, fd));
	if (packet->type != type) {
		say(p, "%s: unexpected %s", p->command, packet_type_name(packet->type));
		exit(EXIT_FAILURE);
	}
}

void log_reply(struct peer *p, const char *about)
{
	struct packet packet;
	int fd;

	receive_packet(p, PACKET_REPLY, &packet, &fd);
	say(p, "%s%s%s: %s", p->command, *about ? " " : "", about,
	    errno_name((int)packet.reply.error));
	close_fd_keep_errno(fd);
}

void request(struct peer *p, const struct packet *packet, const char *about)
{
	send_packet(p, packet);
	log_reply(p, about);
}
