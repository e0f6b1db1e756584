// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A contained service of libfuse3 but for its files and its mount: what it takes over and what it
 * turns down, its arguments, and that nothing of it is left.
 */
#include "service-session.h"

#include <time.h>

static void two_sockets(struct helper *h)
{
	(void)setenv("LISTEN_FDS", "2", 1);
}

static void a_file(struct helper *h)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_int_equal(dup2(fd, 3), 3);
	(void)close(fd);
}

static void an_inet_socket(struct helper *h)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_return_code(fd, errno);
	assert_int_equal(dup2(fd, 3), 3);
	(void)close(fd);
}

static void no_hello(struct helper *h)
{
	helper_args(h, 0);
}

static void unknown_flag(struct helper *h)
{
	helper_hello(h, 1, 1, 4);
}

static void version_two(struct helper *h)
{
	helper_hello(h, 2, 3, 0);
}

static void no_fusedev(struct helper *h)
{
	helper_hello(h, 1, 1, 0);
	helper_args(h, 0);
	helper_args(h, 0);
}

static void args_refused(struct helper *h)
{
	helper_hello(h, 1, 1, 0);
	helper_file(h, "argv", ENFILE, -1);
}

static void helper_is_gone(struct helper *h)
{
	close_fd_keep_errno(steal_fd(&h->peer));
}

static void helper_is_silent(struct helper *h)
{
	clock_leaps = true;
}

