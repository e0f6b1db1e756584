/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The packets of the contained-service protocol: bytes to struct and back.
 *
 * Pure: no input or output, no allocation, no state. The decoder believes nothing: it is the
 * first to see what a stranger wrote, and is what gets fuzzed. It knows the form of a packet,
 * never whether its contents are allowed.
 */
#ifndef FUSESVC_PACKET_H
#define FUSESVC_PACKET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cleanup.h"

#define PACKET_MAX	   65536 /* bytes of the largest packet */
#define PACKET_MESSAGE_MAX 1024	 /* bytes of a message's text, without its NUL */
#define PROTOCOL_VERSION   1

enum packet_type {
	PACKET_HELLO = 0x53414654,	 /* SAFT */
	PACKET_HELLO_REPLY = 0x4c415354, /* LAST */
	PACKET_FILE = 0x46494c45,	 /* FILE */
	PACKET_OPEN = 0x4f50454e,	 /* OPEN */
	PACKET_OPEN_BDEV = 0x42444556,	 /* BDEV */
	PACKET_FSOPEN = 0x54595045,	 /* TYPE */
	PACKET_SOURCE = 0x4e414d45,	 /* NAME */
	PACKET_MNTPT = 0x4d4e5450,	 /* MNTP */
	PACKET_MNTOPTS = 0x4f505453,	 /* OPTS */
	PACKET_MTABOPTS = 0x4d544142,	 /* MTAB */
	PACKET_MOUNT = 0x444f4954,	 /* DOIT */
	PACKET_REPLY = 0x5245504c,	 /* REPL */
	PACKET_BYE = 0x42594545,	 /* BYEE */
	PACKET_MESSAGE = 0x4d455347,	 /* MESG */
};

struct packet {
	enum packet_type type;
	union {
		struct {
			uint16_t min_version;
			uint16_t max_version;
			uint32_t flags;
		} hello;
		struct {
			uint16_t version;
		} hello_reply;
		struct {
			uint32_t error;
		} file, reply;
		struct {
			uint32_t open_flags;
			uint32_t create_mode;
			uint32_t request_flags;
			uint32_t block_size;
		} open;
		struct {
			uint32_t flags;
		} fsopen, mount;
		struct {
			uint16_t expected_fmt;
		} mntpt;
		struct {
			uint32_t exit_code;
		} bye;
		struct {
			uint32_t level;
			uint32_t progress;
		} message;
	};
	const char *string; /* path, source, options or text; after decoding it points into the
			       packet */
};

/* The name of a type, for error messages; NULL if there is no such type. */
const char *packet_type_name(uint32_t type);

/*
 * Reads one packet. Returns 0, or -EBADMSG if the size, the padding, the string or the type is
 * wrong. The string lives as long as @buf.
 */
int packet_decode(const void *buf, size_t size, struct packet *p) _must_check_ _nonnull_all_;

/* Writes one packet. Returns its size, -EMSGSIZE if it does not fit, -EINVAL for a bad type. */
ssize_t packet_encode(const struct packet *p, void *buf, size_t size) _must_check_ _nonnull_all_;

#endif /* FUSESVC_PACKET_H */
