/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of presets: what each key says, and that nothing is guessed. */
#include "test-util.h"

#include "preset.h"

/* Three lines that are enough. */
#define HEAD                   \
	"description = Text\n" \
	"program = /bin/x\n"   \
	"arguments = {source} {mountpoint} {options}\n"

static int parse(const char *text, size_t len, struct preset *p, struct preset_error *e)
{
	_cleanup_free_ uint8_t *copy = exact_copy(text, len);

	memset(p, 0xff, sizeof(*p));
	return preset_parse((const char *)copy, len, p, e);
}

static void expect_good(const char *text, struct preset *p)
{
	struct preset_error e;

	if (parse(text, strlen(text), p, &e))
		fail_msg("line %u: %s\n%s", e.line, e.text, text);
}

static void expect_bad_bytes(const char *text, size_t len, unsigned int line, const char *message)
{
	static const struct preset nothing;
	struct preset_error e;
	struct preset p;

	assert_int_equal(parse(text, len, &p, &e), -EINVAL);
	assert_string_equal(e.text, message);
	assert_int_equal(e.line, line);
	assert_string_equal(e.file, "");
	assert_memory_equal(&p, &nothing, sizeof(p));
}

static void expect_bad(const char *text, unsigned int line, const char *message)
{
	expect_bad_bytes(text, strlen(text), line, message);
}

/* Words of a preset as one text. */
static void expect_words(const struct preset_words *words, const char *expected)
{
	char all[1024] = "";

	for (size_t i = 0; i < words->n; i++)
		(void)snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? " " : "",
			       words->word[i]);
	assert_string_equal(all, expected);
	assert_true(words->n == 0 || !words->word[words->n]);
}

static void defaults(void **state)
{
	_cleanup_preset_ struct preset p;

	expect_good(HEAD, &p);
	assert_string_equal(p.description, "Text");
	assert_null(p.package);
	expect_words(&p.programs, "/bin/x");
	expect_words(&p.arguments, "{source} {mountpoint} {options}");
	assert_int_equal(p.n_prepare, 0);
	assert_false(p.is_read_write);
	assert_false(p.has_text_source);
	assert_false(p.has_own_permissions);
	assert_int_equal(p.options.n + p.options_ro.n + p.options_rw.n, 0);
	assert_int_equal(p.n_rules + p.n_defaults, 0);
	assert_true(p.prepare_ok[0]);
	for (size_t i = 1; i < ARRAY_SIZE(p.prepare_ok); i++)
		assert_false(p.prepare_ok[i]);
}

static void expect_rule(const struct rule *r, enum rule_action action, enum rule_type type,
			const char *name)
{
	assert_int_equal(r->action, action);
	assert_int_equal(r->type, type);
	assert_string_equal(r->name, name);
	assert_int_equal(!!r->choices, type == RULE_CHOICE);
	assert_int_equal(!!r->word, action == RULE_TRANSLATE);
}

static const char all_keys[] =
	"# A comment\n"
	"\n"
	" \t# Another\n"
	"description =  What it is = for, \"all\"; of#it  # not this\n"
	"package=e2fsprogs\n"
	"\tprogram\t=\t/usr/bin/fuse2fs\t\n"
	"program = /usr/sbin/fuse2fs#2\n"
	"arguments = -f --dev={source}:{source} {mountpoint} {options} #{x}\n"
	"access = read-write\n"
	"source = file\n"
	"prepare = /sbin/e2fsck -p -C {progress} {source}\n"
	"prepare = /bin/true {options} {mountpoint}\n"
	"prepare-status = 1 0 255 000\n"
	"options = a b={uid}:{gid} b=c\n"
	"options-ro = ro\n"
	"options-rw = rw d\n"
	"default = uid={uid} permissions big\n"
	"default = noacl\n"
	"accept = acl uid=NUMBER umask=OCTAL name=TEXT\n"
	"accept = map=PATH errors=continue|panic only=this acl=TEXT\n"
	"translate = dmask=OCTAL dirmask=0{}:{}\n"
	"translate = big_writes large=1\n"
	"ignore = discard nls=TEXT\n"
	"permissions = server";

