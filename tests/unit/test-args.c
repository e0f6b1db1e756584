// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The argv memfd against hand-written bytes, against every number in it being a lie, and against
 * descriptors that are no memfd at all.
 */
#include "test-util.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "args.h"

/* Offsets in the golden file. */
enum { ARGC = 4, POS0 = 8, LEN0 = 12, POS1 = 16, LEN1 = 20, STRINGS = 24, END = 29, EXT = 29 };

static const char golden[] = "41524753 00000002 00000018 00000002 0000001a 00000003 "
			     "6100 2f6200 58544e31 00000001";
static const char *const golden_argv[] = { "a", "/b" };

static long shrink_after = -1; /* bytes that a file still has when it is read; -1: all */

ssize_t __real_pread(int fd, void *buf, size_t size, off_t at);
ssize_t __wrap_pread(int fd, void *buf, size_t size, off_t at);
ssize_t __wrap_pread64(int fd, void *buf, size_t size, off_t at);

ssize_t __wrap_pread(int fd, void *buf, size_t size, off_t at)
{
	if (shrink_after >= 0 && (off_t)size > shrink_after - at)
		size = at < shrink_after ? (size_t)(shrink_after - at) : 0;
	return __real_pread(fd, buf, size, at);
}

ssize_t __wrap_pread64(int fd, void *buf, size_t size, off_t at)
{
	return __wrap_pread(fd, buf, size, at);
}

static int decode(const uint8_t *bytes, size_t size, struct args_view *v)
{
	uint8_t *copy = exact_copy(bytes, size);
	int rc = args_decode(copy, size, v);

	for (uint32_t i = 0; rc == 0 && i < v->argc; i++)
		assert_true(strlen(args_view_get(v, i)) < size);
	free(copy);
	return rc;
}

static void put_u32(uint8_t *bytes, size_t at, uint32_t n)
{
	for (size_t i = 0; i < 4; i++)
		bytes[at + i] = (uint8_t)(n >> (24 - 8 * i));
}

static void golden_bytes(void **state)
{
	struct args_view v;
	size_t size, out_size;
	uint8_t *bytes = from_hex(golden, &size), *out;

	assert_int_equal(args_encode(2, golden_argv, 1, &out, &out_size), 0);
	assert_int_equal(out_size, size);
	assert_memory_equal(out, bytes, size);
	free(out);

	assert_int_equal(args_decode(bytes, size, &v), 0);
	assert_int_equal(v.argc, 2);
	assert_int_equal(v.ext_bits, 1);
	assert_string_equal(args_view_get(&v, 0), "a");
	assert_string_equal(args_view_get(&v, 1), "/b");
	free(bytes);
}

static void numbers_that_lie(void **state)
{
	static const struct {
		size_t at;
		uint32_t n;
	} lies[] = {
		{ 0, 0x41524754 },    { 0, 0 },
		{ 0, 0x53475241 },    { ARGC, 0 },
		{ ARGC, 4 },	      { ARGC, 0x20000000 },
		{ ARGC, 0x1fffffff }, { ARGC, 0x80000000 },
		{ ARGC, 0xffffffff }, { POS0, 0 },
		{ POS0, 8 },	      { POS0, STRINGS - 1 },
		{ POS0, 25 },	      { POS0, 37 },
		{ POS0, 38 },	      { POS0, 0xffffffff },
		{ POS0, 0xfffffffe }, { POS0, 0x80000000 },
		{ LEN0, 0 },	      { LEN0, 1 },
		{ LEN0, 3 },	      { LEN0, 5 },
		{ LEN0, 13 },	      { LEN0, 14 },
		{ LEN0, 0x7fffffff }, { LEN0, 0xffffffff },
		{ LEN0, 0xffffffe8 }, { POS1, 27 },
		{ POS1, 0xfffffffd }, { LEN1, 2 },
		{ LEN1, 4 },	      { LEN1, 12 },
		{ LEN1, 0xffffffe6 },
	};
	struct args_view v;
	size_t size;

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		uint8_t *bytes = from_hex(golden, &size);

		put_u32(bytes, lies[i].at, lies[i].n);
		if (decode(bytes, size, &v) != -EBADMSG)
			fail_msg("0x%x at %zu was believed", lies[i].n, lies[i].at);
		free(bytes);
	}
}

