/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mount.fuse.svc - the helper that mount(8) runs for the type fuse.svc.
 *
 * A thin main: it makes its process safe, fills in libmount's context, runs the hook module's
 * stages, and prints. It knows nothing of servers.
 */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "fusesvc.h"
#include "module.h"
#include "safe-start.h"

#define PROGRAM "mount.fuse.svc"

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

static int bad_usage(const char *what)
{
	(void)fprintf(stderr, PROGRAM ": %s\nTry '" PROGRAM " --help' for more information.\n",
		      what);
	return MNT_EX_USAGE;
}

static const char *level_prefix(int level)
{
	return level <= FUSESVC_MSG_WARNING ? "warning: " : "";
}

static void print_message(const char *target, const char *service, int level, const char *text)
{
	char clean[2 * FUSESVC_SUBJECT_SIZE];

	(void)fprintf(stderr, PROGRAM ": %s: %s: %s%s\n",
		      fusesvc_escape(target, clean, sizeof(clean)), service, level_prefix(level),
		      text);
}

static void print_result(FILE *out, const char *target, const char *text)
{
	char clean[2 * FUSESVC_SUBJECT_SIZE];

	(void)fprintf(out, PROGRAM ": %s: %s\n", fusesvc_escape(target, clean, sizeof(clean)),
		      text);
}

static int malformed_options(const char *target, const char *list)
{
	char clean[FUSESVC_SUBJECT_SIZE], text[FUSESVC_SUBJECT_SIZE + 64];

	(void)snprintf(text, sizeof(text), "malformed options \"%s\"",
		       fusesvc_escape(list, clean, sizeof(clean)));
	print_result(stderr, target, text);
	return MNT_EX_USAGE;
}

static int mount_it(struct libmnt_context *cxt, bool verbose)
{
	const struct svc_host host = { .message = print_message, .verbose = verbose };
	const struct svc_module *module = &fuse_svc_module;
	struct svc_mount *m = NULL;
	char text[4096];
	int rc, excode;

	if (module->init(&m, cxt, &host)) {
		print_result(stderr, mnt_context_get_target(cxt), "out of memory");
		return MNT_EX_SYSERR;
	}
	rc = module->run(m, SVC_STAGE_PREP);
	if (!rc)
		rc = module->run(m, SVC_STAGE_MOUNT);
	if (!rc)
		rc = module->run(m, SVC_STAGE_POST);
	excode = module->get_excode(m, text, sizeof(text));
	if (*text)
		print_result(excode ? stderr : stdout, mnt_context_get_target(cxt), text);
	else if (rc && !excode)
		excode = MNT_EX_SOFTWARE;
	module->deinit(m);
	return excode;
}

/* A namespace is named by a process or by a file, as mount(8) takes it. */
static int set_namespace(struct libmnt_context *cxt, char *ns)
{
	char path[64], what[FUSESVC_SUBJECT_SIZE + 64], clean[FUSESVC_SUBJECT_SIZE];
	size_t digits = strspn(ns, "0123456789");
	int rc;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/ns/mnt", ns);
	rc = mnt_context_helper_setopt(cxt, 'N', digits && !ns[digits] ? path : ns);
	if (rc == 0)
		return -1;
	(void)snprintf(what, sizeof(what), "cannot use the namespace \"%s\": %s",
		       fusesvc_escape(ns, clean, sizeof(clean)), strerror(rc < 0 ? -rc : EINVAL));
	return bad_usage(what);
}

/* Returns -1 to go on, or the exit code. A list of options that is none is left to the caller. */
static int parse_options(struct libmnt_context *cxt, int argc, char **argv, bool *verbose,
			 const char **bad_list)
{
	char what[64];
	int c, excode;

	while ((c = getopt_long(argc, argv, ":fnrsvwN:o:t:hV", long_options, NULL)) != -1) {
		switch (c) {
		case 'h':
			return usage();
		case 'V':
			puts(PROGRAM " from " PACKAGE_STRING);
			return MNT_EX_SUCCESS;
		case ':':
			(void)snprintf(what, sizeof(what), "option -%c needs an argument", optopt);
			return bad_usage(what);
		case '?':
			(void)snprintf(what, sizeof(what), "unknown option \"%.40s\"",
				       argv[optind - 1]);
			return bad_usage(what);
		case 'N':
			excode = set_namespace(cxt, optarg);
			if (excode >= 0)
				return excode;
			break;
		default:
			*verbose |= c == 'v';
			if (c == 'o' && !svc_is_option_list(optarg))
				*bad_list = optarg; /* libmount would use a part of it */
			else if (mnt_context_helper_setopt(cxt, c, optarg) != 0) {
				(void)snprintf(what, sizeof(what), "cannot use option -%c", c);
				return bad_usage(what);
			}
		}
	}
	return -1;
}

static int run(struct libmnt_context *cxt, int argc, char **argv)
{
	const char *bad_list = NULL;
	bool verbose = false;
	int excode;

	if (mnt_context_init_helper(cxt, MNT_ACT_MOUNT, 0) != 0)
		return MNT_EX_SYSERR;
	excode = parse_options(cxt, argc, argv, &verbose, &bad_list);
	if (excode >= 0)
		return excode;
	if (argc - optind != 2)
		return bad_usage("SOURCE and TARGET are needed, and nothing else");
	if (!*argv[optind + 1])
		return bad_usage("TARGET is empty");
	if (bad_list)
		return malformed_options(argv[optind + 1], bad_list);
	if (mnt_context_set_source(cxt, argv[optind]) != 0 ||
	    mnt_context_set_target(cxt, argv[optind + 1]) != 0)
		return MNT_EX_SYSERR;
	return mount_it(cxt, verbose);
}

int main(int argc, char **argv)
{
	struct libmnt_context *cxt;
	int excode;

	if (argc < 1 || safe_start() != 0 || (geteuid() == 0 && svc_limit_capabilities() != 0)) {
		(void)fputs(PROGRAM ": cannot make this process safe\n", stderr);
		return MNT_EX_SYSERR;
	}
	(void)setlocale(LC_ALL, "");
	cxt = mnt_new_context();
	if (!cxt)
		return MNT_EX_SYSERR;
	excode = run(cxt, argc, argv);
	mnt_free_context(cxt);
	return excode;
}
