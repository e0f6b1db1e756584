// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a script can tell the scripted helper to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "args.h"
#include "rogue.h"

#define RAW_MAX	     (128 * 1024)
#define ARGV_MAX     (512 * 1024)
#define CHURN_MAX    (64 * 1024)
#define WALK_FDS_MAX 16

/*
 * Sending
 */

static void cmd_hello(struct rogue *r, char **words, int n)
{
	struct packet p = {
		.type = PACKET_HELLO,
		.hello = { PROTOCOL_VERSION, PROTOCOL_VERSION, 3 },
	};

	if (n >= 2) {
		p.hello.min_version = (uint16_t)number(words[0]);
		p.hello.max_version = (uint16_t)number(words[1]);
	}
	if (n >= 3)
		p.hello.flags = number(words[2]);
	send_packet(r, &p, -1);
	r->n_played++;
}

/* Sends bytes with descriptors of these kinds; the first stays open, to be changed later. */
static void send_with_kinds(struct rogue *r, const void *bytes, size_t size, char **kinds, int n)
{
	int fds[MAX_FDS] = { -1 }, n_fds = 0;

	for (int i = 0; i < n && n_fds < MAX_FDS; i++) {
		int fd = make_fd(r, kinds[i]);

		if (fd >= 0)
			fds[n_fds++] = fd;
	}
	send_bytes(r, bytes, size, fds, n_fds);
	for (int i = 1; i < n_fds; i++)
		(void)close(fds[i]);
	if (n_fds) {
		close_fd_keep_errno(r->sent_fd);
		r->sent_fd = fds[0];
	}
}

static void send_packet_with_kinds(struct rogue *r, const struct packet *p, char **kinds, int n)
{
	static uint8_t buf[PACKET_MAX];
	ssize_t size = packet_encode(p, buf, sizeof(buf));

	if (size < 0)
		stop("%s: no such packet", r->command);
	send_with_kinds(r, buf, (size_t)size, kinds, n);
}

static void cmd_file(struct rogue *r, char **words, int n)
{
	struct packet p = {
		.type = PACKET_FILE,
		.file = { number(words[1]) },
		.string = words[0],
	};

	send_packet_with_kinds(r, &p, words + 2, n - 2);
}

static void cmd_fusedev(struct rogue *r, char **words, int n)
{
	struct packet p = { .type = PACKET_FILE, .string = "fusedev" };

	send_packet_with_kinds(r, &p, words, n);
	close_fd_keep_errno(steal_fd(&r->sent_fd));
	r->n_played++;
}

static void cmd_reply(struct rogue *r, char **words, int n)
{
	struct packet p = { .type = PACKET_REPLY, .reply = { number(words[0]) } };

	send_packet_with_kinds(r, &p, words + 1, n - 1);
}

static void cmd_raw(struct rogue *r, char **words, int n)
{
	uint8_t bytes[1024];
	size_t size = n ? read_hex(words[0], bytes, sizeof(bytes)) : 0;

	send_with_kinds(r, bytes, size, words + 1, n - 1);
}

static void cmd_pad(struct rogue *r, char **words, int n)
{
	static uint8_t bytes[RAW_MAX];
	size_t size = number(words[1]);

	if (size > sizeof(bytes))
		stop("%s: too many bytes", r->command);
	memset(bytes, (int)number(words[2]), sizeof(bytes));
	(void)read_hex(words[0], bytes, size);
	send_with_kinds(r, bytes, size, words + 3, n - 3);
}

/*
 * Arguments
 */

/* Takes over the descriptor. */
static void send_argv(struct rogue *r, int fd)
{
	send_packet(r, &(struct packet){ .type = PACKET_FILE, .string = ARGS_NAME }, fd);
	close_fd_keep_errno(r->sent_fd);
	r->sent_fd = fd;
	r->n_played++;
}

static void cmd_argv(struct rogue *r, char **words, int n)
{
	send_argv(r, n ? make_args(words, n) : make_good_args(r));
}

static void cmd_argv_many(struct rogue *r, char **words, int n)
{
	int count = (int)number(words[0]);
	_cleanup_free_ char **all = calloc((size_t)count + 1, sizeof(*all));

	for (int i = 0; all && i < count; i++)
		all[i] = words[1 + (i < n - 1 ? i : n - 2)];
	send_argv(r, all ? make_args(all, count) : -1);
}

