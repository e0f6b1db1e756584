/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The child: it talks to the server and has no power but its caller's.
 *
 * It has become the caller for good. It pins the target, connects, serves the server's requests
 * by the table of least authority, and asks the parent for the few things that need privilege.
 * All that a server says ends here, as a number in a request or as words for the terminal.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "skip-name.h"
#include "svc.h"

struct talk {
	struct svc_mount *m;
	struct fusesvc_client *client;
	struct svc_request request; /* the mount, as it is put together */
	int sock;		    /* to the parent */
	int fuse_fd, target_fd;
	mode_t target_fmt;
};

static int refuse(struct talk *t, uint32_t code, int err, const char *subject)
{
	return fusesvc_error_set(&t->m->error, SVC_STEP_POLICY, code, err, subject);
}

static int ask_block_size(struct talk *t, const struct fusesvc_open_request *open_req, int fd)
{
	struct svc_request req = {
		.type = SVC_REQUEST_BLOCK_SIZE,
		.block_size = open_req->block_size,
	};
	int32_t answer = 0;
	int rc;

	if (t->m->uid != 0 || strcmp(open_req->path, t->m->source ? t->m->source : "") != 0)
		rc = -EPERM;
	else
		rc = svc_request_send(t->sock, &req, fd, -1);
	if (!rc)
		rc = svc_answer_recv(t->sock, &answer);
	if (!rc)
		rc = answer;
	return rc ? refuse(t, SVC_E_ASKED_BLOCK_SIZE, -rc, open_req->path) : 0;
}

/*
 * Paths may lead to file systems that do not answer, where not even a signal ends a wait: so it is
 * the parent who has the deadline. One who does not hear is gone, and we with him.
 */
static void tell_parent(const struct talk *t, uint32_t type)
{
	struct svc_request req = { .type = type };

	if (svc_request_send(t->sock, &req, -1, -1) && svc_request_send(t->sock, &req, -1, -1))
		_exit(EXIT_FAILURE);
}

static void begin_to_look(const struct talk *t)
{
	tell_parent(t, SVC_REQUEST_BUSY);
}

static void end_to_look(const struct talk *t)
{
	tell_parent(t, SVC_REQUEST_READY);
}

static int on_open(void *data, const struct fusesvc_open_request *req, int *fd)
{
	struct talk *t = data;
	int rc;

	begin_to_look(t);
	rc = svc_open(t->m, req, fd);
	end_to_look(t);
	if (!rc && req->block_size) {
		rc = ask_block_size(t, req, *fd);
		if (rc)
			close_fd_keep_errno(steal_fd(fd));
	}
	/* A file that opens at the second attempt is no reason for a failure any more. */
	if (!rc && strcmp(t->m->error.subject, req->path) == 0)
		memset(&t->m->error, 0, sizeof(t->m->error));
	return rc;
}

static int on_fsopen(void *data, bool fuseblk)
{
	struct talk *t = data;

	return fuseblk && !t->m->fuseblk ? refuse(t, SVC_E_ASKED_FUSEBLK, EPERM, NULL) : 0;
}

/* The caller's source is used whatever the server says; mount tables show the caller's word. */
static int on_source(void *data, const char *source)
{
	(void)data;
	(void)source;
	return 0;
}

static int on_mntpt(void *data, const char *path, mode_t expected_fmt)
{
	struct talk *t = data;

	if (strcmp(path, t->m->target) != 0)
		return refuse(t, SVC_E_ASKED_TARGET, EPERM, path);
	if (expected_fmt && expected_fmt != t->target_fmt)
		return expected_fmt == S_IFDIR ? refuse(t, SVC_E_TARGET_IS_FILE, ENOTDIR, path)
					       : refuse(t, SVC_E_TARGET_IS_DIRECTORY, EISDIR, path);
	/* It was named again, with the other one. */
	if (t->m->error.code == SVC_E_TARGET_IS_FILE ||
	    t->m->error.code == SVC_E_TARGET_IS_DIRECTORY)
		memset(&t->m->error, 0, sizeof(t->m->error));
	return 0;
}

static int on_mntopts(void *data, const char *options)
{
	struct talk *t = data;
	char text[FUSESVC_SUBJECT_SIZE];
	const char *bad;
	size_t bad_len;

	if (svc_mntopts_parse(options, &t->request, &bad, &bad_len)) {
		(void)snprintf(text, sizeof(text), "%.*s", (int)(bad_len < 80 ? bad_len : 80), bad);
		return refuse(t, SVC_E_ASKED_OPTION, EINVAL, text);
	}
	if (t->request.blksize && !t->m->fuseblk)
		return refuse(t, SVC_E_ASKED_OPTION, EINVAL, "blksize");
	if (t->request.allow_other && !t->m->may_allow_other)
		return refuse(t, SVC_E_ASKED_ALLOW_OTHER, EPERM, NULL);
	return 0;
}

