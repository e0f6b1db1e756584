/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mount.fuse.svc - the helper that mount(8) runs for the type fuse.svc.
 *
 * A thin main: it makes its process safe, fills in libmount's context, runs the hook module's
 * stages, and prints. It knows nothing of servers.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "fusesvc.h"
#include "module.h"
#include "namespace.h"
#include "progress.h"
#include "safe-start.h"
#include "say.h"
#include "x-options.h"

/* What the command line says. */
struct invocation {
	struct caller caller;
	struct libmnt_context *cxt;
	const char *bad_list;
	size_t options_len;
	bool verbose;
};

static const struct option long_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static int usage(void)
{
	puts("Usage: " PROGRAM " SOURCE TARGET [-fnrsvw] [-N NS] [-o OPTIONS] [-t TYPE]\n"
	     "\n"
	     "Mount a file system that runs as a contained service. Normally called by mount(8):\n"
	     "  mount -t fuse.svc.NAME SOURCE TARGET\n"
	     "\n"
	     " -f            mount nothing, but check what can be checked\n"
	     " -n            write no line to utab\n"
	     " -N NS         mount in the mount namespace of process or file NS\n"
	     " -o OPTIONS    mount options, comma-separated\n"
	     " -r            same as -o ro\n"
	     " -s            accepted for compatibility, does nothing\n"
	     " -t TYPE       fuse.svc.NAME, or fuse.svc to use -o svc=NAME or the source's type\n"
	     " -v            say more\n"
	     " -w            same as -o rw\n"
	     "     --help    show this text\n"
	     "     --version show the version\n"
	     "\n"
	     "Options of its own:\n"
	     " svc=NAME              the service that mounts\n"
	     " svc-timeout=SECONDS   how long to wait for each answer (90; 0: for ever)\n"
	     " svc-suid              honour set-user-ID bits (root only)\n"
	     " svc-dev               honour device nodes (root only)\n"
	     " svc-noblk             mount a block device as fuse, not as fuseblk\n"
	     "All others are mount flags or go to the service.\n"
	     "\n"
	     "For more details see mount.fuse.svc(8).");
	return MNT_EX_SUCCESS;
}

static int malformed_options(const char *target, const char *list)
{
	char clean[FUSESVC_SUBJECT_SIZE], text[FUSESVC_SUBJECT_SIZE + 96];

	(void)snprintf(
		text, sizeof(text),
		"malformed options \"%s\": a quote is open, or a name is missing before \"=\"",
		fusesvc_escape(list, clean, sizeof(clean)));
	say_about(STDERR_FILENO, target, text);
	return MNT_EX_USAGE;
}

static int mount_it(const struct invocation *inv)
{
	const struct svc_host host = {
		.uid = inv->caller.uid,
		.gid = inv->caller.gid,
		.message = show_message,
		.progress = progress_show,
		.verbose = inv->verbose,
		.hangup_fd = -1,
	};
	struct libmnt_context *cxt = inv->cxt;
	const struct svc_module *module = &fuse_svc_module;
	struct svc_mount *m = NULL;
	char text[4096];
	int rc, excode;

	progress_begin();
	rc = module->init(&m, cxt, &host);
	if (rc) {
		use_language();
		say_about(STDERR_FILENO, mnt_context_get_target(cxt), strerror(-rc));
		module->deinit(m);
		return MNT_EX_SYSERR;
	}
	rc = module->run(m, SVC_STAGE_PREP);
	if (!rc)
		rc = module->run(m, SVC_STAGE_MOUNT);
	if (!rc)
		rc = module->run(m, SVC_STAGE_POST);
	if (rc)
		use_language();
	excode = module->get_excode(m, text, sizeof(text));
	progress_clear();
	if (*text)
		say_about(excode ? STDERR_FILENO : STDOUT_FILENO, mnt_context_get_target(cxt),
			  text);
	else if (rc && !excode)
		excode = MNT_EX_SOFTWARE;
	module->deinit(m);
	return excode;
}

