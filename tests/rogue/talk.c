// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The scripted helper's connection, and all that a good helper says.
 *
 * Whatever can be sent, this can send; that the server has gone meanwhile is what a script is
 * for, and never an error here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "fusesvc.h"
#include "rogue.h"

void send_bytes(struct rogue *r, const void *buf, size_t size, const int *fds, int n_fds)
{
	while (r->sock >= 0) {
		int err = send_with_fds(r->sock, buf, size, fds, (size_t)n_fds, 0);

		if (err == 0 || err == EPIPE || err == ECONNRESET || err == ENOTCONN)
			return;
		errno = err;
		if (err == EPERM && n_fds)
			n_fds = 0; /* the server takes none: Linux 6.16 tells us */
		else if (err != EINTR)
			stop("%s: cannot send %zu bytes: %m", r->command, size);
	}
}

void send_packet(struct rogue *r, const struct packet *p, int fd)
{
	static uint8_t buf[PACKET_MAX];
	ssize_t size = packet_encode(p, buf, sizeof(buf));

	if (size < 0)
		stop("%s: no such packet", r->command);
	send_bytes(r, buf, (size_t)size, &fd, fd >= 0);
}

/* A server's words, for whoever reads what we report. */
static void report_packet(const struct packet *p)
{
	char text[4 * PACKET_MESSAGE_MAX];

	switch (p->type) {
	case PACKET_BYE:
		report("heard BYE %u", p->bye.exit_code);
		break;
	case PACKET_HELLO_REPLY:
	case PACKET_FSOPEN:
	case PACKET_MOUNT:
		report("heard %s", packet_type_name(p->type));
		break;
	default:
		report("heard %s %s", packet_type_name(p->type),
		       fusesvc_escape(p->string ? p->string : "", text, sizeof(text)));
	}
}

bool hear(struct rogue *r)
{
	ssize_t n;

	if (r->sock < 0 || r->is_over)
		return false;
	do
		n = recv(r->sock, r->in, sizeof(r->in), r->is_alone ? MSG_DONTWAIT : 0);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n <= 0) {
		r->is_over = true;
		return false;
	}
	if (packet_decode(r->in, (size_t)n, &r->got)) {
		report("heard rubbish");
		return true;
	}
	report_packet(&r->got);
	r->is_over = r->got.type == PACKET_BYE;
	return true;
}

/*
 * A good helper
 */

void mount_target(struct rogue *r)
{
	char options[128];
	struct stat st;

	if (stat(r->target, &st) < 0)
		stop("%s: %m", r->target);
	(void)snprintf(options, sizeof(options), "fd=%d,rootmode=%o,user_id=0,group_id=0",
		       r->fuse_fd, st.st_mode & S_IFMT);
	if (mount("rogue", r->target, "fuse", MS_NOSUID | MS_NODEV | MS_RDONLY, options) < 0)
		stop("cannot mount %s: %m", r->target);
	r->is_mounted = true;
	/* Nobody has it open now but the server: when that dies, so does the mount. */
	close_fd_keep_errno(steal_fd(&r->fuse_fd));
	report("mounted");
}

void unmount_target(struct rogue *r)
{
	if (r->is_mounted && umount2(r->target, MNT_DETACH) < 0)
		report("cannot unmount %s: %m", r->target);
	r->is_mounted = false;
}

void answer(struct rogue *r, uint32_t error)
{
	struct packet p = { .type = PACKET_REPLY, .reply = { error } };

	if (r->got.type == PACKET_OPEN || r->got.type == PACKET_OPEN_BDEV)
		p = (struct packet){
			.type = PACKET_FILE,
			.file = { error },
			.string = r->got.string,
		};
	send_packet(r, &p, -1);
}

static void answer_open(struct rogue *r)
{
	struct packet p = { .type = PACKET_FILE, .string = r->got.string };
	_cleanup_fd_ int fd = -1;
	struct stat st;

	if (strcmp(r->got.string, r->source) != 0) {
		p.file.error = EPERM;
	} else {
		fd = open(r->source, (int)(r->got.open.open_flags & O_ACCMODE) | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) < 0)
			p.file.error = (uint32_t)errno;
		else if (r->got.type == PACKET_OPEN_BDEV && !S_ISBLK(st.st_mode))
			p.file.error = ENOTBLK;
	}
	send_packet(r, &p, p.file.error ? -1 : fd);
}

/* Answers what was heard last, if it wants an answer. */
void answer_well(struct rogue *r)
{
	switch (r->got.type) {
	case PACKET_OPEN:
	case PACKET_OPEN_BDEV:
		answer_open(r);
		break;
	case PACKET_MOUNT:
		mount_target(r);
		answer(r, 0);
		break;
	case PACKET_FSOPEN:
	case PACKET_SOURCE:
	case PACKET_MNTPT:
	case PACKET_MNTOPTS:
	case PACKET_MTABOPTS:
		answer(r, 0);
		break;
	default:
		return;
	}
	r->n_played++;
}

static void send_start_file(struct rogue *r, const char *name, int fd)
{
	send_packet(r, &(struct packet){ .type = PACKET_FILE, .string = name }, fd);
}

/* The next packet of a good helper. Returns false if there is none. */
bool play_one(struct rogue *r)
{
	const struct packet hello = {
		.type = PACKET_HELLO,
		.hello = { PROTOCOL_VERSION, PROTOCOL_VERSION, 3 },
	};
	_cleanup_fd_ int fd = -1;
	int before = r->n_played;

	switch (before) {
	case 0:
		send_packet(r, &hello, -1);
		break;
	case 1:
		fd = make_good_args(r);
		send_start_file(r, "argv", fd);
		break;
	case 2:
		fd = make_fd(r, "fuse");
		send_start_file(r, "fusedev", fd);
		break;
	default:
		while (r->n_played == before) {
			if (!hear(r))
				return false;
			answer_well(r);
		}
		return true;
	}
	r->n_played++;
	return true;
}
