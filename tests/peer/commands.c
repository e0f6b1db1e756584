/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a script can tell the scripted server to do. Arguments that it leaves out are "".
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "args.h"
#include "fusesvc.h"
#include "peer.h"

static uint32_t number(const char *text)
{
	return (uint32_t)strtoul(text, NULL, 0);
}

static void cmd_get_hello(struct peer *p, char **args)
{
	struct packet packet;
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);
	int fd;

	(void)args;
	receive_packet(p, PACKET_HELLO, &packet, &fd);
	say(p, "hello: %u-%u flags %u", packet.hello.min_version, packet.hello.max_version,
	    packet.hello.flags);
	if (getsockopt(p->sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
		say(p, "caller: %u:%u", cred.uid, cred.gid);
}

static void cmd_hello(struct peer *p, char **args)
{
	struct packet packet = {
		.type = PACKET_HELLO_REPLY,
		.hello_reply = { *args[0] ? (uint16_t)number(args[0]) : PROTOCOL_VERSION },
	};

	cmd_get_hello(p, args);
	send_packet(p, &packet);
}

static void cmd_argv(struct peer *p, char **args)
{
	struct packet packet;
	_cleanup_fd_ int fd = -1;
	uint32_t ext = 0;
	int rc;

	(void)args;
	receive_packet(p, PACKET_FILE, &packet, &fd);
	rc = args_from_fd(fd, &p->argc, &p->argv, &ext);
	if (rc) {
		say(p, "args: %s", errno_name(-rc));
		exit(EXIT_FAILURE);
	}
	for (int i = 0; i < p->argc; i++)
		say(p, "arg %d: %s", i, p->argv[i]);
	say(p, "messages: %s", ext & ARGS_EXT_MESSAGES ? "yes" : "no");
}

static void cmd_args(struct peer *p, char **args)
{
	struct packet packet;

	cmd_argv(p, args);
	receive_packet(p, PACKET_FILE, &packet, &p->fuse_fd);
	say(p, "fusedev: %s", p->fuse_fd < 0 ? "none" : "OK");
}

static uint32_t parse_open_flags(char *text)
{
	static const struct {
		const char *name;
		unsigned int value;
	} names[] = {
		{ "O_RDONLY", O_RDONLY },
		{ "O_WRONLY", O_WRONLY },
		{ "O_RDWR", O_RDWR },
		{ "O_EXCL", O_EXCL },
		{ "O_DIRECT", O_DIRECT },
		{ "O_SYNC", O_SYNC },
		{ "O_DSYNC", O_DSYNC },
		{ "O_NOATIME", O_NOATIME },
		{ "O_NOFOLLOW", O_NOFOLLOW },
		{ "O_NONBLOCK", O_NONBLOCK },
		{ "O_CLOEXEC", O_CLOEXEC },
		{ "O_CREAT", O_CREAT },
		{ "O_TRUNC", O_TRUNC },
		{ "O_APPEND", O_APPEND },
		{ "O_TMPFILE", O_TMPFILE },
		{ "O_PATH", O_PATH },
		{ "O_DIRECTORY", O_DIRECTORY },
		{ "O_NOCTTY", O_NOCTTY },
		{ "O_ASYNC", O_ASYNC },
#ifdef __O_LARGEFILE
		{ "O_LARGEFILE", __O_LARGEFILE },
#endif
	};
	uint32_t flags = 0;

	for (char *word = strtok(text, "|"); word; word = strtok(NULL, "|")) {
		size_t i = 0;

		while (i < ARRAY_SIZE(names) && strcmp(word, names[i].name) != 0)
			i++;
		flags |= i < ARRAY_SIZE(names) ? names[i].value : number(word);
	}
	return flags;
}

/* What a descriptor is good for: "ro reg", "rw blk 4096". It stays open until we end. */
static void log_opened(struct peer *p, const char *path, int fd)
{
	static const char *const modes[] = { "ro", "wo", "rw", "none" };
	int flags = fcntl(fd, F_GETFL), size = 0;
	struct stat st = { 0 };

	if (fd < 0 || flags < 0 || fstat(fd, &st) < 0)
		say(p, "%s %s: OK without a descriptor", p->command, path);
	else if (S_ISBLK(st.st_mode) && ioctl(fd, BLKBSZGET, &size) == 0)
		say(p, "%s %s: OK %s blk %d", p->command, path, modes[flags & O_ACCMODE], size);
	else
		say(p, "%s %s: OK %s %s", p->command, path, modes[flags & O_ACCMODE],
		    S_ISREG(st.st_mode)	  ? "reg"
		    : S_ISDIR(st.st_mode) ? "dir"
					  : "other");
}

static void do_open(struct peer *p, struct packet *packet)
{
	const char *path = packet->string;
	struct packet got;
	int fd;

	send_packet(p, packet);
	receive_packet(p, PACKET_FILE, &got, &fd);
	if (strcmp(got.string, path) != 0)
		say(p, "%s %s: answer for %s", p->command, path, got.string);
	else if (got.file.error)
		say(p, "%s %s: %s", p->command, path, errno_name((int)got.file.error));
	else
		log_opened(p, path, fd);
}

static uint32_t parse_request_flags(const char *text)
{
	return strcmp(text, "quiet") == 0 ? FUSESVC_OPEN_QUIET : number(text);
}

static void cmd_open(struct peer *p, char **args)
{
	struct packet packet = {
		.type = PACKET_OPEN,
		.open = { .open_flags = parse_open_flags(args[1]),
			  .create_mode = 0600,
			  .request_flags = parse_request_flags(args[2]),
			  .block_size = number(args[3]) },
		.string = args[0],
	};

	do_open(p, &packet);
}

static void cmd_bdev(struct peer *p, char **args)
{
	struct packet packet = {
		.type = PACKET_OPEN_BDEV,
		.open = { .open_flags = parse_open_flags(args[1]),
			  .block_size = number(args[2]),
			  .request_flags = parse_request_flags(args[3]) },
		.string = args[0],
	};

	do_open(p, &packet);
}

static void cmd_fsopen(struct peer *p, char **args)
{
	request(p, &(struct packet){ .type = PACKET_FSOPEN, .fsopen = { number(args[0]) } },
		args[0]);
}

static void cmd_source(struct peer *p, char **args)
{
	request(p, &(struct packet){ .type = PACKET_SOURCE, .string = args[0] }, args[0]);
}

static void cmd_mntopts(struct peer *p, char **args)
{
	request(p, &(struct packet){ .type = PACKET_MNTOPTS, .string = args[0] }, args[0]);
}

static void cmd_mtabopts(struct peer *p, char **args)
{
	request(p, &(struct packet){ .type = PACKET_MTABOPTS, .string = args[0] }, args[0]);
}

static void cmd_mntpt(struct peer *p, char **args)
{
	struct packet packet = { .type = PACKET_MNTPT, .string = args[1] };

	if (strcmp(args[0], "dir") == 0)
		packet.mntpt.expected_fmt = S_IFDIR;
	else if (strcmp(args[0], "file") == 0)
		packet.mntpt.expected_fmt = S_IFREG;
	else
		packet.mntpt.expected_fmt = (uint16_t)number(args[0]);
	request(p, &packet, args[1]);
}

static void cmd_mount_nowait(struct peer *p, char **args)
{
	struct packet packet = {
		.type = PACKET_MOUNT,
		.mount = { (uint32_t)strtoul(args[0], NULL, 16) },
	};

	send_packet(p, &packet);
}

static void cmd_reply(struct peer *p, char **args)
{
	log_reply(p, args[0]);
}

static void cmd_mount(struct peer *p, char **args)
{
	cmd_mount_nowait(p, args);
	log_reply(p, args[0]);
}

static void cmd_bye(struct peer *p, char **args)
{
	send_packet(p, &(struct packet){ .type = PACKET_BYE, .bye = { number(args[0]) } });
	say(p, "bye %s: OK", args[0]);
}

static void cmd_msg(struct peer *p, char **args)
{
	struct packet packet = {
		.type = PACKET_MESSAGE,
		.message = { number(args[0]), FUSESVC_NO_PROGRESS },
		.string = args[1],
	};

	send_packet(p, &packet);
}

static void cmd_progress(struct peer *p, char **args)
{
	struct packet packet = {
		.type = PACKET_MESSAGE,
		.message = { FUSESVC_MSG_INFO, number(args[0]) },
		.string = args[1],
	};

	send_packet(p, &packet);
}

static void cmd_raw(struct peer *p, char **args)
{
	size_t n = 0;
	_cleanup_free_ uint8_t *bytes = malloc(strlen(args[0]) / 2 + 1);

	for (const char *hex = args[0]; bytes && hex[0] && hex[1]; hex += 2) {
		char pair[] = { hex[0], hex[1], '\0' };

		bytes[n++] = (uint8_t)strtoul(pair, NULL, 16);
	}
	say(p, "raw: %s", errno_name(bytes ? send_bytes(p, bytes, n, 0) : ENOMEM));
}

static void cmd_rawlen(struct peer *p, char **args)
{
	size_t size = number(args[0]);
	_cleanup_free_ uint8_t *bytes = calloc(1, size + 1);

	say(p, "rawlen: %s", errno_name(bytes ? send_bytes(p, bytes, size, 0) : ENOMEM));
}

/* A message that would be fine, but for what comes with it. */
static void cmd_sendfds(struct peer *p, char **args)
{
	struct packet packet = {
		.type = PACKET_MESSAGE,
		.message = { FUSESVC_MSG_INFO, FUSESVC_NO_PROGRESS },
		.string = "descriptors",
	};
	uint32_t n = number(args[0]);
	uint8_t buf[64];
	ssize_t size = packet_encode(&packet, buf, sizeof(buf));

	say(p, "sendfds: %s",
	    errno_name(size < 0 || n > MAX_FDS ? EINVAL
					       : send_bytes(p, buf, (size_t)size, (int)n)));
}

static void cmd_flood_open(struct peer *p, char **args)
{
	struct packet packet = { .type = PACKET_OPEN, .string = p->argc > 1 ? p->argv[1] : "/" };
	struct packet got;
	uint32_t n_ok = 0, n_refused = 0, error = 0;
	int err = 0, fd;

	for (uint32_t i = 0; i < number(args[0]) && !err; i++) {
		err = try_send(p, &packet);
		if (!err)
			err = try_receive(p, &got, &fd);
		if (err)
			break;
		n_ok += got.file.error == 0;
		n_refused += got.file.error != 0;
		error = got.file.error;
		close_fd_keep_errno(fd);
	}
	say(p, "flood-open: %u OK, %u refused (%s)%s", n_ok, n_refused, errno_name((int)error),
	    err ? ", EOF" : "");
}

static void cmd_flood_msg(struct peer *p, char **args)
{
	char text[32];
	struct packet packet = {
		.type = PACKET_MESSAGE,
		.message = { FUSESVC_MSG_WARNING, FUSESVC_NO_PROGRESS },
		.string = text,
	};
	uint32_t n = 0;
	int err = 0;

	while (n < number(args[0]) && !err) {
		(void)snprintf(text, sizeof(text), "message %u", n);
		err = try_send(p, &packet);
		n += !err;
	}
	say(p, "flood-msg: %s", errno_name(err));
}

static void cmd_sync_init(struct peer *p, char **args)
{
	(void)args;
	say(p, "sync-init: %s", errno_name(fuse_set_sync_init(p->fuse_fd)));
}

static void cmd_get_init(struct peer *p, char **args)
{
	(void)args;
	say(p, "get-init: %s", errno_name(fuse_get_init(p)));
}

static void cmd_answer_init(struct peer *p, char **args)
{
	say(p, "answer-init: %s", errno_name(fuse_answer_init(p, (int)number(args[0]))));
}

static void cmd_init(struct peer *p, char **args)
{
	int err = fuse_get_init(p);

	(void)args;
	if (!err)
		err = fuse_answer_init(p, 0);
	say(p, "init: %s", errno_name(err));
}

static void cmd_serve(struct peer *p, char **args)
{
	p->root_fmt = strcmp(args[0], "file") == 0 ? S_IFREG : S_IFDIR;
	p->is_deaf = strcmp(args[0], "deaf") == 0;
	fuse_serve(p);
}

/* Neither reads /dev/fuse nor closes it, until the helper hangs up. */
static void cmd_wait_eof(struct peer *p, char **args)
{
	struct packet packet;
	int fd, err;

	(void)args;
	for (;;) {
		err = try_receive(p, &packet, &fd);
		if (err)
			break;
		close_fd_keep_errno(fd);
		say(p, "%s: got %s", p->command, packet_type_name(packet.type));
	}
	say(p, "%s: %s", p->command, err == EPIPE ? "EOF" : errno_name(err));
}

static void cmd_sleep(struct peer *p, char **args)
{
	double seconds = strtod(args[0], NULL);
	struct timespec ts = { .tv_sec = (time_t)seconds };

	(void)p;
	ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
	(void)nanosleep(&ts, NULL);
}

static void cmd_wait_file(struct peer *p, char **args)
{
	static const struct timespec moment = { .tv_nsec = 10000000 };

	while (access(args[0], F_OK) < 0)
		(void)nanosleep(&moment, NULL);
	say(p, "%s: OK", p->command);
}

/* Each time the words are expanded anew. */
static void cmd_repeat(struct peer *p, char **args)
{
	for (uint32_t i = 0; i < number(args[0]); i++) {
		_cleanup_free_ char *line = strdup(args[1]);

		if (!line || !obey(p, line))
			exit(EXIT_FAILURE);
	}
}

static void cmd_close(struct peer *p, char **args)
{
	(void)args;
	close_fd_keep_errno(steal_fd(&p->sock));
}

static void cmd_close_fuse(struct peer *p, char **args)
{
	(void)args;
	close_fd_keep_errno(steal_fd(&p->fuse_fd));
}

static void cmd_kill(struct peer *p, char **args)
{
	(void)p;
	(void)args;
	(void)raise(SIGKILL);
}

static void cmd_exit(struct peer *p, char **args)
{
	(void)p;
	exit((int)number(args[0]));
}

const struct command commands[] = {
	/* the order of a good server */
	{ "hello", 1, cmd_hello },	   /* [VERSION] */
	{ "args", 0, cmd_args },	   /* receive the arguments and /dev/fuse */
	{ "get-hello", 0, cmd_get_hello }, /* only receive it */
	{ "argv", 0, cmd_argv },	   /* only receive the arguments */
	{ "open", 4, cmd_open },	   /* PATH FLAGS [quiet|REQUEST-FLAGS [BLOCK-SIZE]] */
	{ "bdev", 4, cmd_bdev },	   /* PATH FLAGS BLOCK-SIZE [quiet|REQUEST-FLAGS] */
	{ "peek", 1, cmd_peek },	   /* PATH: open it, and log its first word */
	{ "fsopen", 1, cmd_fsopen },	   /* FLAGS: 1 is fuseblk */
	{ "source", 1, cmd_source },	   /* NAME */
	{ "mntpt", 2, cmd_mntpt },	   /* dir|file|NUMBER PATH */
	{ "mntopts", 1, cmd_mntopts },	   /* OPTIONS */
	{ "mtabopts", 1, cmd_mtabopts },   /* OPTIONS */
	{ "mount", 1, cmd_mount },	   /* HEX-FLAGS */
	{ "bye", 1, cmd_bye },		   /* EXIT-CODE */
	{ "msg", 2, cmd_msg },		   /* LEVEL TEXT */
	{ "progress", 2, cmd_progress },   /* PER-MILLE TEXT */
	/* a mount that takes long */
	{ "mount-nowait", 1, cmd_mount_nowait }, /* HEX-FLAGS */
	{ "reply", 1, cmd_reply },		 /* [TO-WHAT] receive one */
	/* the other side of /dev/fuse */
	{ "sync-init", 0, cmd_sync_init },     /* mount(2) shall wait for the answer to INIT */
	{ "init", 0, cmd_init },	       /* answer INIT */
	{ "get-init", 0, cmd_get_init },       /* only receive INIT */
	{ "answer-init", 1, cmd_answer_init }, /* ERRNO: 0 if all is well */
	{ "serve", 1,
	  cmd_serve }, /* [file|deaf]: what the root is, or takes questions and is silent */
	{ "close-fuse", 0, cmd_close_fuse },
	/* misbehaviour */
	{ "raw", 1, cmd_raw },		     /* HEX: one packet of these bytes */
	{ "rawlen", 1, cmd_rawlen },	     /* N: one packet of so many zero bytes */
	{ "sendfds", 1, cmd_sendfds },	     /* N: a message with so many descriptors */
	{ "flood-open", 1, cmd_flood_open }, /* N: open the source so often */
	{ "flood-msg", 1, cmd_flood_msg },   /* N: so many warnings */
	{ "wait-eof", 0, cmd_wait_eof },     /* say nothing until the helper hangs up */
	{ "ignore-init", 0, cmd_wait_eof },  /* the same: /dev/fuse stays open and unread */
	{ "sleep", 1, cmd_sleep },	     /* SECONDS */
	{ "wait-file", 1, cmd_wait_file },   /* PATH: until there is such a file */
	{ "repeat", 2, cmd_repeat },	     /* N LINE: obey it so often */
	{ "close", 0, cmd_close },	     /* the connection, and go on */
	{ "kill", 0, cmd_kill },	     /* die of SIGKILL */
	{ "exit", 1, cmd_exit },	     /* EXIT-CODE */
	{ NULL, 0, NULL },
};
