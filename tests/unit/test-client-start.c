// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How the mount side starts a conversation, and a server that answers hello with nonsense, falls
 * silent or goes away at each step.
 */
#include "client-session.h"

#include <sys/eventfd.h>
#include <sys/stat.h>

#include "args.h"

static void start_passes_arguments_and_fuse(void **state)
{
	static const uint8_t hello[] = { 'S', 'A', 'F', 'T', 0, 1, 0, 1, 0, 0, 0, 2 };
	uint8_t bytes[256];
	struct session s;
	struct stat st;
	uint32_t bits;
	char **argv;
	int fd, argc;

	session_begin(&s);
	assert_int_equal(recv_raw(s.peer, bytes, sizeof(bytes), &fd), sizeof(hello));
	assert_memory_equal(bytes, hello, sizeof(hello));
	assert_int_equal(fd, -1);

	assert_int_equal(recv_raw(s.peer, bytes, sizeof(bytes), &fd), 8 + 5);
	assert_memory_equal(bytes, "FILE\0\0\0\0argv", 13);
	assert_int_equal(args_from_fd(fd, &argc, &argv, &bits), 0);
	assert_int_equal(argc, 5);
	assert_string_equal(argv[0], "sq");
	assert_string_equal(argv[4], "ro");
	assert_int_equal(bits, 1);
	assert_true(fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE);
	free(argv);
	(void)close(fd);

	assert_int_equal(recv_raw(s.peer, bytes, sizeof(bytes), &fd), 8 + 8);
	assert_memory_equal(bytes, "FILE\0\0\0\0fusedev", 16);
	assert_return_code(fstat(fd, &st), errno);
	assert_true(S_ISCHR(st.st_mode));
	(void)close(fd);
	assert_int_equal(fusesvc_client_server_pid(s.c), getpid());
	session_end(&s);
}

static void assert_start_fails(struct session *s, uint32_t code)
{
	assert_true(session_start(s) < 0);
	assert_int_equal(fusesvc_client_error(s->c)->code, code);
	assert_int_equal(fusesvc_client_error(s->c)->step, FUSESVC_STEP_HELLO);
	session_end(s);
}

static void bad_answers_to_hello(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		uint32_t code;
	} cases[] = {
		{ "LAST\0\0\0\0", 8, FUSESVC_E_VERSION },
		{ "LAST\0\2\0\0", 8, FUSESVC_E_VERSION },
		{ "LAST\0\1\0\1", 8, FUSESVC_E_PROTOCOL },
		{ "LAST\0\1\0", 7, FUSESVC_E_PROTOCOL },
		{ "LAST\0\1\0\0\0", 9, FUSESVC_E_PROTOCOL },
		{ "TYPE\0\0\0\0", 8, FUSESVC_E_PROTOCOL },
		{ "BYEE\0\0\0\1", 8, FUSESVC_E_PROTOCOL },
		{ "", 0, FUSESVC_E_CLOSED },
	};
	struct session s;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		session_new(&s, &session_ops);
		send_raw(s.peer, cases[i].bytes, cases[i].size, NULL, 0);
		assert_start_fails(&s, cases[i].code);
	}
}

/* Silence, the end of what the server says, or its death, after each step of a conversation. */
static void silence_and_ends(void **state)
{
	enum { SILENT, SHUT, CLOSED, N };
	struct session s;

	for (int how = 0; how < N; how++) {
		for (size_t n = 0; n <= SCRIPT_LENGTH; n++) {
			session_begin(&s);
			for (size_t i = 0; i < n; i++)
				say(&s, session_script[i]);
			clock_leaps = how == SILENT;
			if (how == SHUT)
				assert_return_code(shutdown(s.peer, SHUT_WR), errno);
			else if (how == CLOSED)
				close_fd_keep_errno(steal_fd(&s.peer));
			assert_true(fusesvc_client_run(s.c) < 0);
			assert_int_equal(fusesvc_client_error(s.c)->code,
					 how == SILENT ? FUSESVC_E_TIMEOUT : FUSESVC_E_CLOSED);
			session_end(&s);
		}
	}
}

static void silence_and_ends_at_hello(void **state)
{
	struct session s;

	session_new(&s, &session_ops);
	clock_leaps = true;
	assert_start_fails(&s, FUSESVC_E_TIMEOUT);
	session_new(&s, &session_ops);
	assert_return_code(shutdown(s.peer, SHUT_WR), errno);
	assert_start_fails(&s, FUSESVC_E_CLOSED);
	session_new(&s, &session_ops);
	close_fd_keep_errno(steal_fd(&s.peer));
	assert_start_fails(&s, FUSESVC_E_CLOSED);
}

static void silence_and_end_during_the_mount(void **state)
{
	struct session s;

	for (int silent = 0; silent < 2; silent++) {
		session_begin(&s);
		s.wait = eventfd(0, EFD_CLOEXEC);
		say(&s, FSOPEN, SOURCE, MNTPT, MOUNT);
		clock_leaps = silent;
		if (!silent)
			assert_return_code(shutdown(s.peer, SHUT_WR), errno);
		session_expect(&s, silent ? FUSESVC_E_TIMEOUT : FUSESVC_E_CLOSED,
			       silent ? FUSESVC_STEP_MOUNT : FUSESVC_STEP_SERVE,
			       LOG_MNTPT "mount 1;", START OK3);
		session_end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit_test_fds(start_passes_arguments_and_fuse),
		unit_test_fds(bad_answers_to_hello),
		unit_test_fds(silence_and_ends),
		unit_test_fds(silence_and_ends_at_hello),
		unit_test_fds(silence_and_end_during_the_mount),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
