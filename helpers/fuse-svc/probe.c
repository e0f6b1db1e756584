/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuse-svc probe.
 */
#include "commands.h"

static int run(const struct invocation *inv)
{
	(void)inv;
	return MNT_EX_SYSERR;
}

const struct command probe_command = {
	.name = "probe",
	.arguments = "",
	.what = "to come",
	.run = run,
};
