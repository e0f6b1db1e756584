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
#define N_BEFORE (ARRAY_SIZE(commands) - 1) /* the mount */

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

/* All but the mount are asked for at once. A refusal ends it, in the step that was refused. */
static void mount_refused_at_each_step(void **state)
{
	for (size_t n = 0; n < ARRAY_SIZE(commands); n++) {
		size_t n_heard = n < N_BEFORE ? N_BEFORE : N_BEFORE + 1;
		struct helper h;
		struct packet p;

		helper_begin(&h, 0);
		for (size_t i = 0; i < n_heard; i++)
			helper_reply(&h, i == n ? EROFS : 0);
		assert_int_equal(fusesvc_server_mount(h.s, &full), -EROFS);
		assert_failed(&h, FUSESVC_E_REFUSED, commands[n].step);
		for (size_t i = 0; i < n_heard; i++) {
			helper_hears(&h, &p);
			assert_int_equal(p.type, commands[i].type);
		}
		helper_hears_nothing(&h);
		helper_end(&h);
	}
}

/* Of several refusals the first one counts, and whatever comes after it or does not come. */
static void mount_refused_and_more(void **state)
{
	static const struct {
		const char *after; /* a letter for each answer */
		int rc;
		uint32_t code;
	} cases[] = {
		{ "rrrr", -EROFS, FUSESVC_E_REFUSED }, { "0r0r", -EROFS, FUSESVC_E_REFUSED },
		{ "!", -EROFS, FUSESVC_E_REFUSED },    { "00!", -EROFS, FUSESVC_E_REFUSED },
		{ "", -EROFS, FUSESVC_E_REFUSED },     { "00", -EROFS, FUSESVC_E_REFUSED },
	};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		struct helper h;

		helper_begin(&h, 0);
		helper_reply(&h, EROFS);
		for (const char *c = cases[i / 2].after; *c; c++) {
			if (*c == '!')
				send_raw(h.peer, "REPL", 4, NULL, 0);
			else
				helper_reply(&h, *c == 'r' ? EINVAL : 0);
		}
		/* Silence, or the end. */
		clock_leaps = i % 2;
		if (!clock_leaps)
			assert_return_code(shutdown(h.peer, SHUT_WR), errno);
		assert_int_equal(fusesvc_server_mount(h.s, &full), cases[i / 2].rc);
		clock_leaps = false;
		assert_failed(&h, cases[i / 2].code, FUSESVC_STEP_FSOPEN);
		helper_end(&h);
	}
}

/* What it said before it went counts more than that it is gone. */
static void mount_refused_by_one_who_is_gone(void **state)
{
	struct helper h;

	helper_begin(&h, 0);
	clock_leaps = true; /* all is sent, and nothing is heard */
	assert_int_equal(fusesvc_server_mount(h.s, &full), -ETIMEDOUT);
	clock_leaps = false;
	helper_reply(&h, 0);
	helper_reply(&h, EACCES);
	close_fd_keep_errno(steal_fd(&h.peer));
	assert_int_equal(fusesvc_server_mount(h.s, &full), -EACCES);
	assert_failed(&h, FUSESVC_E_REFUSED, FUSESVC_STEP_SOURCE);
	assert_int_equal(fusesvc_server_mount(h.s, &full), -ECONNRESET);
	assert_failed(&h, FUSESVC_E_CLOSED, FUSESVC_STEP_MNTPT);
	helper_end(&h);
}

/* An answer that nobody asked for is the next command's: it never makes up for one that is wanted.
 */
static void mount_answered_too_often(void **state)
{
	struct helper h;
	struct packet p;

	helper_begin(&h, 0);
	for (size_t i = 0; i < N_BEFORE; i++)
		helper_reply(&h, 0);
	helper_reply(&h, EBUSY);
	helper_reply(&h, 0);
	assert_int_equal(fusesvc_server_mount(h.s, &full), -EBUSY);
	assert_failed(&h, FUSESVC_E_REFUSED, FUSESVC_STEP_MOUNT);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		helper_hears(&h, &p);
		assert_int_equal(p.type, commands[i].type);
	}
	helper_hears_nothing(&h);
	helper_end(&h);
}

/* A source that fits into no packet: what was sent before it gets its answer all the same. */
static void mount_of_what_cannot_be_sent(void **state)
{
	struct fusesvc_mount_request req = full;
	char source[PACKET_MAX + 1];
	struct helper h;
	struct packet p;

	memset(source, 'x', sizeof(source));
	source[PACKET_MAX] = '\0';
	req.source = source;
	helper_begin(&h, 0);
	assert_int_equal(fusesvc_server_mount(h.s, &req), -EMSGSIZE);
	assert_failed(&h, FUSESVC_E_SYSTEM, FUSESVC_STEP_SOURCE);
	helper_hears(&h, &p);
	assert_int_equal(p.type, PACKET_FSOPEN);
	helper_hears_nothing(&h);
	helper_end(&h);
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
	helper_reply(&h, 0);
	assert_int_equal(fusesvc_server_mount_start(h.s, &full), -EINVAL);
	assert_failed(&h, FUSESVC_E_REFUSED, FUSESVC_STEP_MNTOPTS);
	for (size_t i = 0; i < N_BEFORE; i++) {
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
		for (size_t j = 0; j < N_BEFORE; j++)
			helper_reply(&h, j == 2 ? (uint32_t)errors[i] : 0);
		assert_int_equal(fusesvc_server_mount(h.s, &req), -errors[i]);
		assert_failed(&h, FUSESVC_E_REFUSED, FUSESVC_STEP_MNTPT);
		for (size_t j = 0; j < N_BEFORE; j++)
			helper_hears(&h, &p);
		helper_hears_nothing(&h);

		req.expected_fmt = S_IFREG;
		helper_reply(&h, 0);
		helper_reply(&h, 0);
		assert_int_equal(fusesvc_server_mount(h.s, &req), 0);
		assert_failed(&h, FUSESVC_E_NONE, FUSESVC_STEP_NONE);
		helper_hears(&h, &p);
		assert_int_equal(p.type, PACKET_MNTPT);
		assert_int_equal(p.mntpt.expected_fmt, S_IFREG);
		helper_hears(&h, &p);
		assert_int_equal(p.type, PACKET_MOUNT);
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
		server_test(mount_refused_and_more),
		server_test(mount_refused_by_one_who_is_gone),
		server_test(mount_answered_too_often),
		server_test(mount_of_what_cannot_be_sent),
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
