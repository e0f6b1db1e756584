/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scripted server's connection and its log.
 */
#include "peer.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "fusesvc.h"

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
	int fds[MAX_FDS];

	for (int i = 0; i < MAX_FDS; i++)
		fds[i] = i % 3; /* any descriptor will do: our standard ones */

	return send_with_fds(p->sock, buf, size, fds, (size_t)n_fds, 0);
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

void cmd_peek(struct peer *p, char **args)
{
	struct packet packet = { .type = PACKET_OPEN, .string = args[0] };
	_cleanup_fd_ int fd = -1;
	struct packet got;
	char text[32];
	ssize_t n;

	packet.open.request_flags = FUSESVC_OPEN_QUIET;
	send_packet(p, &packet);
	receive_packet(p, PACKET_FILE, &got, &fd);
	n = got.file.error ? 0 : read(fd, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	text[strcspn(text, " \n")] = '\0';
	say(p, "peek: %s %s", errno_name((int)got.file.error), text);
}
