/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command lines of servers: what of the caller's options reaches them, and as what. */
#include "test-util.h"

#include "server-args.h"

#define HEAD                   \
	"description = Text\n" \
	"program = /bin/x\n"   \
	"arguments = {source} {mountpoint} {options}\n"

static struct preset preset;

static void use_preset(const char *text)
{
	struct preset_error e;

	preset_free(&preset);
	if (preset_parse(text, strlen(text), &preset, &e))
		fail_msg("line %u: %s", e.line, e.text);
}

static int drop_preset(void **state)
{
	preset_free(&preset);
	return 0;
}

static int use_rules(void **state)
{
	use_preset(HEAD "accept = acl acl=NUMBER uid=NUMBER umask=OCTAL name=TEXT map=PATH\n"
			"accept = errors=continue|panic only=this\n"
			"translate = dmask=OCTAL dirmask=0{}\n"
			"translate = twice=TEXT a={}:{}\n"
			"translate = fixed=TEXT fixed\n"
			"translate = big_writes large=1\n"
			"translate = errors=remount-ro on_error={}\n"
			"ignore = discard nls=TEXT errors=none|panics\n");
	return 0;
}

static int parse(const char *options, struct server_options *o, struct preset_error *e)
{
	_cleanup_free_ uint8_t *copy = exact_copy(options, strlen(options) + 1);

	memset(o, 0xff, sizeof(*o));
	return server_options_parse(&preset, "svc", (const char *)copy, o, e);
}

static void expect_options(const char *options, bool is_read_only, const char *list)
{
	_cleanup_server_options_ struct server_options o;
	struct preset_error e;

	if (parse(options, &o, &e))
		fail_msg("%s: %s", options, e.text);
	assert_int_equal(o.is_read_only, is_read_only);
	assert_string_equal(o.list, list);
}

static void expect_refused(const char *options, const char *message)
{
	struct server_options o;
	struct preset_error e;

	assert_int_equal(parse(options, &o, &e), -EINVAL);
	assert_string_equal(e.text, message);
	assert_string_equal(e.file, "");
	assert_int_equal(e.line, 0);
	assert_false(o.is_read_only);
	assert_null(o.list);
}

static void mount_flags(void **state)
{
	static const char *const flags[] = {
		"defaults",	 "nosuid",     "suid",	   "nodev",	  "dev",
		"noexec",	 "exec",       "sync",	   "async",	  "dirsync",
		"noatime",	 "atime",      "relatime", "norelatime",  "strictatime",
		"nostrictatime", "nodiratime", "diratime", "nosymfollow", "symfollow",
		"lazytime",	 "nolazytime", "mand",	   "nomand",	  "iversion",
		"noiversion",	 "silent",     "loud",
	};
	char text[128], message[128];

	expect_options("", false, "");
	expect_options("ro", true, "");
	expect_options("rw", false, "");
	expect_options("rw,ro", true, "");
	expect_options("ro,rw", false, "");
	expect_options("ro,rw,nosuid,ro", true, "");
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		expect_options(flags[i], false, "");
		(void)snprintf(text, sizeof(text), "ro,%s,acl", flags[i]);
		expect_options(text, true, "acl");
		(void)snprintf(text, sizeof(text), "%s=1", flags[i]);
		(void)snprintf(message, sizeof(message), "option %s=1: takes no value", flags[i]);
		expect_refused(text, message);
	}
	expect_refused("ro=recursive", "option ro=recursive: takes no value");
	expect_refused("rw=", "option rw=: takes no value");
	expect_refused("remount", "option \"remount\" is not known to the service \"svc\"");
	expect_refused("bind", "option \"bind\" is not known to the service \"svc\"");
}

