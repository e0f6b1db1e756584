/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a server may open: the files that the caller named, and how.
 *
 * Runs in the child, with the caller's own rights. Allow-lists only: a path is equal to one that
 * the caller wrote, a flag is on the list, a file is regular or a block device. It is pinned and
 * looked at before it is opened for real, so that neither a FIFO nor a tape notices.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "svc.h"

/* O_LARGEFILE is 0 for 64-bit programs, but servers send the kernel's value. */
#ifdef __O_LARGEFILE
#define KERNEL_O_LARGEFILE __O_LARGEFILE
#else
#define KERNEL_O_LARGEFILE 0100000
#endif

#define ALLOWED_FLAGS                                                                           \
	((uint32_t)(O_ACCMODE | O_EXCL | O_DIRECT | O_SYNC | O_DSYNC | O_NOATIME | O_NOFOLLOW | \
		    O_NONBLOCK | O_LARGEFILE | KERNEL_O_LARGEFILE | O_CLOEXEC))

static int refuse(struct svc_mount *m, const struct fusesvc_open_request *req, uint32_t code,
		  int err)
{
	if (req->quiet)
		return -err;
	return fusesvc_error_set(&m->error, SVC_STEP_POLICY, code, err, req->path);
}

static bool was_named(const struct svc_mount *m, const char *path)
{
	if (strcmp(path, m->target) == 0 || strcmp(path, m->name) == 0)
		return false;
	if (m->source && strcmp(path, m->source) == 0)
		return true;
	for (size_t i = 0; i < m->opts.n_paths; i++)
		if (strcmp(path, m->opts.paths[i]) == 0)
			return true;
	return false;
}

/* O_TMPFILE holds the bit of O_DIRECTORY, and O_SYNC that of O_DSYNC: the mask sees all of them. */
static bool are_flags_allowed(uint32_t flags)
{
	return !(flags & ~ALLOWED_FLAGS) && (flags & O_ACCMODE) != O_ACCMODE;
}

static int open_pinned(int pin, uint32_t flags, int *fd)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", pin);
	/* The path is followed already: O_NOFOLLOW would refuse our own link. */
	*fd = open(path, (int)(flags & ~(uint32_t)O_NOFOLLOW) | O_CLOEXEC | O_NOCTTY);
	return *fd < 0 ? -errno : 0;
}

/*
 * A fuseblk mount claims the device for itself, and fails if another mount has it. That would be
 * too late for a device with which a server, or what is run before it, does something first. Asked
 * once: the next time it may be ours.
 */
static int check_device_is_free(struct svc_mount *m, const char *path, int pin)
{
	_cleanup_fd_ int fd = -1;
	int rc;

	if (m->is_device_free || !m->source || strcmp(path, m->source) != 0)
		return 0;
	rc = open_pinned(pin, O_RDONLY | O_EXCL, &fd);
	if (rc == -EBUSY) /* also if it was asked for quietly: no other attempt will do */
		return fusesvc_error_set(&m->error, SVC_STEP_MOUNT, SVC_E_DEVICE_BUSY, EBUSY, path);
	m->is_device_free = true; /* any other error is one of the true open(2), too */
	return 0;
}

int svc_open(struct svc_mount *m, const struct fusesvc_open_request *req, int *fd)
{
	uint32_t flags = req->open_flags;
	_cleanup_fd_ int pin = -1;
	struct stat st;
	int rc;

	if (!was_named(m, req->path)) {
		bool wants_source = !m->source && strcmp(req->path, SVC_NO_SOURCE) == 0;

		return refuse(m, req, wants_source ? SVC_E_ASKED_SOURCE : SVC_E_ASKED_PATH, EPERM);
	}
	if (!are_flags_allowed(flags))
		return refuse(m, req, SVC_E_ASKED_OPEN_FLAGS, EINVAL);
	if (m->opts.read_only && (flags & O_ACCMODE) != O_RDONLY)
		return refuse(m, req, SVC_E_ASKED_WRITE, EROFS);

	pin = open(req->path, O_PATH | O_CLOEXEC | (int)(flags & O_NOFOLLOW));
	if (pin < 0 || fstat(pin, &st) < 0)
		return refuse(m, req, SVC_E_OPEN_FAILED, errno);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return refuse(m, req, SVC_E_ASKED_FORMAT, EPERM);
	if (req->bdev && !S_ISBLK(st.st_mode))
		return refuse(m, req, SVC_E_ASKED_BDEV, ENOTBLK);

	/* A fuseblk mount claims the device for itself, which an exclusive descriptor forbids. */
	if (m->fuseblk && S_ISBLK(st.st_mode)) {
		rc = check_device_is_free(m, req->path, pin);
		if (rc)
			return rc;
		flags &= ~(uint32_t)O_EXCL;
	}
	rc = open_pinned(pin, flags, fd);
	if (m->source && strcmp(req->path, m->source) == 0) {
		m->was_source_opened |= rc == 0;
		m->was_asked_to_write |= (flags & O_ACCMODE) != O_RDONLY;
	}
	return rc ? refuse(m, req, SVC_E_OPEN_FAILED, -rc) : 0;
}
