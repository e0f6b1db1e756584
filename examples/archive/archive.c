// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * archive - mounts an archive (zip, tar, 7z, cpio, ISO 9660) read-only.
 *
 * Started by a service manager it is a contained service: the image comes as an open file from
 * the helper, which also mounts, and what goes wrong is told to whoever called mount(8). Started
 * by hand it is an ordinary FUSE server.
 *
 * Must never write to the image, run a program, or open any file but the image.
 */
#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <fusesvc-fuse3.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gzip.h"
#include "watch.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

#define PROGRAM "archive"

/** struct options - what the arguments say; @bad is the first that is not known */
struct options {
	bool is_service;
	char *source;
	char *target;
	char *bad;
	char *max_entries;
	int help;
	int version;
};

/** struct archive - all there is in this program, in the order in which it is made */
struct archive_program {
	struct fuse_service *service;
	struct options opts;
	struct image image;
	struct index index;
	struct reader reader;
	struct archive_fs fs;
	const char *doing; /* what takes its time, in a word */
};

enum { KEY_IGNORE };

static const struct fuse_opt option_specs[] = {
	{ "max_entries=%s", offsetof(struct options, max_entries), 0 },
	{ "-h", offsetof(struct options, help), 1 },
	{ "--help", offsetof(struct options, help), 1 },
	{ "-V", offsetof(struct options, version), 1 },
	{ "--version", offsetof(struct options, version), 1 },
	FUSE_OPT_KEY("ro", KEY_IGNORE),
	FUSE_OPT_KEY("rw", KEY_IGNORE),
	/* The kernel's driver for ISO 9660 knows these; names are what the image has, in UTF-8. */
	FUSE_OPT_KEY("iocharset=utf8", KEY_IGNORE),
	FUSE_OPT_KEY("utf8", KEY_IGNORE),
	FUSE_OPT_KEY("unhide", KEY_IGNORE),
	FUSE_OPT_KEY("map=off", KEY_IGNORE),
	FUSE_OPT_KEY("map=normal", KEY_IGNORE),
	FUSE_OPT_KEY("check=relaxed", KEY_IGNORE),
	FUSE_OPT_KEY("check=strict", KEY_IGNORE),
	FUSE_OPT_KEY("block=2048", KEY_IGNORE),
	/* libfuse's own. */
	FUSE_OPT_KEY("uid=", FUSE_OPT_KEY_KEEP),
	FUSE_OPT_KEY("gid=", FUSE_OPT_KEY_KEEP),
	FUSE_OPT_KEY("umask=", FUSE_OPT_KEY_KEEP),
	FUSE_OPT_END,
};

static int on_option(void *data, const char *arg, int key, struct fuse_args *out)
{
	struct options *o = data;

	(void)out;
	if (key == KEY_IGNORE)
		return 0;
	if (key == FUSE_OPT_KEY_NONOPT) {
		char **place = o->source ? &o->target : &o->source;

		if (!*place) {
			*place = strdup(arg);
			if (!*place)
				return -1;
			return place == &o->target; /* the mount point is for libfuse */
		}
	} else if (!o->is_service) {
		return 1;
	}
	if (!o->bad)
		o->bad = strdup(arg);
	return 0;
}

/* Was it the helper that said no? It tells the person who mounts itself, and better. */
static bool was_refused(const struct archive_program *p)
{
	struct fusesvc_server *server = fusesvc_fuse3_server(p->service);

	return server && fusesvc_server_error(server)->code == FUSESVC_E_REFUSED;
}

/* The one place that tells a person what is wrong. */
static void say(struct archive_program *p, int level, const char *text)
{
	struct fusesvc_server *server = fusesvc_fuse3_server(p->service);
	char clean[2 * FUSESVC_MESSAGE_SIZE];

	(void)fprintf(stderr, PROGRAM ": %s\n", fusesvc_escape(text, clean, sizeof(clean)));
	if (server && !was_refused(p))
		(void)fusesvc_server_message(server, level, FUSESVC_NO_PROGRESS, clean);
}

static int give_up(struct archive_program *p, const char *text)
{
	say(p, FUSESVC_MSG_ERROR, text);
	return EXIT_FAILURE;
}

static void log_trouble(const char *path, const char *words)
{
	char clean[2048];

	fuse_log(FUSE_LOG_ERR, PROGRAM ": \"%s\": %s\n", fusesvc_escape(path, clean, sizeof(clean)),
		 words);
}

