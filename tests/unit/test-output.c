/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a server says: lines, the last ones, and its name for the source. */
#include "test-util.h"

#include "output.h"

#define NAME "/home/alice/stick.img"

static struct output out;
static int writer;

static void begin(const char *name)
{
	out = (struct output){ .alias = "/source", .name = name, .fd = -1 };
	assert_int_equal(output_open(&out, &writer), 0);
}

static void say(const char *text, size_t len)
{
	assert_int_equal(write(writer, text, len), len);
}

/* Ends, and compares the last words. */
static void expect(const char *expected)
{
	char text[1024];

	output_end(&out);
	output_text(&out, text, sizeof(text));
	assert_string_equal(text, expected);
	(void)close(writer);
	assert_false(output_read(&out)); /* that closes the other end */
	assert_int_equal(out.fd, -1);
}

static void expect_line(const char *said, const char *name, const char *expected)
{
	begin(name);
	say(said, strlen(said));
	expect(expected);
}

static void lines(void **state)
{
	expect_line("", NAME, "");
	expect_line("\n\r\n\n", NAME, "");
	expect_line("one", NAME, "one");
	expect_line("one\ntwo\r\nthree\rfour\n", NAME, "one; two; three; four");
	expect_line("one\ntwo\nthree\nfour\nfive\n\n", NAME, "two; three; four; five");
	expect_line("One.\n  two..\n\tthree.\n", NAME, "One; two.; three.");
	begin(NAME);
	say("one\0two", 7);
	expect("one; two");
}

static void pieces(void **state)
{
	begin(NAME);
	say("on", 2);
	assert_true(output_read(&out));
	assert_false(output_read(&out)); /* does not wait */
	say("e\nt", 3);
	assert_true(output_read(&out));
	say("wo", 2);
	expect("one; two");
}

static void long_lines(void **state)
{
	char line[2 * OUTPUT_LINE_SIZE], expected[2 * OUTPUT_LINE_SIZE];

	memset(line, 'x', sizeof(line));
	begin(NAME);
	say(line, OUTPUT_LINE_SIZE - 1);
	say("y\n", 2);
	(void)snprintf(expected, sizeof(expected), "%.*s; y", OUTPUT_LINE_SIZE - 1, line);
	expect(expected);
}

static void names(void **state)
{
	expect_line("/source: bad", NAME, NAME ": bad");
	expect_line("'/source', (/source) \"/source\"", NAME,
		    "'" NAME "', (" NAME ") \"" NAME "\"");
	expect_line("fsname=/source,ro", NAME, "fsname=" NAME ",ro");
	expect_line("/source", NAME, NAME);
	expect_line("/sources /source/x /usr/source x/source", NAME,
		    "/sources /source/x /usr/source x/source");
	expect_line("/source: bad", NULL, "/source: bad");
}

/* Its own names are in the log, and not in what is kept. */
static void who_says_it(void **state)
{
	static const struct {
		const char *said, *kept;
	} lines[] = { { "zip: no good", "no good" },
		      { "zipfs: no good\n/bin/zipfs: really", "no good; really" },
		      { "zip: zipfs: no good", "no good" },
		      { "zipfs: /source: bad", NAME ": bad" },
		      { "fuse: no good", "fuse: no good" },
		      { "zip; zipfs", "zip; zipfs" } };

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		begin(NAME);
		out.service = "zip";
		out.program = "/bin/zipfs";
		say(lines[i].said, strlen(lines[i].said));
		expect(lines[i].kept);
	}
}

static void long_names(void **state)
{
	char path[OUTPUT_LINE_SIZE + 100], name[OUTPUT_LINE_SIZE + 100];

	memset(path, 'd', sizeof(path));
	path[0] = '/';
	(void)snprintf(path + OUTPUT_LINE_SIZE, 32, "/disk.img");
	expect_line("/source: bad", path, "disk.img: bad");
	/* Nothing but one long name, which cannot be shorter. */
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	name[OUTPUT_LINE_SIZE - 1] = '\0';
	expect_line("/source: bad", name, name);
}

static void small_buffers(void **state)
{
	char text[8];

	begin(NAME);
	say("one\ntwo\n", 8);
	output_end(&out);
	output_text(&out, text, sizeof(text));
	assert_string_equal(text, "one; tw");
	output_text(&out, text, 1);
	assert_string_equal(text, "");
	(void)close(writer);
	(void)output_read(&out);
}

/* Who talks without end is not listened to without end. */
static void flood(void **state)
{
	static char bytes[4096];

	begin(NAME);
	memset(bytes, '\n', sizeof(bytes));
	for (int i = 0; i < 16; i++)
		say(bytes, sizeof(bytes));
	expect("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),      cmocka_unit_test(pieces),
		cmocka_unit_test(long_lines), cmocka_unit_test(names),
		cmocka_unit_test(long_names), cmocka_unit_test(small_buffers),
		cmocka_unit_test(flood),      cmocka_unit_test(who_says_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
