/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The line that tells how far a start is, and names that are said twice. */
#include "test-util.h"

#include "progress.h"
#include "skip-name.h"

static void expect(unsigned int columns, unsigned int per_mille, const char *text,
		   const char *expected)
{
	char line[64];

	progress_line(line, sizeof(line), columns, "/m", "zip", per_mille, text);
	assert_string_equal(line, expected);
}

static void numbers(void **state)
{
	expect(80, 0, "indexing", "prog: /m: zip: indexing");
	expect(80, 1, "indexing", "prog: /m: zip: indexing 0%");
	expect(80, 429, "indexing", "prog: /m: zip: indexing 42%");
	expect(80, 1000, "indexing", "prog: /m: zip: indexing 100%");
}

static void widths(void **state)
{
	expect(28, 420, "indexing", "prog: /m: zip: indexing 42%");
	expect(27, 420, "indexing", "prog: /m: zip: indexin 42%");
	expect(10, 420, "indexing", "prog: 42%");
	expect(4, 420, "indexing", " 42");
	expect(1, 420, "indexing", "");
	expect(24, 0, "indexing", "prog: /m: zip: indexing");
	expect(23, 0, "indexing", "prog: /m: zip: indexin");
	expect(0, 0, "indexing", "prog: /m: zip: indexing");
	/* No wider than the buffer, however wide the terminal is. */
	expect(65535, 420, "0123456789012345678901234567890123456789012345678901234567890",
	       "prog: /m: zip: 01234567890123456789012345678901234567890123 42%");
}

static void whole_characters(void **state)
{
	expect(22, 0, "x\xe6\x97\xa5\xe6\x97\xa5", "prog: /m: zip: x\xe6\x97\xa5");
	expect(20, 0, "x\xe6\x97\xa5\xe6\x97\xa5", "prog: /m: zip: x\xe6\x97\xa5");
	expect(19, 0, "x\xe6\x97\xa5\xe6\x97\xa5", "prog: /m: zip: x");
	expect(65535, 0, "01234567890123456789012345678901234567890123456\xe6\x97\xa5",
	       "prog: /m: zip: 01234567890123456789012345678901234567890123456");
}

static void targets_are_cleaned(void **state)
{
	char line[64];

	progress_line(line, sizeof(line), 80, "/\033[1m\n", "zip", 0, "x");
	assert_string_equal(line, "prog: /\\x1b[1m\\x0a: zip: x");
}

static void names_once(void **state)
{
	assert_string_equal(skip_name("zip: no good", "zip"), "no good");
	assert_string_equal(skip_name("zip: zip:  no good", "zip"), "no good");
	assert_string_equal(skip_name("zip:no good", "zip"), "zip:no good");
	assert_string_equal(skip_name("zipper: no good", "zip"), "zipper: no good");
	assert_string_equal(skip_name("zip", "zip"), "zip");
	assert_string_equal(skip_name("zip:", "zip"), "zip:");
	assert_string_equal(skip_name("zip: ", "zip"), "");
	assert_string_equal(skip_name(": no good", ""), ": no good");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),	    cmocka_unit_test(widths),
		cmocka_unit_test(whole_characters), cmocka_unit_test(targets_are_cleaned),
		cmocka_unit_test(names_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
