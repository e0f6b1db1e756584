// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The mount side's conversation: the order of commands, refusals, and every way to say goodbye.
 */
#include "client-session.h"

#include <sys/eventfd.h>
#include <sys/stat.h>

static void good_conversation(void **state)
{
	struct session s;

	session_begin(&s);
	say(&s, OPEN("/img"), P(OPEN_BDEV, .open = { 2, 0, 1, 512 }, .string = "/dev/x"),
	    P(FSOPEN, .fsopen = { 1 }), SOURCE, MNTPT, MNTOPTS, MTABOPTS, MESSAGE(6, 500), MOUNT,
	    BYE(0));
	session_expect(&s, FUSESVC_E_NONE, FUSESVC_STEP_NONE,
		       "open /img 0/0;bdev /dev/x quiet 2/200;fsopen 1;source sq;mntpt /mnt 4000;"
		       "mntopts allow_other;mtabopts x-a;message 6 1f4 hi;mount 1;",
		       START "/img fd 0;/dev/x fd 0;0;0;0;0;0;0;");
	session_end(&s);
}

static void good_conversation_with_a_mount_in_progress(void **state)
{
	struct session s;

	session_begin(&s);
	s.wait = eventfd(1, EFD_CLOEXEC);
	say(&s, FSOPEN, SOURCE, MNTPT, MOUNT, BYE(0));
	session_expect(&s, FUSESVC_E_NONE, FUSESVC_STEP_NONE, LOG_MNTPT "mount 1;done;",
		       START OK3 "0;");
	session_end(&s);
}

/* The server may still ask for files and talk while the kernel waits for it. */
static void serves_during_the_mount(void **state)
{
	struct session s;

	session_begin(&s);
	s.wait = eventfd(0, EFD_CLOEXEC);
	s.open_ends_mount = true;
	say(&s, FSOPEN, SOURCE, MNTPT, MOUNT, MESSAGE(4, FUSESVC_NO_PROGRESS), MOUNT, OPEN("/img"),
	    BYE(0));
	session_expect(&s, FUSESVC_E_NONE, FUSESVC_STEP_NONE,
		       LOG_MNTPT "mount 1;message 4 ffffffff hi;open /img 0/0;done;",
		       START OK3 "22;/img fd 0;0;");
	session_end(&s);
}

static void commands_before_fsopen_are_refused(void **state)
{
	struct session s;

	session_begin(&s);
	say(&s, SOURCE, MNTPT, MNTOPTS, MTABOPTS, MOUNT, BYE(0));
	session_expect(&s, FUSESVC_E_NOMOUNT, FUSESVC_STEP_BYE, "", START "22;22;22;22;22;");
	session_end(&s);
}

static void commands_twice_are_refused(void **state)
{
	const struct packet *const commands[] = { FSOPEN, SOURCE, MNTPT, MNTOPTS, MTABOPTS };

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct session s;

		session_begin(&s);
		for (size_t j = 0; j < ARRAY_SIZE(commands); j++)
			say(&s, commands[j]);
		say(&s, commands[i], MOUNT, BYE(0));
		session_expect(&s, FUSESVC_E_NONE, FUSESVC_STEP_NONE,
			       LOG_MNTPT "mntopts allow_other;mtabopts x-a;mount 1;",
			       START OK3 "0;0;22;0;");
		session_end(&s);
	}
}

static void commands_after_mount_are_refused(void **state)
{
	struct session s;

	session_begin(&s);
	say(&s, FSOPEN, SOURCE, MNTPT, MOUNT, FSOPEN, SOURCE, MNTPT, MNTOPTS, MTABOPTS, MOUNT,
	    BYE(0));
	session_expect(&s, FUSESVC_E_NONE, FUSESVC_STEP_NONE, LOG_MNTPT "mount 1;",
		       START OK3 "0;22;22;22;22;22;22;");
	session_end(&s);
}

static void mount_needs_source_and_mntpt(void **state)
{
	struct session s;

	session_begin(&s);
	say(&s, FSOPEN, SOURCE, MOUNT, MNTPT, MOUNT, BYE(0));
	session_expect(&s, FUSESVC_E_NOMOUNT, FUSESVC_STEP_BYE, "fsopen 0;source sq;",
		       START "0;0;22;22;22;");
	session_end(&s);
	session_begin(&s);
	say(&s, FSOPEN, MNTPT, MOUNT, BYE(0));
	session_expect(&s, FUSESVC_E_NOMOUNT, FUSESVC_STEP_BYE, "fsopen 0;mntpt /mnt 4000;",
		       START "0;0;22;");
	session_end(&s);
}

