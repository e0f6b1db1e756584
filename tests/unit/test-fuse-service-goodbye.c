// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The goodbye of a contained service of libfuse3, and the last error in its log, which a person is
 * told with it; and how the log looks.
 */
#include "service-session.h"

static void goodbye_once(void **state)
{
	static const struct {
		int code;
		const char *said;
	} cases[] = {
		{ 0, "bye 0;end" },
		{ 1, "bye 1;end" },
		{ 256, "bye 256;end" },
		{ -1, "bye 1;end" },
	};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		struct service s;

		service_begin(&s, i % 2, -1);
		assert_int_equal(fuse_service_send_goodbye(s.sf, cases[i / 2].code), 0);
		assert_string_equal(service_said(&s), cases[i / 2].said);
		assert_int_equal(fuse_service_send_goodbye(s.sf, 0), 0);
		assert_int_equal(fuse_service_send_goodbye(s.sf, 1), 0);
		assert_string_equal(service_said(&s), "end");
		assert_no_log();
		service_end(&s);
	}
}

static void goodbye_to_a_dead_helper(void **state)
{
	struct service s;

	service_begin(&s, 1, -1);
	fuse_log(FUSE_LOG_ERR, "it broke\n");
	close_fd_keep_errno(steal_fd(&s.h.peer));
	assert_int_equal(fuse_service_send_goodbye(s.sf, 1), -EPIPE);
	assert_int_equal(fuse_service_send_goodbye(s.sf, 1), 0);
	service_end(&s);
}

