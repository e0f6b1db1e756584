/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How often a server may tell how far it is: often at first, so that a line on a terminal moves,
 * and more rarely the longer it takes, so that %FUSESVC_MAX_PROGRESS messages last for hours. Never
 * so rarely that a helper of the usual patience gives up.
 */
#ifndef FUSESVC_PACE_H
#define FUSESVC_PACE_H

#include <stdbool.h>

#include "clock.h"
#include "fusesvc.h"

#define PACE_MIN_MS   500
#define PACE_MAX_MS   20000
#define PACE_FRACTION 50 /* of the time that it has taken so far */

struct pace {
	int64_t start, last; /* in ms; of the first message, and of the latest */
	unsigned int n;	     /* messages so far */
};

/* May there be one now? Then it counts. */
static inline bool pace_allows(struct pace *p, int64_t now)
{
	int64_t ms = (now - p->start) / PACE_FRACTION;

	ms = ms < PACE_MIN_MS ? PACE_MIN_MS : ms > PACE_MAX_MS ? PACE_MAX_MS : ms;
	if (p->n == FUSESVC_MAX_PROGRESS || (p->n && now - p->last < ms))
		return false;
	if (p->n++ == 0)
		p->start = now;
	p->last = now;
	return true;
}

#endif /* FUSESVC_PACE_H */
