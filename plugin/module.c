/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hook module's descriptor and its stages, see module.h. Each stage calls the features in
 * order; what a feature does stands in the file of its name.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "svc.h"

int svc_mount_new(struct svc_mount **out, struct libmnt_context *cxt, const struct svc_host *host)
{
	struct svc_mount *m = calloc(1, sizeof(*m));

	*out = m;
	if (!m)
		return -ENOMEM;
	m->cxt = cxt;
	m->host = *host;
	m->uid = host->uid;
	m->gid = host->gid;
	m->target_fd = m->fuse_fd = m->tree_fd = m->talker.fd = m->mounter.fd = -1;
	m->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return m->proc_fd < 0 ? -errno : 0;
}

/*
 * SIGINT and its like must not end us between a mount and its line in utab: they are blocked, and
 * the parent looks at them where it waits.
 */
static int block_signals(struct svc_mount *m)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

	(void)sigemptyset(&m->signals);
	(void)sigaddset(&m->signals, SIGCHLD); /* a child that is stopped */
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++) {
		struct sigaction sa;

		/* A blocked signal is queued even if it is ignored, as nohup(1) has it. */
		if (sigaction(ending[i], NULL, &sa) == 0 && sa.sa_handler != SIG_IGN)
			(void)sigaddset(&m->signals, ending[i]);
	}
	if (sigprocmask(SIG_BLOCK, &m->signals, &m->old_signals) < 0)
		return fusesvc_error_set(&m->error, SVC_STEP_PROCESS, FUSESVC_E_SYSTEM, errno,
					 "sigprocmask");
	m->signals_blocked = true;
	return 0;
}

/* A signal that came while nobody looked came too late: what it should have stopped is done. */
static void unblock_signals(struct svc_mount *m)
{
	static const struct timespec no_wait;

	while (sigtimedwait(&m->signals, NULL, &no_wait) > 0)
		;
	(void)sigprocmask(SIG_SETMASK, &m->old_signals, NULL);
}

static int mount_stage(struct svc_mount *m)
{
	int rc = block_signals(m);

	if (rc)
		return rc;
	return m->opts.remount ? svc_remount(m) : svc_parent_run(m);
}

/* LABEL= and symlinks become the true path. */
static int resolve_source(struct svc_mount *m)
{
	const char *source = mnt_context_get_source(m->cxt);

	if (!source || !*source || strcmp(source, SVC_NO_SOURCE) == 0)
		return 0;
	if (m->uid == 0) { /* a user's path is for his child alone to look at */
		const char *path = mnt_resolve_spec(source, mnt_context_get_cache(m->cxt));

		if (!path && mnt_tag_is_valid(source))
			return fusesvc_error_set(&m->error, SVC_STEP_SERVICE, SVC_E_SOURCE, ENOENT,
						 source);
		source = path ? path : source; /* the cache owns what it resolves */
	} else if (mnt_tag_is_valid(source)) {
		/* LABEL= and so on: libmount would read all devices, with our rights. mount(8) has
		 * put the path there for a user who did not call us by hand. */
		return fusesvc_error_set(&m->error, SVC_STEP_SERVICE, SVC_E_SOURCE_TAG, EPERM,
					 source);
	}
	m->source = strdup(source);
	return m->source ? 0
			 : fusesvc_error_set(&m->error, SVC_STEP_SOURCE, FUSESVC_E_SYSTEM, ENOMEM,
					     NULL);
}

/*
 * The kernel takes 512 bytes for granted, and a device with larger ones refuses that. A partition
 * has those of its disk. sysfs tells, as to open the device could wait for it.
 */
static unsigned int sector_size(dev_t dev)
{
	static const char *const places[] = { "", "/.." };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		unsigned int size = 0;
		char path[96];
		FILE *f;

		(void)snprintf(path, sizeof(path),
			       "/sys/dev/block/%u:%u%s/queue/logical_block_size", major(dev),
			       minor(dev), places[i]);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%u", &size) != 1)
			size = 0;
		(void)fclose(f);
		return size;
	}
	return 0;
}

/* A block device of root's becomes fuseblk. What is no file at all is the service's to understand.
 */
