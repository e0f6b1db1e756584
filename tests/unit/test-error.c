// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Text that reaches a terminal: errors, a stranger's bytes with their escapes, names of services.
 */
#include "test-util.h"

#include "fusesvc.h"

static void set_returns_a_failure(void **state)
{
	char text[400];
	struct fusesvc_error e;

	assert_int_equal(fusesvc_error_set(&e, FUSESVC_STEP_OPEN, FUSESVC_E_SYSTEM, ENOENT, "/x"),
			 -ENOENT);
	assert_int_equal(e.step, FUSESVC_STEP_OPEN);
	assert_int_equal(e.code, FUSESVC_E_SYSTEM);
	assert_int_equal(e.err, ENOENT);
	assert_string_equal(e.subject, "/x");
	assert_int_equal(fusesvc_error_set(NULL, 0, 0, EPERM, "/x"), -EPERM);
	assert_int_equal(fusesvc_error_set(&e, 1, 2, 0, NULL), -EIO);
	assert_int_equal(e.err, 0);
	assert_string_equal(e.subject, "");
	assert_int_equal(fusesvc_error_set(&e, 1, 2, -5, NULL), -EIO);
	memset(text, 's', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	(void)fusesvc_error_set(&e, 1, 2, EPERM, text);
	assert_int_equal(strlen(e.subject), FUSESVC_SUBJECT_SIZE - 1);
}

static void text_of_errors(void **state)
{
	static const struct {
		struct fusesvc_error e;
		const char *text;
	} cases[] = {
		{ { FUSESVC_STEP_CONNECT, FUSESVC_E_NOSERVICE, ENOENT, "/run/x" },
		  "connecting to the service: not available (/run/x): No such file or directory" },
		{ { FUSESVC_STEP_HELLO, FUSESVC_E_VERSION, EOPNOTSUPP, "" },
		  "hello: no protocol version that both ends speak" },
		{ { FUSESVC_STEP_BYE, FUSESVC_E_GOODBYE, ECANCELED, "3" },
		  "goodbye: the server gave up (3)" },
		{ { FUSESVC_STEP_OPEN, FUSESVC_E_REFUSED, EPERM, "a\nb\x1b[31m" },
		  "opening a file: refused by the helper (a\\x0ab\\x1b[31m): Operation not "
		  "permitted" },
		{ { 1000, 1000, 0, "" }, "service: unknown error" },
		{ { FUSESVC_STEP_USER, FUSESVC_E_USER, 1, "" }, "service: unknown error" },
		{ { FUSESVC_STEP_NONE, FUSESVC_E_NONE, 0, "" }, "service: no error" },
	};
	char buf[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_ptr_equal(fusesvc_error_text(&cases[i].e, buf, sizeof(buf)), buf);
		assert_string_equal(buf, cases[i].text);
	}
}

static void every_step_and_code_has_a_text(void **state)
{
	char buf[256];

	for (uint32_t step = 1; step <= FUSESVC_STEP_BYE; step++) {
		const struct fusesvc_error e = { .step = step, .code = FUSESVC_E_TIMEOUT };

		assert_int_not_equal(
			strncmp(fusesvc_error_text(&e, buf, sizeof(buf)), "service:", 8), 0);
	}
	for (uint32_t code = 0; code <= FUSESVC_E_ABORTED; code++) {
		const struct fusesvc_error e = { .code = code };

		assert_null(strstr(fusesvc_error_text(&e, buf, sizeof(buf)), "unknown"));
	}
}

static void text_fits_its_buffer(void **state)
{
	struct fusesvc_error e;

	(void)fusesvc_error_set(&e, FUSESVC_STEP_OPEN, FUSESVC_E_SYSTEM, EPERM, "/x");
	for (size_t size = 1; size < 100; size++) {
		char *buf = malloc(size);

		assert_true(strlen(fusesvc_error_text(&e, buf, size)) < size);
		free(buf);
	}
	memset(e.subject, '\n', sizeof(e.subject) - 1);
	e.subject[sizeof(e.subject) - 1] = '\0';
	{
		char buf[2000];

		assert_null(strchr(fusesvc_error_text(&e, buf, sizeof(buf)), '\n'));
	}
}

static void escapes(void **state)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ "plain text, 1-2 \"quoted\" ~", "plain text, 1-2 \"quoted\" ~" },
		{ "a\nb\tc\rd", "a\\x0ab\\x09c\\x0dd" },
		{ "\x01\x1f\x7f", "\\x01\\x1f\\x7f" },
		{ "\x1b[2J\x1b]0;x\a", "\\x1b[2J\\x1b]0;x\\x07" },
		{ "back\\slash", "back\\x5cslash" },
		{ "\xc2\x80\xc2\x9b\xc2\x9f", "\\xc2\\x80\\xc2\\x9b\\xc2\\x9f" }, /* C1 */
		{ "\xc2\xa0\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
		  "\xc2\xa0\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "\xe2\x80\xae", "\\xe2\\x80\\xae" }, /* right-to-left override */
		{ "\xe2\x80\xaa", "\\xe2\\x80\\xaa" },
		{ "\xe2\x81\xa6\xe2\x81\xa9", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9" }, /* isolates */
		{ "\xd8\x9c\xd8\x9b", "\\xd8\\x9c\xd8\x9b" }, /* Arabic letter mark, semicolon */
		{ "\xe2\x80\x8e\xe2\x80\x8b", "\\xe2\\x80\\x8e\\xe2\\x80\\x8b" }, /* marks */
		{ "\xe2\x80\xa8\xef\xbb\xbf", "\\xe2\\x80\\xa8\\xef\\xbb\\xbf" },
		{ "\xe2\x80\xaf", "\xe2\x80\xaf" }, /* a mere space */
		/* not UTF-8: alone, cut, overlong, surrogate, too large */
		{ "\x80x", "\\x80x" },
		{ "\xffx", "\\xffx" },
		{ "\xfex", "\\xfex" },
		{ "\xc3", "\\xc3" },
		{ "\xc3x", "\\xc3x" },
		{ "\xe2\x82", "\\xe2\\x82" },
		{ "\xe2\x82x", "\\xe2\\x82x" },
		{ "\xf0\x9f\x98", "\\xf0\\x9f\\x98" },
		{ "\xc0\xaf", "\\xc0\\xaf" },
		{ "\xc1\xbf", "\\xc1\\xbf" },
		{ "\xe0\x80\xaf", "\\xe0\\x80\\xaf" },
		{ "\xe0\x9f\xbf", "\\xe0\\x9f\\xbf" },
		{ "\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },
		{ "\xed\xbf\xbf", "\\xed\\xbf\\xbf" },
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },
		{ "\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80" },
		{ "\xf4\x8f\xbf\xbd", "\xf4\x8f\xbf\xbd" },
		{ "\xed\x9f\xbf", "\xed\x9f\xbf" },
	};
	char buf[128];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *exact = (char *)exact_copy(cases[i][0], strlen(cases[i][0]) + 1);

		assert_ptr_equal(fusesvc_escape(exact, buf, sizeof(buf)), buf);
		assert_string_equal(buf, cases[i][1]);
		free(exact);
	}
}

