// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How a server has itself mounted: in one step, in two, and again on a mount point of the other
 * format; what is sent, and what is made of answers that are refusals or lies.
 */
#include "server-session.h"

#include <sys/stat.h>

static void assert_failed(struct helper *h, uint32_t code, uint32_t step)
{
	assert_int_equal(fusesvc_server_error(h->s)->code, code);
	assert_int_equal(fusesvc_server_error(h->s)->step, step);
}

static const struct fusesvc_mount_request full = {
	.source = "sq",
	.target = "/mnt",
	.expected_fmt = S_IFDIR,
	.fuseblk = true,
	.mntopts = "allow_other",
	.mtabopts = "x-a",
	.ms_flags = 5,
};

static const struct {
	enum packet_type type;
	uint32_t step;
} commands[] = {
	{ PACKET_FSOPEN, FUSESVC_STEP_FSOPEN },	    { PACKET_SOURCE, FUSESVC_STEP_SOURCE },
	{ PACKET_MNTPT, FUSESVC_STEP_MNTPT },	    { PACKET_MNTOPTS, FUSESVC_STEP_MNTOPTS },
	{ PACKET_MTABOPTS, FUSESVC_STEP_MTABOPTS }, { PACKET_MOUNT, FUSESVC_STEP_MOUNT },
};

static void mount_sends_all(void **state)
{
	struct helper h;
	struct packet p;

	helper_begin(&h, 0);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		helper_reply(&h, 0);
	assert_int_equal(fusesvc_server_mount(h.s, &full), 0);
	helper_hears(&h, &p);
	assert_int_equal(p.fsopen.flags, 1);
	helper_hears(&h, &p);
	assert_string_equal(p.string, "sq");
	helper_hears(&h, &p);
	assert_int_equal(p.mntpt.expected_fmt, S_IFDIR);
	assert_string_equal(p.string, "/mnt");
	helper_hears(&h, &p);
	assert_int_equal(p.type, PACKET_MNTOPTS);
	assert_string_equal(p.string, "allow_other");
	helper_hears(&h, &p);
	assert_int_equal(p.type, PACKET_MTABOPTS);
	helper_hears(&h, &p);
	assert_int_equal(p.type, PACKET_MOUNT);
	assert_int_equal(p.mount.flags, 5);
	helper_hears_nothing(&h);
	helper_end(&h);
}

static void mount_leaves_out_empty_options(void **state)
{
	const struct fusesvc_mount_request req = { .source = "sq",
						   .target = "/mnt",
						   .mntopts = "" };
	static const enum packet_type types[] = { PACKET_FSOPEN, PACKET_SOURCE, PACKET_MNTPT,
						  PACKET_MOUNT };
	struct helper h;
	struct packet p;

	helper_begin(&h, 0);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		helper_reply(&h, 0);
	assert_int_equal(fusesvc_server_mount(h.s, &req), 0);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		helper_hears(&h, &p);
		assert_int_equal(p.type, types[i]);
	}
	helper_end(&h);
}

/* A refusal ends it at once, in the step that was refused. */
static void mount_refused_at_each_step(void **state)
{
	for (size_t n = 0; n < ARRAY_SIZE(commands); n++) {
		struct helper h;
		struct packet p;

		helper_begin(&h, 0);
		for (size_t i = 0; i < n; i++)
			helper_reply(&h, 0);
		helper_reply(&h, EROFS);
		assert_int_equal(fusesvc_server_mount(h.s, &full), -EROFS);
		assert_failed(&h, FUSESVC_E_REFUSED, commands[n].step);
		for (size_t i = 0; i <= n; i++) {
			helper_hears(&h, &p);
			assert_int_equal(p.type, commands[i].type);
		}
		helper_hears_nothing(&h);
		helper_end(&h);
	}
}

