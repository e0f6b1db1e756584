/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hook module as libmount loads it, see libmount/libmount-hooks.h: in the process of mount(8),
 * udisksd, or whoever mounts.
 *
 * That process may have threads, and is not to be trusted to a server: so it forks nothing, waits
 * for nothing but one program of ours, and takes two things from that: a descriptor of a mount that
 * is attached nowhere, and a report of fixed size. What the caller's options say is looked at here,
 * and again there. All else, attaching, flags, X-mount options, utab, is libmount's.
 *
 * The one file of the module that knows this host. Not fit for a restricted context: there, users
 * mount by the helper, which is made for that.
 */
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "libmount-hooks.h"
#include "svc.h"

#define MIN_LIBMOUNT 2410
#define END_MS	     1000 /* how long the program may take to end when it is told to */

/* The program's descriptors, see helpers/fuse-svc-mount.c; the last is for a namespace. */
#define REPORT_FD 3
#define LAST_FD	  4

/* The mount, as libmount has it from prepare() to deinit(). */
struct hosted {
	struct svc_mount *m;
	char *options; /* as the caller said them */
	char *target;  /* as well: libmount has another meanwhile, with X-mount.subdir= */
	bool is_handed_over, is_attached;
	pid_t pid; /* the program, which stays until the mount is attached; 0: there is none */
	int sock;
};

static int process_error(struct svc_mount *m, int err, const char *what)
{
	return fusesvc_error_set(&m->error, SVC_STEP_PROCESS, SVC_E_CHILD, err, what);
}

/* Its /proc is that of the process, wherever the mount goes (mount -N). */
static int init(struct libmnt_context *cxt, struct svc_mount **m)
{
	const struct svc_host host = {
		.uid = getuid(),
		.gid = getgid(),
		.verbose = mnt_context_is_verbose(cxt),
		.is_detached = true,
		.hangup_fd = -1,
	};
	struct libmnt_ns *old = mnt_context_switch_origin_ns(cxt);
	int rc;

	if (!old)
		return -EINVAL;
	rc = svc_mount_new(m, cxt, &host);
	return mnt_context_switch_ns(cxt, old) ? rc : -EINVAL;
}

static bool has_option(const char *optstr, const char *name)
{
	return optstr && mnt_optstr_get_option(optstr, name, NULL, NULL) == 0;
}

/*
 * Of a mount that is changed: nosuid and nodev stay, and so does what utab knows of its server,
 * which libmount would drop.
 */
static int keep_what_was(struct svc_mount *m, struct libmnt_context *cxt)
{
	struct libmnt_table *tb = NULL;
	struct libmnt_fs *was;
	const char *attributes, *flags;
	int rc = mnt_context_get_mtab(cxt, &tb);

	was = rc ? NULL : mnt_table_find_target(tb, m->target, MNT_ITER_BACKWARD);
	if (!was)
		return rc;
	attributes = mnt_fs_get_attributes(was);
	if (attributes)
		rc = mnt_fs_set_attributes(mnt_context_get_fs(cxt), attributes);
	flags = mnt_fs_get_vfs_options(was);
	if (!rc && has_option(flags, "nosuid") && !m->opts.allow_suid)
		rc = mnt_context_append_options(cxt, "nosuid");
	if (!rc && has_option(flags, "nodev") && !m->opts.allow_dev)
		rc = mnt_context_append_options(cxt, "nodev");
	return rc;
}

/* libmount sets the flags: what is forced is said last. */
static int force_flags(struct svc_mount *m, struct libmnt_context *cxt)
{
	int rc = 0;

	if (m->opts.remount)
		return keep_what_was(m, cxt);
	if (!m->opts.allow_suid)
		rc = mnt_context_append_options(cxt, "nosuid");
	if (!rc && !m->opts.allow_dev)
		rc = mnt_context_append_options(cxt, "nodev");
	return rc;
}

/*
 * What the texts of errors name. Who has no source gets the service's name, as the kernel will show
 * it and utab should.
 */
