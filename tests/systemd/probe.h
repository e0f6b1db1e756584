/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The probe: what its parts share.
 */
#ifndef PROBE_H
#define PROBE_H

#include <errno.h>
#include <stdbool.h>
#include <sys/types.h>

/* An attempt returns 0 if it worked, or a positive errno value. */
struct attempt {
	const char *name;
	int (*run)(void);
};

#define ATTEMPT(text, function) \
	{                       \
		text, function  \
	}

/*
 * Tells how an attempt ended, as one line: "probe: NAME: denied (EPERM)", "ALLOWED", or
 * "REACHED (EINVAL)" if the kernel refused for a reason that has nothing to do with rights.
 */
__attribute__((format(printf, 2, 3))) void report(int error, const char *fmt, ...);

/* The same for a path, where one that does not exist is as good as one that is forbidden. */
void report_path(const char *what, const char *path, int error);

/* Tells what is, as one line: "probe: is NAME: VALUE" */
__attribute__((format(printf, 2, 3))) void tell(const char *name, const char *fmt, ...);

/* Makes the attempts, each in a child of its own, and reports them. */
void try_all(const char *what, const struct attempt *attempts, size_t n);

/* Runs in a child; returns what it returned, EPERM if a filter killed it, or EFAULT. */
int in_child(int (*run)(void));

/* What a system call's result means: 0 or a positive errno value. */
#define RESULT(call) ((call) < 0 ? errno : 0)

void probe_files(void);	 /* probe-files.c */
void probe_rights(void); /* probe-rights.c */
void probe_kernel(void); /* probe-kernel.c */
void probe_sibling(pid_t pid);
void probe_memory(void); /* probe-limits.c */
void probe_tasks(void);
void probe_trapped(void); /* probe-trapped.c */

#endif /* PROBE_H */