static void every_key(void **state)
{
	_cleanup_preset_ struct preset p;

	expect_good(all_keys, &p);
	assert_string_equal(p.description, "What it is = for, \"all\"; of#it");
	assert_string_equal(p.package, "e2fsprogs");
	expect_words(&p.programs, "/usr/bin/fuse2fs /usr/sbin/fuse2fs#2");
	expect_words(&p.arguments, "-f --dev={source}:{source} {mountpoint} {options}");
	assert_true(p.is_read_write);
	assert_false(p.has_text_source);
	assert_true(p.has_own_permissions);
	assert_int_equal(p.n_prepare, 2);
	expect_words(&p.prepare[0], "/sbin/e2fsck -p -C {progress} {source}");
	expect_words(&p.prepare[1], "/bin/true {options} {mountpoint}");
	for (size_t i = 0; i < ARRAY_SIZE(p.prepare_ok); i++)
		assert_int_equal(p.prepare_ok[i], i < 2 || i == 255);
	expect_words(&p.options, "a b={uid}:{gid} b=c");
	expect_words(&p.options_ro, "ro");
	expect_words(&p.options_rw, "rw d");
	assert_int_equal(p.n_defaults, 2);
	expect_words(&p.defaults[0], "uid={uid} permissions big");
	expect_words(&p.defaults[1], "noacl");
	assert_int_equal(p.n_rules, 12);
	expect_rule(&p.rules[0], RULE_ACCEPT, RULE_FLAG, "acl");
	expect_rule(&p.rules[1], RULE_ACCEPT, RULE_NUMBER, "uid");
	expect_rule(&p.rules[2], RULE_ACCEPT, RULE_OCTAL, "umask");
	expect_rule(&p.rules[3], RULE_ACCEPT, RULE_TEXT, "name");
	expect_rule(&p.rules[4], RULE_ACCEPT, RULE_PATH, "map");
	expect_rule(&p.rules[5], RULE_ACCEPT, RULE_CHOICE, "errors");
	expect_rule(&p.rules[6], RULE_ACCEPT, RULE_CHOICE, "only");
	expect_rule(&p.rules[7], RULE_ACCEPT, RULE_TEXT, "acl");
	expect_rule(&p.rules[8], RULE_TRANSLATE, RULE_OCTAL, "dmask");
	expect_rule(&p.rules[9], RULE_TRANSLATE, RULE_FLAG, "big_writes");
	expect_rule(&p.rules[10], RULE_IGNORE, RULE_FLAG, "discard");
	expect_rule(&p.rules[11], RULE_IGNORE, RULE_TEXT, "nls");
	assert_string_equal(p.rules[5].choices, "continue|panic");
	assert_string_equal(p.rules[8].word, "dirmask=0{}:{}");
	assert_string_equal(p.rules[9].word, "large=1");
}

static void other_words(void **state)
{
	_cleanup_preset_ struct preset p, q, r, s;

	expect_good(HEAD "access = read-only\nsource = text\npermissions = kernel\n", &p);
	assert_false(p.is_read_write);
	assert_true(p.has_text_source);
	assert_false(p.has_own_permissions);
	/* A status list without 0 means it. */
	expect_good(HEAD "access=read-write\nprepare=/bin/x\nprepare-status=3\n", &q);
	assert_false(q.prepare_ok[0]);
	assert_true(q.prepare_ok[3]);
	/* Words may be dealt with in different ways. */
	expect_good(HEAD "accept = a=b|c a=bb a\nignore = a=d|cc\n", &s);
	assert_int_equal(s.n_rules, 4);
	/* Rules that pass nothing on need no {options}. */
	expect_good("description = x\nprogram = /x\narguments = x\nignore = a\n", &r);
}