static int set_source(struct svc_mount *m, struct libmnt_context *cxt)
{
	const char *source = mnt_context_get_source(cxt);

	if (!source || !*source || strcmp(source, SVC_NO_SOURCE) == 0)
		return *m->name ? mnt_fs_set_source(mnt_context_get_fs(cxt), m->name) : 0;
	m->source = strdup(source);
	return m->source ? 0 : -ENOMEM;
}

/* Without an attribute utab may get no line, and so none later. */
static int begin_attributes(struct svc_mount *m, struct libmnt_context *cxt)
{
	return m->opts.remount ? 0 : mnt_fs_set_attributes(mnt_context_get_fs(cxt), SVC_ATTR_NAME);
}

static int copy_target(struct hosted *h, struct libmnt_context *cxt)
{
	const char *target = mnt_context_get_target(cxt);

	h->target = target ? strdup(target) : NULL;
	h->m->target = h->target;
	if (h->target)
		return 0;
	return fusesvc_error_set(&h->m->error, SVC_STEP_TARGET, FUSESVC_E_SYSTEM,
				 target ? ENOMEM : EINVAL, NULL);
}

static int prepare(struct libmnt_context *cxt, void **data)
{
	struct hosted *h = calloc(1, sizeof(*h));
	const char *options;
	struct svc_mount *m;
	int rc;

	*data = h;
	if (!h)
		return -ENOMEM;
	h->sock = -1;
	rc = init(cxt, &h->m);
	if (rc)
		return rc;
	m = h->m;
	if (geteuid() != 0)
		return fusesvc_error_set(&m->error, SVC_STEP_PROCESS, SVC_E_NOT_ROOT, EPERM, NULL);
	rc = copy_target(h, cxt);
	if (!rc)
		rc = svc_options_parse(m);
	if (!rc)
		rc = svc_service_from_type(m);
	if (rc)
		return rc;
	options = mnt_context_get_options(cxt);
	h->options = strdup(options ? options : "");
	rc = h->options ? set_source(m, cxt) : -ENOMEM;
	if (!rc)
		rc = force_flags(m, cxt);
	if (!rc)
		rc = begin_attributes(m, cxt);
	return rc ? fusesvc_error_set(&m->error, SVC_STEP_OPTIONS, FUSESVC_E_SYSTEM, -rc, NULL) : 0;
}

/* The mount namespace that this thread is in, unless it is the one that it came from. */
static int open_target_ns(const struct svc_mount *m, struct libmnt_context *cxt, int *fd)
{
	static const char path[] = "thread-self/ns/mnt";
	struct stat here, origin;
	struct libmnt_ns *old;
	int rc;

	*fd = openat(m->proc_fd, path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0 || fstat(*fd, &here) < 0)
		return -errno;
	old = mnt_context_switch_origin_ns(cxt);
	if (!old)
		return -EINVAL;
	rc = fstatat(m->proc_fd, path, &origin, 0) < 0 ? -errno : 0;
	if (!rc && here.st_ino == origin.st_ino)
		close_fd_keep_errno(steal_fd(fd));
	return mnt_context_switch_ns(cxt, old) ? rc : -EINVAL;
}

static char *word(const char *s)
{
	char *p;

	memcpy(&p, &s, sizeof(p)); /* posix_spawn() knows no const */
	return p;
}

/* Out of the way of the descriptors that the program gets. */
static int move_up(int *fd)
{
	int up = fcntl(*fd, F_DUPFD_CLOEXEC, LAST_FD + 1);

	close_fd_keep_errno(*fd);
	*fd = up;
	return up < 0 ? -errno : 0;
}

/* The standard descriptors are the host's, and it gets no other than these. */
static int set_descriptors(posix_spawn_file_actions_t *actions, int sock, int ns_fd)
{
	int err = posix_spawn_file_actions_adddup2(actions, sock, REPORT_FD);

	if (!err && ns_fd >= 0)
		err = posix_spawn_file_actions_adddup2(actions, ns_fd, LAST_FD);
	if (!err)
		err = posix_spawn_file_actions_addclosefrom_np(actions, ns_fd >= 0 ? LAST_FD + 1
										   : REPORT_FD + 1);
	return err;
}

