/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What can go wrong with a mount: codes beside those of libfusesvc, their text and exit code.
 */
#ifndef FUSE_SVC_ERRORS_H
#define FUSE_SVC_ERRORS_H

#include <stdint.h>

#include "fusesvc.h"

enum svc_step {
	SVC_STEP_OPTIONS = FUSESVC_STEP_USER,
	SVC_STEP_SERVICE,
	SVC_STEP_SOURCE,
	SVC_STEP_TARGET,
	SVC_STEP_FUSEDEV,
	SVC_STEP_POLICY, /* the server asked for something that it may not have */
	SVC_STEP_MOUNT,
	SVC_STEP_UTAB,
	SVC_STEP_PROCESS,
};

enum svc_code {
	/* the caller's command line and rights */
	SVC_E_OPTIONS = FUSESVC_E_USER, /* not a list of options */
	SVC_E_OPTION_UNKNOWN,
	SVC_E_OPTION_FLAG,
	SVC_E_OPTION_TIMEOUT,
	SVC_E_OPTION_NAME,
	SVC_E_OPERATION,
	SVC_E_ROOT_ONLY,
	SVC_E_NOT_ROOT,
	SVC_E_FUSE_CONF,
	SVC_E_FUSE_CONF_FILE,
	SVC_E_FUSE_CONF_READ,
	SVC_E_MOUNT_MAX,
	SVC_E_TYPE,
	SVC_E_NAME,
	SVC_E_TWO_NAMES,
	SVC_E_NO_NAME,
	/* the source and the target */
	SVC_E_SERVICE_ACCESS,
	SVC_E_GUESSED_SERVICE,
	SVC_E_SOURCE,
	SVC_E_SOURCE_TAG,
	SVC_E_UNKNOWN_TYPE,
	SVC_E_AMBIVALENT,
	SVC_E_TARGET,
	SVC_E_TARGET_IS_FILE,
	SVC_E_TARGET_IS_DIRECTORY,
	SVC_E_BUSY,
	SVC_E_TARGET_CHANGED,
	SVC_E_TARGET_FILESYSTEM,
	SVC_E_TARGET_ACCESS,
	SVC_E_TARGET_STICKY,
	SVC_E_FUSEDEV,
	SVC_E_FUSEDEV_RIGHTS,
	/* what the server asked for and did not get */
	SVC_E_ASKED_PATH,
	SVC_E_ASKED_SOURCE,
	SVC_E_ASKED_OPEN_FLAGS,
	SVC_E_ASKED_WRITE,
	SVC_E_ASKED_FORMAT,
	SVC_E_ASKED_BDEV,
	SVC_E_OPEN_FAILED,
	SVC_E_ASKED_BLOCK_SIZE,
	SVC_E_ASKED_TARGET,
	SVC_E_ASKED_FUSEBLK,
	SVC_E_ASKED_OPTION,
	SVC_E_ASKED_ALLOW_OTHER,
	SVC_E_ASKED_MS_FLAGS,
	/* mounting */
	SVC_E_MOUNT,
	SVC_E_DEVICE_BUSY,
	SVC_E_UNDO,
	SVC_E_NOT_MOUNTED,
	SVC_E_STUCK_READ_ONLY,
	SVC_E_REMOUNT,
	SVC_E_REMOUNT_BUSY,
	SVC_E_UTAB,
	SVC_E_CHILD,
	SVC_E_CHILD_CRASHED,
	SVC_E_CHILD_STOPPED,
	SVC_E_CHILD_STUCK,
	SVC_E_INTERRUPTED,
	SVC_E_REQUEST,
};

/* What may help, if the child found something: hints.c */
enum svc_hint_code {
	SVC_HINT_NONE,
	SVC_HINT_NEAR, /* a service of nearly that name, which is there */
	SVC_HINT_ENABLE,
	SVC_HINT_DOCTOR,
	SVC_HINT_NO_UNIT,
	SVC_HINT_LISTEN, /* without systemd */
	SVC_HINT_SOCKET_MODE,
	SVC_HINT_ACTIVATE_MODE, /* without systemd */
	SVC_HINT_JOURNAL,
	SVC_HINT_LOG, /* without systemd */
	SVC_HINT_NAME_IT,
	SVC_HINT_TYPE, /* of the source */
	SVC_HINT_NO_FILESYSTEM,
	SVC_HINT_ENCRYPTED,
	SVC_HINT_DISK, /* the type of its partition table */
	SVC_HINT_DISK_IMAGE,
	SVC_HINT_EMPTY,
	SVC_HINT_READ_ONLY,
	SVC_HINT_SOURCE_PATH,
	SVC_HINT_TARGET_PATH,
	SVC_HINT_MKDIR,
	SVC_HINT_MODPROBE,
	SVC_HINT_DEVICE,
};

struct svc_hint {
	uint32_t code;
	char name[FUSESVC_NAME_SIZE];
};

struct svc_mount;

/* One line about m->error, without prefix and newline, fit for a terminal. Returns the exit code.
 */
int svc_error_text(const struct svc_mount *m, char *buf, size_t size);

/* Appends m->hint, as such a line ends; nothing if there is none. */
void svc_hint_text(const struct svc_mount *m, char *buf, size_t size);

/* Did the conversation end because the server wanted it so, rather than by a fault of ours? */
bool svc_error_is_servers_choice(uint32_t code);

#endif /* FUSE_SVC_ERRORS_H */