/* Always no service and one line in the log; what was meant for us is not left in the way. */
static void accept_fails(void **state)
{
	static const struct {
		void (*prepare)(struct helper *h);
		int rc;
		const char *log;
	} cases[] = {
		{ two_sockets, -E2BIG, "taking over the service's socket: " },
		{ a_file, -ENOTSOCK, "taking over the service's socket: " },
		{ an_inet_socket, -EAFNOSUPPORT, "taking over the service's socket: " },
		{ no_hello, -EBADMSG, "hello: " },
		{ unknown_flag, -EBADMSG, "hello: " },
		{ version_two, -EOPNOTSUPP, "hello: " },
		{ no_fusedev, -EBADMSG, "passing arguments: " },
		{ args_refused, -ENFILE, "passing arguments: " },
		{ helper_is_gone, -ECONNRESET, "hello: " },
		{ helper_is_silent, -ETIMEDOUT, "hello: " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct service s = { .sf = (void *)&s };

		helper_new(&s.h);
		cases[i].prepare(&s.h);
		assert_int_equal(fuse_service_accept(&s.sf), cases[i].rc);
		clock_leaps = false;
		assert_false(fuse_service_accepted(s.sf));
		assert_log_line(cases[i].log);
		assert_null(getenv("LISTEN_FDS"));
		service_end(&s);
		log_clear();
	}
}

static void not_a_service(void **state)
{
	struct service s = { .sf = (void *)&s };

	helper_new(&s.h);
	(void)setenv("LISTEN_PID", "1", 1);
	assert_int_equal(fuse_service_accept(&s.sf), 0);
	assert_null(s.sf);
	s.sf = (void *)&s;
	(void)unsetenv("LISTEN_PID");
	assert_int_equal(fuse_service_accept(&s.sf), 0);
	assert_null(s.sf);
	helper_hears_nothing(&s.h);
	assert_no_log();
	service_end(&s);
}

/* Code for both kinds of server need not ask each time. */
static void no_service_does_nothing(void **state)
{
	struct fuse_service *sf = NULL;
	int fd = 7;

	assert_false(fuse_service_accepted(sf));
	assert_false(fuse_service_can_allow_other(sf));
	assert_false(fuse_service_can_fuseblk(sf));
	assert_int_equal(fuse_service_request_file(sf, "/img", O_RDONLY, 0, 0), -EINVAL);
	assert_int_equal(fuse_service_request_blockdev(sf, "/img", O_RDONLY, 0, 0, 0), -EINVAL);
	assert_int_equal(fuse_service_receive_file(sf, "/img", &fd), -EINVAL);
	assert_true(fd < 0);
	assert_int_equal(fuse_service_finish_file_requests(sf), 0);
	fuse_service_expect_mount_format(sf, 0);
	assert_int_equal(fuse_service_send_goodbye(sf, 1), 0);
	fuse_service_release(sf);
	fuse_service_destroy(&sf);
	assert_null(sf);
	assert_null(fusesvc_fuse3_server(sf));
	assert_no_log();
}

static void hello_flags(void **state)
{
	static const char *const argv[] = { "sq", NULL };

	for (uint32_t flags = 0; flags < 4; flags++) {
		struct service s;

		service_new(&s, flags, 0, argv, -1);
		assert_int_equal(fuse_service_accept(&s.sf), 0);
		assert_int_equal(fuse_service_can_allow_other(s.sf), flags & 1);
		assert_int_equal(fuse_service_can_fuseblk(s.sf), flags >> 1);
		assert_int_equal(fusesvc_server_flags(fusesvc_fuse3_server(s.sf)), flags);
		service_end(&s);
	}
}

static void args_are_merged(void **state)
{
	static const struct {
		const char *own, *helpers[8], *merged;
	} cases[] = {
		{ "/sbin/sqd", { "sq", "/img", "/mnt" }, "sq /img /mnt" },
		{ "sqd -f --x y",
		  { "sq", "/img", "/mnt", "-o", "ro,a=b\\,c" },
		  "sq -f --x y /img /mnt -o ro,a=b\\,c" },
		{ "sqd -s", { "sq" }, "sq -s" },
		{ "", { "sq", "/img" }, "sq /img" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fuse_args args = args_from(cases[i].own);
		struct service s;

		service_new(&s, 0, 0, cases[i].helpers, -1);
		assert_int_equal(fuse_service_accept(&s.sf), 0);
		assert_int_equal(fuse_service_append_args(s.sf, &args), 0);
		service_end(&s);
		assert_string_equal(args_text(&args), cases[i].merged);
		fuse_opt_free_args(&args);
	}
}

static void many_args_are_merged(void **state)
{
	enum { N = 1000 };
	static char words[N][8];
	static const char *helpers[N + 1] = { "sq" };
	static char *own[N + 1];
	struct fuse_args args = FUSE_ARGS_INIT(N, own);
	struct service s;

	for (int i = 0; i < N; i++) {
		(void)snprintf(words[i], sizeof(words[i]), "w%d", i);
		own[i] = words[i];
		if (i)
			helpers[i] = words[N - i];
	}
	service_new(&s, 0, 0, helpers, -1);
	assert_int_equal(fuse_service_accept(&s.sf), 0);
	assert_int_equal(fuse_service_append_args(s.sf, &args), 0);
	assert_int_equal(args.argc, 2 * N - 1);
	assert_string_equal(args.argv[0], "sq");
	for (int i = 1; i < N; i++) {
		assert_string_equal(args.argv[i], words[i]);
		assert_string_equal(args.argv[N - 1 + i], words[N - i]);
	}
	assert_null(args.argv[args.argc]);
	assert_string_equal(own[0], "w0"); /* main()'s own are left alone */
	fuse_opt_free_args(&args);
	service_end(&s);
}

static void command_line(void **state)
{
	char *argv[] = { (char[]){ "/sbin/sqd" }, (char[]){ "-f" }, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(2, argv), none = FUSE_ARGS_INIT(0, NULL);
	struct service s;
	char *text;

	service_begin(&s, 0, -1);
	assert_int_equal(fuse_service_append_args(s.sf, &args), 0);
	text = fuse_service_cmdline(2, argv, &args);
	assert_string_equal(text, "/sbin/sqd -t sq -f /img /mnt");
	free(text);
	text = fuse_service_cmdline(0, NULL, &args);
	assert_string_equal(text, "sq -t sq -f /img /mnt");
	free(text);
	assert_null(fuse_service_cmdline(2, argv, &none));
	fuse_opt_free_args(&args);
	service_end(&s);
}

static void release_closes_all(void **state)
{
	struct service s;
	size_t n;

	service_begin(&s, 0, -1);
	n = count_fds();
	fuse_service_release(s.sf);
	assert_int_equal(count_fds(), n - 2);
	assert_string_equal(service_said(&s), "end");
	fuse_service_release(s.sf);
	assert_int_equal(count_fds(), n - 2);
	assert_int_equal(fuse_service_send_goodbye(s.sf, 1), 0);
	service_end(&s);
}

/* A session that was bound keeps its /dev/fuse; it closes it itself. */
static void release_leaves_the_session_alone(void **state)
{
	struct fuse_cmdline_opts opts = { .mountpoint = (char[]){ "/mnt" } };
	struct fuse_session *se;
	struct service s;
	int fd;

	service_begin(&s, 0, -1);
	fd = fusesvc_server_fuse_fd(fusesvc_fuse3_server(s.sf));
	se = session_new("sq");
	assert_return_code(shutdown(s.h.peer, SHUT_WR), errno);
	assert_int_equal(fuse_service_session_mount(s.sf, se, 0, &opts), -ECONNRESET);
	assert_int_equal(fuse_session_fd(se), fd);
	fuse_service_release(s.sf);
	assert_return_code(fcntl(fd, F_GETFD), errno);
	service_end(&s);
	assert_return_code(fcntl(fd, F_GETFD), errno);
	fuse_session_destroy(se);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void destroy_frees_all(void **state)
{
	struct service s;
	size_t n;

	service_begin(&s, 0, -1);
	n = count_fds();
	fuse_service_destroy(&s.sf);
	assert_null(s.sf);
	assert_int_equal(count_fds(), n - 2);
	fuse_service_destroy(&s.sf);
	assert_string_equal(service_said(&s), "end");
	service_end(&s);

	service_begin(&s, 0, -1); /* and another may come */
	assert_int_equal(fuse_service_send_goodbye(s.sf, 0), 0);
	fuse_service_release(s.sf);
	service_end(&s);
	assert_no_log();
}

static void exit_values(void **state)
{
	static const struct {
		int ret, value;
	} cases[] = {
		{ 0, EXIT_SUCCESS },  { 1, EXIT_FAILURE },   { 7, EXIT_FAILURE },
		{ -5, EXIT_FAILURE }, { 256, EXIT_FAILURE }, { INT32_MIN, EXIT_FAILURE },
	};
	struct timespec start, end;
	char text[8] = "";
	int pair[2];
	FILE *f;

	assert_return_code(pipe2(pair, O_CLOEXEC), errno);
	f = fdopen(pair[1], "w");
	assert_non_null(f);
	(void)fputs("last", f);
	assert_return_code(clock_gettime(CLOCK_MONOTONIC, &start), errno);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(fuse_service_exit(cases[i].ret), cases[i].value);
	assert_return_code(clock_gettime(CLOCK_MONOTONIC, &end), errno);
	assert_true(end.tv_sec - start.tv_sec < 2);		/* never sleeps */
	assert_int_equal(read(pair[0], text, sizeof(text)), 4); /* nothing waits in a buffer */
	(void)fclose(f);
	(void)close(pair[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		service_test(accept_fails),
		service_test(not_a_service),
		service_test(no_service_does_nothing),
		service_test(hello_flags),
		service_test(args_are_merged),
		service_test(many_args_are_merged),
		service_test(command_line),
		service_test(release_closes_all),
		service_test(release_leaves_the_session_alone),
		service_test(destroy_frees_all),
		service_test(exit_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
