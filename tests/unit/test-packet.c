// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The packet codec against bytes that were written by hand from the protocol's document, and
 * against every way in which a packet can be malformed.
 */
#include "test-util.h"

#include "packet.h"

struct golden {
	const char *hex;
	struct packet packet;
	size_t string_at; /* where the string begins; 0: there is none */
	size_t zeros_at;  /* where two bytes of padding are; 0: there are none */
};

static const struct golden goldens[] = {
	{ "53414654 0001 0203 00000003", { PACKET_HELLO, .hello = { 1, 0x0203, 3 } }, 0, 0 },
	{ "4c415354 0001 0000", { PACKET_HELLO_REPLY, .hello_reply = { 1 } }, 0, 6 },
	{ "46494c45 0000000d 2f6100", { PACKET_FILE, .file = { 13 }, .string = "/a" }, 8, 0 },
	{ "4f50454e 00008002 000001a4 00000001 00000000 2f782f7900",
	  { PACKET_OPEN, .open = { 0x8002, 0644, 1, 0 }, .string = "/x/y" },
	  20,
	  0 },
	{ "42444556 00000080 00000000 00000001 00001000 2f6465762f736400",
	  { PACKET_OPEN_BDEV, .open = { 0x80, 0, 1, 4096 }, .string = "/dev/sd" },
	  20,
	  0 },
	{ "54595045 00000001", { PACKET_FSOPEN, .fsopen = { 1 } }, 0, 0 },
	{ "4e414d45 7371756173686673 00", { PACKET_SOURCE, .string = "squashfs" }, 4, 0 },
	{ "4d4e5450 4000 0000 2f6d6e7400",
	  { PACKET_MNTPT, .mntpt = { 0x4000 }, .string = "/mnt" },
	  8,
	  6 },
	{ "4f505453 616c6c6f775f6f7468657200", { PACKET_MNTOPTS, .string = "allow_other" }, 4, 0 },
	{ "4d544142 782d6100", { PACKET_MTABOPTS, .string = "x-a" }, 4, 0 },
	{ "444f4954 00000407", { PACKET_MOUNT, .mount = { 0x407 } }, 0, 0 },
	{ "5245504c 00000016", { PACKET_REPLY, .reply = { 22 } }, 0, 0 },
	{ "42594545 80000001", { PACKET_BYE, .bye = { 0x80000001 } }, 0, 0 },
	{ "4d455347 00000004 ffffffff 6869 00",
	  { PACKET_MESSAGE, .message = { 4, 0xffffffff }, .string = "hi" },
	  12,
	  0 },
};

static int decode(const void *buf, size_t size, struct packet *p)
{
	uint8_t *copy = exact_copy(buf, size);
	int rc = packet_decode(copy, size, p);

	p->string = NULL; /* it pointed into the copy */
	free(copy);
	return rc;
}

static void assert_malformed(const void *buf, size_t size)
{
	struct packet p;

	assert_int_equal(decode(buf, size, &p), -EBADMSG);
}

static void encodes_golden_bytes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(goldens); i++) {
		uint8_t out[256];
		size_t size;
		uint8_t *bytes = from_hex(goldens[i].hex, &size);

		assert_int_equal(packet_encode(&goldens[i].packet, out, sizeof(out)), size);
		assert_memory_equal(out, bytes, size);
		free(bytes);
	}
}

/* The encoder is right by the test above, and no two fields of a packet there are the same. */
static void decodes_golden_bytes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(goldens); i++) {
		const struct golden *g = &goldens[i];
		struct packet p;
		uint8_t out[256];
		size_t size;
		uint8_t *bytes = from_hex(g->hex, &size);

		assert_int_equal(packet_decode(bytes, size, &p), 0);
		assert_int_equal(p.type, g->packet.type);
		if (g->string_at) {
			assert_string_equal(p.string, g->packet.string);
			assert_ptr_equal(p.string, bytes + g->string_at);
		} else {
			assert_null(p.string);
		}
		assert_int_equal(packet_encode(&p, out, sizeof(out)), size);
		assert_memory_equal(out, bytes, size);
		free(bytes);
	}
}

static void decodes_fields(void **state)
{
	struct packet p;
	size_t size;
	uint8_t *bytes = from_hex(goldens[4].hex, &size);

	assert_int_equal(packet_decode(bytes, size, &p), 0);
	assert_int_equal(p.type, PACKET_OPEN_BDEV);
	assert_int_equal(p.open.open_flags, 0x80);
	assert_int_equal(p.open.create_mode, 0);
	assert_int_equal(p.open.request_flags, 1);
	assert_int_equal(p.open.block_size, 4096);
	free(bytes);
}

static void every_truncation_is_malformed(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(goldens); i++) {
		size_t size;
		uint8_t *bytes = from_hex(goldens[i].hex, &size);

		for (size_t n = 0; n < size; n++)
			assert_malformed(bytes, n);
		free(bytes);
	}
}

static void one_byte_too_many_is_malformed(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(goldens); i++) {
		size_t size;
		uint8_t *bytes = from_hex(goldens[i].hex, &size);
		uint8_t *longer = malloc(size + 1);

		assert_non_null(longer);
		memcpy(longer, bytes, size);
		longer[size] = '\0';
		assert_malformed(longer, size + 1);
		longer[size] = 'x';
		assert_malformed(longer, size + 1);
		free(longer);
		free(bytes);
	}
}