/* Options for the mount table are the caller's: a server's are heard and dropped. */
static int on_mtabopts(void *data, const char *options)
{
	(void)data;
	(void)options;
	return 0;
}

static int on_mount(void *data, uint32_t ms_flags, int *wait_fd)
{
	struct talk *t = data;
	char text[32];
	int rc;

	if (ms_flags & ~SVC_SERVER_MS_FLAGS) {
		(void)snprintf(text, sizeof(text), "0x%x", ms_flags & ~SVC_SERVER_MS_FLAGS);
		return refuse(t, SVC_E_ASKED_MS_FLAGS, EINVAL, text);
	}
	t->m->was_asked_to_mount = true;
	t->request.type = SVC_REQUEST_MOUNT;
	t->request.ms_flags = ms_flags;
	t->request.server_pid = fusesvc_client_server_pid(t->client);
	(void)snprintf(t->request.name, sizeof(t->request.name), "%s", t->m->name);
	rc = svc_request_send(t->sock, &t->request, t->fuse_fd, t->target_fd);
	if (rc) /* whatever the server makes of it, this was the cause */
		return fusesvc_error_set(&t->m->error, SVC_STEP_PROCESS, FUSESVC_E_SYSTEM, -rc,
					 "cannot ask for the mount");
	*wait_fd = t->sock;
	return -EINPROGRESS;
}

static int on_mount_done(void *data)
{
	struct talk *t = data;
	int32_t answer = 0;
	int rc = svc_answer_recv(t->sock, &answer);

	if (rc) /* the parent is gone: so are we */
		fusesvc_client_abort(t->client, -rc);
	/* Only the server may keep /dev/fuse open: when it dies, its mount must not hang. */
	close_fd_keep_errno(steal_fd(&t->fuse_fd));
	return rc ? rc : answer;
}

/*
 * Keeps the latest error for the end of the story; hands on the rest. All of it is shown behind the
 * service's name, which many a server says too.
 */
static void on_message(void *data, int level, uint32_t progress, const char *said)
{
	struct svc_mount *m = ((struct talk *)data)->m;
	const char *text = skip_name(said, m->name);
	char clean[2 * FUSESVC_MESSAGE_SIZE];

	if (level == FUSESVC_MSG_ERROR) {
		(void)snprintf(m->words, sizeof(m->words), "%s", text);
		return;
	}
	(void)fusesvc_escape(text, clean, sizeof(clean));
	if (level == FUSESVC_MSG_INFO && progress != FUSESVC_NO_PROGRESS) {
		if (m->host.progress)
			m->host.progress(m->target, m->name, progress, clean);
	} else if (m->host.message && (level == FUSESVC_MSG_WARNING || m->host.verbose)) {
		m->host.message(m->target, m->name, level, clean);
	}
}

static const struct fusesvc_client_ops client_ops = {
	.open = on_open,
	.fsopen = on_fsopen,
	.source = on_source,
	.mntpt = on_mntpt,
	.mntopts = on_mntopts,
	.mtabopts = on_mtabopts,
	.mount = on_mount,
	.mount_done = on_mount_done,
	.message = on_message,
};

/* What must hold before a service is woken up at all. */
static int prepare(struct talk *t)
{
	struct svc_mount *m = t->m;
	int rc;

	if (!*m->name) {
		rc = svc_service_guess(m);
		if (rc)
			return rc;
		m->is_guess = true;
	}
	if (t->target_fd < 0) {
		rc = svc_target_pin(m, &t->target_fd, &t->target_fmt);
		if (rc)
			return rc;
	}
	rc = svc_target_check_not_mounted(m, t->target_fd);
	if (!rc && m->uid != 0)
		rc = svc_rights_check_target(m, t->target_fd, t->target_fmt);
	if (rc || !mnt_context_is_fake(m->cxt))
		return rc;
	rc = svc_source_check(m);
	return rc ? rc : svc_service_check_socket(m);
}

static int open_fuse_device(struct talk *t)
{
	t->fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (t->fuse_fd < 0)
		return fusesvc_error_set(&t->m->error, SVC_STEP_FUSEDEV,
					 errno == EACCES ? SVC_E_FUSEDEV_RIGHTS : SVC_E_FUSEDEV,
					 errno, NULL);
	return 0;
}

