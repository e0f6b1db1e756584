/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A scripted server for the tests of the mount side: what it will say is put into the socket
 * beforehand, what was answered is read afterwards. So one thread does, and nothing depends on
 * time.
 */
#ifndef TESTS_CLIENT_SESSION_H
#define TESTS_CLIENT_SESSION_H

#include "test-util.h"

#include "fusesvc.h"
#include "packet.h"

struct session {
	struct fusesvc_client *c;
	int sock;	    /* the session's own end */
	int peer;	    /* the server's end */
	int file;	    /* what the callback opens */
	int wait;	    /* eventfd of a mount in progress; -1 mounts at once */
	char log[8192];	    /* callbacks, as they came */
	char answers[8192]; /* the helper's packets, as they came */

	uint32_t fail_step; /* this callback */
	int fail_rc;	    /* returns this */
	uint32_t abort_step;
	bool open_ends_mount; /* the mount in progress ends while a file is opened */
	unsigned int n_messages, n_opens;
};

/* From now on each look at the clock is a thousand seconds later than the one before. */
extern bool clock_leaps;

extern const struct fusesvc_client_ops session_ops;

/* All that a server says up to its mount. */
#define SCRIPT_LENGTH 7
extern const struct packet *const session_script[SCRIPT_LENGTH];

/* A session with a connection. */
void session_new(struct session *s, const struct fusesvc_client_ops *ops);
/* One that has said hello and passed its arguments too. */
void session_begin(struct session *s);
void session_end(struct session *s);

int session_start(struct session *s);
void session_say(struct session *s, const struct packet *const *packets);

/* Runs, and checks how it ended and what was called and answered (NULL: whatever). */
void session_expect(struct session *s, uint32_t code, uint32_t step, const char *log,
		    const char *answers);

#define say(s, ...)		 session_say(s, (const struct packet *const[]){ __VA_ARGS__, NULL })
#define P(t, ...)		 (&(const struct packet){ .type = PACKET_##t, __VA_ARGS__ })
#define HELLO_REPLY(v)		 P(HELLO_REPLY, .hello_reply = { v })
#define OPEN(path)		 P(OPEN, .string = path)
#define FSOPEN			 P(FSOPEN, .fsopen = { 0 })
#define SOURCE			 P(SOURCE, .string = "sq")
#define MNTPT			 P(MNTPT, .mntpt = { 0x4000 }, .string = "/mnt")
#define MNTOPTS			 P(MNTOPTS, .string = "allow_other")
#define MTABOPTS		 P(MTABOPTS, .string = "x-a")
#define MOUNT			 P(MOUNT, .mount = { 1 })
#define BYE(code)		 P(BYE, .bye = { code })
#define MESSAGE(level, progress) P(MESSAGE, .message = { level, progress }, .string = "hi")

/* What session_expect() sees of good ones. */
#define START	  "hello 1-1 2;argv fd 0;fusedev fd 0;"
#define LOG_MNTPT "fsopen 0;source sq;mntpt /mnt 4000;"
#define OK3	  "0;0;0;"

#endif