/* Each follows three good lines. */
static const struct {
	const char *text, *message;
} line_cases[] = {
	{ "nonsense", "\"nonsense\": no \"=\"" },
	{ "= x", "unknown key \"\"" },
	{ "Access = read-only", "unknown key \"Access\"" },
	{ "acces = read-only", "unknown key \"acces\"" },
	{ "access mode = read-only", "unknown key \"access mode\"" },
	{ "network = yes", "unknown key \"network\"" },
	{ "description = again", "description: it is in line 1 already" },
	{ "arguments = x", "arguments: it is in line 3 already" },
	{ "options =", "options: it has no value" },
	{ "options = # a", "options: it has no value" },
	{ "package = Fuse", "package: \"Fuse\" is no name of a package" },
	{ "package = a b", "package: \"a b\" is no name of a package" },
	{ "package = a\"b", "package: \"a\"b\" is no name of a package" },
	{ "program = x", "program: \"x\" is not an absolute path" },
	{ "program = /usr/", "program: \"/usr/\" is not an absolute path" },
	{ "program = /x -f", "program: \"/x -f\" is not an absolute path" },
	{ "program = /{source}", "program: \"/{source}\" is not an absolute path" },
	{ "access = rw", "access: \"rw\" is neither read-only nor read-write" },
	{ "access = read-write read-only",
	  "access: \"read-write read-only\" is neither read-only nor read-write" },
	{ "source = device", "source: \"device\" is neither file nor text" },
	{ "permissions = none", "permissions: \"none\" is neither kernel nor server" },
	{ "prepare = e2fsck -p", "prepare: \"e2fsck\" is not an absolute path" },
	{ "prepare = {source}", "prepare: \"{source}\" is not an absolute path" },
	{ "prepare = {options}", "prepare: \"{options}\" is not an absolute path" },
	{ "prepare = /x {target}", "prepare: \"{target}\": unknown placeholder" },
	{ "prepare = /x {source", "prepare: \"{source\": unknown placeholder" },
	{ "prepare = /x }", "prepare: \"}\": unknown placeholder" },
	{ "prepare = /x {}", "prepare: \"{}\": unknown placeholder" },
	{ "prepare = /x {source}}", "prepare: \"{source}}\": unknown placeholder" },
	{ "prepare = /x {{source}", "prepare: \"{{source}\": unknown placeholder" },
	{ "prepare = /x {Source}", "prepare: \"{Source}\": unknown placeholder" },
	{ "prepare = /x -o{options}",
	  "prepare: \"-o{options}\": {options} must be a word of its own" },
	{ "prepare = /x {options} {options}", "prepare: {options} is there twice" },
	{ "prepare = /x", "prepare: it needs access = read-write" },
	{ "prepare-status = 0", "prepare-status: it needs access = read-write" },
	{ "prepare-status = 256", "prepare-status: \"256\" is no exit status from 0 to 255" },
	{ "prepare-status = 0 -1", "prepare-status: \"-1\" is no exit status from 0 to 255" },
	{ "prepare-status = 1,2", "prepare-status: \"1,2\" is no exit status from 0 to 255" },
	{ "prepare-status = 18446744073709551616",
	  "prepare-status: \"18446744073709551616\" is no exit status from 0 to 255" },
	{ "options = a,b", "options: \"a,b\" is not one option" },
	{ "options = a\\b", "options: \"a\\b\" is not one option" },
	{ "options = a -f", "options: \"-f\" is not one option" },
	{ "options = fsname={source}", "options: \"fsname={source}\": unknown placeholder" },
	{ "options-ro = a,b", "options-ro: \"a,b\" is not one option" },
	{ "options-rw = a,b", "options-rw: \"a,b\" is not one option" },
	{ "options-rw = a", "options-rw: it needs access = read-write" },
	{ "accept = a,b", "accept: \"a,b\": no name of an option" },
	{ "accept = =TEXT", "accept: \"=TEXT\": no name of an option" },
	{ "accept = -f", "accept: \"-f\": no name of an option" },
	{ "accept = \xc3\xa4", "accept: \"\xc3\xa4\": no name of an option" },
	{ "accept = a ro", "accept: \"ro\": mount flags are not for rules" },
	{ "ignore = noatime", "ignore: \"noatime\": mount flags are not for rules" },
	{ "ignore = sync=TEXT", "ignore: \"sync=TEXT\": mount flags are not for rules" },
	{ "accept = a b a", "accept: there is a rule for \"a\" already" },
	{ "accept = a=TEXT a=NUMBER", "accept: there is a rule for \"a\" already" },
	{ "accept = a=b a=TEXT", "accept: there is a rule for \"a\" already" },
	{ "accept = a=b|c a=d|c", "accept: there is a rule for \"a\" already" },
	{ "accept = a=b a=c|b|d", "accept: there is a rule for \"a\" already" },
	{ "ignore = allow_other", "ignore: \"allow_other\": mount flags are not for rules" },
	{ "options = a={uid", "options: \"a={uid\": unknown placeholder" },
	{ "options = {}", "options: \"{}\": unknown placeholder" },
	{ "default = {source}", "default: \"{source}\": unknown placeholder" },
	{ "default = a,b", "default: \"a,b\" is not one option" },
	{ "default = -a", "default: \"-a\" is not one option" },
	{ "default = a=b c=d", "default: \"c=d\" is no name of an option" },
	{ "default = a {uid}", "default: \"{uid}\" is no name of an option" },
	{ "translate = a", "translate: it takes a rule and one word" },
	{ "translate = a b c", "translate: it takes a rule and one word" },
	{ "translate = a b{}", "translate: \"a\" has no value for {}" },
	{ "translate = a=TEXT b={x}", "translate: \"b={x}\": unknown placeholder" },
	{ "translate = a=TEXT b={source}", "translate: \"b={source}\": unknown placeholder" },
	{ "translate = a=TEXT b={", "translate: \"b={\": unknown placeholder" },
	{ "translate = a=TEXT b,c", "translate: \"b,c\" is not one option" },
	{ "translate = a=TEXT -{}", "translate: \"-{}\" is not one option" },
	{ "translate = a=INT b", "translate: \"a=INT\": after the \"=\" belongs NUMBER, OCTAL,"
				 " TEXT, PATH or this|or|that" },
};