static void cmd_argv_long(struct rogue *r, char **words, int n)
{
	size_t size = number(words[0]);
	_cleanup_free_ char *text = calloc(1, size + 1);
	char *all[MAX_WORDS];

	if (!text)
		stop("%s: %m", r->command);
	memset(text, 'a', size);
	for (int i = 1; i < n; i++)
		all[i - 1] = strcmp(words[i], "LONG") == 0 ? text : words[i];
	send_argv(r, make_args(all, n - 1));
}

static size_t read_argv(struct rogue *r, uint8_t *bytes)
{
	_cleanup_fd_ int fd = make_good_args(r);
	ssize_t n = read(fd, bytes, ARGV_MAX);

	if (n <= 0)
		stop("%s: %m", r->command);
	return (size_t)n;
}

/* A place in the bytes; negative: from the end. */
static size_t place(struct rogue *r, const char *text, size_t size, size_t len)
{
	long at = strtol(text, NULL, 0);

	if (at < 0)
		at += (long)size;
	if (at < 0 || (size_t)at + len > size)
		stop("%s: there is no place %s", r->command, text);
	return (size_t)at;
}

static void cmd_argv_patch(struct rogue *r, char **words, int n)
{
	static uint8_t bytes[ARGV_MAX];
	size_t size = read_argv(r, bytes);

	for (int i = 0; i + 1 < n; i += 2) {
		uint32_t value = htobe32(number(words[i + 1]));

		memcpy(bytes + place(r, words[i], size, sizeof(value)), &value, sizeof(value));
	}
	send_argv(r, make_memfd(bytes, size));
}

static void cmd_argv_poke(struct rogue *r, char **words, int n)
{
	static uint8_t bytes[ARGV_MAX];
	size_t size = read_argv(r, bytes);

	bytes[place(r, words[0], size, 1)] = (uint8_t)number(words[1]);
	send_argv(r, make_memfd(bytes, size));
}

static void cmd_argv_cut(struct rogue *r, char **words, int n)
{
	static uint8_t bytes[ARGV_MAX];
	size_t size = read_argv(r, bytes);

	send_argv(r, make_memfd(bytes, place(r, words[0], size, 0)));
}

static void cmd_argv_hex(struct rogue *r, char **words, int n)
{
	uint8_t bytes[1024];

	send_argv(r, make_memfd(bytes, read_hex(words[0], bytes, sizeof(bytes))));
}

/*
 * What was sent changes
 */

static void cmd_shrink(struct rogue *r, char **words, int n)
{
	if (ftruncate(r->sent_fd, (off_t)number(words[0])) < 0)
		stop("%s: %m", r->command);
}

static void cmd_churn(struct rogue *r, char **words, int n)
{
	static uint8_t bytes[CHURN_MAX];
	ssize_t size = pread(r->sent_fd, bytes, sizeof(bytes), 0);

	if (size <= 0)
		stop("%s: %m", r->command);
	for (uint32_t i = 0; i < number(words[0]); i++) {
		static const uint8_t ones[] = { 0xff, 0xff, 0xff, 0xff };
		off_t at = (off_t)(i % (uint32_t)size);

		if (pwrite(r->sent_fd, ones, sizeof(ones), at) < 0 ||
		    ftruncate(r->sent_fd, at) < 0 ||
		    pwrite(r->sent_fd, bytes, (size_t)size, 0) < 0 ||
		    ftruncate(r->sent_fd, size) < 0)
			stop("%s: %m", r->command);
	}
}

/*
 * Listening and answering
 */

static uint32_t type_of(struct rogue *r, const char *name)
{
	static const uint32_t types[] = {
		PACKET_HELLO_REPLY, PACKET_OPEN,    PACKET_OPEN_BDEV, PACKET_FSOPEN,
		PACKET_SOURCE,	    PACKET_MNTPT,   PACKET_MNTOPTS,   PACKET_MTABOPTS,
		PACKET_MOUNT,	    PACKET_MESSAGE, PACKET_BYE,
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(packet_type_name(types[i]), name) == 0)
			return types[i];
	stop("%s: what is %s?", r->command, name);
}

/* Hears one packet that is not a message. */
static bool hear_one(struct rogue *r)
{
	do
		if (!hear(r))
			return false;
	while (r->got.type == PACKET_MESSAGE);
	return true;
}

static void cmd_hear(struct rogue *r, char **words, int n)
{
	(void)hear_one(r);
}

static void cmd_expect(struct rogue *r, char **words, int n)
{
	uint32_t type = type_of(r, words[0]);

	if (!hear_one(r) || r->got.type != type)
		stop("%s: no %s", r->command, words[0]);
}

static void play(struct rogue *r, int n)
{
	while (r->n_played < n && !r->is_over)
		if (!play_one(r))
			break;
	if (r->is_over)
		report("complete");
}