/* What is cut ends with a whole escape or character. */
static void cut_to_tiny_buffers(void **state)
{
	static const char *const after[] = { "",
					     "a",
					     "a",
					     "a",
					     "a",
					     "a\\x0a",
					     "a\\x0a",
					     "a\\x0a\xc3\xa9",
					     "a\\x0a\xc3\xa9"
					     "b",
					     "a\\x0a\xc3\xa9"
					     "b" };

	for (size_t size = 1; size <= ARRAY_SIZE(after); size++) {
		char *buf = malloc(size);

		assert_non_null(buf);
		assert_string_equal(fusesvc_escape("a\n\xc3\xa9"
						   "b",
						   buf, size),
				    after[size - 1]);
		free(buf);
	}
}

static void names_of_services(void **state)
{
	static const char *const good[] = { "a",   "Z",	      "0",  "squashfs", "iso9660",
					    "a.b", "a-b_c+d", "9p", "a..",	"a-" };
	static const char *const bad[] = { "",		".",   "..",  "-a",  "_a",  "+a",
					   ".a",	"a/b", "/",   "a b", "a,b", "a\n",
					   "a\\",	"a@b", "a:b", "a=b", "a%",  "\xc3\xa9",
					   "a\xc3\xa9", "a*",  "a\"", "a;" };
	char name[66];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (!fusesvc_name_is_valid(good[i]))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (fusesvc_name_is_valid(bad[i]))
			fail_msg("%s", bad[i]);
	memset(name, 'n', sizeof(name));
	name[63] = '\0';
	assert_true(fusesvc_name_is_valid(name));
	name[63] = 'n';
	name[64] = '\0';
	assert_false(fusesvc_name_is_valid(name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_returns_a_failure),
		cmocka_unit_test(text_of_errors),
		cmocka_unit_test(every_step_and_code_has_a_text),
		cmocka_unit_test(text_fits_its_buffer),
		cmocka_unit_test(escapes),
		cmocka_unit_test(cut_to_tiny_buffers),
		cmocka_unit_test(names_of_services),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
