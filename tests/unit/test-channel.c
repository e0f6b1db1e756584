// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One connection: deadlines, the end, descriptors that are wanted and ones that are not.
 */
#include "test-util.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "channel.h"

static const uint8_t reply_bytes[] = { 'R', 'E', 'P', 'L', 0, 0, 0, 5 };

/* A channel on one end of a pair, which waits for a second; returns the other end. */
static int open_channel(struct channel **ch, bool takes_fds, bool passes_pid)
{
	int pair[2];

	make_pair(pair);
	*ch = calloc(1, sizeof(**ch));
	assert_non_null(*ch);
	(*ch)->timeout = 1;
	assert_int_equal(channel_open(*ch, pair[0], takes_fds, passes_pid), 0);
	return pair[1];
}

static void end(struct channel *ch, int peer)
{
	channel_close(ch);
	assert_int_equal(ch->fd, -1);
	free(ch);
	if (peer >= 0)
		(void)close(peer);
}

static int64_t ms_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* Signals that come all the time must not make the wait longer. */
static void recv_has_a_deadline(void **state)
{
	const struct itimerval often = { { 0, 200000 }, { 0, 200000 } }, never = { 0 };
	struct sigaction sa = { .sa_handler = on_alarm };
	struct channel_extra extra;
	struct packet p;
	struct channel *ch;
	int peer = open_channel(&ch, true, false);
	int64_t start = ms_now();

	assert_return_code(sigaction(SIGALRM, &sa, NULL), errno);
	assert_return_code(setitimer(ITIMER_REAL, &often, NULL), errno);
	assert_int_equal(channel_recv(ch, &p, &extra), -ETIMEDOUT);
	assert_return_code(setitimer(ITIMER_REAL, &never, NULL), errno);
	assert_true(ms_now() - start >= 990);
	assert_int_equal(extra.fd, -1);
	end(ch, peer);
}

static void send_has_a_deadline(void **state)
{
	const struct packet p = { .type = PACKET_REPLY };
	struct channel *ch;
	int peer = open_channel(&ch, true, false), rc, n = 0;
	int64_t start = ms_now();

	do
		rc = channel_send(ch, &p, -1);
	while (rc == 0 && ++n < 1000000);
	assert_int_equal(rc, -ETIMEDOUT);
	assert_true(n > 0);
	assert_true(ms_now() - start >= 990);
	end(ch, peer);
}

static void wait_has_a_deadline_and_an_order(void **state)
{
	struct channel *ch;
	int peer = open_channel(&ch, true, false), other[2];

	make_pair(other);
	assert_int_equal(channel_wait(ch, other[0]), -ETIMEDOUT);
	send_raw(peer, reply_bytes, sizeof(reply_bytes), NULL, 0);
	assert_int_equal(channel_wait(ch, other[0]), 0);
	assert_int_equal(channel_wait(ch, -1), 0);
	(void)close(other[1]);
	assert_int_equal(channel_wait(ch, other[0]), 1);
	(void)close(other[0]);
	end(ch, peer);
}

static void peer_closes(void **state)
{
	const struct packet out = { .type = PACKET_REPLY };
	struct channel_extra extra;
	struct packet p;
	struct channel *ch;
	int peer = open_channel(&ch, true, false);

	send_raw(peer, reply_bytes, sizeof(reply_bytes), NULL, 0);
	(void)close(peer);
	assert_int_equal(channel_recv(ch, &p, &extra), 0); /* what was said before still counts */
	assert_int_equal(channel_recv(ch, &p, &extra), -ECONNRESET);
	assert_int_equal(channel_send(ch, &out, -1), -EPIPE); /* and no SIGPIPE */
	channel_close(ch);
	assert_int_equal(channel_recv(ch, &p, &extra), -ECONNRESET);
	assert_int_equal(channel_send(ch, &out, -1), -EPIPE);
	end(ch, -1);
}

static void empty_packet_is_the_end(void **state)
{
	struct channel_extra extra;
	struct packet p;
	struct channel *ch;
	int peer = open_channel(&ch, true, false);

	send_raw(peer, "", 0, NULL, 0);
	assert_int_equal(channel_recv(ch, &p, &extra), -ECONNRESET);
	end(ch, peer);
}

