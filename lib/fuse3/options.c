/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Options: those of a mount, which libfuse would keep to itself, and those of libfuse's command
 * line. Must never touch the mount point: a contained server does not see it.
 */
#include "service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "../cleanup.h"

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

/* The mount flags that libfuse knows by name. */
static const struct {
	const char *name;
	uint32_t set, clear;
} flags[] = {
	{ "ro", MS_RDONLY, 0 },
	{ "rw", 0, MS_RDONLY },
	{ "nosuid", MS_NOSUID, 0 },
	{ "suid", 0, MS_NOSUID },
	{ "nodev", MS_NODEV, 0 },
	{ "dev", 0, MS_NODEV },
	{ "noexec", MS_NOEXEC, 0 },
	{ "exec", 0, MS_NOEXEC },
	{ "sync", MS_SYNCHRONOUS, 0 },
	{ "async", 0, MS_SYNCHRONOUS },
	{ "dirsync", MS_DIRSYNC, 0 },
	{ "noatime", MS_NOATIME, 0 },
	{ "atime", 0, MS_NOATIME },
	{ "nodiratime", MS_NODIRATIME, 0 },
	{ "diratime", 0, MS_NODIRATIME },
	{ "nosymfollow", MS_NOSYMFOLLOW, 0 },
	{ "symfollow", 0, MS_NOSYMFOLLOW },
};

enum key { KEY_OPTION = 1, KEY_DROP, KEY_REFUSE };

static const struct fuse_opt option_specs[] = {
	FUSE_OPT_KEY("default_permissions", KEY_OPTION),
	FUSE_OPT_KEY("allow_other", KEY_OPTION),
	FUSE_OPT_KEY("blkdev", KEY_OPTION),
	FUSE_OPT_KEY("max_read=", KEY_OPTION),
	FUSE_OPT_KEY("blksize=", KEY_OPTION),
	FUSE_OPT_KEY("fsname=", KEY_OPTION),
	FUSE_OPT_KEY("subtype=", KEY_OPTION),
	FUSE_OPT_KEY("auto_unmount", KEY_DROP), /* the helper sees to it */
	FUSE_OPT_KEY("allow_root", KEY_REFUSE),
	FUSE_OPT_END,
};

static int take_flag(struct mount_options *o, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (strcmp(flags[i].name, name) == 0) {
			o->ms_flags = (o->ms_flags & ~flags[i].clear) | flags[i].set;
			return 0;
		}
	}
	return 1;
}

static int take_number(uint32_t *number, const char *arg, const char *digits)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(digits, &end, 10);
	if (*digits < '0' || *digits > '9' || *end || errno || n == 0 || n > UINT32_MAX) {
		fuse_log(FUSE_LOG_ERR, "option \"%s\": not a number that makes sense\n", arg);
		return -1;
	}
	*number = (uint32_t)n;
	return 0;
}

static int take_text(char **text, const char *value)
{
	free(*text);
	*text = strdup(value);
	return *text ? 0 : -1;
}

static int take_option(struct mount_options *o, const char *arg)
{
	const char *value = strchr(arg, '=');

	if (value)
		value++;
	if (strcmp(arg, "default_permissions") == 0)
		o->default_permissions = true;
	else if (strcmp(arg, "allow_other") == 0)
		o->allow_other = true;
	else if (strcmp(arg, "blkdev") == 0)
		o->blkdev = true;
	else if (strncmp(arg, "max_read=", 9) == 0)
		return take_number(&o->max_read, arg, value);
	else if (strncmp(arg, "blksize=", 8) == 0)
		return take_number(&o->blksize, arg, value);
	else if (strncmp(arg, "fsname=", 7) == 0)
		return take_text(&o->fsname, value);
	else
		return take_text(&o->subtype, value);
	return 0;
}

static int on_mount_option(void *data, const char *arg, int key, struct fuse_args *out)
{
	(void)out;
	switch (key) {
	case KEY_OPTION:
		return take_option(data, arg);
	case KEY_DROP:
		return 0;
	case KEY_REFUSE:
		/* Whom libfuse would let in is the user that the service runs as. */
		fuse_log(FUSE_LOG_ERR, "option \"%s\": a contained service cannot do that\n", arg);
		return -1;
	case FUSE_OPT_KEY_OPT:
		return take_flag(data, arg);
	default:
		return 1;
	}
}

int mount_options_parse(struct mount_options *o, struct fuse_args *args, bool look)
{
	struct fuse_args copy = FUSE_ARGS_INIT(0, NULL);
	int rc = 0;

	if (!look)
		return fuse_opt_parse(args, o, option_specs, on_mount_option);
	for (int i = 0; i < args->argc && !rc; i++)
		rc = fuse_opt_add_arg(&copy, args->argv[i]);
	if (!rc)
		rc = fuse_opt_parse(&copy, o, option_specs, on_mount_option);
	fuse_opt_free_args(&copy);
	return rc;
}

static int add_number(char **text, const char *name, uint32_t number)
{
	char option[64];

	if (number == 0)
		return 0;
	(void)snprintf(option, sizeof(option), "%s=%u", name, number);
	return fuse_opt_add_opt(text, option);
}

char *mount_options_text(const struct mount_options *o)
{
	char *text = NULL;
	int rc = 0;

	if (o->default_permissions)
		rc = fuse_opt_add_opt(&text, "default_permissions");
	if (!rc && o->allow_other)
		rc = fuse_opt_add_opt(&text, "allow_other");
	if (!rc)
		rc = add_number(&text, "max_read", o->max_read);
	if (!rc)
		rc = add_number(&text, "blksize", o->blksize);
	if (rc) {
		free(text);
		return NULL;
	}
	return text ? text : strdup("");
}

void mount_options_free(struct mount_options *o)
{
	free(o->fsname);
	free(o->subtype);
	memset(o, 0, sizeof(*o));
}

int fusesvc_fuse_service_take_mount_options(struct fuse_args *args)
{
	struct fuse_service *sf = service_current();

	return sf ? mount_options_parse(&sf->options, args, false) : 0;
}

static int on_mount_point(void *data, const char *arg, int key, struct fuse_args *out)
{
	char **mountpoint = data;

	(void)out;
	if (key != FUSE_OPT_KEY_NONOPT)
		return 1;
	if (*mountpoint) {
		fuse_log(FUSE_LOG_ERR, "one argument too many: \"%s\"\n", arg);
		return -1;
	}
	*mountpoint = strdup(arg);
	return *mountpoint ? 0 : -1;
}

int fuse_service_parse_cmdline_opts(struct fuse_args *args, struct fuse_cmdline_opts *opts)
{
	struct fuse_service *sf = service_current();
	char *mountpoint = NULL;

	memset(opts, 0, sizeof(*opts));
	/* Without its mount point, the rest is as on any command line. */
	if (fuse_opt_parse(args, &mountpoint, NULL, on_mount_point) ||
	    fuse_parse_cmdline(args, opts) ||
	    (sf && mount_options_parse(&sf->options, args, true))) {
		free(mountpoint);
		return -1;
	}
	opts->mountpoint = mountpoint;
	return 0;
}
