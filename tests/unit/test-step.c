/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far a prepare step says that it is. */
#include "test-util.h"

#include <stdio.h>

#include "clock.h"
#include "step.h"

static void lines(void **state)
{
	assert_int_equal(step_per_mille("1 0 100 /source"), 0);
	assert_int_equal(step_per_mille("1 50 100 /source"), 350);
	assert_int_equal(step_per_mille("1 100 100 /source"), 700);
	assert_int_equal(step_per_mille("2 1 2"), 800);
	assert_int_equal(step_per_mille("5 7 7 x"), 1000);
	assert_int_equal(step_per_mille("3 18446744073709551615 18446744073709551615"), 920);
}

static void nonsense(void **state)
{
	static const char *const bad[] = { "",	      "x",	 "1",	     "1 2",	"1 2 x",
					   "0 1 2 x", "6 1 2 x", "-1 1 2 x", "1 3 2 x", "1 0 0 x" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(step_per_mille(bad[i]), 0);
}

static void expect(struct step *s, const char *said, unsigned int per_mille)
{
	assert_int_equal(write(s->write_fd, said, strlen(said)), strlen(said));
	step_read(s);
	assert_int_equal(s->per_mille, per_mille);
}

static void silence(void **state)
{
	struct step s = { 0 };
	int64_t now;

	assert_int_equal(step_open(&s), 0);
	step_begin(&s, "/sbin/e2fsck");
	now = now_ms();
	assert_false(step_is_silent(&s, now + STEP_SILENCE_MS - 1000));
	assert_true(step_is_silent(&s, now + STEP_SILENCE_MS + 1000));
	s.last_word = now - STEP_SILENCE_MS - 1000;
	step_read(&s); /* there is nothing */
	assert_true(step_is_silent(&s, now));
	expect(&s, "1 ", 0);
	assert_false(step_is_silent(&s, now));
	step_close(&s);
}

static void pieces(void **state)
{
	struct step s = { 0 };
	char text[64];

	assert_int_equal(step_open(&s), 0);
	step_begin(&s, "/sbin/e2fsck");
	step_read(&s); /* does not wait */
	step_text(&s, text, sizeof(text));
	assert_string_equal(text, "running e2fsck, 0 s");
	s.start = now_ms() - 61500;
	step_text(&s, text, sizeof(text));
	assert_string_equal(text, "running e2fsck, 61 s");
	expect(&s, "1 50 1", 0);
	expect(&s, "00 /source\n1", 350);
	expect(&s,
	       "x\nnonsense\n2 1 2 a name that is as long as it likes, and then longer than that\n",
	       800);
	step_text(&s, text, sizeof(text));
	assert_string_equal(text, "running e2fsck");
	step_begin(&s, "other");
	assert_int_equal(s.per_mille, 0);
	step_close(&s);
	assert_int_equal(s.fd, -1);
	assert_int_equal(s.write_fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(pieces),
		cmocka_unit_test(silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
