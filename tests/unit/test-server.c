// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How a server takes over its connection: the environment, the socket, hello, arguments and
 * /dev/fuse, right and wrong.
 */
#include "server-session.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void good_start(void **state)
{
	struct helper h;
	struct stat st;
	const char *const *argv;
	int argc, fd;
	uid_t uid;
	gid_t gid;

	helper_begin(&h, 0);
	argv = fusesvc_server_args(h.s, &argc);
	assert_int_equal(argc, 3);
	assert_string_equal(argv[0], "sq");
	assert_string_equal(argv[2], "/mnt");
	assert_null(argv[3]);
	assert_int_equal(fusesvc_server_flags(h.s), FUSESVC_ALLOW_OTHER);
	fusesvc_server_peer(h.s, &uid, &gid);
	assert_int_equal(uid, geteuid());
	assert_int_equal(gid, getegid());
	assert_int_equal(fusesvc_server_error(h.s)->code, FUSESVC_E_NONE);

	fd = fusesvc_server_fuse_fd(h.s);
	assert_return_code(fstat(fd, &st), errno);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(3, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fusesvc_server_take_fuse_fd(h.s), fd);
	assert_int_equal(fusesvc_server_fuse_fd(h.s), -1);
	assert_int_equal(fusesvc_server_take_fuse_fd(h.s), -1);
	helper_end(&h);
	assert_return_code(close(fd), errno); /* it was ours, and still open */
}

static void environment_is_cleaned(void **state)
{
	struct helper h;

	helper_begin(&h, 0);
	assert_null(getenv("LISTEN_PID"));
	assert_null(getenv("LISTEN_FDS"));
	assert_null(getenv("LISTEN_FDNAMES"));
	assert_null(getenv("LISTEN_PIDFDID"));
	assert_int_equal(fusesvc_server_flags(h.s), FUSESVC_ALLOW_OTHER);
	helper_end(&h);
	helper_new(&h);
	assert_return_code(shutdown(h.peer, SHUT_WR), errno);
	helper_refused(&h, FUSESVC_E_CLOSED, FUSESVC_STEP_HELLO);
	assert_null(getenv("LISTEN_PID"));
}

static void not_a_service(void **state)
{
	static const struct {
		const char *pid, *fds;
	} cases[] = {
		{ NULL, NULL },
		{ NULL, "1" },
		{ "", "1" },
		{ "1", "1" },
		{ "x", "1" },
		{ "-1", "1" },
		{ " 7", "1" },
		{ "7x", "1" },
		{ "99999999999999999999999", "1" },
		{ "self", NULL },
		{ "self", "" },
		{ "self", "0" },
		{ "self", "-1" },
		{ "self", "x" },
		{ "self", "1x" },
		{ "self", "99999999999999999999999" },
	};
	char self[16];

	(void)snprintf(self, sizeof(self), "%d", (int)getpid());
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *pid = cases[i].pid;
		struct helper h;

		helper_new(&h);
		(void)unsetenv("LISTEN_PID");
		(void)unsetenv("LISTEN_FDS");
		if (pid)
			(void)setenv("LISTEN_PID", strcmp(pid, "self") == 0 ? self : pid, 1);
		if (cases[i].fds)
			(void)setenv("LISTEN_FDS", cases[i].fds, 1);
		h.s = (struct fusesvc_server *)&h;
		assert_int_equal(helper_accept(&h), 0);
		assert_null(h.s);
		helper_hears_nothing(&h);
		assert_return_code(fcntl(3, F_GETFD), errno); /* not ours: left alone */
		helper_end(&h);
	}
}

/* A child of a service inherits environment and socket, and is no service. */
static void a_child_is_not_a_service(void **state)
{
	struct helper h;
	int status;
	pid_t child;

	helper_new(&h);
	child = fork();
	if (child == 0)
		_exit(helper_accept(&h) == 0 && !h.s ? 0 : 1);
	assert_return_code(child, errno);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_non_null(getenv("LISTEN_PID"));
	helper_end(&h);
}

static void one_socket_only(void **state)
{
	struct helper h;

	helper_new(&h);
	(void)setenv("LISTEN_FDS", "2", 1);
	assert_int_equal(helper_accept(&h), -E2BIG);
	assert_int_equal(h.error.step, FUSESVC_STEP_ACCEPT);
	assert_null(getenv("LISTEN_FDS"));
	helper_end(&h);
	helper_new(&h);
	(void)setenv("LISTEN_FDS", "2", 1);
	assert_int_equal(fusesvc_server_accept(&h.s, NULL), -E2BIG);
	helper_end(&h);
}

