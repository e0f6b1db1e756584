// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Requests from the child to the parent: whole ones with two descriptors at most, or nothing.
 */
#include "test-util.h"

#include <sys/stat.h>

#include "svc.h"

static struct svc_request sample(void)
{
	struct svc_request req;

	memset(&req, 'x', sizeof(req)); /* no NUL anywhere */
	req.type = SVC_REQUEST_MOUNT;
	req.ms_flags = 5;
	req.server_pid = 77;
	return req;
}

static void two_descriptors_pass_in_order(void **state)
{
	const struct svc_request req = sample();
	struct svc_request got;
	int pair[2], fds[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	make_pair(pair);
	assert_int_equal(svc_request_send(pair[0], &req, null, dir), 0);
	assert_int_equal(svc_request_recv(pair[1], &got, fds), 0);
	assert_int_equal(got.type, SVC_REQUEST_MOUNT);
	assert_int_equal(got.ms_flags, 5);
	assert_int_equal(got.server_pid, 77);
	assert_return_code(fstat(fds[0], &st), errno);
	assert_true(S_ISCHR(st.st_mode));
	assert_return_code(fstat(fds[1], &st), errno);
	assert_true(S_ISDIR(st.st_mode));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
		(void)close(fds[i]);
		(void)close(pair[i]);
	}
	(void)close(null);
	(void)close(dir);
}

static void fewer_descriptors(void **state)
{
	const struct svc_request req = sample();
	struct svc_request got;
	int pair[2], fds[2];

	make_pair(pair);
	assert_int_equal(svc_request_recv(pair[1], &got, fds), -EAGAIN);
	assert_int_equal(svc_request_send(pair[0], &req, -1, -1), 0);
	assert_int_equal(svc_request_recv(pair[1], &got, fds), 0);
	assert_int_equal(fds[0], -1);
	assert_int_equal(fds[1], -1);
	assert_int_equal(svc_request_send(pair[0], &req, 0, -1), 0);
	assert_int_equal(svc_request_recv(pair[1], &got, fds), 0);
	assert_true(fds[0] >= 0);
	assert_int_equal(fds[1], -1);
	(void)close(fds[0]);
	(void)close(pair[0]);
	assert_int_equal(svc_request_recv(pair[1], &got, fds), -ECONNRESET);
	assert_int_equal(svc_request_send(pair[1], &req, -1, -1), -EPIPE);
	(void)close(pair[1]);
}

/* The kernel tells first that an answer was not read, and keeps what was said before. */
static void last_words_of_who_did_not_listen(void **state)
{
	const struct svc_request req = sample();
	struct svc_request got;
	int pair[2], fds[2];

	make_pair(pair);
	assert_int_equal(svc_answer_send(pair[1], 0), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(svc_request_send(pair[0], &req, -1, -1), 0);
	(void)close(pair[0]);
	for (int i = 0; i < 3; i++)
		assert_int_equal(svc_request_recv(pair[1], &got, fds), 0);
	assert_int_equal(svc_request_recv(pair[1], &got, fds), -ECONNRESET);
	(void)close(pair[1]);
}

static void strings_are_ended(void **state)
{
	const struct svc_request req = sample();
	struct svc_request got;
	int pair[2], fds[2];

	make_pair(pair);
	assert_int_equal(svc_request_send(pair[0], &req, -1, -1), 0);
	assert_int_equal(svc_request_recv(pair[1], &got, fds), 0);
	assert_int_equal(strnlen(got.name, sizeof(got.name)), sizeof(got.name) - 1);
	assert_int_equal(strnlen(got.words, sizeof(got.words)), sizeof(got.words) - 1);
	assert_int_equal(strnlen(got.error.subject, sizeof(got.error.subject)),
			 sizeof(got.error.subject) - 1);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

/* Whatever comes with a malformed packet is closed. */
static void malformed_requests(void **state)
{
	static const struct {
		long more; /* than a request */
		size_t n_fds;
	} cases[] = {
		{ -1, 0 },
		{ -1, 1 },
		{ -1, 2 },
		{ 1, 0 },
		{ 1, 2 },
		{ 4096, 2 },
		{ 0, 3 },
		{ 0, 8 },
		{ -100, 3 },
		{ 1, 8 },
		{ 1 - (long)sizeof(struct svc_request), 2 },
	};
	const int some[8] = { 0, 1, 2, 0, 1, 2, 0, 1 };
	const struct svc_request req = sample();
	char *bytes = calloc(1, sizeof(req) + 4096);

	assert_non_null(bytes);
	memcpy(bytes, &req, sizeof(req));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t size = (size_t)((long)sizeof(req) + cases[i].more), before;
		struct svc_request got;
		int pair[2], fds[2];

		make_pair(pair);
		before = count_fds();
		send_raw(pair[0], bytes, size, some, cases[i].n_fds);
		assert_int_equal(svc_request_recv(pair[1], &got, fds), -EBADMSG);
		assert_int_equal(fds[0], -1);
		assert_int_equal(fds[1], -1);
		assert_int_equal(count_fds(), before);
		(void)close(pair[0]);
		(void)close(pair[1]);
	}
	free(bytes);
}

static void answers(void **state)
{
	const int32_t lie = 1;
	int32_t answer = 7;
	int pair[2];

	make_pair(pair);
	assert_int_equal(svc_answer_send(pair[0], 0), 0);
	assert_int_equal(svc_answer_recv(pair[1], &answer), 0);
	assert_int_equal(answer, 0);
	assert_int_equal(svc_answer_send(pair[0], -EROFS), 0);
	assert_int_equal(svc_answer_recv(pair[1], &answer), 0);
	assert_int_equal(answer, -EROFS);
	send_raw(pair[0], &lie, sizeof(lie), NULL, 0); /* neither 0 nor an error */
	assert_true(svc_answer_recv(pair[1], &answer) < 0);
	send_raw(pair[0], &lie, 3, NULL, 0);
	assert_true(svc_answer_recv(pair[1], &answer) < 0);
	(void)close(pair[0]);
	assert_int_equal(svc_answer_recv(pair[1], &answer), -ECONNRESET);
	assert_int_equal(svc_answer_send(pair[1], 0), -EPIPE);
	(void)close(pair[1]);
}

/* Who does not read them must not make the parent wait. */
static void answers_that_nobody_reads(void **state)
{
	int pair[2], rc, n = 0;

	make_pair(pair);
	(void)alarm(30); /* else it waits for ever */
	do
		rc = svc_answer_send(pair[0], 0);
	while (rc == 0 && ++n < 1000000);
	(void)alarm(0);
	assert_int_equal(rc, -EAGAIN);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit_test_fds(two_descriptors_pass_in_order),
		unit_test_fds(fewer_descriptors),
		unit_test_fds(last_words_of_who_did_not_listen),
		unit_test_fds(strings_are_ended),
		unit_test_fds(malformed_requests),
		unit_test_fds(answers),
		unit_test_fds(answers_that_nobody_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
