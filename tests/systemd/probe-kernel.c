// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The probe's attempts at system calls that no server needs: those that change the system, and
 * those that are a large part of the kernel for an attacker.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "probe.h"

/* Arguments that do no harm where the call is permitted; the kernel looks at rights first. */
static const struct call {
	const char *name;
	long number;
	long args[5];
} calls[] = {
#define TEXT(s) ((long)(s))
	/* mounts */
	{ "mount", SYS_mount, { TEXT("none"), TEXT("/proc/none"), TEXT("tmpfs") } },
	{ "umount2", SYS_umount2, { TEXT("/proc/none") } },
	{ "pivot_root", SYS_pivot_root, { TEXT("/proc/none"), TEXT("/proc/none") } },
	{ "chroot", SYS_chroot, { TEXT("/") } },
	{ "fsopen", SYS_fsopen, { TEXT("tmpfs") } },
	{ "open_tree", SYS_open_tree, { AT_FDCWD, TEXT("/"), 1 /* OPEN_TREE_CLONE */ } },
	{ "move_mount", SYS_move_mount, { -1, TEXT(""), -1, TEXT(""), 0 } },
	{ "mount_setattr", SYS_mount_setattr, { -1, TEXT(""), 0, 0, 0 } },
	/* the system */
	{ "reboot", SYS_reboot, { 0, 0, 0 } },
	{ "kexec_load", SYS_kexec_load, { 0, 0, 0, -1 } },
	{ "init_module", SYS_init_module, { 0, 0, TEXT("") } },
	{ "finit_module", SYS_finit_module, { -1, TEXT(""), 0 } },
	{ "delete_module", SYS_delete_module, { TEXT("none"), O_NONBLOCK } },
	{ "clock_settime", SYS_clock_settime, { CLOCK_REALTIME, 0 } },
	{ "settimeofday", SYS_settimeofday, { 0, 0 } },
	{ "adjtimex", SYS_adjtimex, { 0 } },
	{ "sethostname", SYS_sethostname, { 0, -1 } },
	{ "setdomainname", SYS_setdomainname, { 0, -1 } },
	{ "swapon", SYS_swapon, { TEXT("/proc/none"), 0 } },
	{ "acct", SYS_acct, { TEXT("/proc/none") } },
	{ "quotactl", SYS_quotactl, { 0, 0, 0, 0 } },
	{ "syslog", SYS_syslog, { 10 /* size of the buffer */, 0, 0 } },
	{ "vhangup", SYS_vhangup, { 0 } },
	/* other processes, and what is shared with them */
	{ "ptrace", SYS_ptrace, { PTRACE_ATTACH, 0x7ffffff, 0, 0 } },
	{ "kcmp", SYS_kcmp, { 1, 1, 0, 0, 0 } },
	{ "shmget", SYS_shmget, { IPC_PRIVATE, 4096, 0600 } },
	{ "semget", SYS_semget, { IPC_PRIVATE, 1, 0600 } },
	{ "msgget", SYS_msgget, { IPC_PRIVATE, 0600 } },
	{ "mq_open", SYS_mq_open, { TEXT("fsvc-probe"), O_RDONLY | O_CREAT, 0600, 0 } },
	{ "keyctl", SYS_keyctl, { 0, -3, 0 } },
	{ "add_key", SYS_add_key, { TEXT("user"), TEXT("fsvc"), TEXT("x"), 1, -1 } },
	{ "request_key", SYS_request_key, { TEXT("user"), TEXT("fsvc"), 0, 0 } },
	/* large parts of the kernel */
	{ "bpf", SYS_bpf, { -1, 0, 0 } },
	{ "perf_event_open", SYS_perf_event_open, { 0, 0, -1, -1, 0 } },
	{ "io_uring_setup", SYS_io_uring_setup, { 1, 0 } },
	{ "io_setup", SYS_io_setup, { 1, 0 } },
	{ "userfaultfd", SYS_userfaultfd, { 1 /* user mode only */ } },
	{ "open_by_handle_at", SYS_open_by_handle_at, { -1, 0, 0 } },
	{ "fanotify_init", SYS_fanotify_init, { 0, 0 } },
	{ "personality", SYS_personality, { ADDR_NO_RANDOMIZE } },
	{ "memfd_create", SYS_memfd_create, { TEXT("fsvc"), 0 } },
#ifdef SYS_iopl
	{ "iopl", SYS_iopl, { 3 } },
	{ "ioperm", SYS_ioperm, { 0x80, 1, 1 } },
	{ "modify_ldt", SYS_modify_ldt, { 0, 0, 0 } },
#endif
};

static const struct call *current;

static int try_call(void)
{
	const long *a = current->args;

	/* Not every call looks at rights first: a pointer that is none ends in EFAULT. */
	return RESULT(syscall(current->number, a[0], a[1], a[2], a[3], a[4]));
}

static int try_writable_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int try_code_from_data(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : RESULT(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int try_setuid_bit(void)
{
	return RESULT(fchmod(STDERR_FILENO, 04755));
}

#ifdef __x86_64__
/* A system call by the table of 32-bit programs, which a filter could have forgotten: getpid. */
static int try_other_table(void)
{
	long rc = 20;

	__asm__ volatile("int $0x80" : "+a"(rc) : : "memory");
	return rc < 0 ? (int)-rc : 0;
}
#endif

void probe_kernel(void)
{
	static const struct attempt others[] = {
		ATTEMPT("writable code", try_writable_code),
		ATTEMPT("code from data", try_code_from_data),
		ATTEMPT("set-user-ID bit", try_setuid_bit),
#ifdef __x86_64__
		ATTEMPT("32-bit system call", try_other_table),
#endif
	};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		current = &calls[i];
		report(in_child(try_call), "call %s", current->name);
	}
	try_all("make", others, ARRAY_SIZE(others));
}
