/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mounter, as the parent sees it: the worker that mounts, and then writes utab. It is there
 * before its order, as a mount must not wait for a fork. What it was doing when it had to be
 * killed, or when it died, nobody knows: then another one looks whether there is something to be
 * undone.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "svc.h"

#define END_MS	2000 /* how long a worker may take to die of SIGKILL */
#define UNDO_MS 10000

int svc_mounter_start(struct svc_mount *m)
{
	return svc_worker_start(&m->mounter, m);
}

int svc_mounter_order(struct svc_mount *m, const struct svc_request *req, int fuse_fd,
		      int target_fd)
{
	struct svc_request order = *req;
	int rc;

	order.type = SVC_WORK_MOUNT;
	/* For the undo and what else is to be known when all has ended. */
	m->fuse_fd = fcntl(fuse_fd, F_DUPFD_CLOEXEC, 3);
	m->target_fd = fcntl(target_fd, F_DUPFD_CLOEXEC, 3);
	rc = m->fuse_fd < 0 || m->target_fd < 0 ? -errno : 0;
	if (!rc)
		rc = svc_request_send(m->mounter.fd, &order, fuse_fd, target_fd);
	m->is_mounting = rc == 0;
	if (rc)
		close_fd_keep_errno(steal_fd(&m->fuse_fd));
	return rc;
}

/* A killed mounter may still wait for a server, in the end of a fuseblk mount that failed. */
static bool kill_mounter(const struct svc_mount *m)
{
	(void)kill(m->mounter.pid, SIGKILL);
	if (svc_worker_has_answered(&m->mounter, END_MS))
		return true;
	return m->fuseblk && svc_has_connection(m, m->fuse_fd) &&
	       svc_abort_connection(m->source_dev) == 0 &&
	       svc_worker_has_answered(&m->mounter, END_MS);
}

static int take_result(struct svc_mount *m)
{
	struct svc_result result;
	int rc = svc_worker_answer(&m->mounter, &result, &m->tree_fd);

	if (rc)
		return rc;
	m->target_mnt_id = result.target_mnt_id;
	m->added |= result.added;
	m->is_read_only |= (result.added & MS_RDONLY) != 0;
	if (result.error.code && !m->error.code)
		m->error = result.error;
	if (result.rc)
		return result.rc;
	m->true_target = strdup(result.true_target);
	return m->true_target ? 0 : -EOWNERDEAD;
}

int svc_mounter_result(struct svc_mount *m, bool kill_it)
{
	int rc;

	if (!m->is_mounting)
		return -ECHILD;
	if (kill_it && !kill_mounter(m)) {
		svc_process_forget(&m->mounter);
		rc = -EBUSY;
	} else {
		rc = take_result(m);
	}
	m->is_mounting = false;
	m->has_connection = rc == 0 || svc_has_connection(m, m->fuse_fd);
	(void)svc_connection_of(m, m->fuse_fd, &m->connection);
	close_fd_keep_errno(steal_fd(&m->fuse_fd));
	return rc;
}

static int unmount_by_worker(struct svc_mount *m)
{
	const struct svc_request order = { .type = SVC_WORK_UNMOUNT };
	struct svc_process worker = { .fd = -1 };
	struct svc_result result;
	int rc, tree_fd;

	if (m->target_fd < 0)
		return -ENOENT;
	rc = svc_worker_start(&worker, m);
	if (rc)
		return rc;
	rc = svc_request_send(worker.fd, &order, -1, -1);
	if (!rc && !svc_worker_has_answered(&worker, UNDO_MS)) {
		(void)kill(worker.pid, SIGKILL);
		if (!svc_worker_has_answered(&worker, END_MS)) {
			svc_process_forget(&worker);
			return -ETIMEDOUT;
		}
	}
	if (!rc)
		rc = svc_worker_answer(&worker, &result, &tree_fd);
	svc_process_end(&worker);
	if (rc)
		return rc;
	close_fd_keep_errno(tree_fd);
	return result.rc;
}

/* What fails before anything is undone (no process, no memory) may be there at the second attempt.
 */
int svc_unmount(struct svc_mount *m)
{
	int rc;

	if (m->host.is_detached) {
		svc_tree_end(m);
		return 0;
	}
	rc = unmount_by_worker(m);
	return rc && rc != -ENOENT && rc != -ETIMEDOUT ? unmount_by_worker(m) : rc;
}
