// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a server asks for once it has its connection: files, messages, goodbye; what it sends, and
 * what it makes of answers that are refusals or lies. The mount is in test-server-mount.c.
 */
#include "server-session.h"

#include "pace.h"

static void assert_failed(struct helper *h, uint32_t code, uint32_t step)
{
	assert_int_equal(fusesvc_server_error(h->s)->code, code);
	assert_int_equal(fusesvc_server_error(h->s)->step, step);
}

static int open_img(struct helper *h, int *fd)
{
	return fusesvc_server_open(h->s, &(struct fusesvc_open_request){ .path = "/img" }, fd);
}

static void open_sends_and_gets(void **state)
{
	static const struct fusesvc_open_request quiet = {
		.path = "/img",
		.open_flags = O_RDWR | O_EXCL,
		.quiet = true,
	};
	static const struct fusesvc_open_request bdev = {
		.path = "/dev/x",
		.block_size = 4096,
		.bdev = true,
	};
	struct helper h;
	struct packet p;
	int fd, null = open("/dev/null", O_RDWR | O_CLOEXEC);

	helper_begin(&h, 0);
	helper_file(&h, "/img", 0, null);
	assert_int_equal(fusesvc_server_open(h.s, &quiet, &fd), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	(void)close(fd);
	helper_hears(&h, &p);
	assert_int_equal(p.type, PACKET_OPEN);
	assert_int_equal(p.open.open_flags, O_RDWR | O_EXCL);
	assert_int_equal(p.open.create_mode, 0);
	assert_int_equal(p.open.request_flags, 1);
	assert_int_equal(p.open.block_size, 0);
	assert_string_equal(p.string, "/img");

	helper_file(&h, "/dev/x", 0, null);
	assert_int_equal(fusesvc_server_open(h.s, &bdev, &fd), 0);
	(void)close(fd);
	helper_hears(&h, &p);
	assert_int_equal(p.type, PACKET_OPEN_BDEV);
	assert_int_equal(p.open.block_size, 4096);
	assert_int_equal(p.open.request_flags, 0);
	helper_end(&h);
	(void)close(null);
}

/* All of a request, and two on their way at once. */
static void requests_and_answers_apart(void **state)
{
	static const struct fusesvc_open_request file = {
		.path = "/img",
		.open_flags = O_RDWR | O_CREAT,
		.create_mode = 0640,
		.block_size = 512, /* means nothing for a file */
	};
	static const struct fusesvc_open_request bdev = {
		.path = "/dev/x",
		.create_mode = 1,
		.block_size = 0x80000000,
		.bdev = true,
		.quiet = true,
	};
	struct helper h;
	struct packet p;
	int fd, null = open("/dev/null", O_RDWR | O_CLOEXEC);

	helper_begin(&h, 0);
	assert_int_equal(fusesvc_server_request_file(h.s, &file), 0);
	assert_int_equal(fusesvc_server_request_file(h.s, &bdev), 0);
	helper_hears(&h, &p);
	assert_int_equal(p.type, PACKET_OPEN);
	assert_int_equal(p.open.open_flags, O_RDWR | O_CREAT);
	assert_int_equal(p.open.create_mode, 0640);
	assert_int_equal(p.open.request_flags, 0);
	assert_int_equal(p.open.block_size, 0);
	helper_hears(&h, &p);
	assert_int_equal(p.type, PACKET_OPEN_BDEV);
	assert_string_equal(p.string, "/dev/x");
	assert_int_equal(p.open.create_mode, 1);
	assert_int_equal(p.open.request_flags, 1);
	assert_int_equal(p.open.block_size, 0x80000000);

	helper_file(&h, "/img", EROFS, -1);
	helper_file(&h, "/dev/x", 0, null);
	assert_int_equal(fusesvc_server_receive_file(h.s, "/img", &fd), 0);
	assert_int_equal(fd, -EROFS);
	assert_failed(&h, FUSESVC_E_REFUSED, FUSESVC_STEP_OPEN);
	assert_int_equal(fusesvc_server_receive_file(h.s, "/dev/x", &fd), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	(void)close(fd);
	/* What was refused before is no error any more. */
	assert_failed(&h, FUSESVC_E_NONE, FUSESVC_STEP_NONE);
	helper_end(&h);
	(void)close(null);
}

/* What broke the conversation stays on record, whatever is granted later. */
static void answers_out_of_order(void **state)
{
	struct helper h;
	int fd = 0, null = open("/dev/null", O_RDWR | O_CLOEXEC);

	helper_begin(&h, 0);
	helper_file(&h, "/b", 0, null);
	helper_file(&h, "/a", 0, null);
	assert_int_equal(fusesvc_server_receive_file(h.s, "/a", &fd), -EBADMSG);
	assert_int_equal(fd, -1);
	assert_failed(&h, FUSESVC_E_PROTOCOL, FUSESVC_STEP_OPEN);
	assert_int_equal(fusesvc_server_receive_file(h.s, "/a", &fd), 0);
	(void)close(fd);
	assert_failed(&h, FUSESVC_E_PROTOCOL, FUSESVC_STEP_OPEN);
	assert_return_code(shutdown(h.peer, SHUT_WR), errno);
	assert_int_equal(fusesvc_server_receive_file(h.s, "/a", &fd), -ECONNRESET);
	assert_int_equal(fd, -1);
	helper_end(&h);
	(void)close(null);
}

/* What is answered, and what is asked for: rw, quietly, and then ro, or rw once more. */
static void open_rw_falls_back(void **state)
{
	static const struct {
		int answers[2]; /* -1: not asked */
		bool in, out;
		int rc;
	} cases[] = {
		{ { 0, -1 }, false, false, 0 },
		{ { EACCES, 0 }, false, true, 0 },
		{ { EPERM, 0 }, false, true, 0 },
		{ { EROFS, 0 }, false, true, 0 },
		{ { EROFS, ENOENT }, false, true, -ENOENT },
		{ { ENOENT, ENOENT }, false, false, -ENOENT },
		{ { EBUSY, EBUSY }, false, false, -EBUSY },
		{ { EBUSY, 0 }, false, false, 0 },
		{ { -1, 0 }, true, true, 0 },
		{ { -1, EACCES }, true, true, -EACCES },
	};
	static const struct fusesvc_open_request req = { .path = "/img",
							 .open_flags = O_WRONLY | O_EXCL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool read_only = cases[i].in;
		struct helper h;
		struct packet p;
		int fd = 0;

		helper_begin(&h, 0);
		for (int j = 0; j < 2; j++) {
			int error = cases[i].answers[j];

			if (error >= 0)
				helper_file(&h, "/img", (uint32_t)error, error ? -1 : null);
		}
		assert_int_equal(fusesvc_server_open_rw(h.s, &req, &read_only, &fd), cases[i].rc);
		assert_int_equal(read_only, cases[i].out);
		assert_int_equal(fd < 0, cases[i].rc < 0);
		close_fd_keep_errno(fd);
		assert_int_equal(fusesvc_server_error(h.s)->err, -cases[i].rc);
		for (int j = 0; j < 2; j++) {
			if (cases[i].answers[j] < 0)
				continue;
			helper_hears(&h, &p);
			assert_int_equal(p.open.open_flags,
					 O_EXCL | (j && cases[i].out ? O_RDONLY : O_RDWR));
			assert_int_equal(p.open.request_flags, j ? 0 : 1);
		}
		helper_hears_nothing(&h);
		helper_end(&h);
	}
	(void)close(null);
}

/* A broken talk that looks like a refusal is none. */
static void open_rw_with_a_dead_helper(void **state)
{
	bool read_only = false;
	struct helper h;
	int fd = 0;

	helper_begin(&h, 0);
	close_fd_keep_errno(steal_fd(&h.peer));
	assert_int_equal(fusesvc_server_open_rw(h.s, &(struct fusesvc_open_request){ "/img" },
						&read_only, &fd),
			 -EPIPE);
	assert_false(read_only);
	assert_int_equal(fd, -1);
	helper_end(&h);
}

static void open_refused(void **state)
{
	static const int errors[] = { 1, ENOENT, EMFILE, 4095 };
	struct helper h;
	int fd;

	helper_begin(&h, 0);
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		fd = 0;
		helper_file(&h, "/img", (uint32_t)errors[i], -1);
		assert_int_equal(open_img(&h, &fd), -errors[i]);
		assert_int_equal(fd, -1);
		assert_failed(&h, FUSESVC_E_REFUSED, FUSESVC_STEP_OPEN);
		assert_string_equal(fusesvc_server_error(h.s)->subject, "/img");
	}
	helper_end(&h);
}

/* Each answer to an open that is none; whatever comes with it is closed. */
static void open_answered_by_a_lie(void **state)
{
	struct helper h;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < 9; i++) {
		const int fds[2] = { null, null };
		int fd = 0;

		helper_begin(&h, 0);
		switch (i) {
		case 0:
			helper_file(&h, "/other", 0, null);
			break;
		case 1:
			helper_file(&h, "/img", 0, -1);
			break;
		case 2:
			helper_file(&h, "/img", EPERM, null);
			break;
		case 3:
			helper_file(&h, "/img", 4096, -1);
			break;
		case 4:
			helper_file(&h, "/img", 0x80000001, -1);
			break;
		case 5:
			helper_reply(&h, 0);
			break;
		case 6:
			helper_hello(&h, 1, 1, 0);
			break;
		case 7:
			send_raw(h.peer, "FILE\0\0\0\0/img", 13, fds, 2);
			break;
		case 8:
			send_raw(h.peer, "FILE\0\0\0\0/img", 12, fds, 1);
			break;
		}
		assert_int_equal(open_img(&h, &fd), -EBADMSG);
		assert_int_equal(fd, -1);
		assert_failed(&h, FUSESVC_E_PROTOCOL, FUSESVC_STEP_OPEN);
		helper_end(&h);
	}
	(void)close(null);
}

