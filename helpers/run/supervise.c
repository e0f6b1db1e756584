/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server from its start to its end: what it calls, what it says, that it ends or shall end, and
 * what the helper answers, in one loop.
 *
 * Must never wait for anything but this loop's poll(2), and the helper's answers to what a trapped
 * call asks it, which have a deadline.
 */
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

#define ALIVE_MS      1000 /* how often a step's progress is told, at most */
#define INIT_CHECK_MS 2	   /* how often to look whether FUSE_INIT was read */
#define KILL_AFTER_MS 5000 /* that a server whose mount failed has to end */
#define KILL_AGAIN_MS 500

/* Everything that is wanted of the system, before anything is started. */
int run_set_up(struct run *r)
{
	sigset_t set;
	int rc = children_prepare();

	if (!rc && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		rc = -errno;
	if (!rc && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) /* the server shall not look at us */
		rc = -errno;
	if (!rc)
		rc = output_open(&r->output[0], &r->output_fds[0]);
	if (!rc)
		rc = output_open(&r->output[1], &r->output_fds[1]);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL); /* whoever starts us may ignore it, and then none comes */
	r->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (!rc && r->signal_fd < 0)
		rc = -errno;
	return rc;
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

/*
 * Some say all on standard output. A step that checks the source says what is wrong there, and on
 * standard error no more than that it gives up.
 */
static void last_words(const struct run *r, char *text, size_t size)
{
	char errors[FUSESVC_MESSAGE_SIZE / 2];

	output_text(&r->output[1], errors, sizeof(errors));
	if (!errors[0]) {
		output_text(&r->output[0], text, size);
	} else if (r->step.program) {
		output_text(&r->output[0], text, size - sizeof(errors));
		add_words(text, size, errors);
	} else {
		output_text(&r->output[1], text, size);
	}
}

/* All of it goes to the log, too: who mounts may be gone. */
void run_fail(struct run *r, const char *why)
{
	char text[FUSESVC_MESSAGE_SIZE], clean[2 * FUSESVC_MESSAGE_SIZE];

	if (r->state >= RUN_UP)
		return;
	r->state = RUN_FAILED;
	end_output(r);
	last_words(r, text, sizeof(text));
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

/* Whoever mounts can stop it, and so can the service manager: then what was written is saved. */
static void on_signal(struct run *r)
{
	struct signalfd_siginfo info;

	if (read(r->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD) {
		if (children_reap(&r->children))
			r->has_any_ended = true;
		return;
	}
	run_fail(r, "it was told to end");
	children_signal(&r->children, SIGTERM);
}

static void check_children(struct run *r)
{
	const struct children *c = &r->children;
	char text[128], status[96];
	bool is_over = c->is_alone || (c->has_ended && c->status != 0);

	if (r->state == RUN_UP && r->has_any_ended && !c->is_alone) {
		r->has_any_ended = false;
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
static void end_rest(struct run *r)
{
	const int64_t now = now_ms();
	bool is_first = !r->kill_time, is_late = !is_first && now >= r->kill_time;

	if (is_late)
		r->is_killing = true;
	if (is_first || is_late)
		r->kill_time = now + (is_first ? KILL_AFTER_MS : KILL_AGAIN_MS);
	if (is_first || is_late || r->has_any_ended)
		children_signal(&r->children, r->is_killing ? SIGKILL : SIGTERM);
	r->has_any_ended = false;
}

static int next_timeout(const struct run *r)
{
	int64_t left = r->kill_time - now_ms();

	if (r->state == RUN_INIT)
		return INIT_CHECK_MS;
	if (r->state == RUN_PREPARING)
		return ALIVE_MS;
	if (r->state < RUN_OVER)
		return -1;
	return left > 0 ? (int)left : 0;
}

/*
 * Signs of life, as often as libfusesvc lets them through. What hangs must not be waited for, and
 * only what it says tells that it does not; a step may be silent for a while.
 */
static void tell_progress(struct run *r, bool has_said_something)
{
	const bool is_step = r->state == RUN_PREPARING && r->step.program;
	char text[128] = "starting";

	if (is_step && has_said_something)
		r->step.last_word = now_ms();
	if (is_step ? step_is_silent(&r->step, now_ms())
		    : !has_said_something || r->state >= RUN_UP)
		return;
	if (is_step)
		step_text(&r->step, text, sizeof(text));
	(void)fusesvc_server_message(r->server, FUSESVC_MSG_INFO,
				     r->state == RUN_PREPARING ? r->step.per_mille : 0, text);
}

static void on_helper(struct run *r)
{
	if (r->state == RUN_MOUNTING)
		run_mount_answered(r);
	else if (r->state < RUN_UP)
		run_fail(r, "the helper has gone");
}

/* Looks after what was started last, until it and all that it left behind have ended. */
static void supervise(struct run *r)
{
	enum { LISTENER, SIGNALS, HELPER, OUTPUT, ERRORS, STEP };

	while (!r->children.is_alone) {
		struct pollfd fds[] = {
			[LISTENER] = { r->listener, POLLIN, 0 },
			[SIGNALS] = { r->signal_fd, POLLIN, 0 },
			[HELPER] = { fusesvc_server_fd(r->server), POLLIN, 0 },
			[OUTPUT] = { r->output[0].fd, POLLIN, 0 },
			[ERRORS] = { r->output[1].fd, POLLIN, 0 },
			[STEP] = { r->step.fd, POLLIN, 0 },
		};
		bool has_said = false;

		if (r->state >= RUN_OVER)
			end_rest(r);
		if (poll(fds, ARRAY_SIZE(fds), next_timeout(r)) < 0)
			continue;
		if (fds[OUTPUT].revents)
			has_said = output_read(&r->output[0]);
		if (fds[ERRORS].revents)
			has_said |= output_read(&r->output[1]);
		if (fds[STEP].revents)
			step_read(&r->step);
		tell_progress(r, has_said);
		if (fds[LISTENER].revents & POLLIN)
			run_answer_call(r);
		else if (fds[LISTENER].revents) /* nobody is left who could call */
			close_fd_keep_errno(steal_fd(&r->listener));
		if (fds[HELPER].revents && fusesvc_server_fd(r->server) >= 0)
			on_helper(r);
		if (fds[SIGNALS].revents)
			on_signal(r);
		check_children(r);
		if (r->state == RUN_INIT)
			run_check_init(r);
	}
	end_output(r);
	close_fd_keep_errno(steal_fd(&r->listener));
}

int run_child(struct run *r, char *const argv[])
{
	int fd = children_start(&r->children, argv, r->output_fds, r->step.write_fd);

	if (fd < 0)
		return fd;
	r->listener = fd;
	supervise(r);
	return 0;
}
