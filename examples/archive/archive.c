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
#include <sys/mount.h>
#include <unistd.h>

#include "gzip.h"
#include "watch.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

#define PROGRAM "archive"

#define PROGRESS_EVERY 2  /* seconds */
#define PROGRESS_MAX   40 /* messages */

/** struct options - what the arguments say; @bad is the first that is not known */
struct options {
	struct fusesvc_server *service;
	char *source;
	char *target;
	char *bad;
	char *max_entries;
	int help;
	int version;
};

/** struct archive - all there is in this program, in the order in which it is made */
struct archive_program {
	struct fusesvc_server *service;
	struct options opts;
	struct image image;
	struct index index;
	struct reader reader;
	struct archive_fs fs;
	struct timespec last_progress;
	unsigned int progress_sent;
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
			/* An ordinary server's mount point is for libfuse. */
			return place == &o->target && !o->service;
		}
	} else if (!o->service) {
		return 1;
	}
	if (!o->bad)
		o->bad = strdup(arg);
	return 0;
}

/* The one place that tells a person what is wrong. */
static void say(struct archive_program *p, int level, const char *text)
{
	char clean[2 * FUSESVC_MESSAGE_SIZE];

	(void)fprintf(stderr, PROGRAM ": %s\n", fusesvc_escape(text, clean, sizeof(clean)));
	if (p->service)
		(void)fusesvc_server_message(p->service, level, FUSESVC_NO_PROGRESS, clean);
}

/* Was it the helper that said no? It tells the person who mounts itself, and better. */
static bool was_refused(const struct archive_program *p)
{
	return p->service && fusesvc_server_error(p->service)->code == FUSESVC_E_REFUSED;
}

static int give_up(struct archive_program *p, const char *text)
{
	if (was_refused(p))
		(void)fprintf(stderr, PROGRAM ": %s\n", text);
	else
		say(p, FUSESVC_MSG_ERROR, text);
	if (p->service)
		(void)fusesvc_server_bye(p->service, EXIT_FAILURE);
	return EXIT_FAILURE;
}

static void log_trouble(const char *path, const char *words)
{
	char clean[2048];

	fuse_log(FUSE_LOG_ERR, PROGRAM ": \"%s\": %s\n", fusesvc_escape(path, clean, sizeof(clean)),
		 words);
}