static void open_not_answered(void **state)
{
	struct helper h;
	int fd;

	helper_begin(&h, 0);
	clock_leaps = true;
	assert_int_equal(open_img(&h, &fd), -ETIMEDOUT);
	assert_failed(&h, FUSESVC_E_TIMEOUT, FUSESVC_STEP_OPEN);
	clock_leaps = false;
	assert_return_code(shutdown(h.peer, SHUT_WR), errno);
	assert_int_equal(open_img(&h, &fd), -ECONNRESET);
	assert_failed(&h, FUSESVC_E_CLOSED, FUSESVC_STEP_OPEN);
	close_fd_keep_errno(steal_fd(&h.peer));
	assert_int_equal(open_img(&h, &fd), -EPIPE);
	assert_failed(&h, FUSESVC_E_CLOSED, FUSESVC_STEP_OPEN);
	helper_end(&h);
}

static void no_files_after_finish(void **state)
{
	static const struct fusesvc_open_request img = { .path = "/img" };
	struct helper h;
	int fd, value = 0, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	socklen_t len = sizeof(value);

	helper_begin(&h, 0);
	assert_int_equal(fusesvc_server_request_file(h.s, &img), 0);
	fusesvc_server_finish_opens(h.s);
	if (getsockopt(3, SOL_SOCKET, SO_PASSRIGHTS, &value, &len) == 0)
		assert_int_equal(value, 0);
	let_fds_through(3); /* as an older kernel does */
	helper_file(&h, "/img", 0, null);
	assert_int_equal(fusesvc_server_receive_file(h.s, "/img", &fd), -EBADMSG);
	assert_int_equal(fd, -1);
	assert_int_equal(fusesvc_server_request_file(h.s, &img), -EINVAL);
	assert_int_equal(open_img(&h, &fd), -EINVAL);
	helper_end(&h);
	(void)close(null);
}

