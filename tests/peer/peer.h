/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scripted server: what its parts share.
 */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "packet.h"

#include "../send-fds.h"

#define MAX_ARGS 4 /* of a command */

struct peer {
	int sock;    /* to the helper; -1 once closed */
	int fuse_fd; /* -1 until the helper sent it */
	FILE *log;
	const char *command; /* that is being obeyed, for the log */
	int argc;	     /* what the helper passed */
	char **argv;
	uint64_t init_unique; /* the kernel's first request, once it was received */
	uint32_t init_minor;
	mode_t root_fmt; /* of the file system's root: S_IFDIR or S_IFREG */
	bool is_deaf;	 /* takes questions for names, and never answers */
};

/* commands.c */
struct command {
	const char *name;
	int n_args; /* the last of them takes the rest of the line */
	void (*run)(struct peer *p, char **args);
};

extern const struct command commands[]; /* ended by one without a name */

/* peer.c: obeys a line, which it takes apart. Returns false if there is no such command. */
bool obey(struct peer *p, char *line);

/* old-kernel.c: runs a program for which the kernel is one before 6.16. Returns only on failure. */
int run_without_passrights(char **argv);

/* io.c: the log */
__attribute__((format(printf, 2, 3))) void say(struct peer *p, const char *fmt, ...);
const char *errno_name(int err); /* "OK" for 0, else "EPERM" and so on */

/* io.c: these return 0 or a positive errno value; EPIPE if the helper hung up. */
int send_bytes(struct peer *p, const void *buf, size_t size, int n_fds);
int try_send(struct peer *p, const struct packet *packet);
int try_receive(struct peer *p, struct packet *packet, int *fd); /* *fd is -1 if none came */

/* io.c: these log an error and end the process. */
void send_packet(struct peer *p, const struct packet *packet);
void receive_packet(struct peer *p, enum packet_type type, struct packet *packet, int *fd);
void log_reply(struct peer *p, const char *about);
void request(struct peer *p, const struct packet *packet, const char *about);
/* Opens args[0], and logs its first word: so it can be told from another of the same name. */
void cmd_peek(struct peer *p, char **args);

/* fuse.c: the other side of /dev/fuse. These return 0 or a positive errno value. */
int fuse_set_sync_init(int fuse_fd);
int fuse_get_init(struct peer *p);
int fuse_answer_init(struct peer *p, int error);
void fuse_serve(struct peer *p);

#endif /* PEER_H */