static void bad_lines(void **state)
{
	char text[1024];

	for (size_t i = 0; i < ARRAY_SIZE(line_cases); i++) {
		(void)snprintf(text, sizeof(text), HEAD "%s\n", line_cases[i].text);
		expect_bad(text, 4, line_cases[i].message);
		(void)snprintf(text, sizeof(text), "\n#\n" HEAD "\n %s ", line_cases[i].text);
		if (!strstr(line_cases[i].message, "it is in line"))
			expect_bad(text, 7, line_cases[i].message);
	}
}

static void bad_types(void **state)
{
	static const char *const types[] = { "",     "INT",  "NUMBER|auto", "auto|NUMBER",
					     "a||b", "|a",   "a|",	    "|",
					     "a,b",  "a\\b", "TEXTS",	    "A|b" };
	char text[256], message[256];

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		(void)snprintf(text, sizeof(text), HEAD "accept = x=%s", types[i]);
		(void)snprintf(message, sizeof(message),
			       "accept: \"x=%s\": after the \"=\" belongs NUMBER, OCTAL, TEXT, PATH"
			       " or this|or|that",
			       types[i]);
		expect_bad(text, 4, message);
	}
}

static void bad_as_a_whole(void **state)
{
	static const struct {
		const char *text;
		unsigned int line;
		const char *message;
	} cases[] = {
		{ "", 0, "description is missing" },
		{ "# description = x\n", 0, "description is missing" },
		{ "description = x\narguments = x\n", 0, "program is missing" },
		{ "description = x\nprogram = /x\n", 0, "arguments is missing" },
		{ "description = x\nprogram = /x\narguments = {progress}\n", 3,
		  "arguments: \"{progress}\": unknown placeholder" },
		{ "description = x\nprogram = /x\n\narguments = x\noptions = a\n", 4,
		  "arguments: {options} is missing" },
		{ "description = x\nprogram = /x\narguments = x\noptions-ro = a\n", 3,
		  "arguments: {options} is missing" },
		{ "description = x\nprogram = /x\narguments = x\noptions-rw = a\n"
		  "access = read-write\n",
		  3, "arguments: {options} is missing" },
		{ "description = x\nprogram = /x\narguments = x\nignore = b\naccept = a\n", 3,
		  "arguments: {options} is missing" },
		{ "description = x\nprogram = /x\narguments = x\ndefault = a\n", 3,
		  "arguments: {options} is missing" },
		{ "description = x\nprogram = /x\narguments = x\ntranslate = a b\n", 3,
		  "arguments: {options} is missing" },
		{ HEAD "access = read-write\nprepare-status = 1\n", 5,
		  "prepare-status: it needs prepare" },
		{ "description = x\nprogram = /x\nsource = text\narguments = -o fsname={source}", 4,
		  "arguments: \"fsname={source}\": {source} must be a word of its own with source ="
		  " text" },
		{ HEAD "access = read-write\nprepare = /x a{source}\nsource = text\n", 5,
		  "prepare: \"a{source}\": {source} must be a word of its own with source = text" },
		{ HEAD "access = read-write\naccept = a\nignore = a\n", 6,
		  "ignore: there is a rule for \"a\" already" },
		{ HEAD "access = read-write\naccess = read-write\n", 5,
		  "access: it is in line 4 already" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_bad(cases[i].text, cases[i].line, cases[i].message);
}

static void control_characters(void **state)
{
	char text[] = HEAD "#?\n", message[64];
	char *at = strchr(text, '?');

	for (int c = 0; c < 256; c++) {
		struct preset_error e;
		struct preset p;

		*at = (char)c;
		if ((c < ' ' && c != '\t' && c != '\n') || c == 0x7f) {
			(void)snprintf(message, sizeof(message), "control character 0x%02x", c);
			expect_bad_bytes(text, sizeof(text) - 1, 4, message);
		} else {
			assert_int_equal(parse(text, sizeof(text) - 1, &p, &e), 0);
			preset_free(&p);
		}
	}
	expect_bad("description = x\r\nprogram = /x\r\n", 1, "control character 0x0d");
	expect_bad_bytes("description = x\nprogram = /x\0/y\n", 32, 2, "control character 0x00");
	expect_bad_bytes(HEAD "\0", sizeof(HEAD), 4, "control character 0x00");
}

/* Three good lines and one of so many bytes. */
static char *with_line(const char *begin, size_t size)
{
	size_t head = strlen(HEAD), len = strlen(begin);
	char *text = malloc(head + size + 2);

	assert_non_null(text);
	memcpy(text, HEAD, head);
	memset(text + head, 'x', size);
	memcpy(text + head, begin, len);
	memcpy(text + head + size, "\n", 2);
	return text;
}

static void long_lines(void **state)
{
	static const char *const begin[] = { "options = ", "accept = ",	  "accept = a=",
					     "package = ", "program = /", "#" };
	struct preset p;

	for (size_t i = 0; i < ARRAY_SIZE(begin); i++) {
		_cleanup_free_ char *good = with_line(begin[i], PRESET_MAX_LINE);
		_cleanup_free_ char *bad = with_line(begin[i], PRESET_MAX_LINE + 1);

		expect_good(good, &p);
		preset_free(&p);
		expect_bad(bad, 4, "longer than 1024 bytes");
	}
}

/* What an error shows of a long line is cut. */
static void long_words(void **state)
{
	_cleanup_free_ char *text = with_line("x", PRESET_MAX_LINE);
	char buf[PRESET_ERROR_SIZE];
	struct preset_error e;
	struct preset p;

	assert_int_equal(parse(text, strlen(text), &p, &e), -EINVAL);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_memory_equal(e.text, "\"xxxx", 5);
	assert_int_equal(strlen(preset_error_text(&e, buf, sizeof(buf))),
			 strlen("line 4: ") + sizeof(e.text) - 1);
}

static void large_files(void **state)
{
	size_t head = strlen(HEAD);
	_cleanup_free_ char *text = malloc(PRESET_MAX_SIZE + 1);
	struct preset_error e;
	struct preset p;

	assert_non_null(text);
	memset(text, '\n', PRESET_MAX_SIZE + 1);
	memcpy(text, HEAD, head);
	assert_int_equal(parse(text, PRESET_MAX_SIZE, &p, &e), 0);
	preset_free(&p);
	expect_bad_bytes(text, PRESET_MAX_SIZE + 1, 0, "larger than 65536 bytes");

	text[PRESET_MAX_SIZE - 1] = 'x';
	expect_bad_bytes(text, PRESET_MAX_SIZE, PRESET_MAX_SIZE - (unsigned int)head + 3,
			 "\"x\": no \"=\"");
}

/* Thousands of lines of each key that repeats. */
static void many_lines(void **state)
{
	static const char *const lines[] = { "program=/b\n", "prepare=/b\n", "default=a\n",
					     "access=read-write\n" };
	_cleanup_free_ char *text = malloc(PRESET_MAX_SIZE + 1);
	_cleanup_preset_ struct preset p;
	size_t n = 0;

	assert_non_null(text);
	strcpy(text, HEAD);
	strcat(text, lines[3]);
	for (char *end = strchr(text, '\0'); n < 3000; n++, end += strlen(end))
		strcpy(end, lines[n % 3]);
	expect_good(text, &p);
	assert_int_equal(p.programs.n, 1 + n / 3);
	assert_int_equal(p.n_prepare, n / 3);
	assert_int_equal(p.n_defaults, n / 3);
}

static void many_rules(void **state)
{
	_cleanup_free_ char *text = malloc(PRESET_MAX_SIZE);
	struct preset p;
	char *end;

	assert_non_null(text);
	end = text + sprintf(text, HEAD);
	for (int i = 0; i < PRESET_MAX_RULES; i++)
		end += sprintf(end, "%s a%d%s\n", i % 2 ? "ignore=" : "accept=", i / 2,
			       i % 2 ? "=TEXT" : "");
	expect_good(text, &p);
	assert_int_equal(p.n_rules, PRESET_MAX_RULES);
	preset_free(&p);
	strcpy(end, "accept = b");
	expect_bad(text, 4 + PRESET_MAX_RULES, "accept: more than 512 rules");
}

/* Every beginning of a good text is good or an error. */
static void cut_short(void **state)
{
	static const char text[] =
		HEAD "accept = a=b|c\ntranslate = d=TEXT e={}\naccess=read-write\n"
		     "prepare = /x {source}\nprepare-status = 1\n";

	for (size_t len = 0; len < sizeof(text); len++) {
		struct preset_error e;
		struct preset p;
		int rc = parse(text, len, &p, &e);

		assert_true(rc == 0 || rc == -EINVAL);
		preset_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),	      cmocka_unit_test(every_key),
		cmocka_unit_test(other_words),	      cmocka_unit_test(bad_lines),
		cmocka_unit_test(bad_types),	      cmocka_unit_test(bad_as_a_whole),
		cmocka_unit_test(control_characters), cmocka_unit_test(long_lines),
		cmocka_unit_test(long_words),	      cmocka_unit_test(large_files),
		cmocka_unit_test(many_lines),	      cmocka_unit_test(many_rules),
		cmocka_unit_test(cut_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