static void messages_are_sent(void **state)
{
	struct helper h;
	struct packet p;
	char text[2000];

	helper_begin(&h, 0xffffffff);
	assert_true(fusesvc_server_can_message(h.s));
	memset(text, 'm', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(fusesvc_server_message(h.s, FUSESVC_MSG_WARNING, 1000, "hi"), 0);
	helper_hears(&h, &p);
	assert_int_equal(p.type, PACKET_MESSAGE);
	assert_int_equal(p.message.level, 4);
	assert_int_equal(p.message.progress, 1000);
	assert_string_equal(p.string, "hi");
	assert_int_equal(fusesvc_server_message(h.s, FUSESVC_MSG_INFO, FUSESVC_NO_PROGRESS, text),
			 0);
	helper_hears(&h, &p);
	assert_int_equal(strlen(p.string), 1024);
	assert_int_equal(fusesvc_server_bye(h.s, 0), 0);
	assert_int_equal(fusesvc_server_message(h.s, FUSESVC_MSG_INFO, 0, "late"), 0);
	helper_end(&h);
}

static void messages_are_bounded(void **state)
{
	struct helper h;
	struct packet p;

	helper_begin(&h, 1);
	for (int i = 0; i < FUSESVC_MAX_MESSAGES + 10; i++)
		assert_int_equal(fusesvc_server_message(h.s, FUSESVC_MSG_WARNING, 0, ""), 0);
	for (int i = 0; i < FUSESVC_MAX_MESSAGES; i++)
		helper_hears(&h, &p);
	helper_hears_nothing(&h);
	helper_end(&h);
}

/* It does not use up what is left for words, nor they for it. */
static void progress_is_paced(void **state)
{
	struct helper h;
	struct packet p;

	helper_begin(&h, 1);
	for (int i = 0; i < 10 * FUSESVC_MAX_MESSAGES; i++)
		assert_int_equal(fusesvc_server_message(h.s, FUSESVC_MSG_INFO, 0, ""), 0);
	helper_hears(&h, &p);
	assert_int_equal(p.message.progress, 0);
	for (int i = 0; i < FUSESVC_MAX_MESSAGES; i++) {
		assert_int_equal(fusesvc_server_message(h.s, FUSESVC_MSG_ERROR, 0, "why"), 0);
		do
			helper_hears(&h, &p);
		while (p.message.level == FUSESVC_MSG_INFO);
		assert_string_equal(p.string, "why");
	}
	helper_end(&h);
}

/* How a start of so many seconds would go that tells its progress at each chance. */
static int64_t longest_silence(int64_t seconds, unsigned int *sent)
{
	struct pace pace = { 0 };
	int64_t silence = 0, last = 0;

	for (int64_t ms = 0; ms <= seconds * 1000; ms += 10) {
		if (!pace_allows(&pace, ms))
			continue;
		if (ms - last > silence)
			silence = ms - last;
		last = ms;
	}
	if (seconds * 1000 - last > silence)
		silence = seconds * 1000 - last;
	*sent = pace.n;
	return silence;
}

static void pace_lasts_for_hours(void **state)
{
	unsigned int sent;

	assert_true(longest_silence(5, &sent) <= PACE_MIN_MS + 10);
	assert_int_equal(sent, 11);
	assert_true(longest_silence(3600, &sent) <= PACE_MAX_MS + 10);
	assert_true(longest_silence(2 * 3600, &sent) < FUSESVC_TIMEOUT * 1000 / 3);
	assert_true(sent < FUSESVC_MAX_PROGRESS);
	/* And then it is the helper's timeout that ends it. */
	assert_true(longest_silence(4 * 3600, &sent) > FUSESVC_TIMEOUT * 1000);
	assert_int_equal(sent, FUSESVC_MAX_PROGRESS);
}

static void no_messages_without_the_extension(void **state)
{
	static const uint32_t bits[] = { 0, 2, 0xfffffffe };

	for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
		struct helper h;

		helper_begin(&h, bits[i]);
		assert_false(fusesvc_server_can_message(h.s));
		assert_int_equal(fusesvc_server_message(h.s, FUSESVC_MSG_ERROR, 0, "no"), 0);
		helper_hears_nothing(&h);
		helper_end(&h);
	}
}

