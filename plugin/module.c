/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hook module's descriptor and its stages, see module.h. Each stage calls the features in
 * order; what a feature does stands in the file of its name.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "svc.h"

static int init(struct svc_mount **out, struct libmnt_context *cxt, const struct svc_host *host)
{
	struct svc_mount *m = calloc(1, sizeof(*m));

	*out = m;
	if (!m)
		return -ENOMEM;
	m->cxt = cxt;
	m->host = *host;
	m->uid = getuid();
	m->gid = getgid();
	m->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

/*
 * SIGINT and its like must not end us between a mount and its line in utab: they are blocked, and
 * the parent looks at them where it waits.
 */
static int block_signals(struct svc_mount *m)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP };

	(void)sigemptyset(&m->ending_signals);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++) {
		struct sigaction sa;

		/* A blocked signal is queued even if it is ignored, as nohup(1) has it. */
		if (sigaction(ending[i], NULL, &sa) == 0 && sa.sa_handler != SIG_IGN)
			(void)sigaddset(&m->ending_signals, ending[i]);
	}
	if (sigprocmask(SIG_BLOCK, &m->ending_signals, &m->old_signals) < 0)
		return fusesvc_error_set(&m->error, SVC_STEP_PROCESS, FUSESVC_E_SYSTEM, errno,
					 "sigprocmask");
	m->signals_blocked = true;
	return 0;
}

/* A signal that came while nobody looked came too late: what it should have stopped is done. */
static void unblock_signals(struct svc_mount *m)
{
	static const struct timespec no_wait;

	while (sigtimedwait(&m->ending_signals, NULL, &no_wait) > 0)
		;
	(void)sigprocmask(SIG_SETMASK, &m->old_signals, NULL);
}

static int mount_stage(struct svc_mount *m)
{
	int rc;

	if (m->is_absent)
		return 0;
	rc = block_signals(m);
	return rc ? rc : svc_parent_run(m);
}

/* "none" is how mount(8) says that there is no source. LABEL= and symlinks become the true path. */
static int resolve_source(struct svc_mount *m)
{
	const char *source = mnt_context_get_source(m->cxt);

	if (!source || !*source || strcmp(source, "none") == 0)
		return 0;
	m->source = m->uid == 0 ? mnt_resolve_spec(source, mnt_context_get_cache(m->cxt)) : NULL;
	if (m->source && m->uid == 0) /* the cache owns what it resolves */
		m->source = strdup(m->source);
	else
		m->source = strdup(source);
	return m->source ? 0
			 : fusesvc_error_set(&m->error, SVC_STEP_SOURCE, FUSESVC_E_SYSTEM, ENOMEM,
					     NULL);
}

/* As mount(8) has it: what fstab calls "nofail" and is not there is no error. */
static bool is_absent(const struct svc_mount *m)
{
	return m->opts.user && m->source && *m->source == '/' &&
	       mnt_optstr_get_option(m->opts.user, "nofail", NULL, NULL) == 0 &&
	       access(m->source, F_OK) < 0 && errno == ENOENT;
}

static bool is_block_device(const char *path, dev_t *dev)
{
	struct stat st;

	if (!path || stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
		return false;
	*dev = st.st_rdev;
	return true;
}

static int prep(struct svc_mount *m)
{
	int rc;

	if (geteuid() != 0)
		return fusesvc_error_set(&m->error, SVC_STEP_PROCESS, SVC_E_NOT_ROOT, EPERM, NULL);
	if (m->uid != 0)
		return fusesvc_error_set(&m->error, SVC_STEP_PROCESS, SVC_E_NOT_SETUID, EPERM,
					 NULL);
	m->target = mnt_context_get_target(m->cxt);
	rc = svc_options_parse(m);
	if (!rc)
		rc = svc_service_from_type(m);
	if (!rc)
		rc = resolve_source(m);
	if (!rc)
		m->is_absent = is_absent(m);
	if (!rc)
		m->fuseblk = m->uid == 0 && !m->opts.no_fuseblk &&
			     is_block_device(m->source, &m->source_dev);
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
		return m->mounted ? svc_utab_add(m) : 0;
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

static void deinit(struct svc_mount *m)
{
	if (!m)
		return;
	if (m->signals_blocked)
		unblock_signals(m);
	close_fd_keep_errno(m->proc_fd);
	svc_options_free(&m->opts);
	free(m->source);
	free(m->true_target);
	free(m);
}

const struct svc_module fuse_svc_module = {
	.name = "fuse-svc",
	.is_type = svc_is_type,
	.init = init,
	.run = run,
	.get_excode = get_excode,
	.deinit = deinit,
};
