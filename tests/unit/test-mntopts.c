// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The closed list of mount options that a server may add.
 */
#include "test-util.h"

#include "svc.h"

static void good_options(void **state)
{
	static const struct {
		const char *options;
		uint8_t default_permissions, allow_other;
		uint32_t max_read, blksize;
	} cases[] = {
		{ "", 0, 0, 0, 0 },
		{ "default_permissions", 1, 0, 0, 0 },
		{ "allow_other", 0, 1, 0, 0 },
		{ "max_read=1", 0, 0, 1, 0 },
		{ "max_read=999999999", 0, 0, 999999999, 0 },
		{ "max_read=000000001", 0, 0, 1, 0 },
		{ "blksize=512", 0, 0, 0, 512 },
		{ "blksize=1048576", 0, 0, 0, 1048576 },
		{ "blksize=4096,max_read=131072,allow_other,default_permissions", 1, 1, 131072,
		  4096 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct svc_request req = { 0 };
		const char *bad;
		size_t bad_len;

		assert_int_equal(svc_mntopts_parse(cases[i].options, &req, &bad, &bad_len), 0);
		assert_int_equal(req.default_permissions, cases[i].default_permissions);
		assert_int_equal(req.allow_other, cases[i].allow_other);
		assert_int_equal(req.max_read, cases[i].max_read);
		assert_int_equal(req.blksize, cases[i].blksize);
		assert_int_equal(req.ms_flags, 0);
	}
}

/* The second column is the option that is to blame. */
static void bad_options(void **state)
{
	static const char *const cases[][2] = {
		{ ",", "" },
		{ "allow_other,", "" },
		{ ",allow_other", "" },
		{ "allow_other,,default_permissions", "" },
		{ " allow_other", " allow_other" },
		{ "allow_other ", "allow_other " },
		{ "Allow_other", "Allow_other" },
		{ "allow_othe", "allow_othe" },
		{ "allow_other=1", "allow_other=1" },
		{ "allow_other=", "allow_other=" },
		{ "allow_root", "allow_root" },
		{ "suid", "suid" },
		{ "dev", "dev" },
		{ "user_id=0", "user_id=0" },
		{ "group_id=0", "group_id=0" },
		{ "fd=3", "fd=3" },
		{ "rootmode=40000", "rootmode=40000" },
		{ "subtype=x", "subtype=x" },
		{ "allow_other,ro", "ro" },
		{ "context=x", "context=x" },
		{ "allow_other,allow_other", "allow_other" },
		{ "default_permissions,allow_other,default_permissions", "default_permissions" },
		{ "max_read=1,max_read=1", "max_read=1" },
		{ "blksize=512,blksize=1024", "blksize=1024" },
		{ "max_read", "max_read" },
		{ "max_read=", "max_read=" },
		{ "max_read=0", "max_read=0" },
		{ "max_read=000000000", "max_read=000000000" },
		{ "max_read=1000000000", "max_read=1000000000" },
		{ "max_read=0000000001", "max_read=0000000001" },
		{ "max_read=-1", "max_read=-1" },
		{ "max_read=+1", "max_read=+1" },
		{ "max_read= 1", "max_read= 1" },
		{ "max_read=0x10", "max_read=0x10" },
		{ "max_read=1k", "max_read=1k" },
		{ "max_read=1\\,suid", "max_read=1\\" },
		{ "max_read=\"1\"", "max_read=\"1\"" },
		{ "blksize=511", "blksize=511" },
		{ "blksize=256", "blksize=256" },
		{ "blksize=513", "blksize=513" },
		{ "blksize=768", "blksize=768" },
		{ "blksize=2097152", "blksize=2097152" },
		{ "blksize=0", "blksize=0" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct svc_request req = { 0 };
		char *exact = (char *)exact_copy(cases[i][0], strlen(cases[i][0]) + 1);
		const char *bad;
		size_t bad_len;

		if (svc_mntopts_parse(exact, &req, &bad, &bad_len) != -EINVAL)
			fail_msg("\"%s\" was taken", cases[i][0]);
		assert_int_equal(bad_len, strlen(cases[i][1]));
		assert_memory_equal(bad, cases[i][1], bad_len);
		free(exact);
	}
}

static void over_long_options(void **state)
{
	struct svc_request req = { 0 };
	char options[1026];
	const char *bad;
	size_t bad_len;

	memset(options, 'x', sizeof(options));
	options[1025] = '\0';
	memcpy(options, "allow_other,", 12);
	assert_int_equal(svc_mntopts_parse(options, &req, &bad, &bad_len), -EINVAL);
	assert_int_equal(req.allow_other, 0); /* too long: not even looked at */
	assert_int_equal(bad_len, 1025);
	options[1024] = '\0';
	assert_int_equal(svc_mntopts_parse(options, &req, &bad, &bad_len), -EINVAL);
	assert_int_equal(req.allow_other, 1);
	assert_int_equal(bad_len, 1024 - 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_options),
		cmocka_unit_test(bad_options),
		cmocka_unit_test(over_long_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