static void one_descriptor_passes(void **state)
{
	const struct packet out = { .type = PACKET_FILE, .string = "/f" };
	struct channel_extra extra;
	struct packet p;
	struct channel *ch, *other;
	struct stat a, b;
	int pair[2], file = open("/dev/null", O_RDWR | O_CLOEXEC);

	make_pair(pair);
	ch = calloc(1, sizeof(*ch));
	other = calloc(1, sizeof(*other));
	assert_true(ch && other);
	ch->timeout = other->timeout = 1;
	assert_int_equal(channel_open(ch, pair[0], true, false), 0);
	assert_int_equal(channel_open(other, pair[1], false, false), 0);
	assert_int_equal(channel_send(other, &out, file), 0);
	assert_int_equal(channel_recv(ch, &p, &extra), 0);
	assert_string_equal(p.string, "/f");
	assert_true(extra.fd >= 0);
	assert_int_equal(fcntl(extra.fd, F_GETFD), FD_CLOEXEC);
	assert_return_code(fstat(file, &a), errno);
	assert_return_code(fstat(extra.fd, &b), errno);
	assert_int_equal(a.st_rdev, b.st_rdev);
	(void)close(extra.fd);
	(void)close(file);
	end(ch, -1);
	end(other, -1);
}

static void more_descriptors_are_a_breach(void **state)
{
	for (size_t n = 2; n <= 8; n++) {
		struct channel_extra extra;
		struct packet p;
		struct channel *ch;
		const int fds[8] = { 0, 1, 2, 0, 1, 2, 0, 1 };
		int peer = open_channel(&ch, true, n & 1);
		size_t before = count_fds();

		send_raw(peer, reply_bytes, sizeof(reply_bytes), fds, n);
		assert_int_equal(channel_recv(ch, &p, &extra), -EBADMSG);
		assert_int_equal(extra.fd, -1);
		assert_int_equal(count_fds(), before);
		end(ch, peer);
	}
}

/* Nothing else tells that the kernel had no room for it. */
static void a_descriptor_that_got_lost(void **state)
{
	const int fd = 0;
	struct rlimit limit, none;
	struct channel_extra extra;
	struct packet p;
	struct channel *ch;
	int peer, rc;

	if (getenv("FSVC_VALGRIND"))
		skip(); /* which has limits of its own */
	peer = open_channel(&ch, true, false);
	send_raw(peer, reply_bytes, sizeof(reply_bytes), &fd, 1);
	assert_return_code(getrlimit(RLIMIT_NOFILE, &limit), errno);
	none = limit;
	none.rlim_cur = 0;
	assert_return_code(setrlimit(RLIMIT_NOFILE, &none), errno);
	rc = channel_recv(ch, &p, &extra);
	assert_return_code(setrlimit(RLIMIT_NOFILE, &limit), errno);
	assert_int_equal(rc, -EBADMSG);
	assert_int_equal(extra.fd, -1);
	end(ch, peer);
}

static void malformed_packet_with_a_descriptor(void **state)
{
	static const char *const bad[] = { "", "x", "REPL", "NAMEabc" };
	const int fd = 0;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct channel_extra extra;
		struct packet p;
		struct channel *ch;
		int peer = open_channel(&ch, true, false);
		size_t before = count_fds();

		send_raw(peer, bad[i], strlen(bad[i]), &fd, 1);
		assert_int_equal(channel_recv(ch, &p, &extra), *bad[i] ? -EBADMSG : -ECONNRESET);
		assert_int_equal(extra.fd, -1);
		assert_int_equal(count_fds(), before);
		end(ch, peer);
	}
}

