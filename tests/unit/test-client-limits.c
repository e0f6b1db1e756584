// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The mount side's limits (messages, files, packets) against a server that wants more, and the
 * ways in which a connection fails.
 */
#include "client-session.h"

#include <pthread.h>
#include <sys/stat.h>
#include <sys/un.h>

/* A server that sends one packet again and again, more often than a socket can hold. */
struct flood {
	pthread_t thread;
	int sock;
	unsigned int n;
	bool wait_for_answer;
	uint8_t answer[256]; /* the last one */
	const struct packet *packet;
};

static void *run_flood(void *arg)
{
	struct flood *f = arg;
	uint8_t bytes[256];
	ssize_t size = packet_encode(f->packet, bytes, sizeof(bytes));

	for (unsigned int i = 0; size > 0 && i < f->n; i++) {
		if (send(f->sock, bytes, (size_t)size, MSG_NOSIGNAL) < 0)
			break;
		if (f->wait_for_answer && recv(f->sock, f->answer, sizeof(f->answer), 0) <= 0)
			break;
	}
	(void)shutdown(f->sock, SHUT_WR);
	return NULL;
}

/* Returns the error in the last answer. */
static int flood(struct session *s, const struct packet *p, unsigned int n, bool wait_for_answer)
{
	struct flood f = {
		.sock = s->peer, .n = n, .packet = p, .wait_for_answer = wait_for_answer
	};
	uint8_t start[256];
	int fd;

	while (recv_raw(s->peer, start, sizeof(start), &fd) > 0)
		close_fd_keep_errno(fd);
	assert_int_equal(pthread_create(&f.thread, NULL, run_flood, &f), 0);
	assert_true(fusesvc_client_run(s->c) < 0);
	assert_return_code(shutdown(s->peer, SHUT_RDWR), errno);
	assert_int_equal(pthread_join(f.thread, NULL), 0);
	assert_int_equal(fusesvc_client_error(s->c)->step, FUSESVC_STEP_SERVE);
	return f.answer[7];
}

static void messages_are_bounded(void **state)
{
	struct session s;

	session_begin(&s);
	(void)flood(&s, MESSAGE(4, 3), 200, false);
	assert_int_equal(fusesvc_client_error(s.c)->code, FUSESVC_E_CLOSED);
	assert_int_equal(s.n_messages, FUSESVC_MAX_MESSAGES);
	session_end(&s);
	session_begin(&s);
	(void)flood(&s, MESSAGE(6, FUSESVC_NO_PROGRESS), 200, false);
	assert_int_equal(s.n_messages, FUSESVC_MAX_MESSAGES);
	session_end(&s);
}

static void progress_is_bounded(void **state)
{
	struct session s;

	session_begin(&s);
	(void)flood(&s, MESSAGE(6, 0), FUSESVC_MAX_PROGRESS + 100, false);
	assert_int_equal(fusesvc_client_error(s.c)->code, FUSESVC_E_CLOSED);
	assert_int_equal(s.n_messages, FUSESVC_MAX_PROGRESS);
	session_end(&s);
}

/* A server at its limits is one that may still mount: a breach is what is beyond them. */
static void limits_fit_into_packets(void **state)
{
	assert_true(FUSESVC_MAX_PROGRESS + FUSESVC_MAX_MESSAGES + FUSESVC_MAX_OPENS + 10 <
		    FUSESVC_MAX_PACKETS);
}

static void packets_are_bounded(void **state)
{
	struct session s;

	session_begin(&s);
	(void)flood(&s, MESSAGE(6, 3), FUSESVC_MAX_PACKETS, false);
	assert_int_equal(fusesvc_client_error(s.c)->code, FUSESVC_E_CLOSED);
	session_end(&s);
	session_begin(&s);
	(void)flood(&s, MESSAGE(6, 3), FUSESVC_MAX_PACKETS + 1, false);
	assert_int_equal(fusesvc_client_error(s.c)->code, FUSESVC_E_FLOOD);
	session_end(&s);
}

/* The first one over the limit is answered, and by EMFILE. Refused ones count too. */
static void opens_are_bounded(void **state)
{
	const struct packet *const tries[] = { OPEN("/a"), P(OPEN_BDEV, .string = "/b") };
	struct session s;

	for (unsigned int i = 0; i < 4; i++) {
		unsigned int more = i & 1;

		session_begin(&s);
		s.fail_step = FUSESVC_STEP_OPEN;
		s.fail_rc = -ENOENT;
		assert_int_equal(flood(&s, tries[i / 2], FUSESVC_MAX_OPENS + more, true),
				 more ? EMFILE : ENOENT);
		assert_int_equal(fusesvc_client_error(s.c)->code, FUSESVC_E_CLOSED);
		assert_int_equal(s.n_opens, FUSESVC_MAX_OPENS);
		session_end(&s);
	}
}

static void impossible_messages_are_a_breach(void **state)
{
	static const struct {
		uint32_t level, progress;
	} bad[] = { { 0, 0 },	       { 2, 0 },    { 5, 0 },	      { 7, 0 },
		    { 0xffffffff, 0 }, { 3, 1001 }, { 6, 0xfffffffe } };
	struct session s;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		session_begin(&s);
		say(&s, MESSAGE(bad[i].level, bad[i].progress), FSOPEN);
		session_expect(&s, FUSESVC_E_PROTOCOL, FUSESVC_STEP_SERVE, "", NULL);
		session_end(&s);
	}
	session_begin(&s);
	say(&s, MESSAGE(3, 0), MESSAGE(4, 1000), MESSAGE(6, FUSESVC_NO_PROGRESS), BYE(1));
	session_expect(&s, FUSESVC_E_GOODBYE, FUSESVC_STEP_BYE,
		       "message 3 0 hi;message 4 3e8 hi;message 6 ffffffff hi;", NULL);
	session_end(&s);
}