static void bye_once(void **state)
{
	struct helper h;
	struct packet p;
	uint8_t byte;
	int fd;

	helper_begin(&h, 1);
	assert_int_equal(fusesvc_server_bye(h.s, 0x80000007), 0);
	helper_hears(&h, &p);
	assert_int_equal(p.type, PACKET_BYE);
	assert_int_equal(p.bye.exit_code, 0x80000007);
	assert_int_equal(recv_raw(h.peer, &byte, 1, &fd), 0); /* closed */
	assert_int_equal(fusesvc_server_bye(h.s, 1), 0);
	fusesvc_server_finish_opens(h.s);
	assert_int_equal(open_img(&h, &fd), -EPIPE);
	assert_int_equal(fusesvc_server_mount_finish(h.s), -ECONNRESET);
	assert_return_code(fcntl(fusesvc_server_fuse_fd(h.s), F_GETFD), errno);
	helper_end(&h);

	helper_begin(&h, 1);
	close_fd_keep_errno(steal_fd(&h.peer));
	assert_int_equal(fusesvc_server_bye(h.s, 0), -EPIPE);
	helper_end(&h);
	fusesvc_server_free(NULL);
}

/* The helper sees an end without a word. /dev/fuse stays. */
static void hang_up(void **state)
{
	struct helper h;
	struct packet p;
	uint8_t byte;
	int fd;

	helper_begin(&h, 1);
	fusesvc_server_hang_up(h.s);
	assert_int_equal(fusesvc_server_fd(h.s), -1);
	assert_int_equal(recv_raw(h.peer, &byte, 1, &fd), 0);
	assert_int_equal(fusesvc_server_bye(h.s, 0), 0);
	fusesvc_server_hang_up(h.s);
	assert_return_code(fcntl(fusesvc_server_fuse_fd(h.s), F_GETFD), errno);
	helper_end(&h);

	helper_begin(&h, 1);
	assert_int_equal(fusesvc_server_bye(h.s, 0), 0);
	fusesvc_server_hang_up(h.s);
	helper_hears(&h, &p);
	assert_int_equal(p.type, PACKET_BYE);
	assert_int_equal(recv_raw(h.peer, &byte, 1, &fd), 0);
	helper_end(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		server_test(open_sends_and_gets),
		server_test(requests_and_answers_apart),
		server_test(answers_out_of_order),
		server_test(open_rw_falls_back),
		server_test(open_rw_with_a_dead_helper),
		server_test(open_refused),
		server_test(open_answered_by_a_lie),
		server_test(open_not_answered),
		server_test(no_files_after_finish),
		server_test(messages_are_sent),
		server_test(messages_are_bounded),
		server_test(progress_is_paced),
		cmocka_unit_test(pace_lasts_for_hours),
		server_test(no_messages_without_the_extension),
		server_test(bye_once),
		server_test(hang_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
