/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The server's side of a conversation: taking over the connection, asking for files, goodbye. The
 * mount is in server-mount.c.
 *
 * Needs no privilege and no file of the host. Must never print, nor wait for ever for a silent
 * helper.
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "args.h"
#include "server.h"

#define LISTEN_FDS_START 3
#define FUSE_DEVICE	 makedev(10, 229) /* as the kernel's list of devices has it */

/* A number in the environment, as a service manager writes it; -1 if unset or none. */
static long env_number(const char *name)
{
	const char *s = getenv(name);
	char *end;
	long n;

	if (!s || *s < '0' || *s > '9')
		return -1;
	errno = 0;
	n = strtol(s, &end, 10);
	return *end || errno ? -1 : n;
}

/* Returns how many sockets were passed to this very process, and forgets about it. */
static long take_listen_fds(void)
{
	long pid = env_number("LISTEN_PID"), n = env_number("LISTEN_FDS");

	if (pid != (long)getpid() || n < 1)
		return 0;
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	(void)unsetenv("LISTEN_PIDFDID");
	return n;
}

int server_channel_failed(struct fusesvc_server *s, uint32_t step, int rc, const char *subject)
{
	return channel_error(&s->error, step, rc, subject);
}

int server_protocol_breach(struct fusesvc_server *s, uint32_t step, const char *how)
{
	return fusesvc_error_set(&s->error, step, FUSESVC_E_PROTOCOL, EBADMSG, how);
}

void server_forget_refusal(struct fusesvc_server *s)
{
	if (s->error.code == FUSESVC_E_REFUSED)
		memset(&s->error, 0, sizeof(s->error));
}

static int answer_hello(struct fusesvc_server *s)
{
	struct packet p;
	struct channel_extra extra;
	int rc;

	rc = channel_recv(&s->ch, &p, &extra);
	if (rc)
		return server_channel_failed(s, FUSESVC_STEP_HELLO, rc, "hello");
	close_fd_keep_errno(extra.fd);
	if (p.type != PACKET_HELLO || extra.fd >= 0)
		return server_protocol_breach(s, FUSESVC_STEP_HELLO, "no hello");
	if (p.hello.min_version > p.hello.max_version ||
	    (p.hello.flags & ~(FUSESVC_ALLOW_OTHER | FUSESVC_FUSEBLK)))
		return server_protocol_breach(s, FUSESVC_STEP_HELLO, "impossible hello");
	if (p.hello.min_version > PROTOCOL_VERSION || p.hello.max_version < PROTOCOL_VERSION)
		return fusesvc_error_set(&s->error, FUSESVC_STEP_HELLO, FUSESVC_E_VERSION,
					 EOPNOTSUPP, NULL);
	s->flags = p.hello.flags;
	p = (struct packet){ .type = PACKET_HELLO_REPLY, .hello_reply = { PROTOCOL_VERSION } };
	rc = channel_send(&s->ch, &p, -1);
	return rc ? server_channel_failed(s, FUSESVC_STEP_HELLO, rc, NULL) : 0;
}

/* The answer to a MOUNT that is on its way may come before that about a file. */
static bool is_mount_answer(struct fusesvc_server *s, const struct packet *p, int fd)
{
	if (!s->awaits_mount || p->type != PACKET_REPLY || fd >= 0)
		return false;
	s->awaits_mount = false;
	s->has_mount_answer = true;
	s->mount_answer = *p;
	return true;
}

/*
 * Receives the answer about a file. Returns 0 with *error, the helper's refusal as an errno
 * value, or with a descriptor.
 */
static int receive_file(struct fusesvc_server *s, uint32_t step, const char *path, int *error,
			int *fd)
{
	struct packet p;
	struct channel_extra extra;
	_cleanup_fd_ int got = -1;
	int rc;

	do
		rc = channel_recv(&s->ch, &p, &extra);
	while (!rc && is_mount_answer(s, &p, extra.fd));
	if (rc)
		return server_channel_failed(s, step, rc, path);
	got = extra.fd;
	if (p.type != PACKET_FILE || strcmp(p.string, path) != 0)
		return server_protocol_breach(s, step, path);
	/* Either a descriptor or a reason why not, and one that is an errno value. */
	if ((p.file.error == 0) != (got >= 0) || p.file.error > 4095)
		return server_protocol_breach(s, step, path);
	*error = (int)p.file.error;
	*fd = steal_fd(&got);
	return 0;
}

