// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a server asks for once it has its connection: files, the mount, messages, goodbye; what it
 * sends, and what it makes of answers that are refusals or lies.
 */
#include "server-session.h"

#include <sys/stat.h>

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
	struct helper h;
	int fd, value = 0, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	socklen_t len = sizeof(value);

	helper_begin(&h, 0);
	fusesvc_server_finish_opens(h.s);
	if (getsockopt(3, SOL_SOCKET, SO_PASSRIGHTS, &value, &len) == 0)
		assert_int_equal(value, 0);
	let_fds_through(3); /* as an older kernel does */
	helper_file(&h, "/img", 0, null);
	assert_int_equal(open_img(&h, &fd), -EBADMSG);
	assert_int_equal(fd, -1);
	helper_end(&h);
	(void)close(null);
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

static void messages_are_sent(void **state)
{
	struct helper h;
	struct packet p;
	char text[2000];

	helper_begin(&h, 1);
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
		assert_int_equal(fusesvc_server_message(h.s, FUSESVC_MSG_INFO, 0, ""), 0);
	for (int i = 0; i < FUSESVC_MAX_MESSAGES; i++)
		helper_hears(&h, &p);
	helper_hears_nothing(&h);
	helper_end(&h);
}

static void no_messages_without_the_extension(void **state)
{
	static const uint32_t bits[] = { 0, 2, 0xfffffffe };

	for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
		struct helper h;

		helper_begin(&h, bits[i]);
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
	assert_true(fusesvc_server_mount(h.s, &full) < 0);
	assert_return_code(fcntl(fusesvc_server_fuse_fd(h.s), F_GETFD), errno);
	helper_end(&h);

	helper_begin(&h, 1);
	close_fd_keep_errno(steal_fd(&h.peer));
	assert_int_equal(fusesvc_server_bye(h.s, 0), -EPIPE);
	helper_end(&h);
	fusesvc_server_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		server_test(open_sends_and_gets),
		server_test(open_refused),
		server_test(open_answered_by_a_lie),
		server_test(open_not_answered),
		server_test(no_files_after_finish),
		server_test(mount_sends_all),
		server_test(mount_leaves_out_empty_options),
		server_test(mount_refused_at_each_step),
		server_test(mount_answered_by_a_lie),
		server_test(mount_not_answered),
		server_test(messages_are_sent),
		server_test(messages_are_bounded),
		server_test(no_messages_without_the_extension),
		server_test(bye_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
