// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ends the process when nobody needs it any more, whatever it is unpacking just then.
 *
 * An archive can keep its server busy for hours with one read. First the connection to the helper
 * is watched: when it ends, by our goodbye or because the helper has given up, /dev/fuse tells
 * whether there is a mount. Then /dev/fuse is watched for the unmount. A server that is idle has
 * ended by itself before.
 */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define GRACE_MS 500 /* for an orderly end */

static struct pollfd watched[2];

/* Only an error or a hang-up ends the wait: there is nothing that we want to read. */
static void wait_for_end(struct pollfd *pfd)
{
	while (poll(pfd, 1, -1) < 0 && errno == EINTR)
		;
	(void)close(pfd->fd);
}

static void *watch(void *unused)
{
	const struct timespec grace = { .tv_nsec = GRACE_MS * 1000000L };

	(void)unused;
	wait_for_end(&watched[0]);
	wait_for_end(&watched[1]);
	(void)nanosleep(&grace, NULL);
	_exit(EXIT_FAILURE);
}

int watch_start(int connection, int fuse)
{
	pthread_t thread;
	int rc;

	watched[0].fd = fcntl(connection, F_DUPFD_CLOEXEC, 0);
	watched[1].fd = fcntl(fuse, F_DUPFD_CLOEXEC, 0);
	if (watched[0].fd < 0 || watched[1].fd < 0)
		return -errno;
	rc = pthread_create(&thread, NULL, watch, NULL);
	if (!rc)
		(void)pthread_detach(thread);
	return -rc;
}