static int receive_start_file(struct fusesvc_server *s, const char *name, int *fd)
{
	int error = 0;
	int rc = receive_file(s, FUSESVC_STEP_ARGS, name, &error, fd);

	if (!rc && error)
		rc = fusesvc_error_set(&s->error, FUSESVC_STEP_ARGS, FUSESVC_E_REFUSED, error,
				       name);
	return rc;
}

static int receive_start(struct fusesvc_server *s)
{
	_cleanup_fd_ int args_fd = -1;
	uint32_t ext_bits = 0;
	struct stat st;
	int rc;

	rc = receive_start_file(s, ARGS_NAME, &args_fd);
	if (rc)
		return rc;
	rc = args_from_fd(args_fd, &s->argc, &s->argv, &ext_bits);
	if (rc)
		return fusesvc_error_set(&s->error, FUSESVC_STEP_ARGS,
					 rc == -EBADMSG ? FUSESVC_E_PROTOCOL : FUSESVC_E_SYSTEM,
					 -rc, "malformed arguments");
	s->takes_messages = ext_bits & ARGS_EXT_MESSAGES;
	rc = receive_start_file(s, "fusedev", &s->fuse_fd);
	if (rc)
		return rc;
	/* From another device, a server would read for ever what never was a request. */
	if (fstat(s->fuse_fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != FUSE_DEVICE)
		return server_protocol_breach(s, FUSESVC_STEP_ARGS, "fusedev is not /dev/fuse");
	return 0;
}

static int take_over(struct fusesvc_server *s, long n_fds)
{
	socklen_t len = sizeof(s->peer);
	int rc;

	if (n_fds > 1)
		return fusesvc_error_set(&s->error, FUSESVC_STEP_ACCEPT, FUSESVC_E_SYSTEM, E2BIG,
					 NULL);
	rc = channel_open(&s->ch, LISTEN_FDS_START, true, false);
	if (rc)
		return fusesvc_error_set(&s->error, FUSESVC_STEP_ACCEPT, FUSESVC_E_SYSTEM, -rc,
					 NULL);
	if (getsockopt(s->ch.fd, SOL_SOCKET, SO_PEERCRED, &s->peer, &len) < 0)
		return fusesvc_error_set(&s->error, FUSESVC_STEP_ACCEPT, FUSESVC_E_SYSTEM, errno,
					 NULL);
	rc = answer_hello(s);
	return rc ? rc : receive_start(s);
}

int fusesvc_server_accept(struct fusesvc_server **out, struct fusesvc_error *err)
{
	struct fusesvc_server *s;
	long n_fds = take_listen_fds();
	int rc;

	*out = NULL;
	if (n_fds == 0)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return fusesvc_error_set(err, FUSESVC_STEP_ACCEPT, FUSESVC_E_SYSTEM, ENOMEM, NULL);
	s->ch.fd = s->fuse_fd = -1;
	s->ch.timeout = FUSESVC_TIMEOUT;
	rc = take_over(s, n_fds);
	if (rc) {
		if (err)
			*err = s->error;
		fusesvc_server_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void fusesvc_server_free(struct fusesvc_server *s)
{
	if (!s)
		return;
	channel_close(&s->ch);
	close_fd_keep_errno(s->fuse_fd);
	free(s->argv);
	free(s);
}

const char *const *fusesvc_server_args(const struct fusesvc_server *s, int *argc)
{
	*argc = s->argc;
	return (const char *const *)s->argv;
}

uint32_t fusesvc_server_flags(const struct fusesvc_server *s)
{
	return s->flags;
}

void fusesvc_server_peer(const struct fusesvc_server *s, uid_t *uid, gid_t *gid)
{
	*uid = s->peer.uid;
	*gid = s->peer.gid;
}

int fusesvc_server_fuse_fd(const struct fusesvc_server *s)
{
	return s->fuse_fd;
}

int fusesvc_server_fd(const struct fusesvc_server *s)
{
	return s->ch.fd;
}

int fusesvc_server_take_fuse_fd(struct fusesvc_server *s)
{
	return steal_fd(&s->fuse_fd);
}

int fusesvc_server_request_file(struct fusesvc_server *s, const struct fusesvc_open_request *req)
{
	const struct packet p = {
		.type = req->bdev ? PACKET_OPEN_BDEV : PACKET_OPEN,
		.open = { .open_flags = req->open_flags,
			  .create_mode = req->create_mode,
			  .request_flags = req->quiet ? FUSESVC_OPEN_QUIET : 0,
			  .block_size = req->bdev ? req->block_size : 0 },
		.string = req->path,
	};
	int rc;

	if (s->ch.fd >= 0 && !s->ch.takes_fds) /* nothing could come */
		return fusesvc_error_set(&s->error, FUSESVC_STEP_OPEN, FUSESVC_E_SYSTEM, EINVAL,
					 req->path);
	rc = channel_send(&s->ch, &p, -1);
	return rc ? server_channel_failed(s, FUSESVC_STEP_OPEN, rc, req->path) : 0;
}

int fusesvc_server_receive_file(struct fusesvc_server *s, const char *path, int *fd)
{
	int error = 0, rc;

	*fd = -1;
	rc = receive_file(s, FUSESVC_STEP_OPEN, path, &error, fd);
	if (rc)
		return rc;
	if (error)
		*fd = fusesvc_error_set(&s->error, FUSESVC_STEP_OPEN, FUSESVC_E_REFUSED, error,
					path);
	else
		server_forget_refusal(s);
	return 0;
}

int fusesvc_server_open(struct fusesvc_server *s, const struct fusesvc_open_request *req, int *fd)
{
	int rc;

	*fd = -1;
	rc = fusesvc_server_request_file(s, req);
	if (!rc)
		rc = fusesvc_server_receive_file(s, req->path, fd);
	if (!rc && *fd < 0) {
		rc = *fd;
		*fd = -1;
	}
	return rc;
}

int fusesvc_server_open_rw(struct fusesvc_server *s, const struct fusesvc_open_request *req,
			   bool *read_only, int *fd)
{
	struct fusesvc_open_request attempt = *req;
	uint32_t flags = req->open_flags & ~(uint32_t)O_ACCMODE;

	if (!*read_only) {
		int rc;

		attempt.open_flags = flags | O_RDWR;
		attempt.quiet = true;
		rc = fusesvc_server_open(s, &attempt, fd);
		if (!rc || s->error.code != FUSESVC_E_REFUSED)
			return rc;
		*read_only = rc == -EACCES || rc == -EPERM || rc == -EROFS;
		if (!*read_only && req->quiet)
			return rc;
	}
	/* Either for reading, or once more, so that somebody is told. */
	attempt.open_flags = flags | (*read_only ? O_RDONLY : O_RDWR);
	attempt.quiet = req->quiet;
	return fusesvc_server_open(s, &attempt, fd);
}

void fusesvc_server_finish_opens(struct fusesvc_server *s)
{
	if (s->ch.fd >= 0)
		channel_refuse_fds(&s->ch);
}

bool fusesvc_server_can_message(const struct fusesvc_server *s)
{
	return s->takes_messages;
}

/* Signs of life have a budget of their own, so that a long start does not use up the words. */
static bool may_message(struct fusesvc_server *s, int level, uint32_t progress)
{
	if (level == FUSESVC_MSG_INFO && progress != FUSESVC_NO_PROGRESS)
		return pace_allows(&s->pace, now_ms());
	return s->n_messages++ < FUSESVC_MAX_MESSAGES;
}

int fusesvc_server_message(struct fusesvc_server *s, int level, uint32_t progress, const char *text)
{
	char cut[FUSESVC_MESSAGE_SIZE];
	const struct packet p = {
		.type = PACKET_MESSAGE,
		.message = { (uint32_t)level, progress },
		.string = cut,
	};

	if (!s->takes_messages || s->ch.fd < 0 || !may_message(s, level, progress))
		return 0;
	cut[0] = '\0';
	(void)strncat(cut, text, sizeof(cut) - 1);
	return channel_send(&s->ch, &p, -1);
}

int fusesvc_server_bye(struct fusesvc_server *s, uint32_t exit_code)
{
	const struct packet p = { .type = PACKET_BYE, .bye = { exit_code } };
	int rc;

	if (s->ch.fd < 0)
		return 0;
	rc = channel_send(&s->ch, &p, -1);
	channel_close(&s->ch);
	return rc;
}

void fusesvc_server_hang_up(struct fusesvc_server *s)
{
	channel_close(&s->ch);
}

const struct fusesvc_error *fusesvc_server_error(const struct fusesvc_server *s)
{
	return &s->error;
}