/* FUSE's own two are noted, and are no server's business either. */
static void kernel_options(void **state)
{
	static const char *const options[] = { "", "allow_other", "default_permissions",
					       "default_permissions,acl,allow_other" };

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		_cleanup_server_options_ struct server_options o;
		struct preset_error e;

		assert_int_equal(parse(options[i], &o, &e), 0);
		assert_string_equal(o.list, i == 3 ? "acl" : "");
		assert_int_equal(o.allow_other, i & 1);
		assert_int_equal(o.default_permissions, i >> 1);
	}
	expect_refused("allow_other=1", "option allow_other=1: takes no value");
	expect_refused("allow_root", "option \"allow_root\" is not known to the service \"svc\"");
}

static void passed_on(void **state)
{
	static const char *const same[] = {
		"acl",
		"acl=5",
		"acl,acl=5,acl",
		"uid=0",
		"uid=4294967295",
		"uid=1,uid=1,uid=2",
		"umask=0",
		"umask=00022",
		"umask=7",
		"name=x",
		"name==",
		"name=a=b {}{source} \"q\" \xc3\xa4",
		"map=/",
		"map=/a b",
		"errors=continue",
		"errors=panic",
		"errors=continue,only=this",
	};

	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		expect_options(same[i], false, same[i]);
	expect_options(",,acl,,uid=1,", false, "acl,uid=1");
	expect_options(",", false, "");
}

static void translated(void **state)
{
	expect_options("dmask=22", false, "dirmask=022");
	expect_options("twice=x", false, "a=x:x");
	expect_options("twice={}", false, "a={}:{}");
	expect_options("fixed=anything", false, "fixed");
	expect_options("big_writes", false, "large=1");
	expect_options("errors=remount-ro", false, "on_error=remount-ro");
	expect_options("acl,dmask=1,acl,big_writes,dmask=2", false,
		       "acl,dirmask=01,acl,large=1,dirmask=02");
}

static void ignored(void **state)
{
	expect_options("discard", false, "");
	expect_options("errors=none,errors=panic,errors=panics", false, "errors=panic");
	expect_options("discard,nls=utf8,discard", false, "");
	expect_options("acl,discard,ro,acl", true, "acl,acl");
}

static const struct {
	const char *options, *message;
} refused_cases[] = {
	{ "foo", "option \"foo\" is not known to the service \"svc\"" },
	{ "foo=1", "option \"foo\" is not known to the service \"svc\"" },
	{ "acl,foo,bar", "option \"foo\" is not known to the service \"svc\"" },
	{ "ACL", "option \"ACL\" is not known to the service \"svc\"" },
	{ "RO", "option \"RO\" is not known to the service \"svc\"" },
	{ " acl", "option \" acl\" is not known to the service \"svc\"" },
	{ "acl ", "option \"acl \" is not known to the service \"svc\"" },
	{ "acl\n", "option \"acl\n\" is not known to the service \"svc\"" },
	{ "-o", "option \"-o\" is not known to the service \"svc\"" },
	{ "=", "option \"\" is not known to the service \"svc\"" },
	{ "=acl", "option \"\" is not known to the service \"svc\"" },
	{ "a\\cl", "option \"a\\cl\" is not known to the service \"svc\"" },
	{ "acl\\,x", "option \"acl\\,x\" is not known to the service \"svc\"" },
	{ "ro\\", "option \"ro\\\" is not known to the service \"svc\"" },
	{ "uid", "option uid: needs a value" },
	{ "errors", "option errors: needs a value" },
	{ "discard=1", "option discard=1: takes no value" },
	{ "discard=", "option discard=: takes no value" },
	{ "big_writes=1", "option big_writes=1: takes no value" },
	{ "uid=abc", "option uid=abc: not a number" },
	{ "uid=", "option uid=: not a number" },
	{ "uid=-1", "option uid=-1: not a number" },
	{ "uid=+1", "option uid=+1: not a number" },
	{ "uid= 1", "option uid= 1: not a number" },
	{ "uid=1 ", "option uid=1 : not a number" },
	{ "uid=0x10", "option uid=0x10: not a number" },
	{ "uid=1=1", "option uid=1=1: not a number" },
	{ "uid=1\\,2", "option uid=1\\,2: not a number" },
	{ "uid=010", "option uid=010: a decimal number does not begin with 0" },
	{ "uid=00", "option uid=00: a decimal number does not begin with 0" },
	{ "uid=4294967296", "option uid=4294967296: larger than 4294967295" },
	{ "uid=9999999999", "option uid=9999999999: larger than 4294967295" },
	{ "uid=18446744073709551617", "option uid=18446744073709551617: larger than 4294967295" },
	{ "umask=8", "option umask=8: not 1 to 5 octal digits" },
	{ "umask=", "option umask=: not 1 to 5 octal digits" },
	{ "umask=000022", "option umask=000022: not 1 to 5 octal digits" },
	{ "umask=0o22", "option umask=0o22: not 1 to 5 octal digits" },
	{ "dmask=-22", "option dmask=-22: not 1 to 5 octal digits" },
	{ "name=", "option name=: needs a value" },
	{ "name=a\tb", "option name=a\tb: has a control character" },
	{ "name=a\x7f", "option name=a\x7f: has a control character" },
	{ "name=a\\,suid", "option name=a\\,suid: a comma or backslash cannot be passed on" },
	{ "name=a\\\\", "option name=a\\\\: a comma or backslash cannot be passed on" },
	{ "name=\\", "option name=\\: a comma or backslash cannot be passed on" },
	{ "nls=\\054", "option nls=\\054: a comma or backslash cannot be passed on" },
	{ "twice=\\,", "option twice=\\,: a comma or backslash cannot be passed on" },
	{ "map=a", "option map=a: not an absolute path" },
	{ "map=", "option map=: needs a value" },
	{ "map=/a\\,b", "option map=/a\\,b: a comma or backslash cannot be passed on" },
	{ "errors=", "option errors=: not one of continue|panic|remount-ro|none|panics" },
	{ "errors=cont", "option errors=cont: not one of continue|panic|remount-ro|none|panics" },
	{ "errors=continue|panic",
	  "option errors=continue|panic: not one of continue|panic|remount-ro|none|panics" },
	{ "errors=Panic", "option errors=Panic: not one of continue|panic|remount-ro|none|panics" },
	{ "only=that", "option only=that: not one of this" },
};

