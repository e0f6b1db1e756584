/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Packet codec, see packet.h. Must never do I/O, allocate, or accept a byte too many or too few.
 */
#include "packet.h"

#include "wire.h"

static const struct {
	enum packet_type type;
	const char *name;
} type_names[] = {
	{ PACKET_HELLO, "HELLO" },
	{ PACKET_HELLO_REPLY, "HELLO_REPLY" },
	{ PACKET_FILE, "FILE" },
	{ PACKET_OPEN, "OPEN" },
	{ PACKET_OPEN_BDEV, "OPEN_BDEV" },
	{ PACKET_FSOPEN, "FSOPEN" },
	{ PACKET_SOURCE, "SOURCE" },
	{ PACKET_MNTPT, "MNTPT" },
	{ PACKET_MNTOPTS, "MNTOPTS" },
	{ PACKET_MTABOPTS, "MTABOPTS" },
	{ PACKET_MOUNT, "MOUNT" },
	{ PACKET_REPLY, "REPLY" },
	{ PACKET_BYE, "BYE" },
	{ PACKET_MESSAGE, "MESG" },
};

const char *packet_type_name(uint32_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(type_names); i++)
		if (type_names[i].type == type)
			return type_names[i].name;
	return NULL;
}

static void expect_zero_padding(struct reader *r)
{
	if (reader_u16(r) != 0)
		r->bad = true;
}

static void decode_body(struct reader *r, struct packet *p)
{
	switch (p->type) {
	case PACKET_HELLO:
		p->hello.min_version = reader_u16(r);
		p->hello.max_version = reader_u16(r);
		p->hello.flags = reader_u32(r);
		break;
	case PACKET_HELLO_REPLY:
		p->hello_reply.version = reader_u16(r);
		expect_zero_padding(r);
		break;
	case PACKET_FILE:
		p->file.error = reader_u32(r);
		p->string = reader_last_string(r);
		break;
	case PACKET_OPEN:
	case PACKET_OPEN_BDEV:
		p->open.open_flags = reader_u32(r);
		p->open.create_mode = reader_u32(r);
		p->open.request_flags = reader_u32(r);
		p->open.block_size = reader_u32(r);
		p->string = reader_last_string(r);
		break;
	case PACKET_FSOPEN:
		p->fsopen.flags = reader_u32(r);
		break;
	case PACKET_MNTPT:
		p->mntpt.expected_fmt = reader_u16(r);
		expect_zero_padding(r);
		p->string = reader_last_string(r);
		break;
	case PACKET_SOURCE:
	case PACKET_MNTOPTS:
	case PACKET_MTABOPTS:
		p->string = reader_last_string(r);
		break;
	case PACKET_MOUNT:
		p->mount.flags = reader_u32(r);
		break;
	case PACKET_REPLY:
		p->reply.error = reader_u32(r);
		break;
	case PACKET_BYE:
		p->bye.exit_code = reader_u32(r);
		break;
	case PACKET_MESSAGE:
		p->message.level = reader_u32(r);
		p->message.progress = reader_u32(r);
		if (r->left > PACKET_MESSAGE_MAX + 1)
			r->bad = true;
		p->string = reader_last_string(r);
		break;
	default:
		r->bad = true;
	}
}

int packet_decode(const void *buf, size_t size, struct packet *p)
{
	struct reader r = { .pos = buf, .left = size };

	memset(p, 0, sizeof(*p));
	if (size > PACKET_MAX)
		return -EBADMSG;
	p->type = reader_u32(&r);
	decode_body(&r, p);
	return r.bad || r.left ? -EBADMSG : 0;
}

static int encode_body(struct writer *w, const struct packet *p)
{
	switch (p->type) {
	case PACKET_HELLO:
		writer_u16(w, p->hello.min_version);
		writer_u16(w, p->hello.max_version);
		writer_u32(w, p->hello.flags);
		return 0;
	case PACKET_HELLO_REPLY:
		writer_u16(w, p->hello_reply.version);
		writer_u16(w, 0);
		return 0;
	case PACKET_FILE:
		writer_u32(w, p->file.error);
		break;
	case PACKET_OPEN:
	case PACKET_OPEN_BDEV:
		writer_u32(w, p->open.open_flags);
		writer_u32(w, p->open.create_mode);
		writer_u32(w, p->open.request_flags);
		writer_u32(w, p->open.block_size);
		break;
	case PACKET_FSOPEN:
		writer_u32(w, p->fsopen.flags);
		return 0;
	case PACKET_MNTPT:
		writer_u16(w, p->mntpt.expected_fmt);
		writer_u16(w, 0);
		break;
	case PACKET_SOURCE:
	case PACKET_MNTOPTS:
	case PACKET_MTABOPTS:
		break;
	case PACKET_MOUNT:
		writer_u32(w, p->mount.flags);
		return 0;
	case PACKET_REPLY:
		writer_u32(w, p->reply.error);
		return 0;
	case PACKET_BYE:
		writer_u32(w, p->bye.exit_code);
		return 0;
	case PACKET_MESSAGE:
		writer_u32(w, p->message.level);
		writer_u32(w, p->message.progress);
		break;
	default:
		return -EINVAL;
	}
	if (!p->string)
		return -EINVAL;
	if (p->type == PACKET_MESSAGE && strlen(p->string) > PACKET_MESSAGE_MAX)
		return -EMSGSIZE;
	writer_string(w, p->string);
	return 0;
}

ssize_t packet_encode(const struct packet *p, void *buf, size_t size)
{
	struct writer w = { .pos = buf, .left = size < PACKET_MAX ? size : PACKET_MAX };
	int rc;

	writer_u32(&w, p->type);
	rc = encode_body(&w, p);
	if (rc)
		return rc;
	return w.bad ? -EMSGSIZE : w.pos - (uint8_t *)buf;
}