/* An older kernel lets them through, a newer one refuses at the sender's end. */
static void unwanted_descriptors_are_dropped(void **state)
{
	static const size_t numbers[] = { 1, 2, 3, 100, MAX_FDS };
	const int fds[MAX_FDS] = { 0, 1, 2 }; /* and many more of the first */

	for (int late = 0; late < 2; late++) {
		for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
			struct channel_extra extra;
			struct packet p;
			struct channel *ch;
			int peer = open_channel(&ch, late, true);
			size_t before = count_fds();

			if (late)
				channel_refuse_fds(ch);
			let_fds_through(ch->fd);
			send_raw(peer, reply_bytes, sizeof(reply_bytes), fds, numbers[i]);
			assert_int_equal(channel_recv(ch, &p, &extra), 0);
			assert_int_equal(p.reply.error, 5);
			assert_int_equal(extra.fd, -1);
			assert_int_equal(count_fds(), before);
			end(ch, peer);
		}
	}
}

/* Another process sees whether this one still has its lock. */
static bool is_locked(int fd)
{
	struct flock lock = { .l_type = F_WRLCK };
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? 1 : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status) == 1;
}

/*
 * To close a descriptor can take for ever, if its file system wants so: what nobody wants must not
 * even be installed. A lock of this process's would end with a close of any descriptor of the file.
 */
static void unwanted_descriptors_are_never_closed(void **state)
{
	struct flock lock = { .l_type = F_WRLCK };
	struct channel_extra extra;
	struct packet p;
	struct channel *ch;
	int peer = open_channel(&ch, false, true);
	int fd = memfd_create("lock", MFD_CLOEXEC);

	assert_return_code(fcntl(fd, F_SETLK, &lock), errno);
	assert_true(is_locked(fd));
	let_fds_through(ch->fd);
	send_raw(peer, reply_bytes, sizeof(reply_bytes), &fd, 1);
	assert_int_equal(channel_recv(ch, &p, &extra), 0);
	assert_int_equal(extra.fd, -1);
	assert_true(extra.pid == getpid());
	assert_true(is_locked(fd));
	(void)close(fd);
	end(ch, peer);
}

static void kernel_refuses_descriptors(void **state)
{
	struct channel *ch;
	int peer = open_channel(&ch, false, false), one = 0;
	socklen_t len = sizeof(one);

	if (getsockopt(ch->fd, SOL_SOCKET, SO_PASSRIGHTS, &one, &len) == 0)
		assert_int_equal(one, 0);
	end(ch, peer);
}

static void oversize_packet_is_malformed(void **state)
{
	uint8_t *big = calloc(1, PACKET_MAX + 1);
	struct channel_extra extra;
	struct packet p;
	struct channel *ch;
	int peer = open_channel(&ch, true, false);

	assert_non_null(big);
	memcpy(big, "NAME", 4);
	memset(big + 4, 'n', PACKET_MAX - 5);
	send_raw(peer, big, PACKET_MAX, NULL, 0);
	assert_int_equal(channel_recv(ch, &p, &extra), 0);
	assert_int_equal(strlen(p.string), PACKET_MAX - 5);
	/* The first 65536 bytes are well-formed again, only there is one more. */
	send_raw(peer, big, PACKET_MAX + 1, NULL, 0);
	assert_int_equal(channel_recv(ch, &p, &extra), -EBADMSG);
	free(big);
	end(ch, peer);
}

static void sender_pid_is_told(void **state)
{
	struct channel_extra extra;
	struct packet p;
	struct channel *ch;
	int peer = open_channel(&ch, false, true), status;
	pid_t child = fork();

	if (child == 0)
		_exit(send(peer, reply_bytes, sizeof(reply_bytes), 0) < 0);
	assert_return_code(child, errno);
	assert_int_equal(channel_recv(ch, &p, &extra), 0);
	assert_int_equal(extra.pid, child);
	assert_int_equal(waitpid(child, &status, 0), child);
	end(ch, peer);

	peer = open_channel(&ch, false, false);
	send_raw(peer, reply_bytes, sizeof(reply_bytes), NULL, 0);
	assert_int_equal(channel_recv(ch, &p, &extra), 0);
	assert_int_equal(extra.pid, 0);
	end(ch, peer);
}

/* @fd must be refused, and stays ours. */
static void assert_refused(int fd, int expected)
{
	struct channel *ch = calloc(1, sizeof(*ch));

	assert_true(ch && fd >= 0);
	assert_int_equal(channel_open(ch, fd, true, false), expected);
	free(ch);
	assert_return_code(close(fd), errno);
}