/* What a callback refuses is passed on, and nothing is mounted after it. */
static void refusals_are_passed_on(void **state)
{
	static const struct {
		uint32_t step;
		int rc;
		const char *answers;
	} cases[] = {
		{ FUSESVC_STEP_FSOPEN, -EPERM, START "1;22;22;22;22;22;" },
		{ FUSESVC_STEP_SOURCE, -EROFS, START "0;30;0;0;0;22;" },
		{ FUSESVC_STEP_MNTPT, -ENOTDIR, START "0;0;20;0;0;22;" },
		{ FUSESVC_STEP_MNTOPTS, -EINVAL, START "0;0;0;22;0;22;" },
		{ FUSESVC_STEP_MTABOPTS, -EPERM, START "0;0;0;0;1;22;" },
		{ FUSESVC_STEP_MOUNT, -EBUSY, START "0;0;0;0;0;16;" },
		{ FUSESVC_STEP_MOUNT, 7, START "0;0;0;0;0;5;" }, /* a callback's mistake */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct session s;

		session_begin(&s);
		s.fail_step = cases[i].step;
		s.fail_rc = cases[i].rc;
		say(&s, FSOPEN, SOURCE, MNTPT, MNTOPTS, MTABOPTS, MOUNT, BYE(0));
		session_expect(&s, FUSESVC_E_NOMOUNT, FUSESVC_STEP_BYE, NULL, cases[i].answers);
		assert_true(cases[i].step == FUSESVC_STEP_MOUNT || !strstr(s.log, "mount 1"));
		session_end(&s);
	}
}

static int only_a_file(void *data, const char *target, mode_t fmt)
{
	return fmt == S_IFREG ? 0 : -ENOTDIR;
}

/* The mount point may be named again with the other format, and only after such a refusal. */
static void other_format_is_tried(void **state)
{
	const struct packet *file = P(MNTPT, .mntpt = { S_IFREG }, .string = "/mnt");
	const struct packet *any = P(MNTPT, .string = "/mnt");
	struct fusesvc_client_ops ops = session_ops;
	struct session s;

	ops.mntpt = only_a_file;
	session_new(&s, &ops);
	say(&s, HELLO_REPLY(1), FSOPEN, SOURCE, MNTPT, MNTPT, file, file, MOUNT, BYE(0));
	assert_int_equal(session_start(&s), 0);
	session_expect(&s, FUSESVC_E_NONE, FUSESVC_STEP_NONE, "fsopen 0;source sq;mount 1;",
		       START "0;0;20;20;0;22;0;");
	session_end(&s);

	session_new(&s, &ops);
	say(&s, HELLO_REPLY(1), FSOPEN, SOURCE, any, file, MOUNT, BYE(0));
	assert_int_equal(session_start(&s), 0);
	session_expect(&s, FUSESVC_E_NOMOUNT, FUSESVC_STEP_BYE, "fsopen 0;source sq;",
		       START "0;0;20;22;22;");
	session_end(&s);
}

static void refused_opens_send_no_descriptor(void **state)
{
	struct session s;

	session_begin(&s);
	s.fail_step = FUSESVC_STEP_OPEN;
	s.fail_rc = -ENOENT;
	say(&s, OPEN("/no"), FSOPEN, SOURCE, MNTPT, MOUNT, BYE(0));
	session_expect(&s, FUSESVC_E_NONE, FUSESVC_STEP_NONE, NULL, START "/no no 2;" OK3 "0;");
	session_end(&s);
}

/* A callback that says yes without a descriptor must not look like one that opened something. */
static void opens_without_a_descriptor(void **state)
{
	static const int wrong[] = { 0, 1 };

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct session s;

		session_begin(&s);
		close_fd_keep_errno(steal_fd(&s.file));
		s.fail_step = FUSESVC_STEP_OPEN;
		s.fail_rc = wrong[i];
		say(&s, OPEN("/a"), BYE(1));
		session_expect(&s, FUSESVC_E_GOODBYE, FUSESVC_STEP_BYE, NULL, START "/a no 5;");
		session_end(&s);
	}
}

static void mount_in_progress_fails(void **state)
{
	struct session s;

	session_begin(&s);
	s.wait = eventfd(1, EFD_CLOEXEC);
	s.fail_step = FUSESVC_STEP_MOUNT;
	s.fail_rc = -EBUSY;
	say(&s, FSOPEN, SOURCE, MNTPT, MOUNT, BYE(0));
	session_expect(&s, FUSESVC_E_NOMOUNT, FUSESVC_STEP_BYE, NULL, START OK3 "16;");
	session_end(&s);
}

