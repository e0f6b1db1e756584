/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuse-svc doctor: what keeps services from working, and what to do about it.
 */
#include "commands.h"

static int run(const struct invocation *inv)
{
	(void)inv;
	return MNT_EX_SYSERR;
}

const struct command doctor_command = {
	.name = "doctor",
	.arguments = "[NAME]",
	.what = "look for what keeps services, or one, from working",
	.run = run,
};
