/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where presets are, and what is said of them, see preset.h.
 *
 * The owner of a file is not looked at: in a user namespace, as units have it, all files of the
 * host's are nobody's. Must never fall back to another file than the administrator's own.
 */
#include "preset.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fusesvc.h"

int preset_error_set(struct preset_error *e, int err, const char *format, ...)
{
	va_list ap;

	*e = (struct preset_error){ 0 };
	va_start(ap, format);
	(void)vsnprintf(e->text, sizeof(e->text), format, ap);
	va_end(ap);
	return -err;
}

const char *preset_error_text(const struct preset_error *e, char *buf, size_t size)
{
	if (e->line)
		(void)snprintf(buf, size, "%s%sline %u: %s", e->file, *e->file ? ": " : "", e->line,
			       e->text);
	else
		(void)snprintf(buf, size, "%s%s%s", e->file, *e->file ? ": " : "", e->text);
	return buf;
}

/* As much as there is, but no more than @size bytes. */
static int read_all(int fd, char *buf, size_t size, size_t *len)
{
	for (*len = 0; *len < size;) {
		ssize_t n = read(fd, buf + *len, size - *len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return 0;
		if (n > 0)
			*len += (size_t)n;
	}
	return 0;
}

static int read_preset(int fd, struct preset *p, struct preset_error *e)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t len;
	int rc;

	if (fstat(fd, &st) < 0)
		return preset_error_set(e, errno, "%s", strerror(errno));
	if (S_ISCHR(st.st_mode))
		return preset_error_set(e, EINVAL, "switched off by a link to /dev/null");
	if (!S_ISREG(st.st_mode))
		return preset_error_set(e, EINVAL, "not a regular file");
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return preset_error_set(e, EINVAL, "others than its owner may write to it");
	text = malloc(PRESET_MAX_SIZE + 1);
	if (!text)
		return preset_error_set(e, ENOMEM, "%s", strerror(ENOMEM));
	rc = read_all(fd, text, PRESET_MAX_SIZE + 1, &len);
	if (rc)
		return preset_error_set(e, -rc, "%s", strerror(-rc));
	return preset_parse(text, len, p, e);
}

/* Returns 1 if there is no such file. A link to one that is not there is there itself. */
static int load_file(const char *path, struct preset *p, struct preset_error *e)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	int rc;

	if (fd < 0 && errno == ENOENT && lstat(path, &st) < 0 && errno == ENOENT)
		return 1;
	rc = fd < 0 ? preset_error_set(e, errno, "%s", strerror(errno)) : read_preset(fd, p, e);
	if (rc)
		(void)snprintf(e->file, sizeof(e->file), "%s", path);
	return rc;
}

int preset_load_from(const char *const *directories, const char *name, struct preset *p,
		     struct preset_error *e)
{
	char path[PATH_MAX], all[256] = "";

	*p = (struct preset){ 0 };
	if (!fusesvc_name_is_valid(name))
		return preset_error_set(e, EINVAL, "\"%s\" is no name of a service", name);
	for (; *directories; directories++) {
		size_t used = strlen(all);
		int rc = snprintf(path, sizeof(path), "%s/%s", *directories, name);

		if (rc < 0 || (size_t)rc >= sizeof(path))
			return preset_error_set(e, ENAMETOOLONG, "%s", strerror(ENAMETOOLONG));
		rc = load_file(path, p, e);
		if (rc <= 0)
			return rc;
		(void)snprintf(all + used, sizeof(all) - used, "%s%s", used ? " or " : "",
			       *directories);
	}
	return preset_error_set(e, ENOENT, "there is no preset \"%s\" in %s", name, all);
}

int preset_load(const char *name, struct preset *p, struct preset_error *e)
{
	static const char *const directories[] = { PRESET_ETC_DIR, PRESET_DIR, NULL };

	return preset_load_from(directories, name, p, e);
}

int preset_find_program(const struct preset *p, const char **program, struct preset_error *e)
{
	char all[256] = "";

	for (size_t i = 0; i < p->programs.n; i++) {
		size_t used = strlen(all);

		*program = p->programs.word[i];
		if (access(*program, X_OK) == 0)
			return 0;
		(void)snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "", *program);
	}
	return p->package ? preset_error_set(
				    e, ENOENT,
				    "there is no %s: install the package \"%s\" (on Debian: apt "
				    "install %s)",
				    all, p->package, p->package)
			  : preset_error_set(e, ENOENT, "there is no %s", all);
}