/* Returns 0 or a positive errno value. */
static int spawn(struct hosted *h, int sock, int ns_fd)
{
	struct svc_mount *m = h->m;
	char *args[8], **arg = args;
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int err;

	*arg++ = word("fuse-svc-mount");
	if (m->host.verbose)
		*arg++ = word("-v");
	if (ns_fd >= 0)
		*arg++ = word("-N");
	*arg++ = word("--");
	*arg++ = word(m->source ? m->source : SVC_NO_SOURCE);
	*arg++ = word(m->target);
	*arg++ = word(mnt_context_get_fstype(m->cxt));
	*arg++ = h->options;
	*arg = NULL;
	err = posix_spawn_file_actions_init(&actions);
	if (err)
		return err;
	err = set_descriptors(&actions, sock, ns_fd);
	if (!err)
		err = posix_spawn(&pid, MOUNT_PROGRAM, &actions, NULL, args, environ);
	if (!err)
		h->pid = pid;
	(void)posix_spawn_file_actions_destroy(&actions);
	return err;
}

/* Where the program is, and not where the mount point is. */
static int spawn_at_home(struct hosted *h, int sock, int ns_fd)
{
	struct svc_mount *m = h->m;
	struct libmnt_ns *old = mnt_context_switch_origin_ns(m->cxt);
	int err = old ? spawn(h, sock, ns_fd) : EINVAL;

	if (err)
		return process_error(m, err, "cannot run " MOUNT_PROGRAM);
	return mnt_context_switch_ns(m->cxt, old)
		       ? 0
		       : process_error(m, EINVAL, "cannot go back to the target's namespace");
}

static int start_program(struct hosted *h)
{
	struct svc_mount *m = h->m;
	_cleanup_fd_ int ns_fd = -1, theirs = -1;
	int socks[2], rc = open_target_ns(m, m->cxt, &ns_fd);

	if (rc)
		return process_error(m, -rc, "cannot find the target's namespace");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		return process_error(m, errno, "socketpair");
	h->sock = socks[0];
	theirs = socks[1];
	rc = move_up(&theirs);
	if (!rc && ns_fd >= 0)
		rc = move_up(&ns_fd);
	return rc ? process_error(m, -rc, "dup") : spawn_at_home(h, theirs, ns_fd);
}

/* It has deadlines for all that it waits for; its end is heard. */
static int wait_for_report(struct svc_mount *m, int sock)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };

	while (poll(&pfd, 1, -1) < 0)
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	return svc_report_recv(m, sock);
}

/* Nobody else has the mount any more. */
static int wait_until_ours(const struct svc_mount *m, int sock)
{
	int32_t word;

	return m->tree_fd < 0 ? 0 : svc_answer_recv(sock, &word);
}

/* It hears that nobody waits any more. Returns its status. */
static int end_program(struct hosted *h)
{
	int status = 0;

	close_fd_keep_errno(steal_fd(&h->sock));
	if (h->pid > 0 && svc_reap(h->pid, END_MS, &status) != 0) {
		(void)kill(h->pid, SIGKILL);
		(void)svc_reap(h->pid, END_MS, &status);
	}
	h->pid = 0;
	return status;
}

