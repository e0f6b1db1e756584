/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scripted helper: what its parts share.
 */
#ifndef ROGUE_H
#define ROGUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cleanup.h"
#include "packet.h"

#include "../send-fds.h"

#define MAX_WORDS 16 /* of a command, with its name */

struct rogue {
	const char *source; /* what a good helper would pass as SOURCE and TARGET */
	const char *target;
	int sock;     /* to the server; -1 once closed */
	int fuse_fd;  /* that was sent last, for the mount; -1 before */
	int sent_fd;  /* of the file that was sent last; -1 before */
	int n_played; /* what a good helper would have said so far, in packets */
	bool is_mounted;
	bool is_over;  /* the server said goodbye or hung up */
	bool is_alone; /* the server is no more */
	const char *command;
	struct packet got; /* that was received last, as long as there is no other */
	uint8_t in[PACKET_MAX];
};

/* rogue.c: words about the run, one line each on stdout */
__attribute__((format(printf, 1, 2))) void report(const char *fmt, ...);
/* The script asks for what cannot be: the run proves nothing. */
__attribute__((noreturn, format(printf, 1, 2))) void stop(const char *fmt, ...);
uint32_t number(const char *text);

/* commands.c */
struct command {
	const char *name;
	int min_words, max_words; /* that must follow the name */
	void (*run)(struct rogue *r, char **words, int n);
};

extern const struct command commands[]; /* ended by one without a name */

/* talk.c: one packet; a server that is gone is no error */
void send_bytes(struct rogue *r, const void *buf, size_t size, const int *fds, int n_fds);
void send_packet(struct rogue *r, const struct packet *p, int fd);
bool hear(struct rogue *r); /* false at the end of the conversation */

/* talk.c: what a good helper does */
bool play_one(struct rogue *r);
void answer_well(struct rogue *r);
void answer(struct rogue *r, uint32_t error);
void mount_target(struct rogue *r);
void unmount_target(struct rogue *r);

/* files.c: descriptors of all kinds, the caller's to close */
int make_fd(struct rogue *r, const char *kind); /* -1 for "none" */
int make_args(char **words, int n);
int make_good_args(struct rogue *r);
int make_memfd(const void *bytes, size_t size);
size_t read_hex(const char *hex, uint8_t *bytes, size_t size);

/* start.c */
struct start; /* how a server is started */

const struct start *find_start(const char *name);
/* Returns its pid; its output is appended to the file. */
pid_t start_server(const struct start *start, char **argv, const char *log, int *sock);

#endif /* ROGUE_H */
