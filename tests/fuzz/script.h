/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other end of a session, which says what the fuzzer wants: a script of packets and
 * descriptors. It never makes the session wait: when the session reads and there is nothing, the
 * next packet is sent; when it waits for a silent peer, the clock leaps.
 *
 * A script is one byte, enum script_flag, and records: control (enum record_control), result (what
 * callbacks do while this record is the latest), size in two bytes, big-endian, and the bytes of
 * a packet. A size from SCRIPT_LARGE on stands for packets about as large as they may be: the
 * record has 20 bytes, and the packet is filled up.
 */
#ifndef TESTS_FUZZ_SCRIPT_H
#define TESTS_FUZZ_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SCRIPT_LARGE 0xfff0

enum script_flag {
	SCRIPT_END = 0x03,	   /* after the last record, see enum script_end */
	SCRIPT_DEAF = 0x04,	   /* reads no answers */
	SCRIPT_AHEAD = 0x08,	   /* sends all that fits into the socket at once */
	SCRIPT_OLD_KERNEL = 0x10,  /* without SO_PASSRIGHTS: descriptors reach the session */
	SCRIPT_READ_ONLY = 0x20,   /* these are the target's */
	SCRIPT_MOUNT_FAILS = 0x40, /* ... */
};

enum script_end { END_SHUTDOWN, END_CLOSE, END_SILENCE };

enum record_control {
	RECORD_FDS = 0x03,    /* so many descriptors come with the packet; 3 are many */
	RECORD_KIND = 0x0c,   /* which, see enum record_kind */
	RECORD_REPEAT = 0x70, /* send it 2^N times */
	RECORD_EVENT = 0x80,  /* something happens before: the target's event() */
};

/* A file holds the bytes of the next record, which is no packet then. */
enum record_kind { KIND_NULL = 0x00, KIND_FUSE = 0x04, KIND_FILE = 0x08, KIND_DIRECTORY = 0x0c };

struct record {
	uint8_t control, result;
	const uint8_t *bytes;
	size_t size;
};

struct script {
	uint8_t flags;
	const uint8_t *pos; /* the rest of it */
	size_t left;
	struct record latest;
	unsigned int repeat; /* how often it is still to be sent */
	unsigned int sent;
	bool ended;
	int session_fd, peer_fd;
	void *data;
	/* What the peer gets; the descriptor stays ours, -1 if there is none. */
	void (*answer)(void *data, const uint8_t *bytes, size_t size, int fd);
	/* What the session got, before it knows itself; size 0: the end, or half a packet. */
	void (*received)(void *data, const uint8_t *bytes, size_t size);
	void (*event)(void *data);
};

/* Aborts unless @ok. */
void check(bool ok);

/* Takes the next record off; false at the end. */
bool script_next(struct script *s, struct record *r);

/* From here on, @session_fd is what the session reads and @peer_fd is the script's. */
void script_start(struct script *s, int session_fd, int peer_fd);

/* Reads what was not read yet, and closes the peer's end. */
void script_stop(struct script *s);

/* How many descriptors this process has open. */
size_t count_fds(void);

#endif /* TESTS_FUZZ_SCRIPT_H */