/* Position and length that wrap around to something plausible. */
static void sums_that_wrap(void **state)
{
	struct args_view v;
	size_t size;
	uint8_t *bytes = from_hex(golden, &size);

	put_u32(bytes, POS0, 0xfffffff0);
	put_u32(bytes, LEN0, 0x2a); /* ends at 26 */
	assert_int_equal(decode(bytes, size, &v), -EBADMSG);
	put_u32(bytes, POS0, 0x18);
	put_u32(bytes, LEN0, 0xfffffff0);
	assert_int_equal(decode(bytes, size, &v), -EBADMSG);
	free(bytes);
}

/* Header and table have bytes that look like strings. */
static void strings_before_the_strings(void **state)
{
	struct args_view v;
	size_t size;
	uint8_t *bytes = from_hex(golden, &size);

	put_u32(bytes, POS0, 0);
	put_u32(bytes, LEN0, 5); /* "ARGS" */
	assert_int_equal(decode(bytes, size, &v), -EBADMSG);
	put_u32(bytes, POS0, STRINGS - 1);
	put_u32(bytes, LEN0, 3); /* "\3a" */
	assert_int_equal(decode(bytes, size, &v), -EBADMSG);
	free(bytes);
}

static void missing_and_embedded_nul(void **state)
{
	struct args_view v;
	size_t size;
	uint8_t *bytes = from_hex(golden, &size);

	bytes[25] = 'x';
	assert_int_equal(decode(bytes, size, &v), -EBADMSG);
	bytes[25] = '\0';
	bytes[27] = '\0';
	assert_int_equal(decode(bytes, size, &v), -EBADMSG);
	free(bytes);
}

static void every_truncation(void **state)
{
	struct args_view v;
	size_t size;
	uint8_t *bytes = from_hex(golden, &size);

	for (size_t n = 0; n < END; n++)
		assert_int_equal(decode(bytes, n, &v), -EBADMSG);
	for (size_t n = END; n < size; n++) { /* only the extension is cut */
		assert_int_equal(decode(bytes, n, &v), 0);
		assert_int_equal(v.ext_bits, 0);
	}
	free(bytes);
}

static void extension_bits(void **state)
{
	struct args_view v;
	size_t size;
	uint8_t *bytes = from_hex(golden, &size), longer[64] = { 0 };

	put_u32(bytes, EXT + 4, 0xa0000001);
	assert_int_equal(decode(bytes, size, &v), 0);
	assert_int_equal(v.ext_bits, 0xa0000001);
	memcpy(longer, bytes, size); /* what follows is for later versions to know */
	assert_int_equal(decode(longer, sizeof(longer), &v), 0);
	assert_int_equal(v.ext_bits, 0xa0000001);
	put_u32(bytes, EXT, 0x58544e32); /* XTN2 */
	assert_int_equal(decode(bytes, size, &v), 0);
	assert_int_equal(v.ext_bits, 0);
	put_u32(bytes, EXT, 0);
	assert_int_equal(decode(bytes, size, &v), 0);
	assert_int_equal(v.ext_bits, 0);
	free(bytes);
}

/* Many long arguments in one short file: the reader's copy would be much longer than the file. */
static void overlapping_strings(void **state)
{
	enum { N = 100, LENGTH = 500, SIZE = 8 + 8 * N + LENGTH };
	uint8_t bytes[SIZE];
	struct args_view v;

	put_u32(bytes, 0, 0x41524753);
	put_u32(bytes, ARGC, N);
	for (size_t i = 0; i < N; i++) {
		put_u32(bytes, 8 + 8 * i, 8 + 8 * N);
		put_u32(bytes, 12 + 8 * i, LENGTH);
	}
	memset(bytes + 8 + 8 * N, 'o', LENGTH);
	bytes[SIZE - 1] = '\0';
	assert_int_equal(decode(bytes, SIZE, &v), -EBADMSG);
}

