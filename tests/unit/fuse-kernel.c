// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A stand-in for the kernel behind /dev/fuse, see fuse-kernel.h. It knows what libfuse's headers
 * hide, so it includes none of them.
 */
#include "fuse-kernel.h"

#include <linux/fuse.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

#ifndef FUSE_DEV_IOC_SYNC_INIT
#define FUSE_DEV_IOC_SYNC_INIT _IO(229, 3)
#endif

#define PATIENCE 20000 /* milliseconds, for a slow machine */

bool kernel_is_sync, kernel_will_wait;

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	if (request == FUSE_DEV_IOC_SYNC_INIT && kernel_is_sync) {
		kernel_will_wait = true;
		return 0;
	}
	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	return __real_ioctl(fd, request, arg);
}

void kernel_new(int *dev, int *kernel)
{
	struct termios raw;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	require_or_skip(master >= 0, "a pseudo-terminal");
	master = high_fd(master);
	assert_return_code(grantpt(master), errno);
	assert_return_code(unlockpt(master), errno);
	*dev = high_fd(open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC));
	assert_return_code(tcgetattr(*dev, &raw), errno);
	cfmakeraw(&raw);
	assert_return_code(tcsetattr(*dev, TCSANOW, &raw), errno);
	*kernel = master;
	kernel_will_wait = false;
}

static void ask(int kernel, uint32_t opcode, const void *body, size_t size)
{
	struct fuse_in_header h = {
		.len = (uint32_t)(sizeof(h) + size),
		.opcode = opcode,
		.unique = opcode,
		.nodeid = FUSE_ROOT_ID,
	};
	char request[256];

	assert_true(h.len <= sizeof(request));
	memcpy(request, &h, sizeof(h));
	if (size)
		memcpy(request + sizeof(h), body, size);
	assert_int_equal(write(kernel, request, h.len), h.len);
}

void kernel_asks_init(int kernel)
{
	struct fuse_init_in init = { .major = 7, .minor = 31, .max_readahead = 4096 };

	/* What follows came with a later minor version. */
	ask(kernel, FUSE_INIT, &init, 4 * sizeof(uint32_t));
}

void kernel_asks_statfs(int kernel)
{
	ask(kernel, FUSE_STATFS, NULL, 0);
}

static void read_all(int kernel, void *buf, size_t size)
{
	for (size_t done = 0; done < size;) {
		struct pollfd pfd = { .fd = kernel, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&pfd, 1, PATIENCE), 1);
		n = read(kernel, (char *)buf + done, size - done);
		assert_true(n > 0);
		done += (size_t)n;
	}
}

int kernel_hears(int kernel)
{
	struct fuse_out_header h;
	char body[4096];

	read_all(kernel, &h, sizeof(h));
	assert_true(h.len >= sizeof(h) && h.len - sizeof(h) <= sizeof(body));
	read_all(kernel, body, h.len - sizeof(h));
	return h.error;
}

void kernel_hears_nothing(int kernel)
{
	struct pollfd pfd = { .fd = kernel, .events = POLLIN };

	assert_int_equal(poll(&pfd, 1, 0), 0);
}
