/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The server's side of a mount: what it shall be, then the mount itself.
 *
 * The commands before the mount do not wait for each other: all are sent, then all answers are
 * heard, so that it takes one trip to the helper and back instead of five. Must never send MOUNT
 * unless each of them was granted.
 */
#include <string.h>
#include <sys/stat.h>

#include "server.h"

struct command {
	uint32_t step;
	bool is_wanted;
	struct packet packet;
};

static int take_reply(struct fusesvc_server *s, uint32_t step, const struct packet *answer,
		      const char *subject)
{
	if (answer->type != PACKET_REPLY || answer->reply.error > 4095)
		return server_protocol_breach(s, step, "no answer to the command");
	if (answer->reply.error)
		return fusesvc_error_set(&s->error, step, FUSESVC_E_REFUSED,
					 (int)answer->reply.error, subject);
	server_forget_refusal(s);
	return 0;
}

/* Waits for the answer to a command. */
static int await_reply(struct fusesvc_server *s, uint32_t step, const char *subject)
{
	struct channel_extra extra;
	struct packet answer;
	int rc;

	rc = channel_recv(&s->ch, &answer, &extra);
	if (rc)
		return server_channel_failed(s, step, rc, subject);
	close_fd_keep_errno(extra.fd);
	if (extra.fd >= 0)
		return server_protocol_breach(s, step, "no answer to the command");
	return take_reply(s, step, &answer, subject);
}

/* Sends what was not granted before and is not on its way. */
static int ask(struct fusesvc_server *s, const struct command *commands, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int rc;

		if (!commands[i].is_wanted || ((s->granted | s->asked) & 1U << i))
			continue;
		rc = channel_send(&s->ch, &commands[i].packet, -1);
		if (rc)
			return server_channel_failed(s, commands[i].step, rc,
						     commands[i].packet.string);
		s->asked |= 1U << i;
	}
	return 0;
}

/*
 * Hears all answers. The first refusal is the reason, whatever comes after it: a helper may well
 * hang up then.
 */
static int hear(struct fusesvc_server *s, const struct command *commands, size_t n)
{
	struct fusesvc_error refusal = { 0 };

	for (size_t i = 0; i < n; i++) {
		int rc;

		if (!(s->asked & 1U << i))
			continue;
		rc = await_reply(s, commands[i].step, commands[i].packet.string);
		if (rc && s->error.code != FUSESVC_E_REFUSED) {
			if (!refusal.err)
				return rc;
			break;
		}
		s->asked &= ~(1U << i);
		if (!rc)
			s->granted |= 1U << i;
		else if (!refusal.err)
			refusal = s->error;
	}
	if (refusal.err)
		s->error = refusal;
	return -refusal.err;
}

static int ask_and_hear(struct fusesvc_server *s, const struct command *commands, size_t n)
{
	int rc = ask(s, commands, n), heard;

	/* A helper that is gone may have said before why. */
	if (rc && rc != -EPIPE)
		return rc;
	heard = hear(s, commands, n);
	return heard ? heard : rc;
}

int fusesvc_server_mount_start(struct fusesvc_server *s, const struct fusesvc_mount_request *req)
{
	const struct packet mount = { .type = PACKET_MOUNT, .mount = { req->ms_flags } };
	const struct command commands[] = {
		{ FUSESVC_STEP_FSOPEN,
		  true,
		  { .type = PACKET_FSOPEN, .fsopen = { req->fuseblk ? 1 : 0 } } },
		{ FUSESVC_STEP_SOURCE, true, { .type = PACKET_SOURCE, .string = req->source } },
		{ FUSESVC_STEP_MNTPT,
		  true,
		  { .type = PACKET_MNTPT,
		    .mntpt = { (uint16_t)req->expected_fmt },
		    .string = req->target } },
		{ FUSESVC_STEP_MNTOPTS,
		  req->mntopts && *req->mntopts,
		  { .type = PACKET_MNTOPTS, .string = req->mntopts } },
		{ FUSESVC_STEP_MTABOPTS,
		  req->mtabopts && *req->mtabopts,
		  { .type = PACKET_MTABOPTS, .string = req->mtabopts } },
	};
	int rc = ask_and_hear(s, commands, ARRAY_SIZE(commands));

	if (rc)
		return rc;
	rc = channel_send(&s->ch, &mount, -1);
	s->awaits_mount = rc == 0;
	return rc ? server_channel_failed(s, FUSESVC_STEP_MOUNT, rc, NULL) : 0;
}

bool fusesvc_server_mount_is_answered(const struct fusesvc_server *s)
{
	return s->has_mount_answer;
}

int fusesvc_server_mount_finish(struct fusesvc_server *s)
{
	int rc;

	if (s->has_mount_answer) {
		s->has_mount_answer = false;
		return take_reply(s, FUSESVC_STEP_MOUNT, &s->mount_answer, NULL);
	}
	rc = await_reply(s, FUSESVC_STEP_MOUNT, NULL);
	s->awaits_mount = rc && s->error.code == FUSESVC_E_TIMEOUT;
	return rc;
}

int fusesvc_server_mount(struct fusesvc_server *s, const struct fusesvc_mount_request *req)
{
	int rc = fusesvc_server_mount_start(s, req);

	return rc ? rc : fusesvc_server_mount_finish(s);
}
