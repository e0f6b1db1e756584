/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server's mount(2), turned into what the protocol asks a helper with; and whether the server is
 * up, so that goodbye may be said.
 *
 * Up is who answered FUSE_INIT. Where the kernel knows FUSE_DEV_IOC_SYNC_INIT the helper's mount(2)
 * waits for that, so the server's returns before. Elsewhere the next best is that FUSE_INIT was
 * read by a server that lives.
 *
 * Of what the server passes to mount(2), nothing names a file, a device or a person: all that is
 * the helper's. Its flags and options can make a mount less, never more.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "run.h"

#ifndef FUSE_DEV_IOC_SYNC_INIT
#define FUSE_DEV_IOC_SYNC_INIT _IO(229, 3) /* Linux 6.18 */
#endif
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

#define MS_MORE                                                                                    \
	(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_SYNCHRONOUS | MS_DIRSYNC | MS_NOATIME | \
	 MS_NODIRATIME | MS_NOSYMFOLLOW)
#define MS_OTHER_CALLS \
	(MS_REMOUNT | MS_BIND | MS_MOVE | MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

#define OPTIONS_SIZE 4096 /* what mount(2) reads of them */
#define MNTOPTS_SIZE 128

static bool has_name(const char *option, const char *name)
{
	size_t len = strlen(name);

	return strncmp(option, name, len) == 0 && (option[len] == '\0' || option[len] == '=');
}

static bool is_source_block_device(const struct run *r)
{
	struct stat st;

	return r->source_is_file && fstat(r->files[0].fd, &st) == 0 && S_ISBLK(st.st_mode);
}

/* A size of blocks goes with fuseblk alone, which the helper chooses by itself. */
static bool is_fuseblk(const struct run *r)
{
	return fusesvc_server_flags(r->server) & FUSESVC_FUSEBLK && is_source_block_device(r);
}

static void append(char *list, const char *option)
{
	size_t len = strlen(list);

	(void)snprintf(list + len, MNTOPTS_SIZE - len, "%s%s", len ? "," : "", option);
}

/* Cuts @data to pieces. -EINVAL: there is an option in it that is nobody's. */
static int mount_options(const struct run *r, char *data, char *list)
{
	static const char *const others[] = { "fd",	     "rootmode",
					      "user_id",     "group_id",
					      "subtype",     "fsname",
					      "allow_other", "default_permissions" };
	bool has_max_read = false, has_blksize = false;
	char *saved;

	for (char *o = strtok_r(data, ",", &saved); o; o = strtok_r(NULL, ",", &saved)) {
		size_t i = 0;

		if (has_name(o, "max_read") && !has_max_read && strlen(o) < 20) {
			has_max_read = true;
			append(list, o);
			continue;
		}
		if (has_name(o, "blksize") && !has_blksize && strlen(o) < 20) {
			has_blksize = true;
			if (is_fuseblk(r))
				append(list, o);
			continue;
		}
		while (i < ARRAY_SIZE(others) && !has_name(o, others[i]))
			i++;
		if (i == ARRAY_SIZE(others))
			return -EINVAL;
	}
	if (r->default_permissions)
		append(list, "default_permissions");
	if (r->allow_other)
		append(list, "allow_other");
	return 0;
}

static bool is_fuse_type(const char *type)
{
	return has_name(type, "fuse") || has_name(type, "fuseblk") ||
	       strncmp(type, "fuse.", 5) == 0 || strncmp(type, "fuseblk.", 8) == 0;
}

/* Some servers go there first, so that nobody can change what it is. */
bool run_is_mountpoint(const struct trapped_call *call, const char *path)
{
	return strcmp(path, RUN_MOUNTPOINT) == 0 ||
	       (strcmp(path, ".") == 0 && trap_is_in(call, RUN_MOUNTPOINT));
}

/* Reads a call that can become a mount: 0 or -errno. */
static int read_mount(const struct run *r, const struct trapped_call *call, char *mntopts)
{
	const __u64 *args = call->req.data.args;
	char target[256], type[64], data[OPTIONS_SIZE];
	int rc;

	if (args[3] & MS_OTHER_CALLS)
		return -EPERM;
	rc = trap_read_string(call, args[1], target, sizeof(target));
	if (!rc && !run_is_mountpoint(call, target))
		rc = -EPERM;
	if (!rc)
		rc = trap_read_string(call, args[2], type, sizeof(type));
	if (!rc && !is_fuse_type(type))
		rc = -ENODEV;
	if (!rc)
		rc = trap_read_string(call, args[4], data, sizeof(data));
	return rc ? rc : mount_options(r, data, mntopts);
}

static int start_mount(struct run *r, const struct trapped_call *call)
{
	char mntopts[MNTOPTS_SIZE] = "";
	const struct fusesvc_mount_request req = {
		.source = r->source,
		.target = r->target,
		.expected_fmt = S_IFDIR,
		.mntopts = mntopts,
		.ms_flags = (uint32_t)(call->req.data.args[3] & MS_MORE) |
			    (r->read_only ? MS_RDONLY : 0U),
	};
	int rc = read_mount(r, call, mntopts);

	if (rc)
		return rc;
	r->is_sync_init = fusesvc_server_can_message(r->server) &&
			  ioctl(r->fuse_fd, FUSE_DEV_IOC_SYNC_INIT) == 0;
	rc = fusesvc_server_mount_start(r->server, &req);
	if (rc)
		run_fail(r, NULL);
	return rc;
}

/* A call that a signal interrupted is made again, also if its answer was given. */
static bool is_repeated(const struct run *r, const struct trapped_call *call)
{
	return r->state > RUN_STARTING && r->state < RUN_FAILED &&
	       r->mount_pid == (pid_t)call->req.pid;
}

void run_mount(struct run *r, const struct trapped_call *call)
{
	int rc;

	if (is_repeated(r, call)) {
		if (r->mount_waits)
			r->mount_call = call->req.id;
		else
			trap_return(call, 0);
		return;
	}
	rc = r->state == RUN_STARTING ? start_mount(r, call) : -EBUSY;
	if (rc) {
		trap_return(call, rc);
		return;
	}
	r->state = RUN_MOUNTING;
	r->mount_call = call->req.id;
	r->mount_pid = (pid_t)call->req.pid;
	r->mount_waits = !r->is_sync_init;
	if (r->is_sync_init)
		trap_return(call, 0);
}

/* What is mounted here is the helper's to unmount, and all else is nobody's. */
void run_umount(struct run *r, const struct trapped_call *call)
{
	char target[256];
	int rc = trap_read_string(call, call->req.data.args[0], target, sizeof(target));

	if (!rc && !run_is_mountpoint(call, target))
		rc = -EPERM;
	trap_return(call, rc);
}

/* From now on a server that dies takes its mount with it, as nobody else has /dev/fuse open. */
static void say_goodbye(struct run *r)
{
	r->state = RUN_UP;
	close_fd_keep_errno(steal_fd(&r->fuse_fd));
	run_close_files(r);
	if (r->is_write_refused)
		(void)fusesvc_server_message(r->server, FUSESVC_MSG_WARNING, FUSESVC_NO_PROGRESS,
					     "the source cannot be written to: mounted read-only");
	(void)fusesvc_server_bye(r->server, 0);
}

/*
 * A server would wait for ever at a /dev/fuse that nobody mounted. Neither poll(2) nor read(2) may
 * be asked whether it was, as they wait, too; but what was mounted cannot be told how to mount.
 */
static bool is_mounted(const struct run *r)
{
	return !r->is_sync_init || ioctl(r->fuse_fd, FUSE_DEV_IOC_SYNC_INIT) < 0;
}

void run_mount_answered(struct run *r)
{
	int rc = fusesvc_server_mount_finish(r->server);

	if (r->mount_waits) {
		r->mount_waits = false;
		trap_return_id(r->listener, r->mount_call, rc);
	}
	if (rc)
		run_fail(r, NULL);
	else if (!is_mounted(r))
		run_fail(r, "the helper has not mounted");
	else if (r->is_sync_init)
		say_goodbye(r);
	else
		r->state = RUN_INIT;
}

void run_check_init(struct run *r)
{
	struct pollfd pfd = { .fd = r->fuse_fd, .events = POLLIN };

	if (poll(&pfd, 1, 0) == 0)
		say_goodbye(r);
	else if (pfd.revents & (POLLERR | POLLHUP))
		run_fail(r, "the mount was gone at once");
}
