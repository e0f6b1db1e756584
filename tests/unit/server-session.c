// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The scripted helper, see server-session.h.
 */
#include "server-session.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "args.h"

#define SERVICE_FD 3

bool clock_leaps;

int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	static time_t leap;
	int rc = __real_clock_gettime(id, ts);

	if (clock_leaps)
		leap += 1000;
	ts->tv_sec += leap;
	return rc;
}

int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);

/* What stands in for /dev/fuse here, /dev/null or a terminal, passes for it. */
int __wrap_fstat(int fd, struct stat *st)
{
	int rc = __real_fstat(fd, st);

	if (rc == 0 && S_ISCHR(st->st_mode) &&
	    (st->st_rdev == makedev(1, 3) || major(st->st_rdev) == 136))
		st->st_rdev = makedev(10, 229);
	return rc;
}

/* The library closes descriptor 3: something must stand there whenever a test makes others. */
static void reserve_service_fd(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_return_code(null, errno);
	if (null == SERVICE_FD)
		return;
	assert_int_equal(dup3(null, SERVICE_FD, O_CLOEXEC), SERVICE_FD);
	(void)close(null);
}

int server_before(void **state)
{
	if (fcntl(SERVICE_FD, F_GETFD) < 0)
		reserve_service_fd();
	return fds_before(state);
}

int server_after(void **state)
{
	clock_leaps = false;
	reserve_service_fd();
	return fds_after(state);
}

void helper_new(struct helper *h)
{
	char pid[16];
	int pair[2];

	memset(h, 0, sizeof(*h));
	if (fcntl(SERVICE_FD, F_GETFD) < 0)
		reserve_service_fd();
	make_pair(pair);
	h->peer = pair[1];
	assert_int_equal(dup2(pair[0], SERVICE_FD), SERVICE_FD);
	(void)close(pair[0]);
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	assert_return_code(setenv("LISTEN_PID", pid, 1), errno);
	assert_return_code(setenv("LISTEN_FDS", "1", 1), errno);
	assert_return_code(setenv("LISTEN_FDNAMES", "connection", 1), errno);
	assert_return_code(setenv("LISTEN_PIDFDID", "17", 1), errno);
}

void helper_end(struct helper *h)
{
	fusesvc_server_free(h->s);
	close_fd_keep_errno(h->peer);
}

static void send_packet(struct helper *h, const struct packet *p, int fd)
{
	uint8_t bytes[2048];
	ssize_t n = packet_encode(p, bytes, sizeof(bytes));

	assert_true(n > 0);
	send_raw(h->peer, bytes, (size_t)n, &fd, fd >= 0 ? 1 : 0);
}

void helper_say(struct helper *h, const struct packet *p)
{
	send_packet(h, p, -1);
}

void helper_hello(struct helper *h, uint16_t min, uint16_t max, uint32_t flags)
{
	const struct packet p = { .type = PACKET_HELLO, .hello = { min, max, flags } };

	send_packet(h, &p, -1);
}

void helper_file(struct helper *h, const char *path, uint32_t error, int fd)
{
	const struct packet p = { .type = PACKET_FILE, .file = { error }, .string = path };

	send_packet(h, &p, fd);
}

void helper_args(struct helper *h, uint32_t ext_bits)
{
	static const char *const argv[] = { "sq", "/img", "/mnt" };
	int fd;

	assert_int_equal(args_to_memfd(ARRAY_SIZE(argv), argv, ext_bits, &fd), 0);
	helper_file(h, "argv", 0, fd);
	(void)close(fd);
}

void helper_fusedev(struct helper *h)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	helper_file(h, "fusedev", 0, fd);
	(void)close(fd);
}

void helper_reply(struct helper *h, uint32_t error)
{
	const struct packet p = { .type = PACKET_REPLY, .reply = { error } };

	send_packet(h, &p, -1);
}

int helper_accept(struct helper *h)
{
	return fusesvc_server_accept(&h->s, &h->error);
}

void helper_begin(struct helper *h, uint32_t ext_bits)
{
	struct packet p;

	helper_new(h);
	helper_hello(h, 1, 1, FUSESVC_ALLOW_OTHER);
	helper_args(h, ext_bits);
	helper_fusedev(h);
	assert_int_equal(helper_accept(h), 0);
	assert_non_null(h->s);
	helper_hears(h, &p);
	assert_int_equal(p.type, PACKET_HELLO_REPLY);
	assert_int_equal(p.hello_reply.version, 1);
}

void helper_refused(struct helper *h, uint32_t code, uint32_t step)
{
	int rc = helper_accept(h);

	assert_null(h->s);
	if (h->error.code != code || h->error.step != step)
		fail_msg("code %u in step %u, not %u in %u", h->error.code, h->error.step, code,
			 step);
	assert_true(h->error.err > 0);
	assert_int_equal(rc, -h->error.err);
	helper_end(h);
}

void helper_hears(struct helper *h, struct packet *p)
{
	static uint8_t bytes[PACKET_MAX];
	int fd;
	ssize_t n = recv_raw(h->peer, bytes, sizeof(bytes), &fd);

	assert_true(n > 0);
	assert_int_equal(fd, -1);
	assert_int_equal(packet_decode(bytes, (size_t)n, p), 0);
}

void helper_hears_nothing(struct helper *h)
{
	uint8_t byte;
	int fd;

	assert_int_equal(recv_raw(h->peer, &byte, 1, &fd), -1);
}
