// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The caller's options through a libmount context: where each one goes, and how quotes and escapes
 * turn from libmount's into the server's.
 */
#include "test-util.h"

#include "svc.h"

/* Parses @options as root, or as somebody. End it with done(). */
static int parse_as(struct svc_mount *m, uid_t uid, const char *options)
{
	memset(m, 0, sizeof(*m));
	m->uid = uid;
	m->cxt = mnt_new_context();
	assert_non_null(m->cxt);
	if (options)
		assert_int_equal(mnt_context_set_options(m->cxt, options), 0);
	return svc_options_parse(m);
}

static void done(struct svc_mount *m)
{
	svc_options_free(&m->opts);
	mnt_free_context(m->cxt);
}

static void where_each_option_goes(void **state)
{
	static const struct {
		const char *options, *server, *vfs, *user;
	} cases[] = {
		{ NULL, "rw", NULL, NULL },
		{ "", "rw", NULL, NULL },
		{ "defaults", "rw", NULL, NULL },
		{ "rw", "rw", "rw", NULL },
		{ "ro", "ro", "ro", NULL },
		{ "ro,rw", "rw", NULL, NULL },
		{ "rw,ro", "ro", NULL, NULL },
		{ "threads=4,allow_other", "rw,threads=4,allow_other", NULL, NULL },
		{ "nosuid,nodev,noexec,noatime,sync", "rw,nosuid,nodev,noexec,noatime,sync", NULL,
		  NULL },
		{ "relatime,silent,mand", "rw", NULL, NULL },
		{ "a=1,nofail,_netdev,user,uhelper=udisks2,loop=/dev/loop1,x-gvfs-show,b",
		  "rw,a=1,b", NULL,
		  "nofail,_netdev,user,uhelper=udisks2,loop=/dev/loop1,x-gvfs-show" },
		{ "svc=sq,svc-timeout=5,svc-suid,svc-dev,svc-noblk,key", "rw,key", NULL, NULL },
		{ "svcx=1,xsvc-y", "rw,svcx=1,xsvc-y", NULL, NULL },
		{ "empty=,flag", "rw,empty=,flag", NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct svc_mount m;

		assert_int_equal(parse_as(&m, 0, cases[i].options), 0);
		assert_string_equal(m.opts.server, cases[i].server);
		if (cases[i].vfs)
			assert_string_equal(m.opts.vfs, cases[i].vfs);
		if (cases[i].user)
			assert_string_equal(m.opts.user, cases[i].user);
		else
			assert_true(!m.opts.user || !*m.opts.user);
		done(&m);
	}
}

/* The server knows some mount flags by name; each is passed once, and no other. */
static void mount_flags_for_the_server(void **state)
{
	static const char *const known[] = { "nosuid",	"nodev",   "noexec",	 "sync",
					     "dirsync", "noatime", "nodiratime", "nosymfollow" };
	static const char *const hidden[] = { "relatime", "strictatime", "silent", "lazytime",
					      "iversion" };
	struct svc_mount m;
	char server[64];

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		assert_int_equal(parse_as(&m, 0, known[i]), 0);
		(void)snprintf(server, sizeof(server), "rw,%s", known[i]);
		assert_string_equal(m.opts.server, server);
		done(&m);
	}
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
		assert_int_equal(parse_as(&m, 0, hidden[i]), 0);
		assert_string_equal(m.opts.server, "rw");
		done(&m);
	}
}