static int start(struct talk *t)
{
	struct svc_mount *m = t->m;
	const char *argv[] = { m->name, m->source ? m->source : SVC_NO_SOURCE, m->target, "-o",
			       m->opts.server };
	uint32_t flags =
		(m->may_allow_other ? FUSESVC_ALLOW_OTHER : 0) | (m->fuseblk ? FUSESVC_FUSEBLK : 0);
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int rc;

	rc = svc_service_socket_path(m, path, sizeof(path));
	if (!rc)
		rc = open_fuse_device(t);
	if (rc)
		return rc;
	if (fusesvc_client_new(&t->client, &client_ops, t))
		return fusesvc_error_set(&m->error, SVC_STEP_PROCESS, FUSESVC_E_SYSTEM, ENOMEM,
					 NULL);
	fusesvc_client_set_timeout(t->client, m->opts.timeout);
	rc = fusesvc_client_connect(t->client, path);
	if (!rc)
		rc = fusesvc_client_start(t->client, flags, ARRAY_SIZE(argv), argv, t->fuse_fd);
	if (rc)
		m->error = *fusesvc_client_error(t->client);
	if (m->error.step == FUSESVC_STEP_CONNECT && m->error.err == EACCES)
		m->error.code = SVC_E_SERVICE_ACCESS;
	if (m->error.code == FUSESVC_E_NOSERVICE && m->is_guess)
		m->error.code = SVC_E_GUESSED_SERVICE;
	return rc;
}

static int converse(struct talk *t)
{
	const struct fusesvc_error *e;
	int rc;

	rc = start(t);
	if (rc)
		return rc;
	rc = fusesvc_client_run(t->client);
	e = fusesvc_client_error(t->client);
	/* Why a server gave up is what we refused to it; all else is told as it is. */
	if (rc && !(t->m->error.code && svc_error_is_servers_choice(e->code)))
		t->m->error = *e;
	if (!rc)
		memset(&t->m->error, 0, sizeof(t->m->error));
	return rc;
}

/*
 * The signals that end the parent end us. Job control stops us
 * only together with the parent: it is not stopped by the terminal of a caller who is not root.
 * That nobody reads a server's warnings is no reason to end.
 */
static int let_signals_through(const struct svc_mount *m)
{
	sigset_t held;

	(void)sigemptyset(&held);
	(void)sigaddset(&held, SIGPIPE);
	if (m->uid != 0) {
		(void)sigaddset(&held, SIGTSTP);
		(void)sigaddset(&held, SIGTTIN);
		(void)sigaddset(&held, SIGTTOU);
	}
	return sigprocmask(SIG_SETMASK, &held, NULL) < 0 ? -errno : 0;
}

/* Asked for again after a change of ids, which makes the kernel forget it. */
static int end_with(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}

static int become_child(struct svc_mount *m, pid_t parent)
{
	int rc = svc_become_caller(m);

	if (!rc)
		rc = end_with(parent);
	return rc ? fusesvc_error_set(&m->error, SVC_STEP_PROCESS, FUSESVC_E_SYSTEM, -rc,
				      "cannot drop privileges")
		  : 0;
}

/* As mount(8) has it: what fstab calls "nofail" and is not there is no error. */
static bool is_absent(const struct svc_mount *m)
{
	return m->opts.nofail && m->source && *m->source == '/' && access(m->source, F_OK) < 0 &&
	       errno == ENOENT;
}

static int run(struct talk *t, pid_t parent)
{
	struct svc_mount *m = t->m;
	int rc = let_signals_through(m);

	/* Another mount namespace (mount -N, for root only) can be entered only with privilege. */
	if (!rc && m->uid == 0 && !is_absent(m))
		rc = svc_target_pin(m, &t->target_fd, &t->target_fmt);
	if (!rc)
		rc = become_child(m, parent);
	if (rc)
		return rc;
	m->is_absent = is_absent(m);
	if (m->is_absent)
		return 0;
	rc = prepare(t);
	end_to_look(t); /* the parent takes it for granted that we began with that */
	if (rc || mnt_context_is_fake(m->cxt))
		return rc;
	return converse(t);
}

void svc_talk(struct svc_mount *m, int sock, pid_t parent)
{
	struct svc_request end = { .type = SVC_REQUEST_END };
	struct talk t = { .m = m, .sock = sock, .fuse_fd = -1, .target_fd = -1 };
	int rc = run(&t, parent);

	if (rc) {
		begin_to_look(&t);
		svc_look_for_hint(m);
		end_to_look(&t);
	}
	end.is_absent = m->is_absent;
	end.error = m->error;
	end.hint = m->hint;
	(void)snprintf(end.name, sizeof(end.name), "%s", m->name);
	memcpy(end.words, m->words, sizeof(end.words));
	fusesvc_client_free(t.client);
	if (svc_request_send(sock, &end, -1, -1))
		rc = -EPIPE;
	_exit(rc ? EXIT_FAILURE : EXIT_SUCCESS);
}