static void impossible_numbers_are_refused(void **state)
{
	struct session s;

	session_begin(&s);
	say(&s, P(OPEN, .open = { .request_flags = 2 }, .string = "/a"),
	    P(OPEN, .open = { .block_size = 512 }, .string = "/b"),
	    P(OPEN_BDEV, .open = { .request_flags = 0x80000000 }, .string = "/c"),
	    P(FSOPEN, .fsopen = { 2 }), BYE(0));
	session_expect(&s, FUSESVC_E_NOMOUNT, FUSESVC_STEP_BYE, "",
		       START "/a no 22;/b no 22;/c no 22;22;");
	session_end(&s);
	session_begin(&s);
	say(&s, FSOPEN, P(MNTPT, .mntpt = { S_IFLNK }, .string = "/mnt"), BYE(0));
	session_expect(&s, FUSESVC_E_NOMOUNT, FUSESVC_STEP_BYE, "fsopen 0;", START "0;22;");
	session_end(&s);
	session_begin(&s);
	say(&s, FSOPEN, P(MNTPT, .mntpt = { S_IFREG }, .string = "/mnt"), BYE(0));
	session_expect(&s, FUSESVC_E_NOMOUNT, FUSESVC_STEP_BYE, "fsopen 0;mntpt /mnt 8000;",
		       START "0;0;");
	session_end(&s);
}

static void goodbyes(void **state)
{
	struct session s;

	session_begin(&s);
	say(&s, BYE(0));
	session_expect(&s, FUSESVC_E_NOMOUNT, FUSESVC_STEP_BYE, "", START);
	session_end(&s);

	session_begin(&s);
	say(&s, FSOPEN, BYE(4294967295U));
	session_expect(&s, FUSESVC_E_GOODBYE, FUSESVC_STEP_BYE, NULL, NULL);
	assert_string_equal(fusesvc_client_error(s.c)->subject, "4294967295");
	session_end(&s);

	session_begin(&s);
	say(&s, FSOPEN, SOURCE, MNTPT, MOUNT, BYE(1));
	session_expect(&s, FUSESVC_E_GOODBYE, FUSESVC_STEP_BYE, LOG_MNTPT "mount 1;",
		       START OK3 "0;");
	session_end(&s);

	for (uint32_t code = 0; code < 2; code++) {
		session_begin(&s);
		s.wait = eventfd(0, EFD_CLOEXEC);
		say(&s, FSOPEN, SOURCE, MNTPT, MOUNT, BYE(code));
		session_expect(&s, code ? FUSESVC_E_GOODBYE : FUSESVC_E_PROTOCOL, FUSESVC_STEP_BYE,
			       LOG_MNTPT "mount 1;", START OK3);
		session_end(&s);
	}
}

/* Our answers reach nobody any more, but why it went is still to be read. */
static void a_server_that_is_gone_is_heard_out(void **state)
{
	struct session s;

	session_begin(&s);
	say(&s, OPEN("/img"), FSOPEN, MESSAGE(3, FUSESVC_NO_PROGRESS), BYE(7));
	close_fd_keep_errno(steal_fd(&s.peer));
	session_expect(&s, FUSESVC_E_GOODBYE, FUSESVC_STEP_BYE,
		       "open /img 0/0;fsopen 0;message 3 ffffffff hi;", NULL);
	session_end(&s);
}

static void helpers_packets_are_a_breach(void **state)
{
	const struct packet *const packets[] = { P(HELLO, .hello = { 1, 1, 0 }), HELLO_REPLY(1),
						 P(FILE, .string = "/img"),
						 P(REPLY, .reply = { 0 }) };

	for (size_t i = 0; i < ARRAY_SIZE(packets); i++) {
		struct session s;

		session_begin(&s);
		say(&s, packets[i], FSOPEN);
		session_expect(&s, FUSESVC_E_PROTOCOL, FUSESVC_STEP_SERVE, "", START);
		assert_string_equal(fusesvc_client_error(s.c)->subject,
				    packet_type_name(packets[i]->type));
		session_end(&s);
	}
}

static void malformed_packets_are_a_breach(void **state)
{
	static const char *const bad[] = { "X", "NOPE", "NOPE\0\0\0", "TYPE\0\0\0", "NAMEabc" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct session s;

		session_begin(&s);
		send_raw(s.peer, bad[i], i < 2 ? strlen(bad[i]) : 7, NULL, 0);
		say(&s, FSOPEN);
		session_expect(&s, FUSESVC_E_PROTOCOL, FUSESVC_STEP_SERVE, "", START);
		session_end(&s);
	}
}