/* Often; what the helper need not hear libfusesvc drops. */
static void on_progress(void *data, unsigned int per_mille)
{
	struct archive_program *p = data;

	(void)fusesvc_server_message(fusesvc_fuse3_server(p->service), FUSESVC_MSG_INFO, per_mille,
				     p->doing);
}

static void tell_skipped(struct archive_program *p)
{
	const struct index *ix = &p->index;
	char text[FUSESVC_MESSAGE_SIZE];

	if (ix->skipped == 0)
		return;
	(void)snprintf(text, sizeof(text), "%u %s left out, first %s", ix->skipped,
		       ix->skipped == 1 ? "entry is" : "entries are", ix->first_skipped);
	say(p, FUSESVC_MSG_WARNING, text);
}

/* The option of that name, 0 if it makes no sense. */
static uint32_t max_entries(const struct options *o)
{
	unsigned long n;
	char *end;

	if (!o->max_entries)
		return INDEX_MAX_ENTRIES;
	n = strtoul(o->max_entries, &end, 10);
	return *end == '\0' && *o->max_entries != '-' && n <= INT32_MAX ? (uint32_t)n : 0;
}

/* From an open image to a file system that can be served; text says what is wrong. */
static int load(struct archive_program *p, int fd, char *text, size_t size)
{
	struct index_params params = {
		.uid = getuid(),
		.gid = getgid(),
		.max_entries = max_entries(&p->opts),
		.max_bytes = INDEX_MAX_BYTES,
	};
	struct reader_params reader_params = { .log = log_trouble };
	struct fault f = { "" };
	int rc;

	if (p->service)
		fusesvc_server_peer(fusesvc_fuse3_server(p->service), &params.uid, &params.gid);
	rc = image_init(&p->image, fd, &f);
	if (!rc && p->service) {
		p->doing = "indexing";
		p->image.progress = on_progress;
		p->image.progress_data = p;
	}
	if (!rc)
		rc = index_build(&p->index, &p->image, &params, &f);
	p->doing = "verifying checksums";
	if (!rc)
		rc = gzip_verify(&p->image, &f);
	p->image.progress = NULL;
	if (!rc) {
		rc = reader_init(&p->reader, &p->image, &p->index, &reader_params);
		if (rc)
			(void)fault_set(&f, -rc, "%s", strerror(-rc));
	}
	if (rc) {
		(void)snprintf(text, size, "%s: %s", p->opts.source, f.text);
		return rc;
	}
	p->fs = (struct archive_fs){ &p->index, &p->reader };
	tell_skipped(p);
	return 0;
}

/* Options as they are checked before anything is opened; text says what is wrong. */
static int check_options(const struct options *o, char *text, size_t size)
{
	if (o->bad)
		(void)snprintf(text, size, "unknown option \"%s\"", o->bad);
	else if (!o->source || !o->target)
		(void)snprintf(text, size, "an image and a mount point are needed");
	else if (max_entries(o) == 0)
		(void)snprintf(text, size, "max_entries=%s is out of range", o->max_entries);
	else
		return 0;
	return -EINVAL;
}

static void clean_up(struct archive_program *p, int fd)
{
	if (p->fs.reader)
		reader_free(&p->reader);
	index_free(&p->index);
	if (fd >= 0)
		(void)close(fd);
}

/*
 * What libfuse shall add: the name of the image in the mount table, always read-only, with the
 * kernel's permission checks, and for root as a kernel's file system, for everybody.
 */
static int add_fuse_options(const struct archive_program *p, struct fuse_args *args)
{
	struct fusesvc_server *server = fusesvc_fuse3_server(p->service);
	char *opts = NULL, *fsname = NULL;
	uid_t uid = (uid_t)-1;
	gid_t gid;
	int rc = -1;

	if (server)
		fusesvc_server_peer(server, &uid, &gid);
	if (asprintf(&fsname, "fsname=%s", p->opts.source) >= 0 &&
	    fuse_opt_add_opt(&opts, "ro,default_permissions,subtype=" PROGRAM) == 0 &&
	    (uid != 0 || !fuse_service_can_allow_other(p->service) ||
	     fuse_opt_add_opt(&opts, "allow_other") == 0) &&
	    fuse_opt_add_opt_escaped(&opts, fsname) == 0 && fuse_opt_add_arg(args, "-o") == 0)
		rc = fuse_opt_add_arg(args, opts);
	free(fsname);
	free(opts);
	return rc ? -ENOMEM : 0;
}