static void mount_answered_by_a_lie(void **state)
{
	const int fd = 0;

	for (int i = 0; i < 6; i++) {
		struct helper h;

		helper_begin(&h, 0);
		helper_reply(&h, 0);
		switch (i) {
		case 0:
			helper_reply(&h, 4096);
			break;
		case 1:
			helper_reply(&h, 0xffffffff);
			break;
		case 2:
			helper_file(&h, "sq", 0, -1);
			break;
		case 3:
			send_raw(h.peer, "REPL\0\0\0\0", 8, &fd, 1);
			break;
		case 4:
			send_raw(h.peer, "REPL\0\0\0", 7, NULL, 0);
			break;
		case 5:
			send_raw(h.peer, "BYEE\0\0\0\0", 8, NULL, 0);
			break;
		}
		assert_int_equal(fusesvc_server_mount(h.s, &full), -EBADMSG);
		assert_failed(&h, FUSESVC_E_PROTOCOL, FUSESVC_STEP_SOURCE);
		helper_end(&h);
	}
}

static void mount_not_answered(void **state)
{
	struct helper h;

	helper_begin(&h, 0);
	clock_leaps = true;
	assert_int_equal(fusesvc_server_mount(h.s, &full), -ETIMEDOUT);
	assert_failed(&h, FUSESVC_E_TIMEOUT, FUSESVC_STEP_FSOPEN);
	clock_leaps = false;
	helper_reply(&h, 0);
	assert_return_code(shutdown(h.peer, SHUT_WR), errno);
	assert_int_equal(fusesvc_server_mount(h.s, &full), -ECONNRESET);
	assert_failed(&h, FUSESVC_E_CLOSED, FUSESVC_STEP_SOURCE);
	helper_end(&h);
}

/* The start waits for all answers but the last, the finish for that one; as often as need be. */
static void mount_in_two_steps(void **state)
{
	struct helper h;
	struct packet p;

	helper_begin(&h, 0);
	for (size_t i = 0; i < ARRAY_SIZE(commands) - 1; i++)
		helper_reply(&h, 0);
	assert_int_equal(fusesvc_server_mount_start(h.s, &full), 0);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		helper_hears(&h, &p);
		assert_int_equal(p.type, commands[i].type);
	}
	clock_leaps = true;
	assert_int_equal(fusesvc_server_mount_finish(h.s), -ETIMEDOUT);
	assert_failed(&h, FUSESVC_E_TIMEOUT, FUSESVC_STEP_MOUNT);
	clock_leaps = false;
	helper_reply(&h, 0);
	assert_int_equal(fusesvc_server_mount_finish(h.s), 0);
	helper_hears_nothing(&h);
	helper_end(&h);
}

static void start_mount(struct helper *h)
{
	struct packet p;

	helper_begin(h, 0);
	for (size_t i = 0; i < ARRAY_SIZE(commands) - 1; i++)
		helper_reply(h, 0);
	assert_int_equal(fusesvc_server_mount_start(h->s, &full), 0);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		helper_hears(h, &p);
}

/* Files may be asked for in between: the answer to the mount waits, if it comes first. */
static void files_while_it_mounts(void **state)
{
	static const int answers[] = { 0, EPERM };
	const struct fusesvc_open_request req = { .path = "/key" };

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		_cleanup_fd_ int fd = -1, file = open("/dev/null", O_RDONLY | O_CLOEXEC);
		struct helper h;

		start_mount(&h);
		assert_false(fusesvc_server_mount_is_answered(h.s));
		helper_file(&h, "/key", ENOENT, -1);
		assert_int_equal(fusesvc_server_open(h.s, &req, &fd), -ENOENT);
		assert_false(fusesvc_server_mount_is_answered(h.s));
		helper_reply(&h, (uint32_t)answers[i]);
		helper_file(&h, "/key", 0, file);
		assert_int_equal(fusesvc_server_open(h.s, &req, &fd), 0);
		assert_true(fusesvc_server_mount_is_answered(h.s));
		assert_int_equal(fusesvc_server_mount_finish(h.s), -answers[i]);
		assert_false(fusesvc_server_mount_is_answered(h.s));
		helper_end(&h);
	}
}

/* One answer alone: a second one is none about a file. */
static void files_while_it_mounts_and_a_liar(void **state)
{
	const struct fusesvc_open_request req = { .path = "/key" };
	struct helper h;
	int fd;

	start_mount(&h);
	helper_reply(&h, 0);
	helper_reply(&h, 0);
	assert_int_equal(fusesvc_server_open(h.s, &req, &fd), -EBADMSG);
	assert_int_equal(fd, -1);
	assert_failed(&h, FUSESVC_E_PROTOCOL, FUSESVC_STEP_OPEN);
	helper_end(&h);
}