/* The last error is told, to a helper that takes messages, if something failed. */
static void last_error_is_told(void **state)
{
	static const struct {
		uint32_t ext_bits;
		int code;
		const char *said;
	} cases[] = {
		{ 1, 1, "message 3 ffffffff the disk is bad;bye 1;end" },
		{ 1, -5, "message 3 ffffffff the disk is bad;bye 1;end" },
		{ 1, 0, "bye 0;end" },
		{ 0, 1, "bye 1;end" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct service s;

		service_begin(&s, cases[i].ext_bits, -1);
		fuse_log(FUSE_LOG_ERR, "first\n");
		fuse_log(FUSE_LOG_CRIT, "the %s is bad\n", "disk");
		fuse_log(FUSE_LOG_WARNING, "but not too bad\n");
		fuse_log(FUSE_LOG_INFO, "at all\n");
		assert_string_equal(log_text(),
				    "first\nthe disk is bad\nbut not too bad\nat all\n");
		assert_int_equal(fuse_service_send_goodbye(s.sf, cases[i].code), 0);
		assert_string_equal(service_said(&s), cases[i].said);
		assert_int_equal(fuse_service_send_goodbye(s.sf, 1), 0);
		assert_string_equal(service_said(&s), "end");
		service_end(&s);
		log_clear();
	}
}

/* What came before this service, or after its goodbye, is none of its errors. */
static void other_errors_are_not_told(void **state)
{
	struct service s;

	service_begin(&s, 1, -1);
	fuse_log(FUSE_LOG_ERR, "of the first\n");
	assert_int_equal(fuse_service_send_goodbye(s.sf, 0), 0);
	fuse_log(FUSE_LOG_ERR, "later\n");
	service_end(&s);
	fuse_log(FUSE_LOG_ERR, "between\n");
	log_clear();

	service_begin(&s, 1, -1);
	fuse_log(FUSE_LOG_WARNING, "only a warning\n");
	assert_int_equal(fuse_service_send_goodbye(s.sf, 1), 0);
	assert_string_equal(service_said(&s), "bye 1;end");
	service_end(&s);
}

/* Who refused it has told so; who only lied has not. */
static void refusals_are_not_told_again(void **state)
{
	static const struct {
		uint32_t reply;
		const char *said;
	} cases[] = {
		{ EPERM, "bye 1;end" },
		{ ENOTDIR, "bye 1;end" },
		{ 4096, "message 3 ffffffff choosing the file system type: the peer broke the "
			"protocol (no answer to the command);bye 1;end" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fuse_cmdline_opts opts = { .mountpoint = (char[]){ "/mnt" } };
		struct fuse_session *se;
		struct service s;

		service_begin(&s, 1, -1);
		se = session_new("sq");
		helper_reply(&s.h, cases[i].reply);
		for (int j = 0; j < 2 && cases[i].reply < 4096; j++)
			helper_reply(&s.h, 0);
		assert_true(fuse_service_session_mount(s.sf, se, 0, &opts) < 0);
		assert_string_equal(service_said(&s), "fsopen 0;source sq;mntpt 0 /mnt;");
		assert_int_equal(fuse_service_send_goodbye(s.sf, 1), 0);
		assert_string_equal(service_said(&s), cases[i].said);
		fuse_session_destroy(se);
		service_end(&s);
		log_clear();
	}
}

/* The log is for a journal; the message is cleaned by who prints it. */
static void a_strangers_text(void **state)
{
	static const struct {
		enum fuse_log_level level;
		const char *text, *log, *said;
	} cases[] = {
		{ FUSE_LOG_ERR, "\033[31mred\n", "\\x1b[31mred\n", "\033[31mred" },
		{ FUSE_LOG_ERR, "a\tb\\\177\n", "a\\x09b\\x5c\\x7f\n", "a\tb\\\177" },
		{ FUSE_LOG_ERR, "one\ntwo\n", "one\\x0atwo\n", "one\ntwo" },
		{ FUSE_LOG_ERR, "\xff\xc2\x80\n", "\\xff\\xc2\\x80\n", "\xff\xc2\x80" },
		{ FUSE_LOG_WARNING, "\033w\n", "\\x1bw\n", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct service s;
		char said[128];

		service_begin(&s, 1, -1);
		fuse_log(cases[i].level, "%s", cases[i].text);
		assert_string_equal(log_text(), cases[i].log);
		assert_int_equal(fuse_service_send_goodbye(s.sf, 1), 0);
		if (cases[i].said)
			(void)snprintf(said, sizeof(said), "message 3 ffffffff %s;bye 1;end",
				       cases[i].said);
		assert_string_equal(service_said(&s), cases[i].said ? said : "bye 1;end");
		service_end(&s);
		log_clear();
	}
}

/* libfuse says some errors in pieces: they are one line, and one message. */
static void a_text_in_pieces(void **state)
{
	struct service s;

	service_begin(&s, 1, -1);
	fuse_log(FUSE_LOG_ERR, "unknown option(s): `");
	fuse_log(FUSE_LOG_ERR, "%s ", "-o");
	fuse_log(FUSE_LOG_ERR, "%s'\n", "x\033");
	assert_string_equal(log_text(), "unknown option(s): `-o x\\x1b'\n");
	assert_int_equal(fuse_service_send_goodbye(s.sf, 1), 0);
	assert_string_equal(service_said(&s),
			    "message 3 ffffffff unknown option(s): `-o x\033';bye 1;end");
	service_end(&s);
	log_clear();

	service_begin(&s, 1, -1);
	fuse_log(FUSE_LOG_ERR, "no newline");
	assert_int_equal(fuse_service_send_goodbye(s.sf, 1), 0);
	assert_string_equal(service_said(&s), "message 3 ffffffff no newline;bye 1;end");
	assert_string_equal(log_text(), "no newline\n");
	service_end(&s);
}

/* A file that need not be there was refused, then the server fails for a reason of its own. */
static void a_refusal_before_is_not_the_reason(void **state)
{
	struct service s;
	int fd;

	service_begin(&s, 1, -1);
	helper_file(&s.h, "/journal", ENOENT, -1);
	assert_int_equal(fuse_service_receive_file(s.sf, "/journal", &fd), 0);
	assert_int_equal(fd, -ENOENT);
	fuse_log(FUSE_LOG_ERR, "not an image of mine\n");
	assert_int_equal(fuse_service_send_goodbye(s.sf, 1), 0);
	assert_string_equal(service_said(&s), "message 3 ffffffff not an image of mine;bye 1;end");
	service_end(&s);
}

static void a_long_text(void **state)
{
	char text[3000];
	struct service s;
	struct packet p;

	memset(text, '\001', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	service_begin(&s, 1, -1);
	fuse_log(FUSE_LOG_ERR, "%s\n", text);
	assert_true(strlen(log_text()) > FUSESVC_MESSAGE_SIZE);
	assert_int_equal(fuse_service_send_goodbye(s.sf, 1), 0);
	helper_hears(&s.h, &p);
	assert_int_equal(p.type, PACKET_MESSAGE);
	assert_int_equal(strlen(p.string), FUSESVC_MESSAGE_SIZE - 1);
	service_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		service_test(goodbye_once),
		service_test(goodbye_to_a_dead_helper),
		service_test(last_error_is_told),
		service_test(other_errors_are_not_told),
		service_test(refusals_are_not_told_again),
		service_test(a_strangers_text),
		service_test(a_text_in_pieces),
		service_test(a_refusal_before_is_not_the_reason),
		service_test(a_long_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