/* Asks the helper for the image, and watches it from then on; text says what is wrong. */
static int request_image(struct archive_program *p, int *fd, char *text, size_t size)
{
	struct fusesvc_server *server = fusesvc_fuse3_server(p->service);
	const struct fusesvc_open_request req = { .path = p->opts.source, .open_flags = O_RDONLY };
	int rc = fusesvc_server_open(server, &req, fd);

	if (rc)
		(void)snprintf(text, size, "cannot open %s: %s", req.path, strerror(-rc));
	(void)fuse_service_finish_file_requests(p->service);
	if (rc)
		return rc;
	rc = watch_start(fusesvc_server_fd(server), fusesvc_server_fuse_fd(server));
	if (rc)
		(void)snprintf(text, size, "cannot start a thread: %s", strerror(-rc));
	return rc;
}

static int run_service(struct archive_program *p, struct fuse_args *args)
{
	char text[FUSESVC_MESSAGE_SIZE] = "";
	int fd = -1, rc;

	if (fuse_service_append_args(p->service, args) ||
	    fusesvc_fuse_service_take_mount_options(args) ||
	    fuse_opt_parse(args, &p->opts, option_specs, on_option))
		return give_up(p, "malformed options");
	rc = check_options(&p->opts, text, sizeof(text));
	if (!rc)
		rc = request_image(p, &fd, text, sizeof(text));
	if (!rc)
		rc = load(p, fd, text, sizeof(text));
	if (!rc) {
		rc = add_fuse_options(p, args);
		(void)snprintf(text, sizeof(text), "%s", strerror(ENOMEM));
	}
	fuse_service_expect_mount_format(p->service, S_IFDIR);
	if (rc)
		rc = give_up(p, text);
	else
		rc = fuse_service_main(p->service, args, &archive_operations, &p->fs);
	clean_up(p, fd);
	return rc;
}

static int print_help(void)
{
	(void)printf("usage: " PROGRAM " [options] image mountpoint\n\n"
		     "Mounts an archive (zip, tar, 7z, cpio, ISO 9660) read-only.\n\n"
		     "    -h   --help            print help\n"
		     "    -V   --version         print version\n"
		     "    -f                     stay in the foreground\n"
		     "    -d                     print what happens, in the foreground\n"
		     "    -s                     one thread\n"
		     "    -o max_entries=N       how many entries an archive may have (%u)\n"
		     "    -o uid=N,gid=N         whom all belongs to\n"
		     "    -o umask=M             permissions that nobody gets (octal)\n"
		     "    -o opt,[opt...]        mount options, see mount.fuse3(8)\n",
		     INDEX_MAX_ENTRIES);
	return EXIT_SUCCESS;
}

static int run_ordinary(struct archive_program *p, struct fuse_args *args)
{
	char text[FUSESVC_MESSAGE_SIZE] = "";
	int fd = -1, rc;

	if (fuse_opt_parse(args, &p->opts, option_specs, on_option))
		return EXIT_FAILURE;
	if (p->opts.help)
		return print_help();
	if (p->opts.version)
		return printf(PROGRAM " (fuse-svc) " PACKAGE_VERSION "\n") > 0 ? 0 : EXIT_FAILURE;
	rc = check_options(&p->opts, text, sizeof(text));
	if (!rc) {
		fd = open(p->opts.source, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			rc = -errno;
		if (rc)
			(void)snprintf(text, sizeof(text), "cannot open %s: %s", p->opts.source,
				       strerror(-rc));
	}
	if (!rc)
		rc = load(p, fd, text, sizeof(text));
	if (!rc) {
		rc = add_fuse_options(p, args);
		(void)snprintf(text, sizeof(text), "%s", strerror(ENOMEM));
	}
	if (rc)
		rc = give_up(p, text);
	else
		rc = fuse_main(args->argc, args->argv, &archive_operations, &p->fs);
	clean_up(p, fd);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static struct archive_program program;
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	struct archive_program *p = &program;
	int rc;

	/* Names in archives are UTF-8 now and then; they are wanted as they are. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	/* What the C library takes without it; but then it looks at the file for each entry of a
	 * zip. */
	(void)setenv("TZ", ":/etc/localtime", 0);
	if (fuse_service_accept(&p->service))
		return fuse_service_exit(EXIT_FAILURE);
	p->opts.is_service = fuse_service_accepted(p->service);
	rc = p->opts.is_service ? run_service(p, &args) : run_ordinary(p, &args);
	(void)fuse_service_send_goodbye(p->service, rc);
	fuse_service_destroy(&p->service);
	fuse_opt_free_args(&args);
	free(p->opts.source);
	free(p->opts.target);
	free(p->opts.bad);
	free(p->opts.max_entries);
	return fuse_service_exit(rc);
}