static void cmd_play(struct rogue *r, char **words, int n)
{
	play(r, (int)number(words[0]));
}

static void cmd_until(struct rogue *r, char **words, int n)
{
	uint32_t type = type_of(r, words[0]);

	play(r, 3);
	while (hear_one(r) && r->got.type != type)
		answer_well(r);
	if (r->got.type != type)
		stop("%s: no %s", r->command, words[0]);
}

static void cmd_refuse(struct rogue *r, char **words, int n)
{
	while (hear_one(r))
		if (r->got.type != PACKET_HELLO_REPLY && r->got.type != PACKET_BYE)
			answer(r, number(words[0]));
}

static void cmd_mount(struct rogue *r, char **words, int n)
{
	mount_target(r);
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	static char buf[CHURN_MAX];
	_cleanup_fd_ int fd = S_ISREG(st->st_mode) ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	while (fd >= 0 && read(fd, buf, sizeof(buf)) > 0)
		;
	return 0;
}

static void cmd_walk(struct rogue *r, char **words, int n)
{
	(void)nftw(r->target, visit, WALK_FDS_MAX, FTW_PHYS | FTW_MOUNT);
}

/*
 * Going
 */

static void cmd_close(struct rogue *r, char **words, int n)
{
	close_fd_keep_errno(steal_fd(&r->sock));
}

static void cmd_half_close(struct rogue *r, char **words, int n)
{
	int how = strcmp(words[0], "write") == 0 ? SHUT_WR : SHUT_RD;

	if (shutdown(r->sock, how) < 0 && errno != ENOTCONN)
		stop("%s: %m", r->command);
}

static void cmd_sleep(struct rogue *r, char **words, int n)
{
	double seconds = strtod(words[0], NULL);
	struct timespec ts = { .tv_sec = (time_t)seconds };

	ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
	(void)nanosleep(&ts, NULL);
}

/* KIND is one of make_fd()'s in files.c. */
const struct command commands[] = {
	/* the start */
	{ "hello", 0, 3, cmd_hello },		/* [MIN MAX [FLAGS]] */
	{ "argv", 0, MAX_WORDS, cmd_argv },	/* [WORD...]: these, or good ones */
	{ "fusedev", 1, MAX_FDS, cmd_fusedev }, /* KIND... */
	/* arguments that nobody passes; a negative place counts from the end */
	{ "argv-many", 2, MAX_WORDS, cmd_argv_many },	/* N WORD...: the last one repeats */
	{ "argv-long", 2, MAX_WORDS, cmd_argv_long },	/* SIZE WORD...: LONG is replaced */
	{ "argv-patch", 0, MAX_WORDS, cmd_argv_patch }, /* [PLACE U32]...: unsealed */
	{ "argv-poke", 2, 2, cmd_argv_poke },		/* PLACE BYTE */
	{ "argv-cut", 1, 1, cmd_argv_cut },		/* PLACE */
	{ "argv-hex", 1, 1, cmd_argv_hex },		/* HEX */
	/* what was sent last changes */
	{ "shrink", 1, 1, cmd_shrink }, /* SIZE */
	{ "churn", 1, 1, cmd_churn },	/* N times: scribbled on, cut, and restored */
	/* single packets */
	{ "file", 2, 2 + MAX_FDS, cmd_file },	/* PATH ERROR [KIND...] */
	{ "reply", 1, 1 + MAX_FDS, cmd_reply }, /* ERROR [KIND...] */
	{ "raw", 0, 1 + MAX_FDS, cmd_raw },	/* [HEX [KIND...]] */
	{ "pad", 3, 3 + MAX_FDS, cmd_pad },	/* HEX SIZE BYTE [KIND...]: HEX, filled up */
	/* conversation */
	{ "hear", 0, 0, cmd_hear },	/* any packet */
	{ "expect", 1, 1, cmd_expect }, /* TYPE */
	{ "play", 1, 1, cmd_play },	/* N: so many packets of a good helper, in all */
	{ "until", 1, 1, cmd_until },	/* TYPE: be good until it comes, and leave it unanswered */
	{ "refuse", 1, 1, cmd_refuse }, /* ERROR: answer so until the end */
	{ "mount", 0, 0, cmd_mount },
	{ "walk", 0, 0, cmd_walk }, /* read all that is below the target */
	/* going */
	{ "close", 0, 0, cmd_close },
	{ "half-close", 1, 1, cmd_half_close }, /* read|write */
	{ "sleep", 1, 1, cmd_sleep },		/* SECONDS */
	{ NULL, 0, 0, NULL },
};
