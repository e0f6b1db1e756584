/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuse-svc-mount - what the hook module has done outside of its host's process.
 *
 * libmount's process may be any program, with threads: there is no forking in it, and no talking to
 * a server. This one does both, as mount.fuse.svc does, but attaches nothing and tells only the
 * module how it went, by the socket that is its descriptor 3. When that closes, nobody waits any
 * more. With -N its descriptor 4 is the mount namespace of the target. Not for people to run.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "module.h"
#include "progress.h"
#include "safe-start.h"
#include "say.h"

#define REPORT_FD 3

struct invocation {
	char *const *words; /* source, target, type, options */
	bool verbose, has_namespace;
};

static const struct option long_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static int usage(void)
{
	puts("Usage: fuse-svc-mount [-Nv] SOURCE TARGET TYPE OPTIONS\n"
	     "\n"
	     "Make a mount of a contained service for libmount, which attaches it.\n"
	     "Run by the hook module fuse-svc.so, with a socket to it.\n"
	     "\n"
	     " -N            descriptor 4 is the mount namespace of TARGET\n"
	     " -v            hand on information from the service, too\n"
	     "     --help    show this text\n"
	     "     --version show the version\n"
	     "\n"
	     "For more details see fuse-svc-mount(8).");
	return MNT_EX_SUCCESS;
}

/* Returns -1 to go on, or the exit code. */
static int parse(struct invocation *inv, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, ":Nv", long_options, NULL)) != -1) {
		switch (c) {
		case 'h':
			return usage();
		case 'V':
			puts("fuse-svc-mount from " PACKAGE_STRING);
			return MNT_EX_SUCCESS;
		case 'N':
			inv->has_namespace = true;
			break;
		case 'v':
			inv->verbose = true;
			break;
		default:
			return say_bad_option(c, argv[optind - 1]);
		}
	}
	if (argc - optind != 4)
		return say_misuse("SOURCE, TARGET, TYPE and OPTIONS are needed");
	inv->words = argv + optind;
	return -1;
}

static int fill(struct libmnt_context *cxt, const struct invocation *inv)
{
	int rc = mnt_context_init_helper(cxt, MNT_ACT_MOUNT, 0);

	if (!rc)
		rc = mnt_context_disable_mtab(cxt, 1); /* utab is the host's to write */
	if (!rc)
		rc = mnt_context_set_source(cxt, inv->words[0]);
	if (!rc)
		rc = mnt_context_set_target(cxt, inv->words[1]);
	if (!rc)
		rc = mnt_context_set_fstype(cxt, inv->words[2]);
	if (!rc)
		rc = mnt_context_set_options(cxt, inv->words[3]);
	if (!rc && inv->has_namespace)
		rc = mnt_context_set_target_ns(cxt, "/proc/self/fd/4");
	return rc;
}

static int mount_it(const struct invocation *inv, struct libmnt_context *cxt)
{
	const struct svc_host host = {
		.message = show_message,
		.progress = progress_show,
		.verbose = inv->verbose,
		.is_detached = true,
		.hangup_fd = REPORT_FD,
	};
	const struct svc_module *module = &fuse_svc_module;
	struct svc_mount *m = NULL;
	int rc;

	progress_begin();
	rc = module->init(&m, cxt, &host);
	if (!rc)
		rc = module->run(m, SVC_STAGE_PREP);
	if (!rc)
		rc = module->run(m, SVC_STAGE_MOUNT);
	if (m)
		(void)module->run(m, SVC_STAGE_POST);
	if (rc != -EINTR) /* the terminal is somebody else's by then */
		progress_clear();
	if (m)
		rc = svc_report_send(m, REPORT_FD);
	if (m && !rc)
		svc_report_stay(m, REPORT_FD);
	module->deinit(m);
	return rc ? MNT_EX_SYSERR : MNT_EX_SUCCESS;
}

static bool has_module(void)
{
	int type;
	socklen_t size = sizeof(type);

	return getsockopt(REPORT_FD, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	       type == SOCK_SEQPACKET;
}

int main(int argc, char **argv)
{
	struct invocation inv = { 0 };
	struct libmnt_context *cxt;
	struct caller caller;
	int excode, rc = safe_start(&caller);

	if (!rc && caller.uid == 0)
		rc = svc_limit_capabilities(true);
	if (rc) {
		say(STDERR_FILENO, PROGRAM ": cannot make this process safe: %s\n", strerror(-rc));
		return MNT_EX_SYSERR;
	}
	excode = parse(&inv, argc, argv);
	if (excode >= 0)
		return excode;
	if (caller.uid != 0 || !has_module())
		return say_misuse("only for the module of libmount, and for root");
	(void)mnt_init_debug(0); /* LIBMOUNT_DEBUG, of root's */
	cxt = mnt_new_context();
	rc = cxt ? fill(cxt, &inv) : -ENOMEM;
	excode = rc ? say_system_error(rc) : mount_it(&inv, cxt);
	mnt_free_context(cxt);
	return excode;
}
