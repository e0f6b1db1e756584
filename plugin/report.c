/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a mount went that was made for a host by a process of ours, with the mount itself.
 *
 * One packet, from a process that is the module's own. What is in it of a server's is words and
 * numbers, as in a request of the child's, and is looked at again: the host may be a large program.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/signalfd.h>

#include "clock.h"
#include "svc.h"

int svc_report_send(struct svc_mount *m, int sock)
{
	struct svc_request report = {
		.type = SVC_REQUEST_REPORT,
		.ms_flags = m->added,
		.server_pid = m->server_pid,
		.is_absent = m->is_absent,
		.is_read_only = m->is_read_only,
		.connection = m->connection,
		.device = m->fuseblk ? m->source_dev : 0,
		.error = m->error,
		.hint = m->hint,
	};

	memcpy(report.name, m->name, sizeof(report.name));
	memcpy(report.words, m->words, sizeof(report.words));
	return svc_request_send(sock, &report, m->tree_fd, -1);
}

/*
 * The file system instead of the mount: libmount may unmount that (X-mount.subdir= on older
 * kernels), and does not like others to have it. It is told when we have let it go.
 */
static int hold_file_system(struct svc_mount *m, int sock)
{
	int fd = fspick(m->tree_fd, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);

	close_fd_keep_errno(m->tree_fd);
	m->tree_fd = fd;
	return svc_answer_send(sock, 0);
}

/* A word, not the end: that is nobody's word for it. 0, or it is not attached. */
static int wait_for_word(const struct svc_mount *m, int sock)
{
	sigset_t signals = m->signals;
	_cleanup_fd_ int signal_fd = -1;
	int32_t word;

	(void)sigdelset(&signals, SIGCHLD); /* that is the end of one of ours */
	signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (signal_fd < 0)
		return -errno;
	for (;;) {
		struct pollfd pfds[] = {
			{ .fd = sock, .events = POLLIN },
			{ .fd = signal_fd, .events = POLLIN },
		};
		int n = poll(pfds, ARRAY_SIZE(pfds), poll_timeout(m->opts.timeout));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ETIMEDOUT;
		return pfds[0].revents ? svc_answer_recv(sock, &word) : -EINTR;
	}
}

/*
 * Until it is attached, a host may ask the server (X-mount.subdir=), where it waits for an answer
 * that not even SIGKILL ends; and the end of a host could be the end of a fuseblk mount, which
 * waits for the server, too. So we hold the file system as well, and hang up on the server if the
 * mount is not attached in time.
 */
void svc_report_stay(struct svc_mount *m, int sock)
{
	int fd = -1;

	if (m->tree_fd < 0)
		return;
	if (hold_file_system(m, sock) != 0 || wait_for_word(m, sock) != 0) {
		if (!m->fuseblk && m->connection)
			fd = svc_connection_open(m->connection, "abort", O_WRONLY);
		if (fd >= 0)
			(void)!write(fd, "1", 1);
		close_fd_keep_errno(fd);
		svc_tree_end(m);
	}
	close_fd_keep_errno(steal_fd(&m->tree_fd));
}

static void take(struct svc_mount *m, const struct svc_request *report)
{
	(void)snprintf(m->name, sizeof(m->name), "%s", report->name);
	memcpy(m->words, report->words, sizeof(m->words));
	m->error = report->error;
	m->hint = report->hint;
	m->added = report->ms_flags & SVC_SERVER_MS_FLAGS;
	m->server_pid = report->server_pid;
	m->is_absent = report->is_absent;
	m->is_read_only = report->is_read_only;
	m->connection = report->connection;
	m->fuseblk = report->device != 0;
	m->source_dev = report->device;
}

/* A mount comes with success alone, and success of a mount with one. */
static bool is_consistent(const struct svc_mount *m, const struct svc_request *report, int tree_fd)
{
	bool needs_tree = !report->error.code && !report->is_absent && !m->opts.remount;

	return report->type == SVC_REQUEST_REPORT && (tree_fd >= 0) == needs_tree &&
	       (!*report->name || fusesvc_name_is_valid(report->name));
}

int svc_report_recv(struct svc_mount *m, int sock)
{
	struct svc_request report;
	int fds[2], rc = svc_request_recv(sock, &report, fds);

	if (!rc && !is_consistent(m, &report, fds[0]))
		rc = -EBADMSG;
	if (!rc)
		take(m, &report);
	if (!rc)
		m->tree_fd = steal_fd(&fds[0]);
	close_fd_keep_errno(fds[0]);
	close_fd_keep_errno(fds[1]);
	return rc;
}
