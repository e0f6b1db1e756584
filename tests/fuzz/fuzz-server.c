// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fuzzes a whole session of the server's side: the helper is a script (script.h), whose first
 * record is no packet but what the server does, a byte for each call. Checked is what a server
 * relies on: that a call succeeds with what it promises or fails with an error, what the helper
 * gets to read, and that no descriptor is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "fusesvc.h"
#include "packet.h"
#include "script.h"

#define SERVICE_FD 3
#define MAX_CALLS  512
#define MAX_ERRNO  4095

enum call {
	CALL_OPEN,
	CALL_OPEN_RW,
	CALL_REQUEST,
	CALL_RECEIVE,
	CALL_FINISH_OPENS,
	CALL_MOUNT,
	CALL_MOUNT_START,
	CALL_MOUNT_FINISH,
	CALL_MESSAGE,
	CALL_BYE,
	CALL_HANG_UP,
	CALL_TAKE_FUSE,
	CALL_MASK = 0x0f,
};

struct fuzz {
	struct script script;
	struct fusesvc_server *s;
	unsigned int messages;
	char path[8]; /* which file the latest answer is about */
	bool said_bye, finished_opens, took_fuse;
};

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a call returned, and what is said about it, fit together. */
static void check_result(struct fuzz *f, int rc)
{
	const struct fusesvc_error *e = fusesvc_server_error(f->s);
	char text[256];

	check(rc <= 0 && rc >= -MAX_ERRNO);
	if (rc < 0)
		check(e->code != FUSESVC_E_NONE && e->err == -rc);
	check(strlen(fusesvc_error_text(e, text, sizeof(text))) > 0);
}

static struct fusesvc_open_request open_request(unsigned int arg)
{
	static const char *const paths[] = { "/img", "/log", "", "img" };

	return (struct fusesvc_open_request){
		.path = paths[arg & 3],
		.open_flags = O_RDWR | O_EXCL,
		.block_size = 512,
		.bdev = arg & 4,
		.quiet = arg & 8,
	};
}

static void call_open(struct fuzz *f, unsigned int arg, bool rw)
{
	const struct fusesvc_open_request req = open_request(arg);
	bool read_only = arg & 8;
	int fd = -2, rc;

	rc = rw ? fusesvc_server_open_rw(f->s, &req, &read_only, &fd)
		: fusesvc_server_open(f->s, &req, &fd);
	check_result(f, rc);
	check(rc == 0 ? fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC : fd == -1);
	check(rc || fusesvc_server_error(f->s)->code != FUSESVC_E_REFUSED);
	check(rc || (!f->finished_opens && strcmp(f->path, req.path) == 0));
	close_fd_keep_errno(fd);
}

static void call_receive(struct fuzz *f, unsigned int arg)
{
	const char *path = open_request(arg).path;
	int fd = -2, rc = fusesvc_server_receive_file(f->s, path, &fd);

	check_result(f, rc);
	check(rc ? fd == -1 : fd >= -MAX_ERRNO && strcmp(f->path, path) == 0);
	if (!rc && fd < 0)
		check(fusesvc_server_error(f->s)->code == FUSESVC_E_REFUSED);
	close_fd_keep_errno(fd);
}

static void call_mount(struct fuzz *f, unsigned int arg, bool finish)
{
	const struct fusesvc_mount_request req = {
		.source = "sq",
		.target = "/mnt",
		.expected_fmt = arg & 1 ? S_IFDIR : S_IFREG,
		.fuseblk = arg & 2,
		.mntopts = arg & 4 ? "allow_other" : NULL,
		.mtabopts = arg & 8 ? "x-y" : "",
	};
	int rc = finish ? fusesvc_server_mount(f->s, &req) : fusesvc_server_mount_start(f->s, &req);

	check_result(f, rc);
	check(rc || fusesvc_server_error(f->s)->code != FUSESVC_E_REFUSED || !finish);
}

static void call_message(struct fuzz *f, unsigned int arg)
{
	char text[1500];
	int rc;

	memset(text, 'x', sizeof(text));
	text[arg & 1 ? sizeof(text) - 1 : arg] = '\0';
	rc = fusesvc_server_message(f->s, FUSESVC_MSG_INFO, arg & 2 ? arg : FUSESVC_NO_PROGRESS,
				    text);
	check(rc <= 0);
}

static void take_fuse(struct fuzz *f)
{
	int fd = fusesvc_server_take_fuse_fd(f->s);

	check(f->took_fuse ? fd == -1 : fd >= 0);
	check(fusesvc_server_fuse_fd(f->s) == -1);
	f->took_fuse = true;
	close_fd_keep_errno(fd);
}

