// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * floor - the least that a mount by a contained service can take, to compare the helper with.
 *
 *   floor SOCKET SOURCE TARGET     mount
 *   floor -u TARGET                unmount, and wait for the end of the server
 *
 * The cheapest process that makes the system calls which the kernel, the server and utab need, and
 * no others: no second process, no library that reads configurations, and no check at all. The line
 * in utab is one that umount(8) and umount.fuse.svc understand. Must never be installed: whoever
 * listens at the socket may open any file that the caller may.
 */
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "args.h"
#include "packet.h"

#define UTAB	  "/run/mount/utab"
#define UTAB_NEW  UTAB ".floor"
#define UTAB_LOCK UTAB ".lock"

struct conversation {
	int sock, fuse_fd, target_fd;
	const char *source, *target, *name;
	char options[1024]; /* what the server asks the kernel for */
	pid_t server;
	struct packet in;
	char buf[PACKET_MAX];
};

static int check(int rc, const char *what)
{
	if (rc < 0)
		error(1, errno, "%s", what);
	return rc;
}

static void send_packet(struct conversation *c, const struct packet *p, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char buf[512];
	struct iovec iov = { buf, (size_t)packet_encode(p, buf, sizeof(buf)) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	check((int)sendmsg(c->sock, &msg, MSG_NOSIGNAL), "sendmsg");
}

static void send_file(struct conversation *c, const char *path, int fd)
{
	struct packet p = { .type = PACKET_FILE, .string = path };

	p.file.error = fd < 0 ? (uint32_t)errno : 0;
	send_packet(c, &p, fd);
}

static void reply(struct conversation *c, int rc)
{
	struct packet p = { .type = PACKET_REPLY };

	p.reply.error = rc < 0 ? (uint32_t)errno : 0;
	send_packet(c, &p, -1);
}

static void receive(struct conversation *c)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = { c->buf, sizeof(c->buf) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t size = recvmsg(c->sock, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
	struct ucred cred;

	if (size <= 0 || packet_decode(c->buf, (size_t)size, &c->in) != 0)
		error(1, size < 0 ? errno : 0, "the server is gone");
	if (header && header->cmsg_type == SCM_CREDENTIALS) {
		memcpy(&cred, CMSG_DATA(header), sizeof(cred));
		c->server = cred.pid;
	}
}

static int mount_it(struct conversation *c, uint32_t flags)
{
	char data[sizeof(c->options) + 128], target[32];

	(void)snprintf(data, sizeof(data),
		       "fd=%d,rootmode=40000,user_id=%u,group_id=%u,subtype=svc.%s%s%s", c->fuse_fd,
		       getuid(), getgid(), c->name, *c->options ? "," : "", c->options);
	(void)snprintf(target, sizeof(target), "/proc/self/fd/%d", c->target_fd);
	return mount(c->source, target, "fuse", flags | MS_NOSUID | MS_NODEV, data);
}

static void start(struct conversation *c, const char *path)
{
	const char *argv[] = { c->name, c->source, c->target, "-o", "rw" };
	struct packet hello = { .type = PACKET_HELLO };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int args_fd, one = 1;

	hello.hello.min_version = hello.hello.max_version = PROTOCOL_VERSION;
	hello.hello.flags = 1; /* allow_other is permitted */
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	c->target_fd = check(open(c->target, O_PATH | O_DIRECTORY | O_CLOEXEC), c->target);
	c->fuse_fd = check(open("/dev/fuse", O_RDWR | O_CLOEXEC), "/dev/fuse");
	c->sock = check(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), "socket");
	check(setsockopt(c->sock, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)), "SO_PASSCRED");
	check(connect(c->sock, (struct sockaddr *)&addr, sizeof(addr)), path);
	errno = -args_to_memfd(sizeof(argv) / sizeof(*argv), argv, 0, &args_fd);
	check(-errno, "memfd");
	send_packet(c, &hello, -1);
	send_file(c, ARGS_NAME, args_fd);
	send_file(c, "fusedev", c->fuse_fd);
	receive(c);
}

/* Until the server says goodbye. */
static void serve(struct conversation *c)
{
	const struct packet *p = &c->in;
	int fd;

	for (receive(c); p->type != PACKET_BYE; receive(c)) {
		switch (p->type) {
		case PACKET_OPEN:
			fd = open(p->string, (int)p->open.open_flags | O_CLOEXEC);
			send_file(c, p->string, fd);
			(void)close(fd);
			break;
		case PACKET_MESSAGE:
			break;
		case PACKET_MNTOPTS:
			(void)snprintf(c->options, sizeof(c->options), "%s", p->string);
			reply(c, 0);
			break;
		case PACKET_MOUNT:
			reply(c, mount_it(c, p->mount.flags));
			(void)close(c->fuse_fd);
			break;
		default:
			reply(c, 0);
		}
	}
	if (p->bye.exit_code)
		error(1, 0, "the server gave up: %u", p->bye.exit_code);
}

static int lock_utab(void)
{
	int fd = check(open(UTAB_LOCK, O_RDONLY | O_CREAT | O_CLOEXEC, 0644), UTAB_LOCK);

	check(flock(fd, LOCK_EX), UTAB_LOCK);
	return fd;
}

static void add_line(const struct conversation *c)
{
	char line[8192];
	int lock = lock_utab(), fd;
	int n = snprintf(line, sizeof(line),
			 "SRC=%s TARGET=%s ROOT=/ ATTRS=svc=%s,svc.pid=%d OPTS=\n", c->source,
			 c->target, c->name, (int)c->server);

	fd = check(open(UTAB, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644), UTAB);
	check((int)write(fd, line, (size_t)n), UTAB);
	(void)close(fd);
	(void)close(lock);
}

/* Copies utab without the line of @target, and returns the process that the line names. */
static pid_t remove_line(const char *target)
{
	int lock = lock_utab();
	FILE *in = fopen(UTAB, "re"), *out = fopen(UTAB_NEW, "we");
	char *line = NULL, wanted[4096], *pid;
	pid_t server = 0;
	size_t size = 0;

	if (!in || !out)
		error(1, errno, UTAB);
	(void)snprintf(wanted, sizeof(wanted), " TARGET=%s ", target);
	while (getline(&line, &size, in) > 0) {
		if (!strstr(line, wanted))
			(void)fputs(line, out);
		else if ((pid = strstr(line, "svc.pid=")))
			server = atoi(pid + strlen("svc.pid="));
	}
	free(line);
	(void)fclose(in);
	if (fclose(out) != 0)
		error(1, errno, UTAB_NEW);
	check(rename(UTAB_NEW, UTAB), UTAB);
	(void)close(lock);
	return server;
}

static void unmount(const char *target)
{
	struct pollfd pfd = { .events = POLLIN };
	pid_t server;

	check(umount2(target, UMOUNT_NOFOLLOW), target);
	server = remove_line(target);
	pfd.fd = (int)syscall(SYS_pidfd_open, server, 0);
	if (server && pfd.fd >= 0)
		check(poll(&pfd, 1, -1), "poll");
}

int main(int argc, char **argv)
{
	static struct conversation c;

	if (argc == 3 && strcmp(argv[1], "-u") == 0) {
		unmount(argv[2]);
		return EXIT_SUCCESS;
	}
	if (argc != 4)
		error(2, 0, "usage: floor SOCKET SOURCE TARGET, or floor -u TARGET");
	c.source = argv[2];
	c.target = argv[3];
	c.name = strrchr(argv[1], '/') + 1;
	start(&c, argv[1]);
	serve(&c);
	add_line(&c);
	return EXIT_SUCCESS;
}