/* Returns -1 to go on, or the exit code. */
static int add_option(struct invocation *inv, int c, char *arg)
{
	char what[64];

	errno = 0; /* what it returns does not tell */
	if (mnt_context_helper_setopt(inv->cxt, c, arg) == 0)
		return -1;
	if (errno == ENOMEM)
		return say_system_error(-ENOMEM);
	(void)snprintf(what, sizeof(what), "cannot use option -%c", c);
	return say_misuse(what);
}

/* Returns -1 to go on, or the exit code. A list that is none is told when the target is known. */
static int add_options(struct invocation *inv, char *list)
{
	inv->options_len += strlen(list) + 1;
	if (inv->options_len > SVC_OPTIONS_MAX)
		return say_misuse("the options are too long");
	if (!svc_is_option_list(list)) {
		inv->bad_list = list; /* libmount would use a part of it */
		return -1;
	}
	return add_option(inv, 'o', list);
}

/* Returns -1 to go on, or the exit code. */
static int parse_option(struct invocation *inv, int c, const char *arg)
{
	switch (c) {
	case 'h':
		return usage();
	case 'V':
		puts(PROGRAM " from " PACKAGE_STRING);
		return MNT_EX_SUCCESS;
	case ':':
	case '?':
		return say_bad_option(c, arg);
	case 'N':
		return inv->caller.uid == 0 ? set_namespace(inv->cxt, optarg)
					    : say_misuse("-N: only root may do that");
	case 'o':
		return add_options(inv, optarg);
	default:
		inv->verbose |= c == 'v';
		return add_option(inv, c, optarg);
	}
}

/* A source or target that looks like --help is none: nothing would be mounted, and nobody told. */
static int parse_options(struct invocation *inv, int argc, char **argv)
{
	int c, excode;

	while ((c = getopt_long(argc, argv, ":fnrsvwN:o:t:", long_options, NULL)) != -1) {
		if ((c == 'h' || c == 'V') && argc != 2)
			c = '?';
		excode = parse_option(inv, c, argv[optind - 1]);
		if (excode >= 0)
			return excode;
	}
	return -1;
}

static int run(struct invocation *inv, int argc, char **argv)
{
	int excode, rc;

	rc = mnt_context_init_helper(inv->cxt, MNT_ACT_MOUNT, 0);
	if (rc)
		return say_system_error(rc);
	excode = parse_options(inv, argc, argv);
	if (excode >= 0)
		return excode;
	if (argc - optind != 2)
		return say_misuse("SOURCE and TARGET are needed, and nothing else");
	if (!*argv[optind + 1])
		return say_misuse("TARGET is empty");
	if (inv->bad_list)
		return malformed_options(argv[optind + 1], inv->bad_list);
	rc = mnt_context_set_source(inv->cxt, argv[optind]);
	if (!rc)
		rc = mnt_context_set_target(inv->cxt, argv[optind + 1]);
	if (!rc && inv->caller.uid == 0)
		rc = add_x_options(inv->cxt, argv[optind], argv[optind + 1]);
	return rc ? say_system_error(rc) : mount_it(inv);
}

static int make_safe(struct caller *caller)
{
	int rc = safe_start(caller);

	return !rc && geteuid() == 0 ? svc_limit_capabilities(caller->uid == 0) : rc;
}

int main(int argc, char **argv)
{
	struct invocation inv = { 0 };
	int excode, rc;

	rc = argc < 1 ? -EINVAL : make_safe(&inv.caller);
	if (rc) {
		say(STDERR_FILENO, PROGRAM ": cannot make this process safe: %s\n", strerror(-rc));
		return MNT_EX_SYSERR;
	}
	(void)mnt_init_debug(0); /* LIBMOUNT_DEBUG, of root's */
	inv.cxt = mnt_new_context();
	if (!inv.cxt)
		return say_system_error(-ENOMEM);
	excode = run(&inv, argc, argv);
	mnt_free_context(inv.cxt);
	return excode;
}
