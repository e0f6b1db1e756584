/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The clock for deadlines: it never goes back.
 */
#ifndef FUSESVC_CLOCK_H
#define FUSESVC_CLOCK_H

#include <limits.h>
#include <stdint.h>
#include <time.h>

static inline int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* For poll(2). 0 seconds are for ever, and so is more than it can count. */
static inline int poll_timeout(unsigned int seconds)
{
	return seconds && seconds < INT_MAX / 1000 ? (int)seconds * 1000 : -1;
}

#endif /* FUSESVC_CLOCK_H */
