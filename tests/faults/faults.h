/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What faults.c asks about the system, after each run of the helper: look.c
 */
#ifndef FSVC_TESTS_FAULTS_H
#define FSVC_TESTS_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

#define TEXT_SIZE 4096

/*
 * What mount tables say about a target, without what differs from mount to mount (ids of mounts and
 * devices, the server's pid). "" if it is not there. @ns is a process in the mount namespace.
 */
struct mounted {
	char mountinfo[TEXT_SIZE];
	char utab[TEXT_SIZE];
};

void look_at(const char *target, const char *ns, struct mounted *now);

/* What the server saw and did. */
void read_log(const char *path, char log[TEXT_SIZE]);

/* Says in @text what is left of runs of the helper: processes, open devices, files, locks. */
bool is_nothing_left(const char *helper, const char *server, char text[TEXT_SIZE]);

#endif /* FSVC_TESTS_FAULTS_H */
