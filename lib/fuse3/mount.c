/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mounting a session: libfuse takes a /dev/fuse that is open already as the mount point
 * "/dev/fd/N", and the helper mounts it.
 *
 * "Mounted" means that FUSE_INIT was answered. Where the kernel knows FUSE_DEV_IOC_SYNC_INIT, its
 * mount waits for that, so a thread reads /dev/fuse meanwhile. Elsewhere FUSE_INIT is handled after
 * the mount, before the goodbye. A helper of libfuse's gets the second way too: while its mount
 * waits it could not be told that the server died.
 *
 * Must never leave that thread behind, nor wait for a FUSE_INIT that will not come.
 */
#include "service.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../cleanup.h"

#ifndef FUSE_DEV_IOC_SYNC_INIT
#define FUSE_DEV_IOC_SYNC_INIT _IO(229, 3) /* Linux 6.18 */
#endif

/* More than the kernel wants to see for any request before FUSE_INIT was answered. */
#define INIT_BUFFER_SIZE 65536

#define INIT_TIMEOUT 5000 /* milliseconds, for a request that is there already */

struct init {
	struct fuse_session *se;
	int fuse_fd;
	char *mem;
	ssize_t size;
	int read_fd;	     /* becomes readable with is_read */
	atomic_bool is_read; /* FUSE_INIT has come ... */
	atomic_bool is_done; /* ... and was answered */
	int rc;
};

static void read_init(struct init *init)
{
	do
		init->size = read(init->fuse_fd, init->mem, INIT_BUFFER_SIZE);
	while (init->size < 0 && errno == EINTR && !fuse_session_exited(init->se));
	/* From here on this thread may hold locks of the server's. */
	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	if (init->size < 0)
		init->rc = -errno;
	atomic_store(&init->is_read, true);
	(void)eventfd_write(init->read_fd, 1);
}

static void process_init(struct init *init)
{
	if (init->size > 0) {
		struct fuse_buf buf = { .mem = init->mem, .size = (size_t)init->size };

		fuse_session_process_buf(init->se, &buf);
		init->rc = fuse_session_exited(init->se) ? -ECONNABORTED : 0;
	}
	atomic_store(&init->is_done, true);
}

static void *init_thread(void *data)
{
	struct init *init = data;

	read_init(init);
	process_init(init);
	return NULL;
}

/* As libfuse's own threads: signals that end a server are for the main thread. */
static int start_init_thread(pthread_t *thread, struct init *init)
{
	sigset_t blocked, old;
	int rc;

	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGTERM);
	(void)sigaddset(&blocked, SIGINT);
	(void)sigaddset(&blocked, SIGHUP);
	(void)sigaddset(&blocked, SIGQUIT);
	rc = pthread_sigmask(SIG_BLOCK, &blocked, &old);
	if (!rc) {
		rc = pthread_create(thread, NULL, init_thread, init);
		(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	}
	return -rc;
}

/*
 * If it still waits for FUSE_INIT now, that will not come, whatever the helper says. Not otherwise:
 * the first call of pthread_cancel(3) loads a library, and somebody waits for our goodbye.
 */
static void end_init_thread(pthread_t thread, const struct init *init)
{
	if (!atomic_load(&init->is_read))
		(void)pthread_cancel(thread);
	(void)pthread_join(thread, NULL);
}

static int init_during_mount(struct fuse_service *sf, struct init *init)
{
	bool was_done;
	pthread_t thread;
	int rc;

	rc = start_init_thread(&thread, init);
	if (rc)
		return rc;
	/* However long the server's own init takes, the helper is not to blame. */
	do {
		was_done = atomic_load(&init->is_done);
		rc = fusesvc_server_mount_finish(sf->server);
	} while (rc == -ETIMEDOUT && atomic_load(&init->is_read) && !was_done);
	end_init_thread(thread, init);
	return rc ? rc : init->rc;
}

/* FUSE_INIT is there when the mount is: a helper that lets us wait for it has mounted nothing. */
static int init_after_mount(struct fuse_service *sf, struct init *init)
{
	struct pollfd fds[] = {
		{ .fd = init->read_fd, .events = POLLIN },
		{ .fd = fusesvc_server_fd(sf->server) }, /* that it hangs up */
	};
	pthread_t thread;
	int rc = fusesvc_server_mount_finish(sf->server);

	if (!rc)
		rc = start_init_thread(&thread, init);
	if (rc)
		return rc;
	while (poll(fds, ARRAY_SIZE(fds), INIT_TIMEOUT) < 0 && errno == EINTR &&
	       !fuse_session_exited(init->se))
		continue;
	end_init_thread(thread, init);
	return init->rc;
}

static int mount_and_init(struct fuse_service *sf, struct fuse_session *se,
			  const struct fusesvc_mount_request *req)
{
	struct init init = { .se = se, .fuse_fd = sf->fuse_fd, .rc = -ECONNABORTED };
	bool is_sync = fusesvc_server_can_message(sf->server) &&
		       ioctl(sf->fuse_fd, FUSE_DEV_IOC_SYNC_INIT) == 0;
	int rc;

	init.read_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (init.read_fd < 0)
		return -errno;
	init.mem = malloc(INIT_BUFFER_SIZE);
	rc = init.mem ? 0 : -ENOMEM;
	if (!rc)
		rc = fusesvc_server_mount_start(sf->server, req);
	if (!rc)
		rc = is_sync ? init_during_mount(sf, &init) : init_after_mount(sf, &init);
	free(init.mem);
	(void)close(init.read_fd);
	return rc;
}

static int bind_session(struct fuse_service *sf, struct fuse_session *se)
{
	char path[32];
	int fd;

	if (sf->fuse_fd >= 0)
		return fuse_session_fd(se) == sf->fuse_fd ? 0 : -EBADF;
	fd = fusesvc_server_take_fuse_fd(sf->server);
	(void)snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	if (fd < 0 || fuse_session_mount(se, path)) {
		close_fd_keep_errno(fd);
		return -EBADF;
	}
	sf->fuse_fd = fd;
	return 0;
}

static const char *source_of(const struct fuse_service *sf)
{
	int argc;

	if (sf->options.fsname)
		return sf->options.fsname;
	if (sf->options.subtype)
		return sf->options.subtype;
	return fusesvc_server_args(sf->server, &argc)[0];
}

static int session_mount(struct fuse_service *sf, struct fuse_session *se, mode_t expected_fmt,
			 const struct fuse_cmdline_opts *opts)
{
	_cleanup_free_ char *mntopts = mount_options_text(&sf->options);
	const struct fusesvc_mount_request req = {
		.source = source_of(sf),
		.target = opts->mountpoint,
		.expected_fmt = expected_fmt ? expected_fmt : sf->expected_fmt,
		.fuseblk = sf->options.blkdev,
		.mntopts = mntopts,
		.ms_flags = sf->options.ms_flags,
	};
	int rc;

	if (!mntopts)
		return -ENOMEM;
	if (!req.target)
		return -EINVAL;
	rc = bind_session(sf, se);
	if (!rc)
		rc = mount_and_init(sf, se, &req);
	if (!rc && chdir("/") < 0)
		rc = -errno;
	return rc;
}

int fuse_service_session_mount(struct fuse_service *sf, struct fuse_session *se,
			       mode_t expected_fmt, struct fuse_cmdline_opts *opts)
{
	int rc = session_mount(sf, se, expected_fmt, opts);

	opts->foreground = 1;
	if (rc)
		service_log_failure(sf, "the mount failed", rc);
	return rc;
}
