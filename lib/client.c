/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mount side of a conversation: hello, arguments, then the server's requests one by one, each
 * handed to a callback, until it says goodbye.
 *
 * Knows the order and the limits of the protocol and no policy. Must never act on a packet that
 * is malformed or out of order, nor wait for ever for a silent server.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "args.h"
#include "channel.h"
#include "fusesvc.h"

/* Commands that a server may send once each, in one mask. */
enum {
	SEEN_FSOPEN = 1,
	SEEN_SOURCE = 2,
	SEEN_MNTPT = 4,
	SEEN_MNTOPTS = 8,
	SEEN_MTABOPTS = 16,
	SEEN_MOUNT = 32
};
#define NEEDED_TO_MOUNT (SEEN_FSOPEN | SEEN_SOURCE | SEEN_MNTPT)

enum mount_state { NOT_MOUNTED, MOUNTING, MOUNTED };

struct fusesvc_client {
	const struct fusesvc_client_ops *ops;
	void *data;
	struct fusesvc_error error;
	pid_t server_pid;
	unsigned int seen;     /* commands that were sent */
	unsigned int accepted; /* of these, the ones that were not refused */
	unsigned int n_packets, n_opens, n_messages, n_progress;
	enum mount_state mount;
	int mount_fd; /* readable when the mount that is under way has ended */
	int aborted;  /* errno value that a callback wants to stop with */
	bool finished;
	struct channel ch;
};

int fusesvc_client_new(struct fusesvc_client **c, const struct fusesvc_client_ops *ops, void *data)
{
	*c = calloc(1, sizeof(**c));
	if (!*c)
		return -ENOMEM;
	(*c)->ops = ops;
	(*c)->data = data;
	(*c)->mount_fd = -1;
	(*c)->ch.fd = -1;
	(*c)->ch.timeout = FUSESVC_TIMEOUT;
	return 0;
}

void fusesvc_client_free(struct fusesvc_client *c)
{
	if (!c)
		return;
	channel_close(&c->ch);
	free(c);
}

void fusesvc_client_set_timeout(struct fusesvc_client *c, unsigned int seconds)
{
	c->ch.timeout = seconds;
}

const struct fusesvc_error *fusesvc_client_error(const struct fusesvc_client *c)
{
	return &c->error;
}

pid_t fusesvc_client_server_pid(const struct fusesvc_client *c)
{
	return c->server_pid;
}

void fusesvc_client_abort(struct fusesvc_client *c, int err)
{
	c->aborted = err;
}

static int channel_failed(struct fusesvc_client *c, uint32_t step, int rc, const char *subject)
{
	return channel_error(&c->error, step, rc, subject);
}

static int protocol_breach(struct fusesvc_client *c, uint32_t step, const char *how)
{
	return fusesvc_error_set(&c->error, step, FUSESVC_E_PROTOCOL, EBADMSG, how);
}

int fusesvc_client_set_fd(struct fusesvc_client *c, int fd)
{
	int rc;

	if (c->ch.fd >= 0)
		return -EISCONN;
	rc = channel_open(&c->ch, fd, false, true);
	return rc ? fusesvc_error_set(&c->error, FUSESVC_STEP_CONNECT, FUSESVC_E_SYSTEM, -rc, NULL)
		  : 0;
}

