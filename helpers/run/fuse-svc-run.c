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
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "clock.h"
#include "holders.h"
#include "run.h"
#include "server-args.h"

#define PROGRAM "fuse-svc-run"

#define INIT_CHECK_MS 2	   /* how often to look whether FUSE_INIT was read */
#define KILL_AFTER_MS 5000 /* that a server whose mount failed has to end */
#define KILL_AGAIN_MS 500

/* All that main() makes, in its order. */
struct program {
	struct preset preset;
	struct server_options options;
	uid_t uid; /* the caller's */
	gid_t gid;
	struct run run;
	int signal_fd;
	int output[2];	    /* where the server's words go in */
	int64_t kill_time;  /* when what is left is killed, once no mount is left */
	bool is_killing;    /* that time has come */
	bool has_any_ended; /* a process, since what is left was signalled */
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

static void end_output(struct run *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(r->output); i++)
		output_end(&r->output[i]);
}

static bool is_crash(const struct run *r)
{
	return r->children.has_ended && WIFSIGNALED(r->children.status);
}

static void add_words(char *text, size_t size, const char *words)
{
	size_t len = strlen(text);

	(void)snprintf(text + len, size - len, "%s%s", len ? "; " : "", words);
}

/* All of it goes to the log, too: who mounts may be gone. */
void run_fail(struct run *r, const char *why)
{
	char text[FUSESVC_MESSAGE_SIZE], clean[2 * FUSESVC_MESSAGE_SIZE];

	if (r->state >= RUN_UP)
		return;
	r->state = RUN_FAILED;
	end_output(r);
	output_text(&r->output[1], text, sizeof(text));
	if (!text[0]) /* some say all on standard output */
		output_text(&r->output[0], text, sizeof(text));
	if (why && (!text[0] || is_crash(r))) /* then the last words were not about that */
		add_words(text, sizeof(text), why);
	(void)fprintf(
		stderr, PROGRAM ": %s\n",
		why ? fusesvc_escape(why, clean, sizeof(clean))
		    : fusesvc_error_text(fusesvc_server_error(r->server), clean, sizeof(clean)));
	if (text[0])
		(void)fusesvc_server_message(r->server, FUSESVC_MSG_ERROR, FUSESVC_NO_PROGRESS,
					     text);
	(void)fusesvc_server_bye(r->server, 1);
	close_fd_keep_errno(steal_fd(&r->fuse_fd));
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

/* What can be written to is opened for that now, so that all that is started knows. */
static int look_at_source(struct run *r)
{
	const struct fusesvc_open_request req = { .path = r->source };
	int rc;

	if (!r->source_is_file)
		return 0;
	rc = fusesvc_server_open_rw(r->server, &req, &r->read_only, &r->files[0].fd);
	if (rc) /* the helper knows why */
		run_fail(r, NULL);
	else if (!run_can_be_source(r->files[0].fd))
		return fail_by_errno(r, r->source, -ENOTSUP);
	if (!rc && run_is_write_protected(r->files[0].fd))
		r->read_only = true;
	r->files[0].read_only = r->read_only;
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

/* Whoever mounts can stop it, and so can the service manager: then what was written is saved. */
static void on_signal(struct program *p)
{
	struct signalfd_siginfo info;

	if (read(p->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD) {
		if (children_reap(&p->run.children))
			p->has_any_ended = true;
		return;
	}
	run_fail(&p->run, "it was told to end");
	children_signal(&p->run.children, SIGTERM);
}

static void check_children(struct program *p)
{
	struct run *r = &p->run;
	const struct children *c = &r->children;
	char text[128], status[96];
	bool is_over = c->is_alone || (c->has_ended && c->status != 0);

	if (r->state == RUN_UP && p->has_any_ended && !c->is_alone) {
		p->has_any_ended = false;
		if (!has_holder())
			r->state = RUN_OVER;
	}
	if (!is_over || r->state < RUN_STARTING || r->state >= RUN_UP)
		return;
	children_status_text(c->status ? c->status : c->last_status, status, sizeof(status));
	(void)snprintf(text, sizeof(text), "the server %s", status);
	run_fail(r, text);
}

/*
 * Without a mount nothing can be worth a long wait. The children of who has ended are ours from
 * then on, and have not heard of it.
 */
static void end_rest(struct program *p)
{
	const int64_t now = now_ms();
	bool is_first = !p->kill_time, is_late = !is_first && now >= p->kill_time;

	if (is_late)
		p->is_killing = true;
	if (is_first || is_late)
		p->kill_time = now + (is_first ? KILL_AFTER_MS : KILL_AGAIN_MS);
	if (is_first || is_late || p->has_any_ended)
		children_signal(&p->run.children, p->is_killing ? SIGKILL : SIGTERM);
	p->has_any_ended = false;
}

static int next_timeout(const struct program *p)
{
	int64_t left = p->kill_time - now_ms();

	if (p->run.state == RUN_INIT)
		return INIT_CHECK_MS;
	if (p->run.state < RUN_OVER)
		return -1;
	return left > 0 ? (int)left : 0;
}

static void on_helper(struct run *r)
{
	if (r->state == RUN_MOUNTING)
		run_mount_answered(r);
	else if (r->state < RUN_UP)
		run_fail(r, "the helper has gone");
}

/* Looks after what was started last, until it and all that it left behind have ended. */
static void supervise(struct program *p)
{
	struct run *r = &p->run;
	enum { LISTENER, SIGNALS, HELPER, OUTPUT, ERRORS };

	while (!r->children.is_alone) {
		struct pollfd fds[] = {
			[LISTENER] = { r->listener, POLLIN, 0 },
			[SIGNALS] = { p->signal_fd, POLLIN, 0 },
			[HELPER] = { fusesvc_server_fd(r->server), POLLIN, 0 },
			[OUTPUT] = { r->output[0].fd, POLLIN, 0 },
			[ERRORS] = { r->output[1].fd, POLLIN, 0 },
		};

		if (r->state >= RUN_OVER)
			end_rest(p);
		if (poll(fds, ARRAY_SIZE(fds), next_timeout(p)) < 0)
			continue;
		if (fds[OUTPUT].revents)
			(void)output_read(&r->output[0]);
		if (fds[ERRORS].revents)
			(void)output_read(&r->output[1]);
		if (fds[LISTENER].revents & POLLIN)
			run_answer_call(r);
		else if (fds[LISTENER].revents) /* nobody is left who could call */
			close_fd_keep_errno(steal_fd(&r->listener));
		if (fds[HELPER].revents && fusesvc_server_fd(r->server) >= 0)
			on_helper(r);
		if (fds[SIGNALS].revents)
			on_signal(p);
		check_children(p);
		if (r->state == RUN_INIT)
			run_check_init(r);
	}
	end_output(r);
	close_fd_keep_errno(steal_fd(&r->listener));
}

static int start_and_supervise(struct program *p, char *const argv[])
{
	struct run *r = &p->run;
	int fd = children_start(&r->children, argv, p->output);

	if (fd < 0)
		return fail_by_errno(r, argv[0], fd);
	r->listener = fd;
	supervise(p);
	return 0;
}

static int prepare(struct program *p, const struct server_values *v)
{
	struct run *r = &p->run;

	for (size_t i = 0; i < p->preset.n_prepare && !r->read_only; i++) {
		_cleanup_free_ char **argv = NULL;
		struct preset_error e = { 0 };
		char text[PRESET_MAX_LINE + 128], how[96];
		int status;

		if (server_prepare_argv(&p->preset, i, v, &argv, &e))
			return fail_by_error(r, &e);
		if (start_and_supervise(p, argv) || r->state == RUN_FAILED)
			return -EIO;
		status = r->children.status;
		if (WIFEXITED(status) && p->preset.prepare_ok[WEXITSTATUS(status)])
			continue;
		children_status_text(status, how, sizeof(how));
		(void)snprintf(text, sizeof(text), "%s %s", argv[0], how);
		run_fail(r, text);
		return -EIO;
	}
	return 0;
}

static int serve(struct program *p)
{
	struct run *r = &p->run;
	const struct server_values values = {
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
	int rc = prepare(p, &values);

	if (rc)
		return rc;
	if (preset_find_program(&p->preset, &program, &e) ||
	    server_argv(&p->preset, program, &values, &argv, &e))
		return fail_by_error(r, &e);
	r->state = RUN_STARTING;
	return start_and_supervise(p, argv);
}

/* Everything that is wanted of the system, before anything is started. */
static int set_up(struct program *p)
{
	sigset_t set;
	int rc = children_prepare();

	if (!rc && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		rc = -errno;
	if (!rc && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) /* the server shall not look at us */
		rc = -errno;
	if (!rc)
		rc = output_open(&p->run.output[0], &p->output[0]);
	if (!rc)
		rc = output_open(&p->run.output[1], &p->output[1]);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL); /* whoever starts us may ignore it, and then none comes */
	p->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (!rc && p->signal_fd < 0)
		rc = -errno;
	return rc ? fail_by_errno(&p->run, "cannot start a server", rc) : 0;
}

static bool has_ended_well(const struct run *r)
{
	return r->state == RUN_OVER || (r->state == RUN_UP && r->children.last_status == 0);
}

static int run(const char *name)
{
	struct program p = {
		.signal_fd = -1,
		.run = { .listener = -1,
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
	rc = set_up(&p);
	if (!rc)
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
