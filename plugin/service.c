/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which service mounts this: by the type's suffix, by svc=, or by what libblkid sees in the
 * source. And where its socket is.
 *
 * The guess reads an untrusted image: only the child, who has no power, may call it, or whoever
 * else has given all of it up.
 */
#include <blkid.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "svc.h"

/* What follows "fuse.svc" or "fuseblk.svc": "" or ".NAME"; NULL if it is another type. */
static const char *type_suffix(const char *fstype)
{
	static const char *const types[] = { SVC_TYPE, SVC_BLK_TYPE };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		size_t len = strlen(types[i]);

		if (strncmp(fstype, types[i], len) == 0 &&
		    (fstype[len] == '\0' || fstype[len] == '.'))
			return fstype + len;
	}
	return NULL;
}

bool svc_is_type(const char *fstype)
{
	return fstype && type_suffix(fstype);
}

const char *svc_service_of_type(const char *fstype)
{
	const char *suffix = fstype ? type_suffix(fstype) : NULL;

	return suffix && *suffix ? suffix + 1 : suffix;
}

int svc_service_from_type(struct svc_mount *m)
{
	const char *fstype = mnt_context_get_fstype(m->cxt);
	const char *suffix = fstype ? type_suffix(fstype) : "";
	const char *name = m->opts.name;

	if (!suffix)
		return fusesvc_error_set(&m->error, SVC_STEP_SERVICE, SVC_E_TYPE, EINVAL, fstype);
	if (*suffix) {
		if (!fusesvc_name_is_valid(suffix + 1))
			return fusesvc_error_set(&m->error, SVC_STEP_SERVICE, SVC_E_NAME, EINVAL,
						 suffix + 1);
		if (name && strcmp(name, suffix + 1) != 0)
			return fusesvc_error_set(&m->error, SVC_STEP_SERVICE, SVC_E_TWO_NAMES,
						 EINVAL, name);
		name = suffix + 1;
	}
	if (name)
		(void)snprintf(m->name, sizeof(m->name), "%s", name);
	return 0;
}

int svc_source_open(const char *source, int *fd)
{
	_cleanup_fd_ int pin = -1;
	char path[64];
	struct stat st;

	pin = open(source, O_PATH | O_CLOEXEC);
	if (pin < 0 || fstat(pin, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return -EINVAL;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", pin);
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	return *fd < 0 ? -errno : 0;
}

static void free_probe(blkid_probe *pr)
{
	blkid_free_probe(*pr);
}

static bool has_several_types(blkid_probe pr)
{
	int n = 0;

	(void)blkid_reset_probe(pr);
	while (n < 2 && blkid_do_probe(pr) == 0)
		n++;
	return n > 1;
}

int svc_source_type(int fd, char *name, size_t size)
{
	_cleanup_(free_probe) blkid_probe pr = blkid_new_probe();
	const char *type = NULL;
	int rc;

	if (!pr || blkid_probe_set_device(pr, fd, 0, 0) != 0 ||
	    blkid_probe_enable_superblocks(pr, 1) != 0 ||
	    blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE) != 0)
		return -ENODATA;
	rc = blkid_do_safeprobe(pr);
	/* Newer versions of libblkid say -1 of several, too. */
	if (rc == -2 || (rc == -1 && has_several_types(pr)))
		return -ENOTUNIQ;
	if (rc || blkid_probe_lookup_value(pr, "TYPE", &type, NULL) != 0 ||
	    !fusesvc_name_is_valid(type))
		return -ENODATA;
	(void)snprintf(name, size, "%s", type);
	return 0;
}

int svc_service_guess(struct svc_mount *m)
{
	_cleanup_fd_ int fd = -1;
	int rc;

	if (!m->source)
		return fusesvc_error_set(&m->error, SVC_STEP_SERVICE, SVC_E_NO_NAME, EINVAL, NULL);
	rc = svc_source_open(m->source, &fd);
	if (rc)
		return fusesvc_error_set(&m->error, SVC_STEP_SERVICE, SVC_E_SOURCE, -rc, m->source);
	rc = svc_source_type(fd, m->name, sizeof(m->name));
	if (rc == 0)
		return 0;
	return fusesvc_error_set(&m->error, SVC_STEP_SERVICE,
				 rc == -ENOTUNIQ ? SVC_E_AMBIVALENT : SVC_E_UNKNOWN_TYPE, EINVAL,
				 m->source);
}

/* A dry run opens nothing; but a source that is a path should be there. */
int svc_source_check(struct svc_mount *m)
{
	if (!m->source || strchr(m->source, ':') || access(m->source, R_OK) == 0)
		return 0;
	return fusesvc_error_set(&m->error, SVC_STEP_SERVICE, SVC_E_SOURCE, errno, m->source);
}

int svc_service_socket_path(struct svc_mount *m, char *buf, size_t size)
{
	int len = snprintf(buf, size, "%s/%s", FUSE_SVC_SOCKET_DIR, m->name);

	if (len < 0 || (size_t)len >= size ||
	    (size_t)len >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return fusesvc_error_set(&m->error, SVC_STEP_SERVICE, SVC_E_NAME, ENAMETOOLONG,
					 m->name);
	return 0;
}

int svc_service_check_socket(struct svc_mount *m)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct stat st;
	int rc;

	rc = svc_service_socket_path(m, path, sizeof(path));
	if (rc)
		return rc;
	if (stat(path, &st) < 0)
		return fusesvc_error_set(&m->error, FUSESVC_STEP_CONNECT, FUSESVC_E_NOSERVICE,
					 errno, path);
	if (!S_ISSOCK(st.st_mode) || access(path, W_OK) < 0)
		return fusesvc_error_set(&m->error, FUSESVC_STEP_CONNECT, FUSESVC_E_SYSTEM,
					 S_ISSOCK(st.st_mode) ? errno : ENOTSOCK, path);
	return 0;
}