static void bad_strings_are_malformed(void **state)
{
	size_t seen = 0;

	for (size_t i = 0; i < ARRAY_SIZE(goldens); i++) {
		size_t at = goldens[i].string_at, size;
		uint8_t *bytes = from_hex(goldens[i].hex, &size);

		if (at) {
			seen++;
			assert_malformed(bytes, at); /* nothing, not even a NUL */
			bytes[size - 1] = 'x';
			assert_malformed(bytes, size); /* no NUL */
			bytes[size - 1] = '\0';
			for (size_t j = at; j < size - 1; j++) {
				uint8_t saved = bytes[j];

				bytes[j] = '\0'; /* one inside */
				assert_malformed(bytes, size);
				bytes[j] = saved;
			}
		}
		free(bytes);
	}
	assert_int_equal(seen, 8);
}

static void empty_string_is_well_formed(void **state)
{
	static const uint8_t bytes[] = { 'O', 'P', 'T', 'S', 0 };
	struct packet p;

	assert_int_equal(packet_decode(bytes, sizeof(bytes), &p), 0);
	assert_string_equal(p.string, "");
}

static void padding_must_be_zero(void **state)
{
	size_t seen = 0;

	for (size_t i = 0; i < ARRAY_SIZE(goldens); i++) {
		size_t at = goldens[i].zeros_at, size;
		uint8_t *bytes = from_hex(goldens[i].hex, &size);

		for (size_t j = at; at && j < at + 2; j++) {
			seen++;
			bytes[j] = 1;
			assert_malformed(bytes, size);
			bytes[j] = 0;
		}
		free(bytes);
	}
	assert_int_equal(seen, 4);
}

static void unknown_types_are_malformed(void **state)
{
	static const uint32_t types[] = { 0, 1, 0xffffffff, 0x41524753, 0x46494c46, 0x454c4946 };
	uint8_t bytes[8] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct packet p = { .type = (enum packet_type)types[i], .string = "" };

		for (size_t j = 0; j < 4; j++)
			bytes[j] = (uint8_t)(types[i] >> (24 - 8 * j));
		for (size_t size = 4; size <= sizeof(bytes); size++)
			assert_malformed(bytes, size);
		assert_int_equal(packet_encode(&p, bytes, sizeof(bytes)), -EINVAL);
		memset(bytes, 0, sizeof(bytes));
		assert_null(packet_type_name(types[i]));
	}
}

static void a_packet_has_65536_bytes_at_most(void **state)
{
	size_t size = 65536;
	char *text = malloc(size + 1);
	uint8_t *bytes = malloc(size + 1), *again = malloc(size + 1);
	struct packet p = { .type = PACKET_SOURCE, .string = text };

	assert_true(text && bytes && again);
	memset(text, 'a', size);
	text[size - 5] = '\0'; /* the magic, the text, the NUL */
	assert_int_equal(packet_encode(&p, bytes, size + 1), size);
	assert_int_equal(packet_decode(bytes, size, &p), 0);
	assert_int_equal(strlen(p.string), size - 5);

	memcpy(again, bytes, size);
	again[size - 1] = 'a';
	again[size] = '\0';
	assert_malformed(again, size + 1);
	text[size - 5] = 'a';
	text[size - 4] = '\0';
	p.string = text;
	assert_int_equal(packet_encode(&p, bytes, size + 1), -EMSGSIZE);
	free(text);
	free(bytes);
	free(again);
}

static void a_message_has_1024_bytes_at_most(void **state)
{
	char text[1026];
	uint8_t bytes[2048];
	struct packet p = { .type = PACKET_MESSAGE, .message = { 6, 1000 }, .string = text };

	memset(text, 'm', sizeof(text));
	text[1024] = '\0';
	assert_int_equal(packet_encode(&p, bytes, sizeof(bytes)), 12 + 1025);
	assert_int_equal(packet_decode(bytes, 12 + 1025, &p), 0);
	assert_int_equal(strlen(p.string), 1024);

	bytes[12 + 1024] = 'm';
	bytes[12 + 1025] = '\0';
	assert_malformed(bytes, 12 + 1026);
	text[1024] = 'm';
	text[1025] = '\0';
	p.string = text;
	assert_int_equal(packet_encode(&p, bytes, sizeof(bytes)), -EMSGSIZE);
}

static void encoder_stays_in_its_buffer(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(goldens); i++) {
		size_t size;

		free(from_hex(goldens[i].hex, &size));
		for (size_t room = 0; room < size; room++) {
			uint8_t *out = malloc(room ? room : 1);

			assert_int_equal(packet_encode(&goldens[i].packet, out, room), -EMSGSIZE);
			free(out);
		}
	}
}

static void encoder_wants_a_string(void **state)
{
	uint8_t out[256];

	for (size_t i = 0; i < ARRAY_SIZE(goldens); i++) {
		struct packet p = goldens[i].packet;

		p.string = NULL;
		if (goldens[i].string_at)
			assert_int_equal(packet_encode(&p, out, sizeof(out)), -EINVAL);
	}
}

static void every_type_has_a_name(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(goldens); i++)
		assert_non_null(packet_type_name(goldens[i].packet.type));
	assert_string_equal(packet_type_name(PACKET_OPEN_BDEV), "OPEN_BDEV");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes_golden_bytes),
		cmocka_unit_test(decodes_golden_bytes),
		cmocka_unit_test(decodes_fields),
		cmocka_unit_test(every_truncation_is_malformed),
		cmocka_unit_test(one_byte_too_many_is_malformed),
		cmocka_unit_test(bad_strings_are_malformed),
		cmocka_unit_test(empty_string_is_well_formed),
		cmocka_unit_test(padding_must_be_zero),
		cmocka_unit_test(unknown_types_are_malformed),
		cmocka_unit_test(a_packet_has_65536_bytes_at_most),
		cmocka_unit_test(a_message_has_1024_bytes_at_most),
		cmocka_unit_test(encoder_stays_in_its_buffer),
		cmocka_unit_test(encoder_wants_a_string),
		cmocka_unit_test(every_type_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
