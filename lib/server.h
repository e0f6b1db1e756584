/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the server's side share.
 */
#ifndef FUSESVC_SERVER_STATE_H
#define FUSESVC_SERVER_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "channel.h"
#include "fusesvc.h"
#include "pace.h"

struct fusesvc_server {
	struct fusesvc_error error;
	uint32_t flags; /* what the helper permits */
	struct ucred peer;
	int fuse_fd;
	int argc;
	char **argv;
	bool takes_messages;
	unsigned int n_messages; /* but progress, which has its pace */
	struct pace pace;
	unsigned int asked;    /* commands on the way to a mount whose answer has not come ... */
	unsigned int granted;  /* ... and those that need not be sent again, by their place */
	bool awaits_mount;     /* MOUNT was sent, and no answer has come */
	bool has_mount_answer; /* it came before it was waited for */
	struct packet mount_answer;
	struct channel ch;
};

/* Each notes an error and returns it. */
int server_channel_failed(struct fusesvc_server *s, uint32_t step, int rc, const char *subject);
int server_protocol_breach(struct fusesvc_server *s, uint32_t step, const char *how);

/* What was refused and then granted in another way is no error any more. */
void server_forget_refusal(struct fusesvc_server *s) _nonnull_all_;

#endif /* FUSESVC_SERVER_STATE_H */
