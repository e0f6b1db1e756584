/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks of what all mounts need: the kernel, /dev/fuse, fuse.conf(5), the directory of the
 * sockets.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "checks.h"
#include "fuse-conf.h"

#define FUSE_DEVICE	     "/dev/fuse"
#define FUSE_MAJOR	     10
#define FUSE_MINOR	     229
#define FUSECTL_DIR	     "/sys/fs/fuse/connections"
#define FUSECTL_SUPER_MAGIC  0x65735543 /* in no header */
#define SECCOMP_ACTIONS	     "/proc/sys/kernel/seccomp/actions_avail"
#define YAMA_PTRACE_SCOPE    "/proc/sys/kernel/yama/ptrace_scope"
#define YAMA_FOR_ROOT_ALONE  2 /* from here on, no process of the same user can be read */
#define KERNEL(major, minor) ((major) << 8 | (minor))

/* A file of /proc or /sys, up to its end or that of the buffer; "" if it cannot be read. */
static const char *read_text(const char *path, char *buf, size_t size)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

/* Is one of the words of a text that one? */
static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += len)
		if ((at == text || strchr(" \t\n", at[-1])) &&
		    (at[len] == '\0' || strchr(" \t\n", at[len])))
			return true;
	return false;
}

static unsigned int kernel(char *release, size_t size)
{
	unsigned int major_version = 0, minor_version = 0;
	struct utsname uts;

	if (uname(&uts) < 0)
		return 0;
	(void)sscanf(uts.release, "%u.%u", &major_version, &minor_version);
	(void)snprintf(release, size, "%s", uts.release);
	return KERNEL(major_version, minor_version < 256 ? minor_version : 255);
}

void check_kernel_version(struct doctor *d)
{
	char release[sizeof(((struct utsname *)0)->release)] = "";
	unsigned int version = kernel(release, sizeof(release));

	if (version < KERNEL(5, 9))
		doctor_find(d, DOCTOR_PROBLEM, "Linux",
			    "version %s: nothing can be mounted before 5.9", release);
	else if (version < KERNEL(5, 14) && has_preset_service(d))
		doctor_find(d, DOCTOR_PROBLEM, "Linux",
			    "version %s: servers behind fuse-svc-run need 5.14", release);
}

void check_fuse_module(struct doctor *d)
{
	char text[16384];

	(void)read_text("/proc/filesystems", text, sizeof(text));
	if (!has_word(text, "fuse")) {
		doctor_find(d, DOCTOR_PROBLEM, "Linux",
			    "the module \"fuse\" is not loaded: nothing can be mounted");
		doctor_mend(d, "modprobe fuse");
	} else if (!has_word(text, "fuseblk")) {
		doctor_find(d, DOCTOR_WARNING, "Linux",
			    "it has no fuseblk: block devices need the option svc-noblk");
	}
}

void check_fuse_device(struct doctor *d)
{
	struct stat st;

	if (stat(FUSE_DEVICE, &st) < 0) {
		doctor_find(d, DOCTOR_PROBLEM, FUSE_DEVICE, "%s: nothing can be mounted",
			    strerror(errno));
		doctor_mend(d, "mknod -m 666 " FUSE_DEVICE " c %d %d", FUSE_MAJOR, FUSE_MINOR);
	} else if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(FUSE_MAJOR, FUSE_MINOR)) {
		doctor_find(d, DOCTOR_PROBLEM, FUSE_DEVICE,
			    "not the character device %d:%d: nothing can be mounted", FUSE_MAJOR,
			    FUSE_MINOR);
		doctor_mend(d, "rm " FUSE_DEVICE " && mknod -m 666 " FUSE_DEVICE " c %d %d",
			    FUSE_MAJOR, FUSE_MINOR);
	} else if (is_helper_setuid() && (st.st_mode & 0666) != 0666) {
		doctor_find(d, DOCTOR_PROBLEM, FUSE_DEVICE,
			    "mode %04o: users cannot mount, although mount.fuse.svc is set-user-ID",
			    st.st_mode & 07777);
		doctor_mend(d, "chmod 666 " FUSE_DEVICE);
	}
}