static void wrong_sockets_are_refused(void **state)
{
	struct channel *ch = calloc(1, sizeof(*ch));
	int pipe_fds[2];

	assert_non_null(ch);
	assert_refused(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), -ENOTSOCK);
	assert_refused(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), -ENOTSOCK);
	assert_refused(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), -EAFNOSUPPORT);
	assert_return_code(pipe2(pipe_fds, O_CLOEXEC), errno);
	assert_refused(pipe_fds[0], -ENOTSOCK);
	assert_refused(pipe_fds[1], -ENOTSOCK);
	assert_int_equal(channel_open(ch, -1, true, false), -EBADF);
	free(ch);
}

static void opening_sets_close_on_exec(void **state)
{
	struct channel *ch = calloc(1, sizeof(*ch));
	int pair[2];

	assert_non_null(ch);
	assert_return_code(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), errno);
	assert_int_equal(fcntl(pair[0], F_GETFD), 0);
	assert_int_equal(channel_open(ch, pair[0], true, false), 0);
	assert_int_equal(fcntl(pair[0], F_GETFD), FD_CLOEXEC);
	end(ch, pair[1]);
}

/* An answer about a path repeats the path, which stands in the buffer of what was received. */
static void an_answer_quotes_what_was_received(void **state)
{
	const size_t size = 20 + 60000;
	uint8_t *open_bytes = calloc(1, size + 1), *got = calloc(1, size);
	struct channel_extra extra;
	struct packet p, answer = { .type = PACKET_FILE, .file = { EPERM } };
	struct channel *ch;
	int peer = open_channel(&ch, false, false), fd;

	assert_true(open_bytes && got);
	memcpy(open_bytes, "OPEN", 4);
	for (size_t i = 20; i < size - 1; i++)
		open_bytes[i] = (uint8_t)('a' + i % 26);
	send_raw(peer, open_bytes, size, NULL, 0);
	assert_int_equal(channel_recv(ch, &p, &extra), 0);
	answer.string = p.string;
	assert_int_equal(channel_send(ch, &answer, -1), 0);
	assert_string_equal(p.string, (const char *)open_bytes + 20);
	assert_int_equal(recv_raw(peer, got, size, &fd), 8 + 60000);
	assert_memory_equal(got, "FILE\0\0\0\1", 8);
	assert_memory_equal(got + 8, open_bytes + 20, 60000);
	free(open_bytes);
	free(got);
	end(ch, peer);
}

static void unencodable_packets_are_not_sent(void **state)
{
	const struct packet no_string = { .type = PACKET_SOURCE }, no_type = { 0 };
	struct channel *ch;
	int peer = open_channel(&ch, true, false), fd;
	char byte;

	assert_int_equal(channel_send(ch, &no_string, -1), -EINVAL);
	assert_int_equal(channel_send(ch, &no_type, -1), -EINVAL);
	assert_int_equal(recv_raw(peer, &byte, 1, &fd), -1);
	end(ch, peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit_test_fds(recv_has_a_deadline),
		unit_test_fds(send_has_a_deadline),
		unit_test_fds(wait_has_a_deadline_and_an_order),
		unit_test_fds(peer_closes),
		unit_test_fds(empty_packet_is_the_end),
		unit_test_fds(one_descriptor_passes),
		unit_test_fds(more_descriptors_are_a_breach),
		unit_test_fds(a_descriptor_that_got_lost),
		unit_test_fds(malformed_packet_with_a_descriptor),
		unit_test_fds(unwanted_descriptors_are_dropped),
		unit_test_fds(unwanted_descriptors_are_never_closed),
		unit_test_fds(kernel_refuses_descriptors),
		unit_test_fds(oversize_packet_is_malformed),
		unit_test_fds(sender_pid_is_told),
		unit_test_fds(wrong_sockets_are_refused),
		unit_test_fds(opening_sets_close_on_exec),
		unit_test_fds(an_answer_quotes_what_was_received),
		unit_test_fds(unencodable_packets_are_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