static void refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused_cases); i++)
		expect_refused(refused_cases[i].options, refused_cases[i].message);
}

/* A backslash and what it escapes belong together: nothing can end an option early. */
static void backslashes(void **state)
{
	expect_refused("foo\\\\,acl", "option \"foo\\\\\" is not known to the service \"svc\"");
	expect_refused("foo\\\\\\,acl",
		       "option \"foo\\\\\\,acl\" is not known to the service \"svc\"");
	expect_refused("acl,nls=a\\,ro",
		       "option nls=a\\,ro: a comma or backslash cannot be passed on");
}

static void long_options(void **state)
{
	char text[SERVER_MAX_OPTIONS + 1], expected[1024];

	memset(text, 'x', sizeof(text));
	memcpy(text, "name=", 5);
	text[5 + RULE_MAX_VALUE] = '\0';
	expect_options(text, false, text);

	text[5 + RULE_MAX_VALUE] = 'x';
	text[5 + RULE_MAX_VALUE + 1] = '\0';
	(void)snprintf(expected, sizeof(expected), "option name=%.100s: longer than 255 bytes",
		       text + 5);
	expect_refused(text, expected);

	text[5 + RULE_MAX_VALUE + 1] = 'x';
	text[SERVER_MAX_OPTIONS - 1] = '\0';
	expect_refused(text, expected);
	text[SERVER_MAX_OPTIONS - 1] = 'x';
	text[SERVER_MAX_OPTIONS] = '\0';
	expect_refused(text, "the options are too long");

	memcpy(text, "xxxxx", 5);
	text[SERVER_MAX_OPTIONS - 1] = '\0';
	(void)snprintf(expected, sizeof(expected),
		       "option \"%.100s\" is not known to the service \"svc\"", text);
	expect_refused(text, expected);
}