static void wrong_sockets(void **state)
{
	static const struct {
		int domain, type, rc;
	} cases[] = {
		{ AF_UNIX, SOCK_STREAM, -ENOTSOCK },
		{ AF_UNIX, SOCK_DGRAM, -ENOTSOCK },
		{ AF_INET, SOCK_STREAM, -EAFNOSUPPORT },
	};
	struct helper h;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int fd = socket(cases[i].domain, cases[i].type | SOCK_CLOEXEC, 0);

		assert_return_code(fd, errno);
		helper_new(&h);
		assert_int_equal(dup2(fd, 3), 3);
		(void)close(fd);
		assert_int_equal(helper_accept(&h), cases[i].rc);
		assert_int_equal(h.error.step, FUSESVC_STEP_ACCEPT);
		helper_end(&h);
	}
	helper_new(&h);
	assert_int_equal(dup2(0, 3), 3);
	assert_int_equal(helper_accept(&h), -ENOTSOCK);
	helper_end(&h);
}

/* Accept=no in a unit passes the listening socket; an unconnected one is as useless. */
static void unconnected_socket(void **state)
{
	for (int i = 0; i < 2; i++) {
		int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		struct sockaddr addr = { .sa_family = AF_UNIX };
		struct helper h;

		assert_return_code(fd, errno);
		if (i) { /* at an address of the kernel's choice */
			assert_return_code(bind(fd, &addr, sizeof(addr.sa_family)), errno);
			assert_return_code(listen(fd, 1), errno);
		}
		helper_new(&h);
		assert_int_equal(dup2(fd, 3), 3);
		(void)close(fd);
		assert_int_equal(helper_accept(&h), -ENOTSOCK);
		assert_null(h.s);
		helper_end(&h);
	}
}

