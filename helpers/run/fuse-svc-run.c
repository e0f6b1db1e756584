/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuse-svc-run - runs a FUSE server that knows nothing of contained services as one.
 *
 * A service manager starts it for one mount, in the sandbox. The preset tells which server, and
 * with what; the server's calls to open its source and /dev/fuse and to mount are trapped and
 * become requests to the helper, so that the server keeps its order: it looks at its source, and
 * mounts if that is good. Then this program waits for the server to end, however long.
 *
 * The server has the same rights as this program, which are none. Must never do for it what a
 * server of its own could not ask for.
 */
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "clock.h"
#include "run.h"
#include "server-args.h"

#define LOCK_PATIENCE_MS 1000
#define LOCK_RETRY_MS	 20

/* All that main() makes, in its order. */
struct program {
	struct preset preset;
	struct server_options options;
	uid_t uid; /* the caller's */
	gid_t gid;
	struct run run;
};

static void usage(FILE *to)
{
	(void)fprintf(to,
		      "Usage: %s PRESET\n"
		      "Runs a FUSE server as a contained service; a service manager starts it.\n"
		      "\n"
		      " -h, --help     display this help\n"
		      " -V, --version  display version\n"
		      "\n"
		      "For more details see fuse-svc-run(8) and fuse-svc-preset(5).\n",
		      PROGRAM);
}

static int fail_by_error(struct run *r, const struct preset_error *e)
{
	char text[PRESET_ERROR_SIZE];

	run_fail(r, preset_error_text(e, text, sizeof(text)));
	return -EINVAL;
}

static int fail_by_errno(struct run *r, const char *what, int rc)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "%s: %s", what, strerror(-rc));
	run_fail(r, text);
	return rc;
}

/* NAME SOURCE TARGET [-o OPTIONS], as helpers write it. */
static int take_arguments(struct run *r, const char **options)
{
	int argc;
	const char *const *argv = fusesvc_server_args(r->server, &argc);

	*options = "";
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-o") == 0 && i + 1 < argc && !**options) {
			*options = argv[++i];
		} else if (argv[i][0] != '-' && !r->source) {
			r->source = argv[i];
		} else if (argv[i][0] != '-' && !r->target) {
			r->target = argv[i];
		} else {
			run_fail(r, "arguments are SOURCE TARGET [-o OPTIONS]");
			return -EINVAL;
		}
	}
	if (r->target)
		return 0;
	run_fail(r, "there is no source, or no mount point");
	return -EINVAL;
}

void run_close_files(struct run *r)
{
	for (size_t i = 0; i < r->n_files; i++)
		close_fd_keep_errno(steal_fd(&r->files[i].fd));
}

static void add_file(struct run *r, const char *name, const char *asked)
{
	r->files[r->n_files++] = (struct run_file){
		.name = name,
		.asked = asked,
		.read_only = true,
		.fd = -1,
	};
}

/* Files that options name are there once the server, or what it starts, looks for them. */
static int name_files(struct program *p)
{
	struct run *r = &p->run;

	if (r->source_is_file)
		add_file(r, RUN_SOURCE, r->source);
	for (size_t i = 0; i < p->options.paths.n; i++) {
		if (r->n_files == RUN_MAX_FILES) {
			run_fail(r, "too many options name a file");
			return -EINVAL;
		}
		add_file(r, p->options.paths.word[i], p->options.paths.word[i]);
	}
	return 0;
}

/*
 * Two servers that write to one file would destroy what is in it, and so would one that writes
 * where another one reads. Not for devices: a fuseblk mount claims its device, and who holds the
 * lock of one keeps udev from looking at it.
 */
