/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the unit tests share: cmocka, bytes from hexadecimal text, raw packets with descriptors,
 * and a count of open descriptors, so that a leak fails a test.
 *
 * For tests alone; each helper asserts, so that a test need not check anything.
 */
#ifndef TESTS_TEST_UTIL_H
#define TESTS_TEST_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"

#include "../send-fds.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

/* A test that hangs is a failure: what lost its deadline must not look like what is slow. */
__attribute__((constructor)) static inline void end_in_time(void)
{
	(void)alarm(1800);
}

/* A skip is a failure where everything must be there. */
#define require_or_skip(condition, what)                    \
	do {                                                \
		const char *ci_ = getenv("CI");             \
		if (condition)                              \
			break;                              \
		if (ci_ && strcmp(ci_, "true") == 0)        \
			fail_msg("needs %s", what);         \
		print_message("skipped: needs %s\n", what); \
		skip();                                     \
	} while (0)

static inline size_t count_entries(const char *path)
{
	DIR *d = opendir(path);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static inline size_t count_fds(void)
{
	return count_entries("/proc/self/fd");
}

/* Setup and teardown of a test that must leave as many descriptors open as it found. */
static inline int fds_before(void **state)
{
	*state = (void *)(uintptr_t)count_fds();
	return 0;
}

static inline int fds_after(void **state)
{
	size_t before = (size_t)(uintptr_t)*state, now = count_fds();

	if (now != before)
		print_error("%zu descriptors were open before the test, %zu are now\n", before,
			    now);
	return now == before ? 0 : -1;
}

#define unit_test_fds(f) cmocka_unit_test_setup_teardown(f, fds_before, fds_after)

/* Moves a descriptor away from the low numbers, where a test may want one of its own. */
static inline int high_fd(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, 10);

	assert_return_code(high, errno);
	(void)close(fd);
	return high;
}

static inline void make_pair(int pair[2])
{
	assert_return_code(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), errno);
}

/* As before Linux 6.16: the kernel lets descriptors through, whoever receives must drop them. */
static inline void let_fds_through(int sock)
{
	int one = 1;

	(void)setsockopt(sock, SOL_SOCKET, SO_PASSRIGHTS, &one, sizeof(one));
}

/* Sends bytes as they are, with descriptors. */
static inline void send_raw(int sock, const void *buf, size_t size, const int *fds, size_t n_fds)
{
	assert_int_equal(send_with_fds(sock, buf, size, fds, n_fds, MSG_DONTWAIT), 0);
}

/* Receives bytes and at most one descriptor (-1: none). Returns -1 if there is nothing, 0 at the
 * end. */
static inline ssize_t recv_raw(int sock, void *buf, size_t size, int *fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = buf, .iov_len = size };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c;

	*fd = -1;
	if (n < 0)
		return -1;
	c = CMSG_FIRSTHDR(&msg);
	if (c) {
		assert_int_equal(c->cmsg_type, SCM_RIGHTS);
		assert_int_equal(c->cmsg_len, CMSG_LEN(sizeof(int)));
		memcpy(fd, CMSG_DATA(c), sizeof(int));
	}
	return n;
}

static inline int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = strchr(digits, c);

	assert_non_null(at);
	return (int)(at - digits);
}

/* Hexadecimal text, with blanks between the bytes, to allocated bytes. */
static inline uint8_t *from_hex(const char *hex, size_t *size)
{
	uint8_t *buf = malloc(strlen(hex) / 2 + 1);

	assert_non_null(buf);
	*size = 0;
	for (const char *p = hex; *p; p++) {
		if (*p == ' ')
			continue;
		assert_true(p[1] != '\0');
		buf[(*size)++] = (uint8_t)(hex_digit(p[0]) << 4 | hex_digit(p[1]));
		p++;
	}
	return buf;
}

/* A copy of exactly @size bytes, so that a byte read beyond them is noticed by a sanitizer. */
static inline uint8_t *exact_copy(const void *buf, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	assert_non_null(copy);
	if (size)
		memcpy(copy, buf, size);
	return copy;
}

/* In a child; what is wrong is said, and makes its exit code. */
#define expect_in_child(condition)                                                  \
	do {                                                                        \
		if (!(condition)) {                                                 \
			print_error("%s:%d: %s\n", __func__, __LINE__, #condition); \
			_exit(EXIT_FAILURE);                                        \
		}                                                                   \
	} while (0)

#endif