int fusesvc_client_connect(struct fusesvc_client *c, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval tv = { .tv_sec = c->ch.timeout };
	_cleanup_fd_ int fd = -1;
	int rc;

	if (strlen(path) >= sizeof(addr.sun_path))
		return fusesvc_error_set(&c->error, FUSESVC_STEP_CONNECT, FUSESVC_E_SYSTEM,
					 ENAMETOOLONG, path);
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	/* A full queue of connections makes connect() wait: for as long as a send may take. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) < 0)
		return fusesvc_error_set(&c->error, FUSESVC_STEP_CONNECT, FUSESVC_E_SYSTEM, errno,
					 path);
	while (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		uint32_t code = FUSESVC_E_SYSTEM;

		if (errno == EINTR)
			continue;
		if (errno == ENOENT || errno == ENOTDIR || errno == ECONNREFUSED)
			code = FUSESVC_E_NOSERVICE;
		else if (errno == EAGAIN)
			code = FUSESVC_E_TIMEOUT;
		return fusesvc_error_set(&c->error, FUSESVC_STEP_CONNECT, code, errno, path);
	}
	rc = fusesvc_client_set_fd(c, fd);
	if (rc == 0)
		(void)steal_fd(&fd);
	return rc;
}

static int say_hello(struct fusesvc_client *c, uint32_t flags)
{
	struct packet p = {
		.type = PACKET_HELLO,
		.hello = { PROTOCOL_VERSION, PROTOCOL_VERSION, flags },
	};
	struct channel_extra extra;
	int rc;

	rc = channel_send(&c->ch, &p, -1);
	if (!rc)
		rc = channel_recv(&c->ch, &p, &extra);
	if (rc)
		return channel_failed(c, FUSESVC_STEP_HELLO, rc, NULL);
	if (p.type != PACKET_HELLO_REPLY)
		return protocol_breach(c, FUSESVC_STEP_HELLO, "no answer to hello");
	if (p.hello_reply.version != PROTOCOL_VERSION)
		return fusesvc_error_set(&c->error, FUSESVC_STEP_HELLO, FUSESVC_E_VERSION,
					 EOPNOTSUPP, NULL);
	c->server_pid = extra.pid;
	return 0;
}

/* What an answer came to. A server that is gone may have said why before: that is still to be read.
 */
static int answered(struct fusesvc_client *c, uint32_t step, int rc)
{
	return rc && rc != -EPIPE ? channel_failed(c, step, rc, NULL) : 0;
}

static int send_file(struct fusesvc_client *c, const char *path, int error, int fd)
{
	struct packet p = {
		.type = PACKET_FILE,
		.file = { (uint32_t)error },
		.string = path,
	};

	return channel_send(&c->ch, &p, fd);
}

int fusesvc_client_start(struct fusesvc_client *c, uint32_t flags, int argc,
			 const char *const *argv, int fuse_fd)
{
	_cleanup_fd_ int args_fd = -1;
	int rc;

	rc = args_to_memfd(argc, argv, ARGS_EXT_MESSAGES, &args_fd);
	if (rc)
		return fusesvc_error_set(&c->error, FUSESVC_STEP_ARGS, FUSESVC_E_SYSTEM, -rc, NULL);
	rc = say_hello(c, flags);
	if (rc)
		return rc;
	rc = send_file(c, ARGS_NAME, 0, args_fd);
	if (!rc)
		rc = send_file(c, "fusedev", 0, fuse_fd);
	return answered(c, FUSESVC_STEP_ARGS, rc);
}

static int reply(struct fusesvc_client *c, uint32_t step, int error)
{
	struct packet p = { .type = PACKET_REPLY, .reply = { (uint32_t)-error } };

	return answered(c, step, channel_send(&c->ch, &p, -1));
}

static int on_open(struct fusesvc_client *c, const struct packet *p)
{
	struct fusesvc_open_request req = {
		.path = p->string,
		.open_flags = p->open.open_flags,
		.create_mode = p->open.create_mode,
		.block_size = p->open.block_size,
		.bdev = p->type == PACKET_OPEN_BDEV,
		.quiet = p->open.request_flags & FUSESVC_OPEN_QUIET,
	};
	_cleanup_fd_ int fd = -1;
	int rc;

	if (++c->n_opens > FUSESVC_MAX_OPENS)
		rc = -EMFILE;
	else if ((p->open.request_flags & ~FUSESVC_OPEN_QUIET) || (!req.bdev && req.block_size))
		rc = -EINVAL;
	else
		rc = c->ops->open ? c->ops->open(c->data, &req, &fd) : -EOPNOTSUPP;
	if (rc > 0 || (rc == 0 && fd < 0)) /* a callback's mistake */
		rc = -EIO;
	rc = send_file(c, p->string, -rc, rc < 0 ? -1 : fd);
	return answered(c, FUSESVC_STEP_OPEN, rc);
}

/* Is it this command's turn? Notes that it was sent, so that a second one is refused. */
static bool is_in_order(struct fusesvc_client *c, unsigned int command)
{
	bool again = c->seen & command;
	bool before_fsopen = command != SEEN_FSOPEN && !(c->accepted & SEEN_FSOPEN);
	bool after_mount = c->seen & SEEN_MOUNT;

	c->seen |= command;
	return !again && !before_fsopen && !after_mount;
}

static int answer(struct fusesvc_client *c, unsigned int command, uint32_t step, int rc)
{
	if (rc == 0)
		c->accepted |= command;
	return reply(c, step, rc > 0 ? -EIO : rc);
}

static int on_fsopen(struct fusesvc_client *c, const struct packet *p)
{
	int rc = -EINVAL;

	if (is_in_order(c, SEEN_FSOPEN) && !(p->fsopen.flags & ~1U))
		rc = c->ops->fsopen ? c->ops->fsopen(c->data, p->fsopen.flags & 1U) : -EOPNOTSUPP;
	return answer(c, SEEN_FSOPEN, FUSESVC_STEP_FSOPEN, rc);
}

static int on_mntpt(struct fusesvc_client *c, const struct packet *p)
{
	mode_t fmt = p->mntpt.expected_fmt;
	int rc = -EINVAL;

	if (is_in_order(c, SEEN_MNTPT) && (fmt == 0 || fmt == S_IFDIR || fmt == S_IFREG))
		rc = c->ops->mntpt ? c->ops->mntpt(c->data, p->string, fmt) : -EOPNOTSUPP;
	/* A server that can be both learns so what the mount point is, and names it again. */
	if (fmt && (rc == -ENOTDIR || rc == -EISDIR))
		c->seen &= ~(unsigned int)SEEN_MNTPT;
	return answer(c, SEEN_MNTPT, FUSESVC_STEP_MNTPT, rc);
}

static int on_text(struct fusesvc_client *c, const struct packet *p, unsigned int command,
		   uint32_t step, int (*callback)(void *data, const char *text))
{
	int rc = -EINVAL;

	if (is_in_order(c, command))
		rc = callback ? callback(c->data, p->string) : -EOPNOTSUPP;
	return answer(c, command, step, rc);
}

static int mount_ended(struct fusesvc_client *c, int rc)
{
	c->mount_fd = -1;
	c->mount = rc == 0 ? MOUNTED : NOT_MOUNTED;
	return answer(c, SEEN_MOUNT, FUSESVC_STEP_MOUNT, rc);
}

static int on_mount(struct fusesvc_client *c, const struct packet *p)
{
	bool may = is_in_order(c, SEEN_MOUNT) &&
		   (c->accepted & NEEDED_TO_MOUNT) == NEEDED_TO_MOUNT &&
		   !((c->seen & ~c->accepted) & (SEEN_MNTOPTS | SEEN_MTABOPTS));
	int wait_fd = -1, rc;

	if (!may)
		return reply(c, FUSESVC_STEP_MOUNT, -EINVAL);
	rc = c->ops->mount ? c->ops->mount(c->data, p->mount.flags, &wait_fd) : -EOPNOTSUPP;
	if (rc == -EINPROGRESS && wait_fd >= 0 && c->ops->mount_done) {
		c->mount_fd = wait_fd;
		c->mount = MOUNTING;
		return 0;
	}
	return mount_ended(c, rc);
}

static int on_bye(struct fusesvc_client *c, const struct packet *p)
{
	char number[16];

	c->finished = true;
	if (p->bye.exit_code) {
		(void)snprintf(number, sizeof(number), "%u", p->bye.exit_code);
		return fusesvc_error_set(&c->error, FUSESVC_STEP_BYE, FUSESVC_E_GOODBYE, ECANCELED,
					 number);
	}
	if (c->mount == MOUNTING)
		return protocol_breach(c, FUSESVC_STEP_BYE, "goodbye during the mount");
	if (c->mount != MOUNTED)
		return fusesvc_error_set(&c->error, FUSESVC_STEP_BYE, FUSESVC_E_NOMOUNT, ECANCELED,
					 NULL);
	return 0;
}

static int on_message(struct fusesvc_client *c, const struct packet *p)
{
	uint32_t level = p->message.level, progress = p->message.progress;
	bool is_progress = level == FUSESVC_MSG_INFO && progress != FUSESVC_NO_PROGRESS;

	if (level != FUSESVC_MSG_ERROR && level != FUSESVC_MSG_WARNING && level != FUSESVC_MSG_INFO)
		return protocol_breach(c, FUSESVC_STEP_SERVE, "message of an unknown level");
	if (progress > 1000 && progress != FUSESVC_NO_PROGRESS)
		return protocol_breach(c, FUSESVC_STEP_SERVE,
				       "message with an impossible progress");
	if (is_progress ? ++c->n_progress > FUSESVC_MAX_PROGRESS
			: ++c->n_messages > FUSESVC_MAX_MESSAGES)
		return 0;
	if (c->ops->message)
		c->ops->message(c->data, (int)level, progress, p->string);
	return 0;
}

static int on_packet(struct fusesvc_client *c, const struct packet *p)
{
	switch (p->type) {
	case PACKET_OPEN:
	case PACKET_OPEN_BDEV:
		return on_open(c, p);
	case PACKET_FSOPEN:
		return on_fsopen(c, p);
	case PACKET_SOURCE:
		return on_text(c, p, SEEN_SOURCE, FUSESVC_STEP_SOURCE, c->ops->source);
	case PACKET_MNTPT:
		return on_mntpt(c, p);
	case PACKET_MNTOPTS:
		return on_text(c, p, SEEN_MNTOPTS, FUSESVC_STEP_MNTOPTS, c->ops->mntopts);
	case PACKET_MTABOPTS:
		return on_text(c, p, SEEN_MTABOPTS, FUSESVC_STEP_MTABOPTS, c->ops->mtabopts);
	case PACKET_MOUNT:
		return on_mount(c, p);
	case PACKET_MESSAGE:
		return on_message(c, p);
	case PACKET_BYE:
		return on_bye(c, p);
	default: /* a packet that only helpers send */
		return protocol_breach(c, FUSESVC_STEP_SERVE, packet_type_name(p->type));
	}
}

/* Waits for the next thing to happen, and deals with it. */
static int serve_one(struct fusesvc_client *c)
{
	struct channel_extra extra;
	struct packet p;
	int rc;

	if (c->mount == MOUNTING) {
		rc = channel_wait(&c->ch, c->mount_fd);
		if (rc == 1)
			return mount_ended(c, c->ops->mount_done(c->data));
		if (rc)
			return channel_failed(c, FUSESVC_STEP_MOUNT, rc, NULL);
	}
	rc = channel_recv(&c->ch, &p, &extra);
	if (rc)
		return channel_failed(c, FUSESVC_STEP_SERVE, rc,
				      rc == -EBADMSG ? "malformed packet" : NULL);
	if (++c->n_packets > FUSESVC_MAX_PACKETS)
		return fusesvc_error_set(&c->error, FUSESVC_STEP_SERVE, FUSESVC_E_FLOOD, EBADMSG,
					 NULL);
	return on_packet(c, &p);
}

int fusesvc_client_run(struct fusesvc_client *c)
{
	while (!c->finished) {
		int rc = serve_one(c);

		if (c->aborted && c->error.code == FUSESVC_E_NONE)
			rc = fusesvc_error_set(&c->error, FUSESVC_STEP_SERVE, FUSESVC_E_ABORTED,
					       c->aborted, NULL);
		if (rc)
			return rc;
	}
	return 0;
}