static void call(struct fuzz *f, uint8_t byte)
{
	const struct fusesvc_open_request req = open_request(byte >> 4);
	unsigned int arg = byte >> 4;

	switch (byte & CALL_MASK) {
	case CALL_OPEN:
	case CALL_OPEN_RW:
		call_open(f, arg, (byte & CALL_MASK) == CALL_OPEN_RW);
		break;
	case CALL_REQUEST:
		check_result(f, fusesvc_server_request_file(f->s, &req));
		break;
	case CALL_RECEIVE:
		call_receive(f, arg);
		break;
	case CALL_FINISH_OPENS:
		f->finished_opens = true;
		fusesvc_server_finish_opens(f->s);
		break;
	case CALL_MOUNT:
	case CALL_MOUNT_START:
		call_mount(f, arg, (byte & CALL_MASK) == CALL_MOUNT);
		break;
	case CALL_MOUNT_FINISH:
		check_result(f, fusesvc_server_mount_finish(f->s));
		break;
	case CALL_MESSAGE:
		call_message(f, arg);
		break;
	case CALL_BYE:
		check(fusesvc_server_bye(f->s, arg) <= 0 && fusesvc_server_fd(f->s) == -1);
		break;
	case CALL_HANG_UP:
		fusesvc_server_hang_up(f->s);
		check(fusesvc_server_fd(f->s) == -1);
		break;
	case CALL_TAKE_FUSE:
		take_fuse(f);
		break;
	default:
		break;
	}
}

/* The helper gets whole packets that servers may send, without descriptors, and BYE last. */
static void on_answer(void *data, const uint8_t *bytes, size_t size, int fd)
{
	struct fuzz *f = data;
	struct packet p;

	check(fd < 0 && !f->said_bye && packet_decode(bytes, size, &p) == 0);
	check(p.type != PACKET_HELLO && p.type != PACKET_FILE && p.type != PACKET_REPLY);
	f->said_bye = p.type == PACKET_BYE;
	if (p.type == PACKET_MESSAGE)
		check(++f->messages <= FUSESVC_MAX_MESSAGES + FUSESVC_MAX_PROGRESS);
}

static void on_received(void *data, const uint8_t *bytes, size_t size)
{
	struct fuzz *f = data;
	struct packet p;

	if (packet_decode(bytes, size, &p) == 0 && p.type == PACKET_FILE)
		(void)snprintf(f->path, sizeof(f->path), "%.7s", p.string);
}

static void check_accepted(const struct fuzz *f)
{
	const char *const *argv;
	size_t total = 0;
	uid_t uid;
	gid_t gid;
	int argc;

	argv = fusesvc_server_args(f->s, &argc);
	check(argc >= 1 && !argv[argc]);
	for (int i = 0; i < argc; i++)
		total += strlen(argv[i]) + 1;
	check(total < 1024UL * 1024);
	check(fcntl(fusesvc_server_fuse_fd(f->s), F_GETFD) == FD_CLOEXEC);
	check(fusesvc_server_fd(f->s) == SERVICE_FD && fcntl(SERVICE_FD, F_GETFD) == FD_CLOEXEC);
	check(!(fusesvc_server_flags(f->s) & ~(FUSESVC_ALLOW_OTHER | FUSESVC_FUSEBLK)));
	fusesvc_server_peer(f->s, &uid, &gid);
	check(uid == getuid() && gid == getgid());
}

static void session(struct fuzz *f, const struct record *calls)
{
	struct fusesvc_error error = { 0 };
	int rc = fusesvc_server_accept(&f->s, &error);

	check((rc == 0) == (f->s != NULL) && rc <= 0);
	if (rc) {
		check(error.code != FUSESVC_E_NONE && error.err == -rc);
		/* It stays open if it was no socket of ours, which this one is. */
		check(fcntl(SERVICE_FD, F_GETFD) < 0);
		return;
	}
	check_accepted(f);
	for (size_t i = 0; i < calls->size && i < MAX_CALLS; i++)
		call(f, calls->bytes[i]);
	fusesvc_server_free(f->s);
}

/* The service's descriptor must be there whenever others are made. */
static void reserve_service_fd(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	check(null >= 0);
	if (null != SERVICE_FD)
		check(dup3(null, SERVICE_FD, O_CLOEXEC) == SERVICE_FD && close(null) == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	reserve_service_fd();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record calls = { 0 };
	size_t n_fds = count_fds();
	struct fuzz f = { 0 };
	char pid[16];
	int pair[2];

	if (size < 1)
		return 0;
	f.script = (struct script){ .flags = data[0],
				    .pos = data + 1,
				    .left = size - 1,
				    .data = &f,
				    .answer = on_answer,
				    .received = on_received };
	(void)script_next(&f.script, &calls);
	check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	check(dup3(pair[0], SERVICE_FD, O_CLOEXEC) == SERVICE_FD && close(pair[0]) == 0);
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	check(setenv("LISTEN_PID", pid, 1) == 0 && setenv("LISTEN_FDS", "1", 1) == 0);
	script_start(&f.script, SERVICE_FD, pair[1]);
	session(&f, &calls);
	script_stop(&f.script);
	reserve_service_fd();
	check(!getenv("LISTEN_PID") && count_fds() == n_fds);
	return 0;
}