static void mount_start_fails_before_the_mount(void **state)
{
	struct helper h;
	struct packet p;

	helper_begin(&h, 0);
	for (size_t i = 0; i < 3; i++)
		helper_reply(&h, 0);
	helper_reply(&h, EINVAL);
	assert_int_equal(fusesvc_server_mount_start(h.s, &full), -EINVAL);
	assert_failed(&h, FUSESVC_E_REFUSED, FUSESVC_STEP_MNTOPTS);
	for (size_t i = 0; i < 4; i++) {
		helper_hears(&h, &p);
		assert_int_equal(p.type, commands[i].type);
	}
	helper_hears_nothing(&h);
	helper_end(&h);
}

static void mount_finish_fails(void **state)
{
	static const struct {
		uint32_t reply;
		int rc;
		uint32_t code;
	} cases[] = {
		{ EPERM, -EPERM, FUSESVC_E_REFUSED },
		{ 4096, -EBADMSG, FUSESVC_E_PROTOCOL },
		{ 0, -ECONNRESET, FUSESVC_E_CLOSED }, /* none, but the end */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct helper h;

		helper_begin(&h, 0);
		for (size_t j = 0; j < ARRAY_SIZE(commands) - 1; j++)
			helper_reply(&h, 0);
		assert_int_equal(fusesvc_server_mount_start(h.s, &full), 0);
		if (cases[i].reply)
			helper_reply(&h, cases[i].reply);
		assert_return_code(shutdown(h.peer, SHUT_WR), errno);
		assert_int_equal(fusesvc_server_mount_finish(h.s), cases[i].rc);
		assert_failed(&h, cases[i].code, FUSESVC_STEP_MOUNT);
		helper_end(&h);
	}
}

/* The other format: what was accepted is not said again, and the refusal is forgotten. */
static void mount_on_the_other_format(void **state)
{
	static const int errors[] = { ENOTDIR, EISDIR };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		struct fusesvc_mount_request req = full;
		struct helper h;
		struct packet p;

		helper_begin(&h, 0);
		helper_reply(&h, 0);
		helper_reply(&h, 0);
		helper_reply(&h, (uint32_t)errors[i]);
		assert_int_equal(fusesvc_server_mount(h.s, &req), -errors[i]);
		assert_failed(&h, FUSESVC_E_REFUSED, FUSESVC_STEP_MNTPT);
		for (size_t j = 0; j < 3; j++)
			helper_hears(&h, &p);
		helper_hears_nothing(&h);

		req.expected_fmt = S_IFREG;
		for (size_t j = 2; j < ARRAY_SIZE(commands); j++)
			helper_reply(&h, 0);
		assert_int_equal(fusesvc_server_mount(h.s, &req), 0);
		assert_failed(&h, FUSESVC_E_NONE, FUSESVC_STEP_NONE);
		helper_hears(&h, &p);
		assert_int_equal(p.type, PACKET_MNTPT);
		assert_int_equal(p.mntpt.expected_fmt, S_IFREG);
		for (size_t j = 3; j < ARRAY_SIZE(commands); j++) {
			helper_hears(&h, &p);
			assert_int_equal(p.type, commands[j].type);
		}
		helper_hears_nothing(&h);
		helper_end(&h);
	}
}

static void mount_after_goodbye(void **state)
{
	struct helper h;

	helper_begin(&h, 0);
	fusesvc_server_hang_up(h.s);
	assert_int_equal(fusesvc_server_mount_start(h.s, &full), -EPIPE);
	assert_failed(&h, FUSESVC_E_CLOSED, FUSESVC_STEP_FSOPEN);
	assert_true(fusesvc_server_mount(h.s, &full) < 0);
	assert_true(fusesvc_server_mount_finish(h.s) < 0);
	helper_end(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		server_test(mount_sends_all),
		server_test(mount_leaves_out_empty_options),
		server_test(mount_refused_at_each_step),
		server_test(mount_answered_by_a_lie),
		server_test(mount_not_answered),
		server_test(mount_in_two_steps),
		server_test(files_while_it_mounts),
		server_test(files_while_it_mounts_and_a_liar),
		server_test(mount_start_fails_before_the_mount),
		server_test(mount_finish_fails),
		server_test(mount_on_the_other_format),
		server_test(mount_after_goodbye),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