static int lock_source(struct run *r)
{
	struct stat st;

	if (fstat(r->files[0].fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	r->lock_fd = fcntl(r->files[0].fd, F_DUPFD_CLOEXEC, 0);
	if (r->lock_fd < 0)
		return -errno;
	/* A server whose mount failed a moment ago may not have ended yet. */
	for (int64_t end = now_ms() + LOCK_PATIENCE_MS;;) {
		if (flock(r->lock_fd, LOCK_NB | (r->read_only ? LOCK_SH : LOCK_EX)) == 0 ||
		    errno != EWOULDBLOCK) /* where files cannot be locked at all, they are not */
			return 0;
		if (now_ms() >= end)
			return -EBUSY;
		(void)poll(NULL, 0, LOCK_RETRY_MS);
	}
}

static void fail_as_locked(struct run *r)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789/._-+,:@%=";
	bool can_be_pasted = strspn(r->source, plain) == strlen(r->source);
	char text[FUSESVC_MESSAGE_SIZE];

	(void)snprintf(text, sizeof(text),
		       "the source is mounted already, or locked by another program; %s%s",
		       can_be_pasted ? "findmnt -S " : "see findmnt(8)",
		       can_be_pasted ? r->source : "");
	run_fail(r, text);
}

/* What can be written to is opened for that now, so that all that is started knows. */
static int look_at_source(struct run *r)
{
	const struct fusesvc_open_request req = { .path = r->source };
	const bool want_read_only = r->read_only;
	int rc;

	if (!r->source_is_file)
		return 0;
	rc = fusesvc_server_open_rw(r->server, &req, &r->read_only, &r->files[0].fd);
	if (rc) { /* the helper knows why */
		run_fail(r, NULL);
		return rc;
	}
	if (!run_can_be_source(r->files[0].fd))
		return fail_by_errno(r, r->source, -ENOTSUP);
	if (run_is_write_protected(r->files[0].fd))
		r->read_only = true;
	r->files[0].read_only = r->read_only;
	rc = lock_source(r);
	if (rc == -EBUSY)
		fail_as_locked(r);
	else if (rc)
		return fail_by_errno(r, r->source, rc);
	r->is_write_refused = r->read_only && !want_read_only;
	return rc;
}

static int understand(struct program *p, const char *name)
{
	struct run *r = &p->run;
	struct preset_error e = { 0 };
	const char *options;

	if (preset_load(name, &p->preset, &e))
		return fail_by_error(r, &e);
	if (take_arguments(r, &options))
		return -EINVAL;
	if (server_options_parse(&p->preset, r->service, options, &p->options, &e) ||
	    server_source_check(&p->preset, r->source, &e))
		return fail_by_error(r, &e);
	fusesvc_server_peer(r->server, &p->uid, &p->gid);
	r->source_is_file = !p->preset.has_text_source;
	for (size_t i = 0; i < ARRAY_SIZE(r->output) && r->source_is_file; i++)
		r->output[i].name = r->source;
	r->read_only = p->options.is_read_only || !p->preset.is_read_write;
	r->allow_other = p->uid == 0 || p->options.allow_other;
	r->default_permissions = !p->preset.has_own_permissions || p->options.default_permissions;
	return name_files(p) ? -EINVAL : look_at_source(r);
}

static int run_step(struct program *p, char *const argv[])
{
	struct run *r = &p->run;
	char text[PRESET_MAX_LINE + 128], how[96];
	int rc, status;

	step_begin(&r->step, argv[0]);
	rc = run_child(r, argv);
	status = r->children.status;
	if (rc)
		return fail_by_errno(r, argv[0], rc);
	if (r->state == RUN_FAILED)
		return -EIO;
	if (WIFEXITED(status) && p->preset.prepare_ok[WEXITSTATUS(status)])
		return 0;
	children_status_text(status, how, sizeof(how));
	(void)snprintf(text, sizeof(text), "%s %s", argv[0], how);
	run_fail(r, text);
	return -EIO;
}

static int prepare(struct program *p, struct server_values *v)
{
	int rc = 0;

	if (p->preset.n_prepare == 0 || p->run.read_only)
		return 0;
	rc = step_open(&p->run.step);
	if (rc)
		return fail_by_errno(&p->run, "cannot make a pipe", rc);
	v->progress_fd = p->run.step.write_fd;
	for (size_t i = 0; i < p->preset.n_prepare && !rc; i++) {
		_cleanup_free_ char **argv = NULL;
		struct preset_error e = { 0 };

		rc = server_prepare_argv(&p->preset, i, v, &argv, &e);
		rc = rc ? fail_by_error(&p->run, &e) : run_step(p, argv);
	}
	step_close(&p->run.step);
	return rc;
}

static int serve(struct program *p)
{
	struct run *r = &p->run;
	struct server_values values = {
		.options = &p->options,
		.source = r->source_is_file ? RUN_SOURCE : r->source,
		.mountpoint = RUN_MOUNTPOINT,
		.uid = p->uid,
		.gid = p->gid,
		.is_read_only = r->read_only,
	};
	_cleanup_free_ char **argv = NULL;
	struct preset_error e = { 0 };
	const char *program;
	int rc;

	/* Nothing is done to a source that cannot be mounted. */
	if (preset_find_program(&p->preset, &program, &e) ||
	    server_argv(&p->preset, program, &values, &argv, &e))
		return fail_by_error(r, &e);
	rc = prepare(p, &values);
	if (rc)
		return rc;
	r->state = RUN_STARTING;
	for (size_t i = 0; i < ARRAY_SIZE(r->output); i++) {
		r->output[i].service = r->service;
		r->output[i].program = program;
	}
	rc = run_child(r, argv);
	return rc ? fail_by_errno(r, argv[0], rc) : 0;
}

static bool has_ended_well(const struct run *r)
{
	return r->state == RUN_OVER || (r->state == RUN_UP && r->children.last_status == 0);
}

static int run(const char *name)
{
	struct program p = {
		.run = { .lock_fd = -1,
			 .listener = -1,
			 .step = { .fd = -1, .write_fd = -1 },
			 .output = { { .alias = RUN_SOURCE, .fd = -1 },
				     { .alias = RUN_SOURCE, .fd = -1 } } },
	};
	struct fusesvc_error e = { 0 };
	char text[512];
	int argc, rc;

	if (fusesvc_server_accept(&p.run.server, &e)) {
		(void)fprintf(stderr, PROGRAM ": %s\n", fusesvc_error_text(&e, text, sizeof(text)));
		return EXIT_FAILURE;
	}
	if (!p.run.server) {
		(void)fprintf(stderr, PROGRAM ": this is not a service: see fuse-svc-run(8)\n");
		return EXIT_FAILURE;
	}
	p.run.service = fusesvc_server_args(p.run.server, &argc)[0];
	p.run.fuse_fd = fusesvc_server_take_fuse_fd(p.run.server);
	rc = run_set_up(&p.run);
	if (rc)
		rc = fail_by_errno(&p.run, "cannot start a server", rc);
	else
		rc = understand(&p, name);
	if (!rc)
		rc = serve(&p);
	fusesvc_server_free(p.run.server);
	preset_free(&p.preset);
	server_options_free(&p.options);
	return !rc && has_ended_well(&p.run) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			usage(stdout);
			return EXIT_SUCCESS;
		case 'V':
			(void)printf(PROGRAM " from %s\n", PACKAGE_STRING);
			return EXIT_SUCCESS;
		default:
			return EXIT_FAILURE;
		}
	}
	if (argc - optind != 1) {
		usage(stderr);
		return EXIT_FAILURE;
	}
	return run(argv[optind]);
}
