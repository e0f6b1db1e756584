// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of how one of many files in a zip is reached: by a central directory of a few entries.
 *
 * Must never need a mount or a privilege.
 */
#include "archive-make.h"

/* Who reads the files of a zip in their order has a pass for a few of them, not for each. */
static void test_zip_in_order(void **state)
{
	const unsigned int n = 10 * ZIP_RUN;
	struct reader_stats stats;
	struct maker m;
	struct opened o;
	char name[32];

	(void)state;
	for (unsigned int step = 1; step <= 3; step++) {
		make_begin(&m, "zip", NULL, NULL);
		for (unsigned int i = 0; i < n; i++) {
			(void)snprintf(name, sizeof(name), "f%u", i);
			make_pattern(&m, name, 300 + i, i);
		}
		open_reader(&o, make_end(&m), NULL);
		for (unsigned int i = 0; i < n; i += step) {
			(void)snprintf(name, sizeof(name), "/f%u", i);
			check_read(&o, number_of(&o, name), 200, 100, i);
		}
		reader_stats(&o.reader, &stats);
		assert_in_range(stats.opened, n / ZIP_RUN - step, n / ZIP_RUN + step);
		assert_false(o.reader.no_jump);
		close_all(&o);
	}
}

/* A file whose header is damaged, after it was indexed, is not in the way of those behind it. */
static void test_zip_damaged(void **state)
{
	const uint8_t zeros[30] = { 0 };
	struct maker m;
	struct opened o;
	char name[32];
	uint8_t buf[100];

	(void)state;
	make_begin(&m, "zip", NULL, NULL);
	for (unsigned int i = 0; i < 8; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		make_pattern(&m, name, 5000, i);
	}
	open_reader(&o, make_end(&m), NULL);
	assert_int_equal(o.index.zip.n, 8);
	assert_int_equal(pwrite(o.fd, zeros, sizeof(zeros), (off_t)o.index.zip.v[3].local),
			 sizeof(zeros));
	for (unsigned int i = 0; i < 8; i++) {
		if (i == 3)
			continue;
		(void)snprintf(name, sizeof(name), "/f%u", i);
		check_read(&o, number_of(&o, name), 100, 10, i);
	}
	assert_true(reader_read(&o.reader, number_of(&o, "/f3"), buf, 100, 0) < 0);
	close_all(&o);
}

/* A zip behind something else, as in a program that unpacks itself. */
static void test_zip_with_prefix(void **state)
{
	static uint8_t buf[256 * 1024];
	struct maker m;
	struct opened o;
	ssize_t len;
	int fd, whole;

	(void)state;
	make_begin(&m, "zip", NULL, NULL);
	make_pattern(&m, "one", 5000, 1);
	make_pattern(&m, "two", 5000, 2);
	make_pattern(&m, "three", 5000, 3);
	fd = make_end(&m);
	len = pread(fd, buf + 1000, sizeof(buf) - 1000, 0);
	assert_true(len > 0);
	whole = memfd_create("whole", MFD_CLOEXEC);
	assert_int_equal(write(whole, buf, (size_t)len + 1000), len + 1000);
	(void)close(fd);
	open_reader(&o, whole, NULL);
	check_read(&o, number_of(&o, "/two"), 5000, 0, 2);
	check_read(&o, number_of(&o, "/three"), 5000, 0, 3);
	check_read(&o, number_of(&o, "/one"), 5000, 0, 1);
	assert_int_equal(o.index.zip.shift, 1000);
	assert_false(o.reader.no_jump);
	close_all(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zip_in_order),
		cmocka_unit_test(test_zip_damaged),
		cmocka_unit_test(test_zip_with_prefix),
	};

	(void)setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
