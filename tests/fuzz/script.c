// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The other end of a session, see script.h. Programs that use it are linked with --wrap for the
 * calls below, so that the session drives its peer by what it waits for.
 */
#include "script.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MAX_FDS 12 /* more than the library has room for, so that the kernel cuts them off */
#include "../send-fds.h"
#include "cleanup.h"
#include "fusesvc.h"
#include "packet.h"

/* More than a session takes: the limits are to be reached, and then enough is enough. */
#define MAX_SENT   (FUSESVC_MAX_PACKETS + 8)
#define LARGE_HEAD 20 /* bytes before the text of the largest head */
#define LEAP	   5  /* seconds, longer than the timeout of a session */

ssize_t __real_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);
int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
int __real_clock_gettime(clockid_t clock, struct timespec *ts);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);
int __real_setsockopt(int fd, int level, int option, const void *value, socklen_t len);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t len);

static struct script *running;
static time_t leap;

void check(bool ok)
{
	if (!ok)
		abort();
}

size_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	check(dir != NULL);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

/* A text that ends with its NUL, from 14 bytes too short to a byte too long. */
static void fill_up(struct record *r, unsigned int more)
{
	static uint8_t large[PACKET_MAX + 1];

	memset(large, 'x', sizeof(large));
	memcpy(large, r->bytes, r->size);
	r->bytes = large;
	r->size = PACKET_MAX - 14 + more;
	r->control &= (uint8_t)~RECORD_REPEAT; /* it takes its time */
	large[r->size - 1] = '\0';
	if (r->size > PACKET_MAX) /* cut off, it would be a good one */
		large[PACKET_MAX - 1] = '\0';
}

bool script_next(struct script *s, struct record *r)
{
	size_t wanted, size;

	if (s->left < 4)
		return false;
	wanted = (size_t)s->pos[2] << 8 | s->pos[3];
	size = wanted >= SCRIPT_LARGE ? LARGE_HEAD : wanted;
	*r = (struct record){ .control = s->pos[0], .result = s->pos[1], .bytes = s->pos + 4 };
	s->pos += 4;
	s->left -= 4;
	r->size = size < s->left ? size : s->left;
	s->pos += r->size;
	s->left -= r->size;
	if (wanted >= SCRIPT_LARGE)
		fill_up(r, (unsigned int)(wanted - SCRIPT_LARGE));
	return true;
}

static int make_file(struct script *s)
{
	struct record contents = { 0 };
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	check(fd >= 0);
	if (script_next(s, &contents))
		check(write(fd, contents.bytes, contents.size) == (ssize_t)contents.size);
	return fd;
}

static int make_fd(struct script *s, unsigned int kind)
{
	int fd;

	switch (kind) {
	case KIND_FUSE: /* nobody uses it, so it need not work */
		fd = open("/dev/fuse", O_PATH | O_CLOEXEC);
		return fd >= 0 ? fd : open("/dev/null", O_PATH | O_CLOEXEC);
	case KIND_FILE:
		return make_file(s);
	case KIND_DIRECTORY:
		return open("/", O_PATH | O_CLOEXEC);
	default:
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
}

static void send_packet(struct script *s)
{
	const struct record *r = &s->latest;
	unsigned int kind = r->control & RECORD_KIND, n_fds = r->control & RECORD_FDS;
	int fds[MAX_FDS], fd = -1;

	if (n_fds == RECORD_FDS)
		n_fds = MAX_FDS;
	/* Repeated, a file would eat up the records. */
	if (n_fds && (kind != KIND_FILE || s->repeat == 1))
		fd = make_fd(s, kind);
	for (unsigned int i = 0; i < n_fds; i++)
		fds[i] = fd;
	if (fd < 0)
		n_fds = 0;
	/* A kernel that takes no descriptors takes no packet with any either. */
	if (send_with_fds(s->peer_fd, r->bytes, r->size, fds, n_fds, MSG_DONTWAIT))
		(void)send(s->peer_fd, r->bytes, r->size, MSG_DONTWAIT | MSG_NOSIGNAL);
	close_fd_keep_errno(fd);
	s->sent++;
	s->repeat--;
}

static void end_script(struct script *s)
{
	s->ended = true;
	if ((s->flags & SCRIPT_END) == END_CLOSE)
		close_fd_keep_errno(steal_fd(&s->peer_fd));
	else if ((s->flags & SCRIPT_END) != END_SILENCE)
		(void)shutdown(s->peer_fd, SHUT_WR);
}

static int take_answer_fd(struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fd = -1;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		check(c->cmsg_len == CMSG_LEN(sizeof(int)));
		memcpy(&fd, CMSG_DATA(c), sizeof(int));
	}
	check(!(msg->msg_flags & MSG_CTRUNC));
	return fd;
}