static int program_failed(struct hosted *h)
{
	int status = end_program(h);
	char text[32];

	(void)snprintf(text, sizeof(text), WIFSIGNALED(status) ? "signal %d" : "exit code %d",
		       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return fusesvc_error_set(&h->m->error, SVC_STEP_PROCESS, SVC_E_CHILD_CRASHED, ECHILD, text);
}

/* With a mount it stays, see svc_report_stay(). */
static int run_program(struct hosted *h)
{
	struct svc_mount *m = h->m;
	int rc = start_program(h);

	if (h->pid <= 0)
		return rc;
	if (!rc)
		rc = wait_for_report(m, h->sock);
	if (!rc)
		rc = wait_until_ours(m, h->sock);
	if (rc)
		return program_failed(h);
	if (m->tree_fd < 0)
		(void)end_program(h);
	if (!m->error.code)
		return 0;
	return m->error.err ? -m->error.err : -EIO;
}

/* What the server asked for, and what utab is to know. Nothing fails any more but for memory. */
static int tell_libmount(struct svc_mount *m, struct libmnt_context *cxt)
{
	_cleanup_free_ char *flags = NULL;
	int rc;

	if (m->opts.remount)
		return 0;
	rc = svc_flag_options(m, m->added, &flags);
	if (!rc && flags)
		rc = mnt_context_append_options(cxt, flags);
	if (!rc)
		rc = svc_utab_attributes(m, mnt_context_get_fs(cxt));
	return rc ? fusesvc_error_set(&m->error, SVC_STEP_OPTIONS, FUSESVC_E_SYSTEM, -rc, NULL) : 0;
}

/*
 * libmount attaches by the path. Whoever may rename what is above has as long for that as the
 * server takes, who may be his friend: so it has to lead to where it led before.
 */
static int run_on_pinned_target(struct hosted *h)
{
	struct svc_mount *m = h->m;
	mode_t fmt;
	int rc;

	if (m->opts.remount)
		return run_program(h);
	if (svc_target_pin(m, &m->target_fd, &fmt) != 0) /* the program will tell */
		memset(&m->error, 0, sizeof(m->error));
	rc = run_program(h);
	return rc || m->is_absent ? rc : svc_target_check_same(m, m->target_fd);
}

static int mount_stage(struct libmnt_context *cxt, void *data, int *fd_tree)
{
	struct hosted *h = data;
	int rc = run_on_pinned_target(h);

	if (!rc && h->m->is_absent)
		rc = -ENOENT; /* which get_excode() calls none */
	if (!rc)
		rc = tell_libmount(h->m, cxt);
	if (rc || h->m->opts.remount)
		return rc;
	*fd_tree = steal_fd(&h->m->tree_fd);
	h->is_handed_over = true;
	return 0;
}

static void attached(struct libmnt_context *cxt, void *data)
{
	struct hosted *h = data;

	(void)cxt;
	h->is_attached = true;
	if (svc_answer_send(h->sock, 0) == 0)
		(void)end_program(h);
}

static int get_excode(struct libmnt_context *cxt, void *data, int rc, char *buf, size_t size)
{
	const struct hosted *h = data;

	(void)cxt;
	if (h && h->m && h->m->error.code)
		return svc_error_text(h->m, buf, size);
	buf[0] = '\0';
	if (h && h->m && h->m->is_absent)
		return MNT_EX_SUCCESS;
	(void)fusesvc_error_text(&(struct fusesvc_error){ .code = FUSESVC_E_SYSTEM, .err = -rc },
				 buf, size);
	return MNT_EX_SYSERR;
}

/* The end of a fuseblk mount waits for its server: not in this process. */
static void deinit(struct libmnt_context *cxt, void *data)
{
	struct hosted *h = data;

	(void)cxt;
	if (!h)
		return;
	if (h->is_handed_over && !h->is_attached && h->m->fuseblk)
		(void)svc_abort_connection(h->m->source_dev);
	svc_mount_free(h->m);
	(void)end_program(h);
	free(h->options);
	free(h->target);
	free(h);
}

static const char *const types[] = { "fuse.svc", "fuse.svc.*", "fuseblk.svc", "fuseblk.svc.*",
				     NULL };

__attribute__((visibility("default"))) const struct libmnt_hooks_module libmnt_hooks_module = {
	.abi = LIBMNT_HOOKS_ABI,
	.size = sizeof(struct libmnt_hooks_module),
	.name = "fuse-svc",
	.min_libmount = MIN_LIBMOUNT,
	.types = types,
	.prepare = prepare,
	.mount = mount_stage,
	.attached = attached,
	.get_excode = get_excode,
	.deinit = deinit,
};
