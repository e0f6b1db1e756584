// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files for a contained service of libfuse3: what is asked for, and what is made of answers that
 * are refusals or lies.
 */
#include "service-session.h"

static void requests_are_sent(void **state)
{
	struct service s;

	service_begin(&s, 0, -1);
	assert_int_equal(fuse_service_request_file(s.sf, "/img", O_RDONLY, 0, 0), 0);
	assert_string_equal(service_said(&s), "open /img 0 0 0 0;");
	assert_int_equal(fuse_service_request_file(s.sf, "", O_RDWR | O_EXCL, 0640,
						   FUSE_SERVICE_REQUEST_FILE_QUIET),
			 0);
	assert_string_equal(service_said(&s), "open  82 640 1 0;");
	assert_int_equal(fuse_service_request_blockdev(s.sf, "/dev/x", O_WRONLY, 07777, 0, 4096),
			 0);
	assert_string_equal(service_said(&s), "bdev /dev/x 1 7777 0 4096;");
	assert_int_equal(fuse_service_request_blockdev(s.sf, "/dev/x", O_RDONLY, 0,
						       FUSE_SERVICE_REQUEST_FILE_QUIET, 0),
			 0);
	assert_string_equal(service_said(&s), "bdev /dev/x 0 0 1 0;");
	assert_no_log();
	service_end(&s);
}

static void unknown_request_flags(void **state)
{
	struct service s;

	service_begin(&s, 0, -1);
	for (unsigned int bit = 2; bit; bit <<= 1) {
		assert_int_equal(fuse_service_request_file(s.sf, "/img", 0, 0, bit), -EINVAL);
		assert_int_equal(fuse_service_request_file(s.sf, "/img", 0, 0, bit | 1), -EINVAL);
		assert_int_equal(fuse_service_request_blockdev(s.sf, "/img", 0, 0, bit, 0),
				 -EINVAL);
	}
	helper_hears_nothing(&s.h);
	service_end(&s);
}

static void requests_to_a_dead_helper(void **state)
{
	struct service s;

	service_begin(&s, 0, -1);
	close_fd_keep_errno(steal_fd(&s.h.peer));
	assert_int_equal(fuse_service_request_file(s.sf, "/img", 0, 0, 0), -EPIPE);
	assert_int_equal(fuse_service_request_blockdev(s.sf, "/img", 0, 0, 0, 0), -EPIPE);
	service_end(&s);
}

/* Two questions before two answers. A refusal is an answer too, and no reason for a line. */
static void answers_come_in_order(void **state)
{
	int fd, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct service s;

	service_begin(&s, 0, -1);
	assert_int_equal(fuse_service_request_file(s.sf, "/a", O_RDONLY, 0, 0), 0);
	assert_int_equal(fuse_service_request_blockdev(s.sf, "/b", O_RDONLY, 0, 0, 0), 0);
	assert_string_equal(service_said(&s), "open /a 0 0 0 0;bdev /b 0 0 0 0;");
	helper_file(&s.h, "/a", 0, null);
	helper_file(&s.h, "/b", ENOTBLK, -1);
	assert_int_equal(fuse_service_receive_file(s.sf, "/a", &fd), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	(void)close(fd);
	assert_int_equal(fuse_service_receive_file(s.sf, "/b", &fd), 0);
	assert_int_equal(fd, -ENOTBLK);
	helper_file(&s.h, "/a", 1, -1);
	assert_int_equal(fuse_service_receive_file(s.sf, "/a", &fd), 0);
	assert_int_equal(fd, -1);
	helper_file(&s.h, "/a", 4095, -1);
	assert_int_equal(fuse_service_receive_file(s.sf, "/a", &fd), 0);
	assert_int_equal(fd, -4095);
	assert_no_log();
	service_end(&s);
	(void)close(null);
}

enum lie { OTHER_PATH, NO_FD, ERROR_AND_FD, HUGE_ERROR, A_REPLY, GONE, SILENT };

static void tell(struct service *s, enum lie lie, int null)
{
	switch (lie) {
	case OTHER_PATH:
		helper_file(&s->h, "/imgs", 0, null);
		break;
	case NO_FD:
		helper_file(&s->h, "/img", 0, -1);
		break;
	case ERROR_AND_FD:
		helper_file(&s->h, "/img", EPERM, null);
		break;
	case HUGE_ERROR:
		helper_file(&s->h, "/img", 4096, -1);
		break;
	case A_REPLY:
		helper_reply(&s->h, 0);
		break;
	case GONE:
		assert_return_code(shutdown(s->h.peer, SHUT_WR), errno);
		break;
	case SILENT:
		clock_leaps = true;
		break;
	}
}

/* The conversation broke: that is said, and no descriptor is left. */
static void answers_that_are_none(void **state)
{
	static const struct {
		enum lie lie;
		int rc;
	} cases[] = {
		{ OTHER_PATH, -EBADMSG }, { NO_FD, -EBADMSG },	 { ERROR_AND_FD, -EBADMSG },
		{ HUGE_ERROR, -EBADMSG }, { A_REPLY, -EBADMSG }, { GONE, -ECONNRESET },
		{ SILENT, -ETIMEDOUT },
	};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct service s;
		int fd = 0;

		service_begin(&s, 0, -1);
		tell(&s, cases[i].lie, null);
		assert_int_equal(fuse_service_receive_file(s.sf, "/img", &fd), cases[i].rc);
		clock_leaps = false;
		assert_true(fd < 0);
		assert_log_line("opening a file: ");
		service_end(&s);
		log_clear();
	}
	(void)close(null);
}

static void no_files_after_finish(void **state)
{
	int fd, value = 0, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	socklen_t len = sizeof(value);
	struct service s;

	service_begin(&s, 0, -1);
	assert_int_equal(fuse_service_finish_file_requests(s.sf), 0);
	if (getsockopt(3, SOL_SOCKET, SO_PASSRIGHTS, &value, &len) == 0)
		assert_int_equal(value, 0);
	let_fds_through(3); /* as an older kernel does */
	helper_file(&s.h, "/img", 0, null);
	assert_int_equal(fuse_service_receive_file(s.sf, "/img", &fd), -EBADMSG);
	assert_true(fd < 0);
	assert_int_equal(fuse_service_finish_file_requests(s.sf), 0);
	assert_int_equal(fuse_service_send_goodbye(s.sf, 0), 0);
	assert_int_equal(fuse_service_finish_file_requests(s.sf), 0);
	service_end(&s);
	(void)close(null);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		service_test(requests_are_sent),	 service_test(unknown_request_flags),
		service_test(requests_to_a_dead_helper), service_test(answers_come_in_order),
		service_test(answers_that_are_none),	 service_test(no_files_after_finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