/* Short options may become long ones. */
static void much_of_little(void **state)
{
	_cleanup_server_options_ struct server_options o = { 0 };
	char text[SERVER_MAX_OPTIONS];
	struct preset_error e;

	use_preset(HEAD
		   "accept = a\n"
		   "translate = b a=123456789012345678901234567890\n"
		   "translate = c=TEXT {}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}\n");
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 ? ',' : 'a';
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(parse(text, &o, &e), 0);
	assert_string_equal(o.list, text);
	for (size_t i = 0; i < sizeof(text) - 1; i += 2)
		text[i] = 'b';
	expect_refused(text, "option b: too much, together with those before");
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = i % 250 == 0 ? 'c' : i % 250 == 1 ? '=' : i % 250 == 249 ? ',' : 'x';
	assert_int_equal(parse(text, &(struct server_options){ 0 }, &e), -EINVAL);
	assert_non_null(strstr(e.text, ": too much, together with those before"));
}

/*
 * ---------------------------------------------------------------------------------------------
 * Command lines
 * ---------------------------------------------------------------------------------------------
 */

#define SERVER SIZE_MAX

static int make(size_t step, const char *options, bool is_read_only, const char *source,
		char ***argv, struct preset_error *e)
{
	_cleanup_server_options_ struct server_options o;
	const struct server_values v = {
		.options = &o,
		.source = source,
		.mountpoint = "/mnt",
		.uid = UINT32_MAX,
		.gid = 100,
		.progress_fd = 12,
		.is_read_only = is_read_only,
	};

	assert_int_equal(parse(options, &o, e), 0);
	return step == SERVER ? server_argv(&preset, "/bin/x", &v, argv, e)
			      : server_prepare_argv(&preset, step, &v, argv, e);
}

/* Of the server, or of a step; @expected has bars between the words. */
static void expect_command(size_t step, const char *options, bool is_read_only, const char *source,
			   const char *expected)
{
	_cleanup_free_ char **argv = NULL;
	struct preset_error e;
	char all[8192] = "";

	assert_int_equal(make(step, options, is_read_only, source, &argv, &e), 0);
	for (char **arg = argv; *arg; arg++)
		(void)snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s",
			       arg > argv ? "|" : "", *arg);
	assert_string_equal(all, expected);
}

static void commands(void **state)
{
	use_preset("description = Text\nprogram = /bin/x\naccess = read-write\n"
		   "arguments = -f --dev={source}:{mountpoint}{source} {options} {mountpoint} -\n"
		   "prepare = /sbin/fsck -p -C {progress} {source}\n"
		   "prepare = /bin/y {mountpoint} {options}\n"
		   "options = a b=c\noptions-ro = ro\noptions-rw = rw big\n"
		   "accept = d e=TEXT\n");
	expect_command(SERVER, "", true, "/source",
		       "/bin/x|-f|--dev=/source:/mnt/source|-o|a,b=c,ro|/mnt|-");
	expect_command(SERVER, "ro", false, "/source",
		       "/bin/x|-f|--dev=/source:/mnt/source|-o|a,b=c,rw,big|/mnt|-");
	expect_command(SERVER, "d,e={source},d", false, "{mountpoint}",
		       "/bin/x|-f|--dev={mountpoint}:/mnt{mountpoint}|-o|"
		       "a,b=c,rw,big,d,e={source},d|/mnt|-");
	expect_command(0, "d", false, "/source", "/sbin/fsck|-p|-C|12|/source");
	expect_command(1, "d", false, "/source", "/bin/y|/mnt|-o|a,b=c,rw,big,d");
}

/* With nothing in the list there is no -o either. */
static void no_options(void **state)
{
	use_preset(HEAD "accept = a\nignore = b\n");
	expect_command(SERVER, "", true, "/source", "/bin/x|/source|/mnt");
	expect_command(SERVER, "b,rw,nosuid", true, "/source", "/bin/x|/source|/mnt");
	expect_command(SERVER, "a", true, "/source", "/bin/x|/source|/mnt|-o|a");
	use_preset(HEAD "options-ro = a\n");
	expect_command(SERVER, "", true, "/source", "/bin/x|/source|/mnt|-o|a");
	expect_command(SERVER, "", false, "/source", "/bin/x|/source|/mnt");
}