static void largest_size(void **state)
{
	uint8_t *big = calloc(1, ARGS_MAX_SIZE + 1);
	char *text = malloc(ARGS_MAX_SIZE);
	const char *argv[] = { text };
	struct args_view v;
	uint8_t *out;
	size_t size;

	assert_true(big && text);
	size = ARGS_MAX_SIZE - 8 - 8 - 8; /* header, entry, extension */
	memset(text, 't', size);
	text[size - 1] = '\0';
	assert_int_equal(args_encode(1, argv, 0, &out, &size), 0);
	assert_int_equal(size, ARGS_MAX_SIZE);
	assert_int_equal(args_decode(out, size, &v), 0);
	memcpy(big, out, size);
	assert_int_equal(args_decode(big, ARGS_MAX_SIZE + 1, &v), -EBADMSG);
	free(out);
	strcat(text, "t");
	assert_int_equal(args_encode(1, argv, 0, &out, &size), -E2BIG);
	assert_int_equal(args_encode(0, argv, 0, &out, &size), -EINVAL);
	assert_int_equal(args_encode(-1, argv, 0, &out, &size), -EINVAL);
	free(text);
	free(big);
}

static void round_trip_through_a_memfd(void **state)
{
	static const char *const argv[] = { "squashfs",	   "", "/a b", "-o", "ro,key=a\\,b\\\\c",
					    "\xff\x1b[m\n" };
	int fd, argc;
	char **got;
	uint32_t bits;

	assert_int_equal(args_to_memfd(ARRAY_SIZE(argv), argv, 5, &fd), 0);
	assert_int_equal(args_from_fd(fd, &argc, &got, &bits), 0);
	assert_int_equal(argc, ARRAY_SIZE(argv));
	assert_int_equal(bits, 5);
	for (size_t i = 0; i < ARRAY_SIZE(argv); i++)
		assert_string_equal(got[i], argv[i]);
	assert_null(got[argc]);
	free(got);
	(void)close(fd);
}

static void memfd_is_sealed(void **state)
{
	int fd;

	assert_int_equal(args_to_memfd(2, golden_argv, 1, &fd), 0);
	assert_int_equal(fcntl(fd, F_GET_SEALS),
			 F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(ftruncate(fd, 1), -1);
	assert_int_equal(ftruncate(fd, 1000), -1);
	(void)close(fd);
}

/* @fd is closed here. */
static void assert_not_read(int fd, int expected)
{
	int argc;
	char **argv;
	uint32_t bits;

	assert_true(fd >= 0);
	assert_int_equal(args_from_fd(fd, &argc, &argv, &bits), expected);
	(void)close(fd);
}

static void other_descriptors(void **state)
{
	int pipe_fds[2], file;
	char path[32];

	assert_return_code(pipe2(pipe_fds, O_CLOEXEC), errno);
	assert_not_read(pipe_fds[0], -EBADMSG);
	assert_not_read(pipe_fds[1], -EBADMSG);
	assert_not_read(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), -EBADMSG);
	assert_not_read(open("/dev/zero", O_RDONLY | O_CLOEXEC), -EBADMSG);
	assert_not_read(memfd_create("empty", MFD_CLOEXEC), -EBADMSG);
	file = memfd_create("large", MFD_CLOEXEC);
	assert_return_code(ftruncate(file, ARGS_MAX_SIZE + 1), errno);
	assert_not_read(file, -EBADMSG);
	file = memfd_create("more than any memory", MFD_CLOEXEC);
	assert_return_code(ftruncate(file, (off_t)1 << 50), errno);
	assert_not_read(file, -EBADMSG);
	file = memfd_create("zeros", MFD_CLOEXEC);
	assert_return_code(ftruncate(file, 4096), errno);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	assert_not_read(open(path, O_PATH | O_CLOEXEC), -EBADF);
	assert_not_read(file, -EBADMSG);
}

static void a_file_that_shrinks(void **state)
{
	int fd, argc;
	char **argv;
	uint32_t bits;

	assert_int_equal(args_to_memfd(2, golden_argv, 1, &fd), 0);
	for (shrink_after = 0; shrink_after < 37; shrink_after++)
		assert_int_equal(args_from_fd(fd, &argc, &argv, &bits), -EBADMSG);
	shrink_after = 37;
	assert_int_equal(args_from_fd(fd, &argc, &argv, &bits), 0);
	shrink_after = -1;
	free(argv);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_bytes),
		cmocka_unit_test(numbers_that_lie),
		cmocka_unit_test(sums_that_wrap),
		cmocka_unit_test(strings_before_the_strings),
		cmocka_unit_test(missing_and_embedded_nul),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(extension_bits),
		cmocka_unit_test(overlapping_strings),
		cmocka_unit_test(largest_size),
		unit_test_fds(round_trip_through_a_memfd),
		unit_test_fds(memfd_is_sealed),
		unit_test_fds(other_descriptors),
		unit_test_fds(a_file_that_shrinks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
