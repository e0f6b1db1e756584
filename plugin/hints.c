/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What may help after a common mistake: a service of nearly that name, the unit that is not
 * enabled, what the source really is.
 *
 * Only the child, who has no power, may call it, or whoever else has given all of it up. Must never
 * fail, nor change the error that it is about, nor understand more of an untrusted image than a few
 * bytes at fixed places.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "svc.h"

#define MAX_SOCKETS 256 /* that are looked at */

static void fill_hint(struct svc_hint *hint, uint32_t code, const char *name)
{
	*hint = (struct svc_hint){ .code = code };
	(void)snprintf(hint->name, sizeof(hint->name), "%s", name ? name : "");
}

static void set_hint(struct svc_mount *m, uint32_t code, const char *name)
{
	fill_hint(&m->hint, code, name);
}

static bool is_systemd(void)
{
	return access("/run/systemd/system/", F_OK) == 0;
}

static bool has_unit(const char *name)
{
	static const char *const dirs[] = { SYSTEMD_UNIT_DIR, "/etc/systemd/system",
					    "/run/systemd/system", "/usr/local/lib/systemd/system",
					    "/usr/lib/systemd/system" };
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		(void)snprintf(path, sizeof(path), "%s/fuse-svc-%s.socket", dirs[i], name);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

/* The socket whose name is nearest to that of the service that is not there. */
static bool find_near_socket(const char *wrong, char *near, size_t size)
{
	DIR *dir = opendir(FUSE_SVC_SOCKET_DIR);
	unsigned int best = UINT_MAX;
	struct dirent *entry;

	for (int i = 0; dir && i < MAX_SOCKETS && (entry = readdir(dir)); i++) {
		unsigned int n;

		if ((entry->d_type != DT_SOCK && entry->d_type != DT_UNKNOWN) ||
		    !fusesvc_name_is_valid(entry->d_name))
			continue;
		n = svc_nearness(wrong, entry->d_name);
		if (n && n < best) {
			best = n;
			(void)snprintf(near, size, "%.*s", (int)size - 1, entry->d_name);
		}
	}
	if (dir)
		(void)closedir(dir);
	return best != UINT_MAX;
}

static bool is_masked(const char *name)
{
	char path[PATH_MAX], target[sizeof("/dev/null")];

	(void)snprintf(path, sizeof(path), "/etc/systemd/system/fuse-svc-%s.socket", name);
	return readlink(path, target, sizeof(target)) == (ssize_t)strlen("/dev/null") &&
	       memcmp(target, "/dev/null", strlen("/dev/null")) == 0;
}

static void look_for_service(struct svc_mount *m)
{
	char near[FUSESVC_NAME_SIZE];

	if (has_unit(m->name) && is_systemd())
		set_hint(m, is_masked(m->name) ? SVC_HINT_DOCTOR : SVC_HINT_ENABLE, NULL);
	else if (m->error.err == ENOENT && !m->is_guess && !has_unit(m->name) &&
		 find_near_socket(m->name, near, sizeof(near)))
		set_hint(m, SVC_HINT_NEAR, near);
	else
		set_hint(m, is_systemd() ? SVC_HINT_NO_UNIT : SVC_HINT_LISTEN, NULL);
}

/*
 * How images begin. No library looks at them: if the service was named, nothing but the service
 * may take an image apart, and it is enough to compare a few bytes.
 */
static const struct magic {
	uint32_t hint;
	off_t offset;
	const char *bytes;
	size_t len;
	const char *name; /* libblkid's, or that of a service */
} magics[] = {
	{ SVC_HINT_TYPE, 0, "hsqs", 4, "squashfs" },
	{ SVC_HINT_TYPE, 1024, "\xe2\xe1\xf5\xe0", 4, "erofs" },
	{ SVC_HINT_TYPE, 1080, "\x53\xef", 2, "ext4" }, /* or ext2, ext3: one server has them all */
	{ SVC_HINT_TYPE, 3, "NTFS    ", 8, "ntfs" },
	{ SVC_HINT_TYPE, 3, "EXFAT   ", 8, "exfat" },
	{ SVC_HINT_TYPE, 32769, "CD001", 5, "iso9660" },
	{ SVC_HINT_TYPE, 0, "PK\x03\x04", 4, "archive" },
	{ SVC_HINT_TYPE, 257, "ustar", 5, "archive" },
	{ SVC_HINT_TYPE, 0, "7z\xbc\xaf\x27\x1c", 6, "archive" },
	{ SVC_HINT_TYPE, 54, "FAT", 3, "vfat" },
	{ SVC_HINT_TYPE, 82, "FAT32", 5, "vfat" },
	{ SVC_HINT_TYPE, 0, "XFSB", 4, "xfs" },
	{ SVC_HINT_TYPE, 65600, "_BHRfS_M", 8, "btrfs" },
	{ SVC_HINT_ENCRYPTED, 0, "LUKS\xba\xbe", 6, "crypto_LUKS" },
	{ SVC_HINT_NO_FILESYSTEM, 4086, "SWAPSPACE2", 10, "swap" },
	{ SVC_HINT_NO_FILESYSTEM, 536, "LVM2 001", 8, "LVM2_member" },
	{ SVC_HINT_DISK, 512, "EFI PART", 8, "gpt" },
	{ SVC_HINT_DISK, 510, "\x55\xaa", 2, "dos" }, /* boot sectors of file systems have it too */
};

static bool has_magic(int fd, const struct magic *magic)
{
	char bytes[16];

	return pread(fd, bytes, magic->len, magic->offset) == (ssize_t)magic->len &&
	       memcmp(bytes, magic->bytes, magic->len) == 0;
}

static bool is_known_type(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if (strcmp(magics[i].name, name) == 0)
			return true;
	return false;
}

/*
 * ext2, ext3 and ext4 are one family; a service of a name of its own may be for anything. Without a
 * name, none was for it.
 */
static bool is_type_of_service(const char *name, const char *type)
{
	bool is_ext = strncmp(name, "ext", 3) == 0 && strncmp(type, "ext", 3) == 0;

	return strcmp(name, type) == 0 || (*name && !is_known_type(name)) || is_ext ||
	       (strcmp(type, "iso9660") == 0 && strcmp(name, "archive") == 0);
}

/* What the source is, if the service is for something else. */
static void look_into_source(int fd, const struct stat *st, const char *service,
			     struct svc_hint *hint)
{
	if (S_ISREG(st->st_mode) && !st->st_size) {
		fill_hint(hint, SVC_HINT_EMPTY, NULL);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
		uint32_t code = magics[i].hint;

		if (!has_magic(fd, &magics[i]))
			continue;
		if (code == SVC_HINT_DISK && !S_ISBLK(st->st_mode))
			code = SVC_HINT_DISK_IMAGE;
		if (code != SVC_HINT_TYPE || !is_type_of_service(service, magics[i].name))
			fill_hint(hint, code, magics[i].name);
		return;
	}
}

void svc_source_hint(int fd, const char *source, const char *type, char *text, size_t size)
{
	_cleanup_free_ char *copy = strdup(source);
	struct svc_mount m = { .source = copy };
	struct stat st;

	if (fstat(fd, &st) == 0)
		look_into_source(fd, &st, type, &m.hint);
	if (!m.hint.code && !*type)
		set_hint(&m, SVC_HINT_NAME_IT, NULL);
	*text = '\0';
	svc_hint_text(&m, text, size);
}

static bool can_be_written(int fd, const struct stat *st, const char *path)
{
	int is_read_only = 0;

	if (access(path, W_OK) < 0)
		return false;
	return !S_ISBLK(st->st_mode) || ioctl(fd, BLKROGET, &is_read_only) < 0 || !is_read_only;
}

static void look_at_source(struct svc_mount *m)
{
	_cleanup_fd_ int fd = -1;
	struct stat st;

	if (!m->source || svc_source_open(m->source, &fd) || fstat(fd, &st) < 0)
		return;
	look_into_source(fd, &st, m->name, &m->hint);
	if (m->hint.code == SVC_HINT_EMPTY && strstr(m->words, "it is empty"))
		set_hint(m, SVC_HINT_NONE, NULL);
	if (!m->hint.code && m->was_asked_to_write && !can_be_written(fd, &st, m->source))
		set_hint(m, SVC_HINT_READ_ONLY, NULL);
}

static void name_log(struct svc_mount *m)
{
	set_hint(m, is_systemd() ? SVC_HINT_JOURNAL : SVC_HINT_LOG, NULL);
}

/*
 * A server that has not looked at the source cannot have failed by what is in it, and one that
 * speaks of an option did not. One that may have mounted could be asked instead of the source's
 * file system, and keep us: its mount is to be undone first.
 */
static void look_why_server_failed(struct svc_mount *m)
{
	if (m->was_source_opened && !m->was_asked_to_mount && !strstr(m->words, "option"))
		look_at_source(m);
	if (!m->hint.code && !*m->words)
		name_log(m);
}

static void look_at_device(struct svc_mount *m)
{
	if (m->error.err == ENOENT || m->error.err == ENXIO || m->error.err == ENODEV)
		set_hint(m, SVC_HINT_MODPROBE, NULL);
	else if (m->error.err == EPERM)
		set_hint(m, SVC_HINT_DEVICE, NULL);
}

static void look_at_target(struct svc_mount *m)
{
	if (m->error.err == ENOENT)
		set_hint(m, SVC_HINT_MKDIR, NULL);
	else if (m->error.err == EACCES)
		set_hint(m, SVC_HINT_TARGET_PATH, NULL);
}

void svc_look_for_hint(struct svc_mount *m)
{
	switch (m->error.code) {
	case SVC_E_GUESSED_SERVICE:
		look_at_source(m); /* may be of a type that is no file system */
		if (!m->hint.code)
			look_for_service(m);
		break;
	case FUSESVC_E_NOSERVICE:
		look_for_service(m);
		break;
	case SVC_E_SERVICE_ACCESS:
		set_hint(m, is_systemd() ? SVC_HINT_SOCKET_MODE : SVC_HINT_ACTIVATE_MODE, NULL);
		break;
	case SVC_E_UNKNOWN_TYPE:
		look_at_source(m);
		if (!m->hint.code)
			set_hint(m, SVC_HINT_NAME_IT, NULL);
		break;
	case SVC_E_SOURCE:
	case SVC_E_OPEN_FAILED:
		if (m->error.err == EACCES)
			set_hint(m, SVC_HINT_SOURCE_PATH, NULL);
		break;
	case SVC_E_TARGET:
		look_at_target(m);
		break;
	case FUSESVC_E_TIMEOUT:
		name_log(m);
		break;
	case SVC_E_FUSEDEV:
		look_at_device(m);
		break;
	default:
		if (svc_error_is_servers_choice(m->error.code))
			look_why_server_failed(m);
	}
}
