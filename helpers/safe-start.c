/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See safe-start.h. Runs before anything that the caller could influence; must not allocate more
 * than it needs, nor print.
 */
#include "safe-start.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

/* What a program keeps of its environment: the language of messages. */
static const char *const kept[] = { "LANG", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "TERM" };

/* For root alone, as they steer libmount. */
static const char *const kept_for_root[] = { "LIBMOUNT_DEBUG", "LIBMOUNT_FORCE_MOUNT2" };

static int open_standard_fds(void)
{
	for (;;) {
		int fd = open("/dev/null", O_RDWR);

		if (fd < 0)
			return -errno;
		if (fd > 2)
			return close(fd) < 0 ? -errno : 0;
	}
}

/*
 * Nothing that the caller had open goes on to another program. It stays open for us: with -N,
 * libmount passes the namespace as a descriptor. Kernels before 5.11 cannot; we execute nothing.
 */
static void keep_fds_to_ourselves(void)
{
	(void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
}

/* A caller's limit on the size of files must not end us between a mount and its line in utab. */
static void survive_file_size_limit(void)
{
	(void)signal(SIGXFSZ, SIG_IGN);
}

static int save(const char *const *names, size_t n, char **values)
{
	for (size_t i = 0; i < n; i++) {
		const char *value = getenv(names[i]);

		values[i] = value ? strdup(value) : NULL;
		if (value && !values[i])
			return -ENOMEM;
	}
	return 0;
}

static int restore(const char *const *names, size_t n, char **values)
{
	int rc = 0;

	for (size_t i = 0; i < n; i++) {
		if (values[i] && setenv(names[i], values[i], 1) < 0)
			rc = -errno;
		free(values[i]);
	}
	return rc;
}

static int clean_environment(void)
{
	size_t n_root = getuid() == 0 && geteuid() == 0 ? ARRAY_SIZE(kept_for_root) : 0;
	char *values[ARRAY_SIZE(kept)], *root_values[ARRAY_SIZE(kept_for_root)];
	int rc;

	rc = save(kept, ARRAY_SIZE(kept), values);
	if (!rc)
		rc = save(kept_for_root, n_root, root_values);
	if (rc)
		return rc;
	if (clearenv() != 0 || setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1) < 0)
		return -ENOMEM;
	rc = restore(kept, ARRAY_SIZE(kept), values);
	return rc ? rc : restore(kept_for_root, n_root, root_values);
}

int safe_start(void)
{
	int rc = open_standard_fds();

	if (rc)
		return rc;
	keep_fds_to_ourselves();
	survive_file_size_limit();
	(void)umask(022);
	return clean_environment();
}
