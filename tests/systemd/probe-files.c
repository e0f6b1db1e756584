// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The probe's attempts on files: to read the host's, to write anywhere, to reach a device.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "probe.h"

#define MAX_DEPTH   32
#define MAX_WRITTEN 5 /* of an open service that is enough */

/* The tests put a file that all may read into each of these. */
static const char *const canaries[] = {
	"/boot",    "/dev/shm",	  "/etc",	"/home",    "/media",	"/mnt",
	"/opt",	    "/root",	  "/run",	"/srv",	    "/tmp",	"/usr/bin",
	"/usr/lib", "/usr/local", "/usr/share", "/var/lib", "/var/log", "/var/tmp",
};

static const char *const secrets[] = {
	"/etc/passwd",
	"/etc/shadow",
	"/etc/machine-id",
	"/etc/fstab",
	"/etc/ssl",
	"/proc/1/environ",
	"/proc/1/root",
	"/proc/cmdline",
	"/proc/kallsyms",
	"/proc/kcore",
	"/proc/sys",
	"/run/dbus/system_bus_socket",
	"/run/filesystems",
	"/run/mount/utab",
	"/run/systemd/journal",
	"/run/systemd/private",
	"/sys",
	"/sys/kernel",
	"/usr/bin/sh",
	"/usr/libexec/fuse-svc/root",
};

static const char *const devices[] = {
	"/dev/fuse",	"/dev/kmsg",	"/dev/kvm",	  "/dev/loop-control", "/dev/loop0",
	"/dev/mem",	"/dev/net/tun", "/dev/null",	  "/dev/pts/ptmx",     "/dev/ptmx",
	"/dev/random",	"/dev/rtc0",	"/dev/sda",	  "/dev/shm",	       "/dev/tty",
	"/dev/urandom", "/dev/vda",	"/dev/vhost-net", "/dev/zero",
};

static int try_open(const char *path, int flags)
{
	_cleanup_fd_ int fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	return fd < 0 ? errno : 0;
}

static void try_reading(void)
{
	char path[256];

	for (size_t i = 0; i < ARRAY_SIZE(canaries); i++) {
		(void)snprintf(path, sizeof(path), "%s/fsvc-canary", canaries[i]);
		report_path("read", path, try_open(path, O_RDONLY));
	}
	for (size_t i = 0; i < ARRAY_SIZE(secrets); i++)
		report_path("read", secrets[i], try_open(secrets[i], O_RDONLY));
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		report_path("open", devices[i], try_open(devices[i], O_RDONLY));
}

static int try_mknod(mode_t type, unsigned int major, unsigned int minor)
{
	static const char *const places[] = { "/probe-node",	     "/run/probe-node",
					      "/tmp/probe-node",     "/dev/probe-node",
					      "/var/tmp/probe-node", "/proc/self/probe-node" };
	int error = EACCES;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (mknod(places[i], type | 0600, makedev(major, minor)) == 0) {
			error = try_open(places[i], O_RDONLY);
			(void)unlink(places[i]);
			if (!error)
				break;
		}
	}
	return error;
}

static void try_nodes(void)
{
	report(try_mknod(S_IFBLK, 7, 0), "mknod block 7:0");
	report(try_mknod(S_IFBLK, 8, 0), "mknod block 8:0");
	report(try_mknod(S_IFBLK, 254, 0), "mknod block 254:0");
	report(try_mknod(S_IFCHR, 1, 1), "mknod char 1:1");
	report(try_mknod(S_IFCHR, 1, 3), "mknod char 1:3");
	report(try_mknod(S_IFCHR, 10, 229), "mknod char 10:229");
}

/*
 * Walking over all that can be seen
 */

struct walk {
	char path[4096];
	unsigned int n;	 /* directories */
	unsigned int ok; /* of those could be written */
};

static int try_create(const char *dir)
{
	char path[4096 + 32];
	_cleanup_fd_ int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/fsvc-probe", dir);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0) {
		(void)unlink(path);
		return 0;
	}
	if (mkdir(path, 0700) == 0) {
		(void)rmdir(path);
		return 0;
	}
	return errno;
}

/* Of the processes, which come and go, only the own one is of interest. */
static bool is_left_out(const char *path)
{
	int pid = strncmp(path, "/proc/", 6) == 0 ? atoi(path + 6) : 0;

	return pid > 0 && pid != getpid();
}

static void walk(struct walk *w, int depth)
{
	size_t len = strlen(w->path);
	struct dirent *entry;
	struct stat st;
	DIR *dir;

	if (depth > MAX_DEPTH || w->ok >= MAX_WRITTEN)
		return;
	w->n++;
	if (try_create(len ? w->path : "/") == 0) {
		w->ok++;
		report(0, "write %s", w->path);
	}
	dir = opendir(len ? w->path : "/");
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    len + strlen(entry->d_name) + 2 > sizeof(w->path))
			continue;
		w->path[len] = '/';
		(void)strcpy(w->path + len + 1, entry->d_name);
		if (!is_left_out(w->path) && lstat(w->path, &st) == 0 && S_ISDIR(st.st_mode))
			walk(w, depth + 1);
	}
	w->path[len] = '\0';
	(void)closedir(dir);
}

static void try_writing(void)
{
	static const char *const files[] = {
		"/etc/ld.so.cache",	  "/proc/sys/kernel/core_pattern",
		"/proc/sysrq-trigger",	  "/sys/fs/cgroup/cgroup.procs",
		"/sys/kernel/mm/ksm/run", "/usr/libexec/fuse-svc/probe",
	};
	struct walk w = { .n = 0 };
	_cleanup_fd_ int fd = -1;

	walk(&w, 0);
	tell("directories tried", "%u", w.n);
	report(w.ok ? 0 : EACCES, "write into any directory");
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		report_path("open for writing", files[i], try_open(files[i], O_WRONLY));
	/* A process may ask to be killed sooner, but not later, than others. */
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	report(fd < 0 ? errno : RESULT(write(fd, "-1000", 5)), "write oom_score_adj");
}

/*
 * What there is, to compare with what there should be
 */

static void tell_visible(const char *dir)
{
	char path[512];
	struct dirent *entry;
	DIR *d = opendir(dir);

	if (!d)
		return;
	while ((entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", strcmp(dir, "/") ? dir : "",
			       entry->d_name);
		tell("visible", "%s", path);
	}
	(void)closedir(d);
}

static void tell_processes(void)
{
	unsigned int n = 0;
	struct dirent *entry;
	DIR *d = opendir("/proc");

	if (!d)
		return;
	while ((entry = readdir(d)))
		if (atoi(entry->d_name) > 0 && atoi(entry->d_name) != getpid())
			n++;
	(void)closedir(d);
	tell("other processes", "%u", n);
}

void probe_files(void)
{
	static const char *const dirs[] = {
		"/",	"/etc", "/usr", "/usr/lib",	"/usr/libexec", "/usr/libexec/fuse-svc",
		"/run", "/var", "/dev", "/run/systemd",
	};

	try_reading();
	try_nodes();
	try_writing();
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		tell_visible(dirs[i]);
	tell_processes();
}