static void version_ranges(void **state)
{
	static const struct {
		uint16_t min, max;
		uint32_t code;
	} cases[] = {
		{ 2, 1, FUSESVC_E_PROTOCOL },
		{ 1, 0, FUSESVC_E_PROTOCOL },
		{ 0, 0, FUSESVC_E_VERSION },
		{ 2, 2, FUSESVC_E_VERSION },
		{ 2, 65535, FUSESVC_E_VERSION },
		{ 1, 1, 0 },
		{ 0, 1, 0 },
		{ 1, 65535, 0 },
		{ 0, 65535, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct helper h;

		helper_new(&h);
		helper_hello(&h, cases[i].min, cases[i].max, 0);
		helper_args(&h, 0);
		helper_fusedev(&h);
		if (cases[i].code) {
			helper_refused(&h, cases[i].code, FUSESVC_STEP_HELLO);
			continue;
		}
		assert_int_equal(helper_accept(&h), 0);
		helper_end(&h);
	}
}

static void hello_flags(void **state)
{
	struct helper h;

	for (uint32_t bit = 4; bit; bit <<= 1) {
		helper_new(&h);
		helper_hello(&h, 1, 1, bit);
		helper_refused(&h, FUSESVC_E_PROTOCOL, FUSESVC_STEP_HELLO);
	}
	helper_new(&h);
	helper_hello(&h, 1, 1, 3);
	helper_args(&h, 0);
	helper_fusedev(&h);
	assert_int_equal(helper_accept(&h), 0);
	assert_int_equal(fusesvc_server_flags(h.s), FUSESVC_ALLOW_OTHER | FUSESVC_FUSEBLK);
	helper_end(&h);
}

static void no_hello(void **state)
{
	static const uint8_t hello[] = { 'S', 'A', 'F', 'T', 0, 1, 0, 1, 0, 0, 0, 0 };
	const int fd = 0;
	struct helper h;

	helper_new(&h);
	helper_args(&h, 0);
	helper_refused(&h, FUSESVC_E_PROTOCOL, FUSESVC_STEP_HELLO);
	helper_new(&h);
	send_raw(h.peer, hello, sizeof(hello) - 1, NULL, 0);
	helper_refused(&h, FUSESVC_E_PROTOCOL, FUSESVC_STEP_HELLO);
	helper_new(&h);
	send_raw(h.peer, hello, sizeof(hello), &fd, 1);
	helper_refused(&h, FUSESVC_E_PROTOCOL, FUSESVC_STEP_HELLO);
	helper_new(&h);
	clock_leaps = true;
	helper_refused(&h, FUSESVC_E_TIMEOUT, FUSESVC_STEP_HELLO);
	clock_leaps = false;
	helper_new(&h);
	close_fd_keep_errno(steal_fd(&h.peer));
	helper_refused(&h, FUSESVC_E_CLOSED, FUSESVC_STEP_HELLO);
}

enum start_file {
	NOTHING,
	ARGV,
	FUSEDEV,
	ARGV_NO_FD,
	FUSEDEV_NO_FD,
	ARGV_REFUSED,
	FUSEDEV_REFUSED,
	ARGV_REFUSED_FD,
	ARGV_HUGE_ERROR,
	ARGV_ZEROS,
	ARGV_PIPE,
	FUSEDEV_FILE,
	OTHER_PATH,
	A_REPLY
};

static void say_file(struct helper *h, enum start_file what)
{
	int fds[2], zeros = memfd_create("zeros", MFD_CLOEXEC);

	assert_return_code(ftruncate(zeros, 100), errno);
	assert_return_code(pipe2(fds, O_CLOEXEC), errno);
	switch (what) {
	case NOTHING:
		break;
	case ARGV:
		helper_args(h, 0);
		break;
	case FUSEDEV:
		helper_fusedev(h);
		break;
	case ARGV_NO_FD:
		helper_file(h, "argv", 0, -1);
		break;
	case FUSEDEV_NO_FD:
		helper_file(h, "fusedev", 0, -1);
		break;
	case ARGV_REFUSED:
		helper_file(h, "argv", ENOMEM, -1);
		break;
	case FUSEDEV_REFUSED:
		helper_file(h, "fusedev", ENODEV, -1);
		break;
	case ARGV_REFUSED_FD:
		helper_file(h, "argv", ENOMEM, zeros);
		break;
	case ARGV_HUGE_ERROR:
		helper_file(h, "argv", 4096, -1);
		break;
	case ARGV_ZEROS:
		helper_file(h, "argv", 0, zeros);
		break;
	case ARGV_PIPE:
		helper_file(h, "argv", 0, fds[0]);
		break;
	case FUSEDEV_FILE:
		helper_file(h, "fusedev", 0, zeros);
		break;
	case OTHER_PATH:
		helper_file(h, "/img", 0, zeros);
		break;
	case A_REPLY:
		helper_reply(h, 0);
		break;
	}
	(void)close(zeros);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void wrong_start_files(void **state)
{
	static const struct {
		enum start_file first, second;
		uint32_t code;
	} cases[] = {
		{ NOTHING, NOTHING, FUSESVC_E_CLOSED },
		{ ARGV, NOTHING, FUSESVC_E_CLOSED },
		{ ARGV, ARGV, FUSESVC_E_PROTOCOL },
		{ FUSEDEV, ARGV, FUSESVC_E_PROTOCOL },
		{ FUSEDEV, FUSEDEV, FUSESVC_E_PROTOCOL },
		{ ARGV_NO_FD, FUSEDEV, FUSESVC_E_PROTOCOL },
		{ ARGV, FUSEDEV_NO_FD, FUSESVC_E_PROTOCOL },
		{ ARGV_REFUSED, FUSEDEV, FUSESVC_E_REFUSED },
		{ ARGV, FUSEDEV_REFUSED, FUSESVC_E_REFUSED },
		{ ARGV_REFUSED_FD, FUSEDEV, FUSESVC_E_PROTOCOL },
		{ ARGV_HUGE_ERROR, FUSEDEV, FUSESVC_E_PROTOCOL },
		{ ARGV_ZEROS, FUSEDEV, FUSESVC_E_PROTOCOL },
		{ ARGV_PIPE, FUSEDEV, FUSESVC_E_PROTOCOL },
		{ ARGV, FUSEDEV_FILE, FUSESVC_E_PROTOCOL },
		{ OTHER_PATH, FUSEDEV, FUSESVC_E_PROTOCOL },
		{ ARGV, OTHER_PATH, FUSESVC_E_PROTOCOL },
		{ A_REPLY, FUSEDEV, FUSESVC_E_PROTOCOL },
		{ ARGV, A_REPLY, FUSESVC_E_PROTOCOL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct helper h;

		helper_new(&h);
		helper_hello(&h, 1, 1, 0);
		say_file(&h, cases[i].first);
		say_file(&h, cases[i].second);
		assert_return_code(shutdown(h.peer, SHUT_WR), errno);
		helper_refused(&h, cases[i].code, FUSESVC_STEP_ARGS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		server_test(good_start),	 server_test(environment_is_cleaned),
		server_test(not_a_service),	 server_test(a_child_is_not_a_service),
		server_test(one_socket_only),	 server_test(wrong_sockets),
		server_test(unconnected_socket), server_test(version_ranges),
		server_test(hello_flags),	 server_test(no_hello),
		server_test(wrong_start_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
