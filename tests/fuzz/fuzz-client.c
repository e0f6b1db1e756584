// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fuzzes a whole session of the mount side. The input: one byte that says how the callbacks behave,
 * then packets, each after its length in two bytes. All of them lie in the socket before the
 * session starts, and then it ends, so that it never waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "fusesvc.h"

#define MAX_PACKETS 100 /* as many as fit into a socket, with their answers */

enum { ASYNC = 1, REFUSE_OPEN = 2, REFUSE_MOUNT = 4, REFUSE_TEXT = 8, NEVER_DONE = 16, ABORT = 32 };

struct fuzz {
	struct fusesvc_client *c;
	uint8_t behaviour;
	int null, wait;
	unsigned int fsopen, mntpt, mount, done, opens, messages;
	bool mounted;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static int on_open(void *data, const struct fusesvc_open_request *req, int *fd)
{
	struct fuzz *f = data;

	check(++f->opens <= FUSESVC_MAX_OPENS && strlen(req->path) < 65536);
	if (f->behaviour & REFUSE_OPEN)
		return -EPERM;
	*fd = fcntl(f->null, F_DUPFD_CLOEXEC, 0);
	return 0;
}

static int on_fsopen(void *data, bool fuseblk)
{
	struct fuzz *f = data;

	check(++f->fsopen == 1);
	if (f->behaviour & ABORT)
		fusesvc_client_abort(f->c, EINTR);
	return fuseblk ? -EPERM : 0;
}

static int on_text(void *data, const char *text)
{
	struct fuzz *f = data;

	check(f->fsopen == 1 && !f->mount);
	return (f->behaviour & REFUSE_TEXT) && *text == 'r' ? -EINVAL : 0;
}

static int on_mntpt(void *data, const char *path, mode_t expected_fmt)
{
	struct fuzz *f = data;

	check(++f->mntpt == 1 && f->fsopen == 1 && !f->mount);
	return *path == '/' ? 0 : -EPERM;
}

static int on_mount(void *data, uint32_t ms_flags, int *wait_fd)
{
	struct fuzz *f = data;

	check(++f->mount == 1 && f->fsopen == 1 && f->mntpt == 1);
	if (f->behaviour & ASYNC) {
		*wait_fd = f->wait;
		return -EINPROGRESS;
	}
	f->mounted = !(f->behaviour & REFUSE_MOUNT);
	return f->mounted ? 0 : -EBUSY;
}

static int on_mount_done(void *data)
{
	struct fuzz *f = data;

	check(++f->done == 1 && f->mount == 1);
	f->mounted = !(f->behaviour & REFUSE_MOUNT);
	return f->mounted ? 0 : -EBUSY;
}

static void on_message(void *data, int level, uint32_t progress, const char *text)
{
	struct fuzz *f = data;

	check(++f->messages <= FUSESVC_MAX_MESSAGES && strlen(text) < FUSESVC_MESSAGE_SIZE);
	check(progress <= 1000 || progress == FUSESVC_NO_PROGRESS);
}

static void send_all(int sock, const uint8_t *data, size_t size)
{
	for (int i = 0; i < MAX_PACKETS && size >= 2; i++) {
		size_t len = (size_t)data[0] << 8 | data[1];

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		if (send(sock, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
		data += len;
		size -= len;
	}
	(void)shutdown(sock, SHUT_WR);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fusesvc_client_ops ops = {
		on_open, on_fsopen, on_text,	   on_mntpt,   on_text,
		on_text, on_mount,  on_mount_done, on_message,
	};
	static const char *const argv[] = { "sq", "/img", "/mnt" };
	struct fuzz f = { 0 };
	int pair[2], rc;
	char text[256];

	if (size < 1)
		return 0;
	f.behaviour = data[0];
	check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	send_all(pair[1], data + 1, size - 1);
	f.null = open("/dev/null", O_RDWR | O_CLOEXEC);
	f.wait = eventfd(f.behaviour & NEVER_DONE ? 0 : 1, EFD_CLOEXEC);
	check(fusesvc_client_new(&f.c, &ops, &f) == 0 && fusesvc_client_set_fd(f.c, pair[0]) == 0);
	fusesvc_client_set_timeout(f.c, 1);
	rc = fusesvc_client_start(f.c, 0, ARRAY_SIZE(argv), argv, f.null);
	if (rc == 0)
		rc = fusesvc_client_run(f.c);
	/* Success means a mount and nothing else; a failure says why. */
	check((rc == 0) == (fusesvc_client_error(f.c)->code == FUSESVC_E_NONE));
	check(rc != 0 || f.mounted);
	check(strlen(fusesvc_error_text(fusesvc_client_error(f.c), text, sizeof(text))) > 0);
	fusesvc_client_free(f.c);
	(void)close(pair[1]);
	(void)close(f.null);
	(void)close(f.wait);
	return 0;
}
