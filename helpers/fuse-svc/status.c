/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuse-svc status.
 */
#include "commands.h"

static int run(const struct invocation *inv)
{
	(void)inv;
	return MNT_EX_SYSERR;
}

const struct command status_command = {
	.name = "status",
	.arguments = "",
	.what = "to come",
	.run = run,
};