/* libmount quotes values or escapes commas; the server gets commas and backslashes escaped. */
static void quotes_and_escapes(void **state)
{
	static const char *const cases[][2] = {
		{ "k=\"a,b\",l", "rw,k=a\\,b,l" },
		{ "k=a\\b", "rw,k=a\\\\b" },
		{ "k=\"a\\b,c\"", "rw,k=a\\\\b\\,c" },
		{ "k=\"\"", "rw,k=" },
		{ "k=\"a=b\"", "rw,k=a=b" },
		{ "k=a=b", "rw,k=a=b" },
		{ "k=\"a,ro,svc-suid,nofail\"", "rw,k=a\\,ro\\,svc-suid\\,nofail" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct svc_mount m;

		assert_int_equal(parse_as(&m, 0, cases[i][0]), 0);
		assert_string_equal(m.opts.server, cases[i][1]);
		assert_false(m.opts.allow_suid || m.opts.read_only);
		done(&m);
	}
}

/* Older versions of libmount know no escaped comma: the option ends there, for the server too. */
static void escaped_comma(void **state)
{
	struct svc_mount m;

	assert_int_equal(parse_as(&m, 0, "k=a\\,b,l"), 0);
	if (strcmp(m.opts.server, "rw,k=a\\,b,l") != 0)
		assert_string_equal(m.opts.server, "rw,k=a\\\\,b,l");
	done(&m);
}

/* A name is escaped as a value is: what libmount takes for one option is one for the server. */
static void odd_names(void **state)
{
	static const char *const cases[][2] = {
		{ "\"a,b\",c", "rw,\"a\\,b\",c" },
		{ "a\\b,c", "rw,a\\\\b,c" },
		{ "a\"b,c\"=d", "rw,a\"b\\,c\"=d" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct svc_mount m;

		assert_int_equal(parse_as(&m, 0, cases[i][0]), 0);
		assert_string_equal(m.opts.server, cases[i][1]);
		done(&m);
	}
}

/* Of these libmount sees a part only: "ro" would be lost. */
static void malformed_lists(void **state)
{
	static const char *const cases[] = { "a=\"x,ro", "\"", "a,b\",ro", "a,=x,ro", "=" };

	static const char *const good[] = { "", "ro", "a=\"x,y\",ro", ",ro,,", "a=,b" };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct svc_mount m;
		const char *left;
		int rc;

		if (svc_is_option_list(cases[i]))
			fail_msg("%s was taken", cases[i]);
		rc = parse_as(&m, 0, cases[i]);
		left = mnt_context_get_options(m.cxt);
		if (left && strcmp(left, cases[i]) == 0) { /* libmount 2.41 cuts it off itself */
			assert_int_equal(rc, -EINVAL);
			assert_int_equal(m.error.code, SVC_E_OPTIONS);
		}
		done(&m);
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(svc_is_option_list(good[i]));
}

/* libmount from 2.39 on, with no memory for the list: it says that there is none. */
static bool is_out_of_memory;
const char *__real_mnt_context_get_options(struct libmnt_context *cxt);
const char *__wrap_mnt_context_get_options(struct libmnt_context *cxt);

const char *__wrap_mnt_context_get_options(struct libmnt_context *cxt)
{
	if (!is_out_of_memory)
		return __real_mnt_context_get_options(cxt);
	errno = ENOMEM;
	return NULL;
}

static void no_memory_is_not_no_options(void **state)
{
	struct svc_mount m;

	is_out_of_memory = true;
	assert_int_equal(parse_as(&m, 0, "ro"), -ENOMEM);
	is_out_of_memory = false;
	assert_int_equal(m.error.code, FUSESVC_E_SYSTEM);
	done(&m);
	errno = ENOMEM; /* from long ago */
	assert_int_equal(parse_as(&m, 0, NULL), 0);
	done(&m);
}

static void paths_are_remembered(void **state)
{
	struct svc_mount m;

	assert_int_equal(
		parse_as(&m, 0,
			 "key=/k,rel=a/b,log=\"/x,y\",loop=/dev/loop0,/p,z=\"/a,b\",q=\"/\""),
		0);
	assert_int_equal(m.opts.n_paths, 4);
	assert_string_equal(m.opts.paths[0], "/k");
	assert_string_equal(m.opts.paths[1], "/x,y");
	assert_string_equal(m.opts.paths[2], "/a,b");
	assert_string_equal(m.opts.paths[3], "/");
	assert_null(m.opts.paths[4]);
	assert_string_equal(m.opts.server, "rw,key=/k,rel=a/b,log=/x\\,y,/p,z=/a\\,b,q=/");
	done(&m);
	assert_int_equal(parse_as(&m, 0, "a,b=c"), 0);
	assert_int_equal(m.opts.n_paths, 0);
	done(&m);
}

static void our_options(void **state)
{
	struct svc_mount m;

	assert_int_equal(parse_as(&m, 0, "a"), 0);
	assert_int_equal(m.opts.timeout, FUSESVC_TIMEOUT);
	assert_null(m.opts.name);
	assert_false(m.opts.allow_suid || m.opts.allow_dev || m.opts.no_fuseblk ||
		     m.opts.read_only);
	done(&m);
	assert_int_equal(
		parse_as(&m, 0, "svc=a,svc=sq,svc-timeout=0,svc-suid,svc-dev,svc-noblk,ro"), 0);
	assert_int_equal(m.opts.timeout, 0);
	assert_string_equal(m.opts.name, "sq");
	assert_true(m.opts.allow_suid && m.opts.allow_dev && m.opts.no_fuseblk && m.opts.read_only);
	done(&m);
	assert_int_equal(parse_as(&m, 0, "svc-timeout=31536000,svc=\"x\""), 0);
	assert_int_equal(m.opts.timeout, 31536000);
	assert_string_equal(m.opts.name, "x");
	done(&m);
}

static void our_options_misused(void **state)
{
	static const struct {
		const char *options;
		uint32_t code;
		const char *subject;
	} cases[] = {
		{ "svc-", SVC_E_OPTION_UNKNOWN, "svc-" },
		{ "svc-sid", SVC_E_OPTION_UNKNOWN, "svc-sid" },
		{ "svc-timeou=1", SVC_E_OPTION_UNKNOWN, "svc-timeou" },
		{ "a,svc-suids,b", SVC_E_OPTION_UNKNOWN, "svc-suids" },
		{ "svc", SVC_E_OPTION_NAME, "svc" },
		{ "svc=", SVC_E_OPTION_NAME, "svc" },
		{ "svc=../x", SVC_E_OPTION_NAME, "svc" },
		{ "svc=\"a,b\"", SVC_E_OPTION_NAME, "svc" },
		{ "svc-suid=1", SVC_E_OPTION_FLAG, "svc-suid" },
		{ "svc-dev=", SVC_E_OPTION_FLAG, "svc-dev" },
		{ "svc-noblk=0", SVC_E_OPTION_FLAG, "svc-noblk" },
		{ "svc-timeout", SVC_E_OPTION_TIMEOUT, "svc-timeout" },
		{ "svc-timeout=", SVC_E_OPTION_TIMEOUT, "svc-timeout" },
		{ "svc-timeout=-1", SVC_E_OPTION_TIMEOUT, "svc-timeout" },
		{ "svc-timeout=+1", SVC_E_OPTION_TIMEOUT, "svc-timeout" },
		{ "svc-timeout= 1", SVC_E_OPTION_TIMEOUT, "svc-timeout" },
		{ "svc-timeout=1s", SVC_E_OPTION_TIMEOUT, "svc-timeout" },
		{ "svc-timeout=0x1", SVC_E_OPTION_TIMEOUT, "svc-timeout" },
		{ "svc-timeout=31536001", SVC_E_OPTION_TIMEOUT, "svc-timeout" },
		{ "svc-timeout=999999999999999", SVC_E_OPTION_TIMEOUT, "svc-timeout" },
		{ "svc-timeout=0000000000000001", SVC_E_OPTION_TIMEOUT, "svc-timeout" },
		{ "remount,bind,ro", SVC_E_OPERATION, "bind, move or propagation" },
		{ "bind", SVC_E_OPERATION, "bind, move or propagation" },
		{ "rbind", SVC_E_OPERATION, "bind, move or propagation" },
		{ "private", SVC_E_OPERATION, "bind, move or propagation" },
		{ "rshared", SVC_E_OPERATION, "bind, move or propagation" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct svc_mount m;

		if (parse_as(&m, 0, cases[i].options) >= 0)
			fail_msg("\"%s\" was taken", cases[i].options);
		assert_int_equal(m.error.code, cases[i].code);
		assert_int_equal(m.error.step, SVC_STEP_OPTIONS);
		assert_string_equal(m.error.subject, cases[i].subject);
		done(&m);
	}
}

static void for_root_only(void **state)
{
	struct svc_mount m;

	assert_int_equal(parse_as(&m, 1000, "svc-noblk,svc-timeout=1,svc=x,a"), 0);
	done(&m);
	assert_int_equal(parse_as(&m, 1000, "svc-suid"), -EPERM);
	assert_int_equal(m.error.code, SVC_E_ROOT_ONLY);
	assert_string_equal(m.error.subject, "svc-suid");
	done(&m);
	assert_int_equal(parse_as(&m, 1000, "svc-dev"), -EPERM);
	assert_string_equal(m.error.subject, "svc-dev");
	done(&m);
	assert_int_equal(parse_as(&m, 1000, "remount,ro") < 0, 1);
	assert_int_equal(m.error.code, SVC_E_ROOT_ONLY);
	assert_string_equal(m.error.subject, "remount");
	done(&m);
	assert_int_equal(parse_as(&m, 0, "remount,ro"), 0);
	assert_true(m.opts.remount);
	done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_each_option_goes),
		cmocka_unit_test(mount_flags_for_the_server),
		cmocka_unit_test(quotes_and_escapes),
		cmocka_unit_test(escaped_comma),
		cmocka_unit_test(odd_names),
		cmocka_unit_test(malformed_lists),
		cmocka_unit_test(no_memory_is_not_no_options),
		cmocka_unit_test(paths_are_remembered),
		cmocka_unit_test(our_options),
		cmocka_unit_test(our_options_misused),
		cmocka_unit_test(for_root_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
