/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks of what is mounted. Must never touch a mount: a server that hangs would keep us. All is
 * known from utab, /proc, and the folders of fusectl.
 */
#include <poll.h>
#include <string.h>

#include "checks.h"
#include "module.h"

#define LOOK_MS 1000 /* a server that does nothing for so long, while requests wait, hangs */

static void free_server(struct svc_server **s)
{
	svc_server_free(*s);
}

void check_mount_dead(struct doctor *d)
{
	for (size_t i = 0; i < d->mounts->n; i++) {
		const char *target = mnt_fs_get_target(d->mounts->fs[i]);
		_cleanup_(free_server) struct svc_server *s = NULL;

		if (svc_server_of(d->mounts->fs[i], &s) != 0 || !svc_server_info(s).is_dead)
			continue;
		doctor_find(d, DOCTOR_PROBLEM, target, "its server is gone: all access fails");
		doctor_mend(d, "umount %s", DOCTOR_QUOTED(target));
	}
}

void check_mount_stopped(struct doctor *d)
{
	for (size_t i = 0; i < d->mounts->n; i++) {
		_cleanup_(free_server) struct svc_server *s = NULL;
		pid_t pid;

		if (svc_server_of(d->mounts->fs[i], &s) != 0)
			continue;
		pid = svc_server_info(s).pid;
		if (!pid || !process_is_stopped(pid))
			continue;
		doctor_find(d, DOCTOR_PROBLEM, mnt_fs_get_target(d->mounts->fs[i]),
			    "its server is stopped: all access waits");
		doctor_mend(d, "kill -CONT %d", (int)pid);
	}
}

/* Do requests wait, and nobody works on them? What is stopped is told elsewhere. */
static bool seems_stuck(const struct svc_server *s, struct process *p)
{
	unsigned long waiting;

	return svc_server_info(s).pid && process_read(svc_server_info(s).pid, p) &&
	       p->state == 'S' && svc_server_waiting(s, &waiting) == 0 && waiting;
}

static void tell_stuck(struct doctor *d, const char *target, const struct svc_server *s)
{
	const struct svc_server_info info = svc_server_info(s);

	doctor_find(d, DOCTOR_WARNING, target,
		    "requests wait, and its server (%d) has done nothing for a second: it hangs",
		    (int)info.pid);
	doctor_mend(d, "kill -KILL %d", (int)info.pid); /* as umount(8) would wait for it */
	doctor_mend(d, "umount %s", DOCTOR_QUOTED(target));
}

/* Of all that seem to hang, those that still do a second later. */
void check_mount_stuck(struct doctor *d)
{
	_cleanup_free_ struct process *before = calloc(d->mounts->n + 1, sizeof(*before));
	struct process after;
	size_t n = 0;

	for (size_t i = 0; before && i < d->mounts->n; i++) {
		_cleanup_(free_server) struct svc_server *s = NULL;

		if (svc_server_of(d->mounts->fs[i], &s) == 0 && seems_stuck(s, &before[i]))
			n++;
		else
			before[i].state = '\0';
	}
	if (n)
		(void)poll(NULL, 0, LOOK_MS);
	for (size_t i = 0; n && i < d->mounts->n; i++) {
		_cleanup_(free_server) struct svc_server *s = NULL;

		if (before[i].state && svc_server_of(d->mounts->fs[i], &s) == 0 &&
		    seems_stuck(s, &after) && after.cpu == before[i].cpu)
			tell_stuck(d, mnt_fs_get_target(d->mounts->fs[i]), s);
	}
}
