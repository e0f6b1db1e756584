/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stand-in for the kernel behind /dev/fuse: a pseudo-terminal is a character device too, and
 * blocks whoever reads it. So a test can ask a session for something, without any privilege.
 */
#ifndef TESTS_FUSE_KERNEL_H
#define TESTS_FUSE_KERNEL_H

#include "test-util.h"

/* Is FUSE_DEV_IOC_SYNC_INIT known, and was it asked for? Needs -Wl,--wrap=ioctl. */
extern bool kernel_is_sync, kernel_will_wait;

/* The server's end in @dev, the kernel's in @kernel. */
void kernel_new(int *dev, int *kernel);
/* Of a kernel that can nothing. */
void kernel_asks_init(int kernel);
void kernel_asks_statfs(int kernel);
/* Waits for the next answer of the server. Returns its error, a negative errno value or 0. */
int kernel_hears(int kernel);
void kernel_hears_nothing(int kernel);

#endif