static void read_answers(struct script *s)
{
	static uint8_t buf[PACKET_MAX + 1];

	while (s->peer_fd >= 0) {
		char control[CMSG_SPACE(2 * sizeof(int))] __attribute__((aligned(8)));
		struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
		struct msghdr msg = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		ssize_t n = __real_recvmsg(s->peer_fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		int fd;

		if (n <= 0)
			break;
		fd = take_answer_fd(&msg);
		if (s->answer)
			s->answer(s->data, buf, (size_t)n, fd);
		close_fd_keep_errno(fd);
	}
}

/* Lets the peer do one thing; false if it does not do anything any more. */
static bool feed(struct script *s)
{
	if (s->ended)
		return false;
	if (!(s->flags & SCRIPT_DEAF))
		read_answers(s);
	if (s->repeat == 0) {
		if (s->sent >= MAX_SENT || !script_next(s, &s->latest)) {
			end_script(s);
			return true;
		}
		s->repeat = 1U << (s->latest.control & RECORD_REPEAT) / 16;
		if ((s->latest.control & RECORD_EVENT) && s->event)
			s->event(s->data);
	}
	send_packet(s);
	return true;
}

void script_start(struct script *s, int session_fd, int peer_fd)
{
	s->session_fd = session_fd;
	s->peer_fd = peer_fd;
	running = s;
	leap = 0;
	/* As many as fit with their answers: a small packet takes a kilobyte of the socket's. */
	for (int i = 0; (s->flags & SCRIPT_AHEAD) && i < 100; i++)
		(void)feed(s);
}

void script_stop(struct script *s)
{
	read_answers(s);
	close_fd_keep_errno(steal_fd(&s->peer_fd));
	running = NULL;
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t n = __real_recvmsg(fd, msg, flags);

	if (!running || fd != running->session_fd)
		return n;
	while (n < 0 && errno == EAGAIN && feed(running))
		n = __real_recvmsg(fd, msg, flags);
	if (n >= 0 && running->received)
		running->received(running->data, msg->msg_iov->iov_base,
				  msg->msg_flags & MSG_TRUNC ? 0 : (size_t)n);
	return n;
}

/* Nothing is worth waiting for: this peer does something at once, or never. */
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	int rc = __real_poll(fds, n, running ? 0 : timeout);

	if (!running)
		return rc;
	if (rc == 0 && (fds[0].events & POLLOUT) && !(running->flags & SCRIPT_DEAF)) {
		read_answers(running);
		rc = __real_poll(fds, n, 0);
	}
	while (rc == 0 && (fds[0].events & POLLIN) && feed(running))
		rc = __real_poll(fds, n, 0);
	if (rc == 0) {
		check((running->flags & SCRIPT_DEAF) ||
		      (running->flags & SCRIPT_END) == END_SILENCE);
		leap += LEAP;
	}
	return rc;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	int rc = __real_clock_gettime(clock, ts);

	if (running)
		ts->tv_sec += leap;
	return rc;
}

int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
#ifdef SO_PASSRIGHTS
	const int passrights = SO_PASSRIGHTS;
#else
	const int passrights = 83;
#endif
	if (running && (running->flags & SCRIPT_OLD_KERNEL) && option == passrights) {
		errno = ENOPROTOOPT;
		return -1;
	}
	return __real_setsockopt(fd, level, option, value, len);
}