static void on_progress(void *data, unsigned int per_mille)
{
	struct archive_program *p = data;
	struct timespec now;

	if (p->progress_sent >= PROGRESS_MAX || clock_gettime(CLOCK_MONOTONIC, &now) < 0)
		return;
	if (now.tv_sec - p->last_progress.tv_sec < PROGRESS_EVERY)
		return;
	p->last_progress = now;
	p->progress_sent++;
	(void)fusesvc_server_message(p->service, FUSESVC_MSG_INFO, per_mille,
				     "reading the archive's list of files");
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
		fusesvc_server_peer(p->service, &params.uid, &params.gid);
	rc = image_init(&p->image, fd, &f);
	if (!rc && p->service) {
		(void)clock_gettime(CLOCK_MONOTONIC, &p->last_progress);
		p->image.progress = on_progress;
		p->image.progress_data = p;
	}
	if (!rc)
		rc = index_build(&p->index, &p->image, &params, &f);
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

static bool has_option(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (; list && *list; list += strcspn(list, ",")) {
		list += *list == ',';
		if (strncmp(list, name, len) == 0 && (list[len] == '\0' || list[len] == ','))
			return true;
	}
	return false;
}

/* The request's options are ours, though it promises not to change them. */
static char *own(const char *text)
{
	char *mine;

	memcpy(&mine, &text, sizeof(mine));
	return mine;
}

static int add_mount_option(struct fusesvc_mount_request *req, const char *name)
{
	char *opts = own(req->mntopts);

	if (has_option(opts, name))
		return 0;
	if (fuse_opt_add_opt(&opts, name))
		return -ENOMEM;
	req->mntopts = opts;
	return 0;
}

/* Always read-only and with the kernel's permission checks; for root as a kernel's file system. */
static int complete_request(const struct archive_program *p, struct fusesvc_mount_request *req)
{
	uid_t uid;
	gid_t gid;
	int rc;

	req->source = p->opts.source;
	req->target = p->opts.target;
	req->expected_fmt = S_IFDIR;
	req->ms_flags |= MS_RDONLY;
	rc = add_mount_option(req, "default_permissions");
	fusesvc_server_peer(p->service, &uid, &gid);
	if (!rc && uid == 0 && fusesvc_server_flags(p->service) & FUSESVC_ALLOW_OTHER)
		rc = add_mount_option(req, "allow_other");
	return rc;
}

static int run_service(struct archive_program *p, struct fuse_args *args)
{
	struct fusesvc_mount_request req = { 0 };
	char text[FUSESVC_MESSAGE_SIZE] = "";
	int fd = -1, rc;

	rc = fusesvc_fuse3_append_args(p->service, args);
	if (!rc)
		rc = fusesvc_fuse3_parse_mount(p->service, args, &req);
	if (!rc && fuse_opt_parse(args, &p->opts, option_specs, on_option))
		rc = -EINVAL;
	if (rc)
		return give_up(p, "malformed options");
	rc = check_options(&p->opts, text, sizeof(text));
	if (!rc) {
		rc = fusesvc_server_open(p->service, p->opts.source, O_RDONLY, 0, &fd);
		if (rc)
			(void)snprintf(text, sizeof(text), "cannot open %s: %s", p->opts.source,
				       strerror(-rc));
	}
	fusesvc_server_finish_opens(p->service);
	if (!rc) {
		rc = watch_start(fusesvc_server_fd(p->service), fusesvc_server_fuse_fd(p->service));
		(void)snprintf(text, sizeof(text), "cannot start a thread");
	}
	if (!rc)
		rc = load(p, fd, text, sizeof(text));
	if (!rc) {
		rc = complete_request(p, &req);
		(void)snprintf(text, sizeof(text), "out of memory");
	}
	if (rc)
		rc = give_up(p, text);
	else
		rc = fusesvc_fuse3_main(p->service, args, &archive_operations,
					sizeof(archive_operations), &req, &p->fs);
	clean_up(p, fd);
	free(own(req.mntopts));
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
		     "    -o opt,[opt...]        mount options, see mount.fuse3(8)\n",
		     INDEX_MAX_ENTRIES);
	return EXIT_SUCCESS;
}

/* What libfuse shall add: the name of the image in the mount table, and how it is mounted. */
static int add_fuse_options(const struct options *o, struct fuse_args *args)
{
	char *opts = NULL, *fsname = NULL;
	int rc = -1;

	if (asprintf(&fsname, "fsname=%s", o->source) >= 0 &&
	    fuse_opt_add_opt(&opts, "ro,default_permissions,subtype=" PROGRAM) == 0 &&
	    fuse_opt_add_opt_escaped(&opts, fsname) == 0 && fuse_opt_add_arg(args, "-o") == 0)
		rc = fuse_opt_add_arg(args, opts);
	free(fsname);
	free(opts);
	return rc;
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
	if (!rc && add_fuse_options(&p->opts, args))
		(void)snprintf(text, sizeof(text), "%s", strerror(-(rc = -ENOMEM)));
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
	struct fusesvc_error error;
	int rc;

	/* Names in archives are UTF-8 now and then; they are wanted as they are. */
	(void)setlocale(LC_ALL, "C.UTF-8");
	rc = fusesvc_server_accept(&p->service, &error);
	if (rc) {
		char text[512];

		return give_up(p, fusesvc_error_text(&error, text, sizeof(text)));
	}
	p->opts.service = p->service;
	rc = p->service ? run_service(p, &args) : run_ordinary(p, &args);
	fuse_opt_free_args(&args);
	fusesvc_server_free(p->service);
	free(p->opts.source);
	free(p->opts.target);
	free(p->opts.bad);
	free(p->opts.max_entries);
	return rc;
}
