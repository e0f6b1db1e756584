// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The report to a host: what was sent arrives; what does not fit together is none.
 */
#include "test-util.h"

#include "svc.h"

struct ends {
	struct svc_mount host, maker;
	int pair[2];
};

static int begin(void **state)
{
	struct ends *e = calloc(1, sizeof(*e));

	*state = e;
	if (!e)
		return -1;
	make_pair(e->pair);
	e->host.tree_fd = e->maker.tree_fd = -1;
	return 0;
}

static int end(void **state)
{
	struct ends *e = *state;

	close_fd_keep_errno(e->host.tree_fd);
	close_fd_keep_errno(e->maker.tree_fd);
	close_fd_keep_errno(e->pair[0]);
	close_fd_keep_errno(e->pair[1]);
	free(e);
	return 0;
}

static int open_something(void)
{
	return open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int pass(struct ends *e)
{
	assert_int_equal(svc_report_send(&e->maker, e->pair[0]), 0);
	close_fd_keep_errno(steal_fd(&e->maker.tree_fd));
	return svc_report_recv(&e->host, e->pair[1]);
}

static void a_mount_arrives(void **state)
{
	struct ends *e = *state;

	e->maker.tree_fd = open_something();
	strcpy(e->maker.name, "squashfs");
	e->maker.added = MS_NOEXEC;
	e->maker.server_pid = 77;
	e->maker.connection = 5;
	e->maker.is_read_only = e->maker.fuseblk = true;
	e->maker.source_dev = 0x701;
	assert_int_equal(pass(e), 0);
	assert_true(e->host.tree_fd >= 0);
	assert_int_equal(fcntl(e->host.tree_fd, F_GETFD), FD_CLOEXEC);
	assert_string_equal(e->host.name, "squashfs");
	assert_int_equal(e->host.added, MS_NOEXEC);
	assert_int_equal(e->host.server_pid, 77);
	assert_int_equal(e->host.connection, 5);
	assert_true(e->host.is_read_only);
	assert_true(e->host.fuseblk);
	assert_int_equal(e->host.source_dev, 0x701);
}

static void an_error_arrives(void **state)
{
	struct ends *e = *state;

	(void)fusesvc_error_set(&e->maker.error, SVC_STEP_MOUNT, SVC_E_MOUNT, EBUSY, "it");
	strcpy(e->maker.words, "words");
	e->maker.hint.code = SVC_HINT_EMPTY;
	assert_int_equal(pass(e), 0);
	assert_int_equal(e->host.error.code, SVC_E_MOUNT);
	assert_int_equal(e->host.error.err, EBUSY);
	assert_string_equal(e->host.error.subject, "it");
	assert_string_equal(e->host.words, "words");
	assert_int_equal(e->host.hint.code, SVC_HINT_EMPTY);
}

static void success_has_a_mount_and_nothing_else_has(void **state)
{
	struct ends *e = *state;

	assert_int_equal(pass(e), -EBADMSG);
	e->maker.is_absent = true;
	assert_int_equal(pass(e), 0);
	e->maker.tree_fd = open_something();
	assert_int_equal(pass(e), -EBADMSG);
	e->maker.is_absent = false;
	e->maker.error.code = SVC_E_MOUNT;
	e->maker.tree_fd = open_something();
	assert_int_equal(pass(e), -EBADMSG);
	e->maker.error.code = 0;
	e->host.opts.remount = true;
	assert_int_equal(pass(e), 0);
	e->maker.tree_fd = open_something();
	assert_int_equal(pass(e), -EBADMSG);
	assert_int_equal(e->host.tree_fd, -1);
}

static void flags_and_names_are_looked_at(void **state)
{
	struct ends *e = *state;

	e->maker.is_absent = true;
	e->maker.added = ~0U;
	assert_int_equal(pass(e), 0);
	assert_int_equal(e->host.added, SVC_SERVER_MS_FLAGS);
	strcpy(e->maker.name, "../x");
	assert_int_equal(pass(e), -EBADMSG);
	assert_string_equal(e->host.name, "");
}

static void other_packets(void **state)
{
	struct ends *e = *state;
	const struct svc_request request = { .type = SVC_REQUEST_END, .is_absent = 1 };

	assert_int_equal(svc_report_recv(&e->host, e->pair[1]), -EAGAIN);
	assert_int_equal(svc_request_send(e->pair[0], &request, -1, -1), 0);
	assert_int_equal(svc_report_recv(&e->host, e->pair[1]), -EBADMSG);
	assert_int_equal(send(e->pair[0], &request, sizeof(request) - 1, MSG_NOSIGNAL),
			 sizeof(request) - 1);
	assert_int_equal(svc_report_recv(&e->host, e->pair[1]), -EBADMSG);
	close_fd_keep_errno(steal_fd(&e->pair[0]));
	assert_int_equal(svc_report_recv(&e->host, e->pair[1]), -ECONNRESET);
}

#define report_test(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		report_test(a_mount_arrives),
		report_test(an_error_arrives),
		report_test(success_has_a_mount_and_nothing_else_has),
		report_test(flags_and_names_are_looked_at),
		report_test(other_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