static int choose_fuseblk(struct svc_mount *m)
{
	struct stat st;

	if (m->uid != 0 || m->opts.no_fuseblk || !m->source)
		return 0;
	if (stat(m->source, &st) < 0) {
		bool is_no_file = errno == ENOENT || errno == ENOTDIR || errno == EACCES ||
				  errno == ELOOP || errno == ENAMETOOLONG;

		return is_no_file ? 0
				  : fusesvc_error_set(&m->error, SVC_STEP_SERVICE, SVC_E_SOURCE,
						      errno, m->source);
	}
	m->fuseblk = S_ISBLK(st.st_mode);
	m->source_dev = st.st_rdev;
	if (m->fuseblk)
		m->sector = sector_size(m->source_dev);
	return 0;
}

/* What the administrator grants to users who are not root. */
static int read_fuse_conf(struct svc_mount *m)
{
	struct svc_fuse_conf conf;
	char where[64] = SVC_FUSE_CONF;
	unsigned int line;
	int rc;

	rc = svc_fuse_conf_read(SVC_FUSE_CONF, &conf, &line);
	m->may_allow_other = conf.user_allow_other;
	m->mount_max = conf.mount_max;
	if (rc && rc != -EINVAL)
		return fusesvc_error_set(&m->error, SVC_STEP_OPTIONS, SVC_E_FUSE_CONF_READ, -rc,
					 where);
	if (line)
		(void)snprintf(where, sizeof(where), SVC_FUSE_CONF ": line %u", line);
	return rc ? fusesvc_error_set(&m->error, SVC_STEP_OPTIONS,
				      line ? SVC_E_FUSE_CONF : SVC_E_FUSE_CONF_FILE, -rc, where)
		  : 0;
}

static int prep(struct svc_mount *m)
{
	int rc;

	if (geteuid() != 0)
		return fusesvc_error_set(&m->error, SVC_STEP_PROCESS, SVC_E_NOT_ROOT, EPERM, NULL);
	m->may_allow_other = m->uid == 0;
	m->mount_max = SVC_MOUNT_MAX_NO_LIMIT;
	if (m->uid != 0) {
		rc = read_fuse_conf(m);
		if (rc)
			return rc;
	}
	m->target = mnt_context_get_target(m->cxt);
	rc = svc_options_parse(m);
	if (!rc)
		rc = svc_service_from_type(m);
	if (rc || m->opts.remount)
		return rc;
	rc = resolve_source(m);
	return rc ? rc : choose_fuseblk(m);
}

/* Then none of our processes is left, as the host may give up the power to end them. */
static int post(struct svc_mount *m)
{
	int rc = m->mounted || m->opts.remount ? svc_utab_update(m) : 0;

	svc_parent_end(m);
	return rc;
}

static int run(struct svc_mount *m, enum svc_stage stage)
{
	switch (stage) {
	case SVC_STAGE_PREP:
		return prep(m);
	case SVC_STAGE_MOUNT:
		return mount_stage(m);
	case SVC_STAGE_POST:
		return post(m);
	}
	return -EINVAL;
}

static int get_excode(const struct svc_mount *m, char *buf, size_t size)
{
	buf[0] = '\0';
	if (m->error.code)
		return svc_error_text(m, buf, size);
	if (m->mounted && m->host.verbose)
		(void)snprintf(buf, size, "mounted by service \"%s\", process %d", m->name,
			       (int)m->server_pid);
	return MNT_EX_SUCCESS;
}

void svc_mount_free(struct svc_mount *m)
{
	if (!m)
		return;
	svc_tree_end(m);
	close_fd_keep_errno(m->target_fd);
	close_fd_keep_errno(m->proc_fd);
	svc_options_free(&m->opts);
	free(m->source);
	free(m->true_target);
	free(m);
}

/* What was begun ends before a signal can end us. */
static void deinit(struct svc_mount *m)
{
	if (!m)
		return;
	svc_parent_end(m);
	svc_tree_end(m);
	if (m->signals_blocked)
		unblock_signals(m);
	svc_mount_free(m);
}

const struct svc_module fuse_svc_module = {
	.name = "fuse-svc",
	.is_type = svc_is_type,
	.init = svc_mount_new,
	.run = run,
	.get_excode = get_excode,
	.deinit = deinit,
};