/* Each gives way to what the caller says, be it passed on or not. */
static void defaults(void **state)
{
	use_preset(HEAD "options = owner={uid}:{gid}\n"
			"default = uid={uid} permissions u\ndefault = umask=0022\ndefault = big\n"
			"accept = uid=NUMBER u=NUMBER permissions big\n"
			"translate = umask=OCTAL mask={}\nignore = bi\n");
	expect_command(SERVER, "", true, "/source",
		       "/bin/x|/source|/mnt|-o|owner=4294967295:100,uid=4294967295,umask=0022,big");
	expect_command(SERVER, "uid=1", true, "/source",
		       "/bin/x|/source|/mnt|-o|owner=4294967295:100,umask=0022,big,uid=1");
	expect_command(SERVER, "permissions,umask=7,bi", true, "/source",
		       "/bin/x|/source|/mnt|-o|owner=4294967295:100,big,permissions,mask=7");
	expect_command(SERVER, "big,u=3", true, "/source",
		       "/bin/x|/source|/mnt|-o|owner=4294967295:100,umask=0022,big,u=3");
	use_preset(HEAD "default = a={gid} b\nignore = xa bx\naccept = ab=TEXT ba\n");
	expect_command(SERVER, "xa,bx,ab={uid},ba", true, "/source",
		       "/bin/x|/source|/mnt|-o|a=100,ab={uid},ba");
	use_preset(HEAD "default = a\nignore = a\n");
	expect_command(SERVER, "", true, "/source", "/bin/x|/source|/mnt|-o|a");
	expect_command(SERVER, "a", true, "/source", "/bin/x|/source|/mnt");
}

static void expect_bad_source(const char *source, const char *message)
{
	struct preset_error e;
	char **argv = NULL;

	assert_int_equal(server_source_check(&preset, source, &e), -EINVAL);
	assert_string_equal(e.text, message);
	memset(&e, 0xff, sizeof(e));
	assert_int_equal(make(SERVER, "", true, source, &argv, &e), -EINVAL);
	assert_string_equal(e.text, message);
	assert_null(argv);
}

static void sources(void **state)
{
	char text[SERVER_MAX_SOURCE + 1], expected[1024];
	struct preset_error e;

	use_preset(HEAD "source = text\n");
	expect_command(SERVER, "", true, "a,b@host:/x y-", "/bin/x|a,b@host:/x y-|/mnt");
	expect_bad_source("", "source \"\": it is empty");
	expect_bad_source("-oProxyCommand=x", "source \"-oProxyCommand=x\": it begins with \"-\"");
	expect_bad_source("a\nb", "source \"a\nb\": it has a control character");
	expect_bad_source("a\x7f", "source \"a\x7f\": it has a control character");
	memset(text, 'x', sizeof(text));
	text[SERVER_MAX_SOURCE] = '\0';
	(void)snprintf(expected, sizeof(expected), "source \"%.100s\": it is too long", text);
	expect_bad_source(text, expected);
	text[SERVER_MAX_SOURCE - 1] = '\0';
	assert_int_equal(server_source_check(&preset, text, &e), 0);

	use_preset(HEAD); /* the helper opens it, whatever its name is */
	assert_int_equal(server_source_check(&preset, "-\n", &e), 0);
	assert_int_equal(server_source_check(&preset, "", &e), 0);
}

#define with_rules(f)	cmocka_unit_test_setup_teardown(f, use_rules, drop_preset)
#define with_presets(f) cmocka_unit_test_teardown(f, drop_preset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_rules(mount_flags), with_rules(kernel_options), with_rules(passed_on),
		with_rules(translated),	 with_rules(ignored),	     with_rules(refused),
		with_rules(backslashes), with_rules(long_options),   with_presets(much_of_little),
		with_presets(commands),	 with_presets(no_options),   with_presets(defaults),
		with_presets(sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
