/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A scripted helper for the tests of the server's side: what it will say is put into the socket
 * beforehand. The test's own process is the service: it has the socket as descriptor 3.
 */
#ifndef TESTS_SERVER_SESSION_H
#define TESTS_SERVER_SESSION_H

#include "test-util.h"

#include "fusesvc.h"
#include "packet.h"

struct helper {
	int peer; /* the helper's end */
	struct fusesvc_server *s;
	struct fusesvc_error error;
};

/* From now on each look at the clock is a thousand seconds later than the one before. */
extern bool clock_leaps;

/* Setup and teardown: descriptor 3 is taken by something, and nothing else leaks. */
int server_before(void **state);
int server_after(void **state);

#define server_test(f) cmocka_unit_test_setup_teardown(f, server_before, server_after)

/* A socket on descriptor 3, and the environment that says so. */
void helper_new(struct helper *h);
void helper_end(struct helper *h);

void helper_hello(struct helper *h, uint16_t min, uint16_t max, uint32_t flags);
/* Sends FILE; @fd -1: none. */
void helper_file(struct helper *h, const char *path, uint32_t error, int fd);
void helper_args(struct helper *h, uint32_t ext_bits);
void helper_fusedev(struct helper *h);
void helper_reply(struct helper *h, uint32_t error);
void helper_say(struct helper *h, const struct packet *p);

/* Hello, arguments and /dev/fuse are fine, and accepted. */
void helper_begin(struct helper *h, uint32_t ext_bits);

int helper_accept(struct helper *h);
/* Accepts; it must fail so, and leave descriptor 3 to nobody. */
void helper_refused(struct helper *h, uint32_t code, uint32_t step);

/* The next packet of the server. The string lives until the next call. */
void helper_hears(struct helper *h, struct packet *p);
void helper_hears_nothing(struct helper *h);

#endif