void check_fusectl(struct doctor *d)
{
	struct statfs fs;

	/* Without the directory there is no module, which is told elsewhere. */
	if (statfs(FUSECTL_DIR, &fs) < 0 || fs.f_type == FUSECTL_SUPER_MAGIC)
		return;
	doctor_find(d, DOCTOR_WARNING, FUSECTL_DIR,
		    "fusectl is not mounted: a server that hangs cannot be hung up on by hand");
	doctor_mend(d, "mount -t fusectl fusectl " FUSECTL_DIR);
}

void check_seccomp(struct doctor *d)
{
	char text[1024];

	if (!has_preset_service(d) ||
	    has_word(read_text(SECCOMP_ACTIONS, text, sizeof(text)), "user_notif"))
		return;
	doctor_find(
		d, DOCTOR_PROBLEM, "Linux",
		"it has no user notification of seccomp(2): servers behind fuse-svc-run need it");
}

void check_ptrace_scope(struct doctor *d)
{
	char text[32];

	if (!has_preset_service(d) ||
	    atoi(read_text(YAMA_PTRACE_SCOPE, text, sizeof(text))) < YAMA_FOR_ROOT_ALONE)
		return;
	doctor_find(d, DOCTOR_PROBLEM, YAMA_PTRACE_SCOPE,
		    "%d: fuse-svc-run cannot read paths of its servers, which find no source",
		    atoi(text));
	if (atoi(text) == YAMA_FOR_ROOT_ALONE)
		doctor_mend(d, "sysctl kernel.yama.ptrace_scope=1");
	else /* the kernel never goes back from there */
		doctor_mend(d, "grep -r ptrace_scope /etc/sysctl.conf /etc/sysctl.d # then reboot");
}

/* With a file that is not understood or not safe, only root can mount. */
void check_fuse_conf(struct doctor *d)
{
	enum doctor_level level = is_helper_setuid() ? DOCTOR_PROBLEM : DOCTOR_WARNING;
	struct svc_fuse_conf conf;
	unsigned int line;
	struct stat st;
	int rc = svc_fuse_conf_read(SVC_FUSE_CONF, &conf, &line);

	if (!rc)
		return;
	if (rc == -EACCES) {
		doctor_find(d, DOCTOR_NOTE, SVC_FUSE_CONF, "only root can read it");
	} else if (rc == -EINVAL && line) {
		doctor_find(d, level, SVC_FUSE_CONF,
			    "line %u is not understood: only root can mount", line);
		doctor_mend(d, "sed -i '%us/^/#/' " SVC_FUSE_CONF, line);
	} else if (rc == -EINVAL) {
		doctor_find(d, level, SVC_FUSE_CONF,
			    "not a small file that is root's alone to write: only root can mount");
		if (stat(SVC_FUSE_CONF, &st) == 0 && S_ISREG(st.st_mode))
			doctor_mend(d, "chown root:root " SVC_FUSE_CONF
				       " && chmod 644 " SVC_FUSE_CONF);
	} else {
		doctor_find(d, level, SVC_FUSE_CONF, "%s: only root can mount", strerror(-rc));
	}
}

void check_socket_dir(struct doctor *d)
{
	struct stat st;

	if (stat(FUSE_SVC_SOCKET_DIR, &st) < 0)
		return; /* that of a service that should be there is told with the service */
	if (!S_ISDIR(st.st_mode)) {
		doctor_find(d, DOCTOR_PROBLEM, FUSE_SVC_SOCKET_DIR,
			    "not a directory: no service can listen");
		doctor_mend(d, "rm " FUSE_SVC_SOCKET_DIR);
	} else if (st.st_uid != 0) {
		doctor_find(d, DOCTOR_PROBLEM, FUSE_SVC_SOCKET_DIR,
			    "not root's: its owner can pretend to be any service");
		doctor_mend(d, "chown root:root " FUSE_SVC_SOCKET_DIR);
	} else if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		doctor_find(d, DOCTOR_PROBLEM, FUSE_SVC_SOCKET_DIR,
			    "mode %04o: others can pretend to be any service", st.st_mode & 07777);
		doctor_mend(d, "chmod 755 " FUSE_SVC_SOCKET_DIR);
	} else if ((st.st_mode & 0555) != 0555) {
		doctor_find(d, DOCTOR_WARNING, FUSE_SVC_SOCKET_DIR,
			    "mode %04o: users reach no service", st.st_mode & 07777);
		doctor_mend(d, "chmod 755 " FUSE_SVC_SOCKET_DIR);
	}
}