/*
 * Connecting
 */

static char dir[] = "/tmp/test-client-XXXXXX";

static int make_dir(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	return rmdir(dir);
}

/* A socket at @name in the directory, whose path goes to @path. */
static int listener(struct sockaddr_un *addr, int type, int backlog)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	assert_return_code(fd, errno);
	addr->sun_family = AF_UNIX;
	(void)snprintf(addr->sun_path, sizeof(addr->sun_path), "%s/sock", dir);
	assert_return_code(bind(fd, (struct sockaddr *)addr, sizeof(*addr)), errno);
	if (backlog >= 0)
		assert_return_code(listen(fd, backlog), errno);
	return fd;
}

static void assert_connect_fails(const char *path, uint32_t code, int err)
{
	struct fusesvc_client *c;
	const struct fusesvc_error *e;

	assert_int_equal(fusesvc_client_new(&c, &session_ops, NULL), 0);
	fusesvc_client_set_timeout(c, 1);
	assert_true(fusesvc_client_connect(c, path) < 0);
	e = fusesvc_client_error(c);
	assert_int_equal(e->step, FUSESVC_STEP_CONNECT);
	assert_int_equal(e->code, code);
	if (err)
		assert_int_equal(e->err, err);
	fusesvc_client_free(c);
}

static void nobody_listens(void **state)
{
	struct sockaddr_un addr;
	char path[200];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/none", dir);
	assert_connect_fails(path, FUSESVC_E_NOSERVICE, ENOENT);
	assert_connect_fails("/dev/null/none", FUSESVC_E_NOSERVICE, ENOTDIR);
	fd = listener(&addr, SOCK_SEQPACKET, -1);
	assert_connect_fails(addr.sun_path, FUSESVC_E_NOSERVICE, ECONNREFUSED);
	(void)close(fd);
	assert_connect_fails(addr.sun_path, FUSESVC_E_NOSERVICE, ECONNREFUSED);
	assert_return_code(unlink(addr.sun_path), errno);
	fd = listener(&addr, SOCK_STREAM, 1);
	assert_connect_fails(addr.sun_path, FUSESVC_E_SYSTEM, EPROTOTYPE);
	(void)close(fd);
	assert_return_code(unlink(addr.sun_path), errno);
}

static void path_is_too_long(void **state)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];

	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0'; /* one byte too long */
	assert_connect_fails(path, FUSESVC_E_SYSTEM, ENAMETOOLONG);
	path[sizeof(path) - 2] = '\0';
	assert_connect_fails(path, FUSESVC_E_NOSERVICE, ENOENT);
}

static void full_backlog(void **state)
{
	struct sockaddr_un addr;
	int fd = listener(&addr, SOCK_SEQPACKET, 0), waiting[16], n = 0;

	do {
		assert_true(n < 16);
		waiting[n] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	} while (connect(waiting[n++], (struct sockaddr *)&addr, sizeof(addr)) == 0);
	assert_connect_fails(addr.sun_path, FUSESVC_E_TIMEOUT, 0);
	while (n)
		(void)close(waiting[--n]);
	(void)close(fd);
	assert_return_code(unlink(addr.sun_path), errno);
}

static void connects_once(void **state)
{
	struct sockaddr_un addr;
	struct fusesvc_client *c;
	int fd = listener(&addr, SOCK_SEQPACKET, 1), accepted, pair[2];

	assert_int_equal(fusesvc_client_new(&c, &session_ops, NULL), 0);
	assert_int_equal(fusesvc_client_connect(c, addr.sun_path), 0);
	assert_int_equal(fusesvc_client_error(c)->code, FUSESVC_E_NONE);
	accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	assert_return_code(accepted, errno);
	assert_int_equal(fusesvc_client_connect(c, addr.sun_path), -EISCONN);
	make_pair(pair);
	assert_int_equal(fusesvc_client_set_fd(c, pair[0]), -EISCONN);
	(void)close(pair[0]);
	(void)close(pair[1]);
	fusesvc_client_free(c);
	(void)close(accepted);
	(void)close(fd);
	assert_return_code(unlink(addr.sun_path), errno);
}

static void without_a_connection(void **state)
{
	static const char *const argv[] = { "sq" };
	struct fusesvc_client *c;
	int pair[2];

	assert_int_equal(fusesvc_client_new(&c, &session_ops, NULL), 0);
	assert_true(fusesvc_client_start(c, 0, 1, argv, 0) < 0);
	assert_int_equal(fusesvc_client_error(c)->code, FUSESVC_E_CLOSED);
	assert_int_equal(fusesvc_client_server_pid(c), 0);
	fusesvc_client_free(c);
	fusesvc_client_free(NULL);

	assert_int_equal(fusesvc_client_new(&c, &session_ops, NULL), 0);
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), errno);
	assert_int_equal(fusesvc_client_set_fd(c, pair[0]), -ENOTSOCK);
	assert_int_equal(fusesvc_client_error(c)->step, FUSESVC_STEP_CONNECT);
	(void)close(pair[0]);
	(void)close(pair[1]);
	fusesvc_client_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit_test_fds(messages_are_bounded),
		unit_test_fds(progress_is_bounded),
		unit_test_fds(limits_fit_into_packets),
		unit_test_fds(packets_are_bounded),
		unit_test_fds(opens_are_bounded),
		unit_test_fds(impossible_messages_are_a_breach),
		unit_test_fds(nobody_listens),
		unit_test_fds(path_is_too_long),
		unit_test_fds(full_backlog),
		unit_test_fds(connects_once),
		unit_test_fds(without_a_connection),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