static void descriptors_of_a_server_are_dropped(void **state)
{
	static const uint8_t bye[] = { 'B', 'Y', 'E', 'E', 0, 0, 0, 7 };
	const int fds[] = { 0, 1, 2 };
	struct session s;

	session_new(&s, &session_ops);
	let_fds_through(s.sock);
	say(&s, HELLO_REPLY(1));
	assert_int_equal(session_start(&s), 0);
	send_raw(s.peer, bye, sizeof(bye), fds, ARRAY_SIZE(fds));
	session_expect(&s, FUSESVC_E_GOODBYE, FUSESVC_STEP_BYE, NULL, NULL);
	session_end(&s);
}

static void missing_callbacks_refuse(void **state)
{
	static const struct fusesvc_client_ops none, fsopen_alone = { NULL };
	struct fusesvc_client_ops ops = fsopen_alone;
	struct session s;

	session_new(&s, &none);
	say(&s, HELLO_REPLY(1), OPEN("/img"), MESSAGE(3, 0), FSOPEN, BYE(0));
	assert_int_equal(session_start(&s), 0);
	session_expect(&s, FUSESVC_E_NOMOUNT, FUSESVC_STEP_BYE, "", START "/img no 95;95;");
	session_end(&s);

	ops.fsopen = session_ops.fsopen;
	session_new(&s, &ops);
	say(&s, HELLO_REPLY(1), FSOPEN, SOURCE, MNTPT, MNTOPTS, MTABOPTS, BYE(0));
	assert_int_equal(session_start(&s), 0);
	session_expect(&s, FUSESVC_E_NOMOUNT, FUSESVC_STEP_BYE, "fsopen 0;",
		       START "0;95;95;95;95;");
	session_end(&s);

	ops = session_ops;
	ops.mount = NULL;
	session_new(&s, &ops);
	say(&s, HELLO_REPLY(1), FSOPEN, SOURCE, MNTPT, MOUNT, BYE(0));
	assert_int_equal(session_start(&s), 0);
	session_expect(&s, FUSESVC_E_NOMOUNT, FUSESVC_STEP_BYE, LOG_MNTPT, START OK3 "95;");
	session_end(&s);
}

static void a_callback_aborts(void **state)
{
	static const uint32_t steps[] = { FUSESVC_STEP_OPEN,	FUSESVC_STEP_FSOPEN,
					  FUSESVC_STEP_SOURCE,	FUSESVC_STEP_MNTPT,
					  FUSESVC_STEP_MNTOPTS, FUSESVC_STEP_MTABOPTS,
					  FUSESVC_STEP_MOUNT };
	struct session s;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		session_begin(&s);
		s.abort_step = steps[i];
		for (size_t j = 0; j < SCRIPT_LENGTH; j++)
			say(&s, session_script[j]);
		say(&s, BYE(0));
		assert_int_equal(fusesvc_client_run(s.c), -EINTR);
		assert_int_equal(fusesvc_client_error(s.c)->code, FUSESVC_E_ABORTED);
		session_end(&s);
	}
	session_begin(&s); /* out of a message, to which nothing is answered */
	s.abort_step = FUSESVC_STEP_SERVE;
	say(&s, MESSAGE(6, 0), FSOPEN);
	session_expect(&s, FUSESVC_E_ABORTED, FUSESVC_STEP_SERVE, "message 6 0 hi;", START);
	session_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit_test_fds(good_conversation),
		unit_test_fds(good_conversation_with_a_mount_in_progress),
		unit_test_fds(serves_during_the_mount),
		unit_test_fds(commands_before_fsopen_are_refused),
		unit_test_fds(commands_twice_are_refused),
		unit_test_fds(commands_after_mount_are_refused),
		unit_test_fds(mount_needs_source_and_mntpt),
		unit_test_fds(refusals_are_passed_on),
		unit_test_fds(other_format_is_tried),
		unit_test_fds(refused_opens_send_no_descriptor),
		unit_test_fds(opens_without_a_descriptor),
		unit_test_fds(mount_in_progress_fails),
		unit_test_fds(impossible_numbers_are_refused),
		unit_test_fds(goodbyes),
		unit_test_fds(a_server_that_is_gone_is_heard_out),
		unit_test_fds(helpers_packets_are_a_breach),
		unit_test_fds(malformed_packets_are_a_breach),
		unit_test_fds(descriptors_of_a_server_are_dropped),
		unit_test_fds(missing_callbacks_refuse),
		unit_test_fds(a_callback_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
