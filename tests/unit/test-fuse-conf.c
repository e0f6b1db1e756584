/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuse.conf: what it grants, and that it grants nothing when it cannot be understood. */
#include "test-util.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "fuse-conf.h"

static void good_ones(void **state)
{
	static const struct {
		const char *text;
		bool user_allow_other;
		int mount_max;
	} cases[] = {
		{ "", false, SVC_MOUNT_MAX },
		{ "\n\n", false, SVC_MOUNT_MAX },
		{ "# nothing", false, SVC_MOUNT_MAX },
		{ "#user_allow_other\n#mount_max = 1\n", false, SVC_MOUNT_MAX },
		{ "user_allow_other", true, SVC_MOUNT_MAX },
		{ "\t user_allow_other \r\n", true, SVC_MOUNT_MAX },
		{ "user_allow_other # for all\nmount_max=5#five", true, 5 },
		{ "mount_max = 0\n", false, 0 },
		{ "mount_max=0001\n", false, 1 },
		{ "  mount_max\t=\t2147483647  \n", false, INT_MAX },
		{ "mount_max = -1\n", false, SVC_MOUNT_MAX_NO_LIMIT },
	};
	struct svc_fuse_conf conf;
	unsigned int line;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(
			svc_fuse_conf_parse(cases[i].text, strlen(cases[i].text), &conf, &line), 0);
		assert_int_equal(conf.user_allow_other, cases[i].user_allow_other);
		assert_int_equal(conf.mount_max, cases[i].mount_max);
	}
}

static void bad_ones(void **state)
{
	static const struct {
		const char *text;
		unsigned int line;
	} cases[] = {
		{ "user_allow_others", 1 },
		{ "user_allow_other=1", 1 },
		{ "User_Allow_Other", 1 },
		{ "user_allow_other mount_max=1", 1 },
		{ "user_allow_other\nuser_allow_other\n", 2 },
		{ "\n#\nmount_max\n", 3 },
		{ "mount_max=", 1 },
		{ "mount_max 5", 1 },
		{ "mount_max == 5", 1 },
		{ "mount_max = 5 6", 1 },
		{ "mount_max = 5=6", 1 },
		{ "mount_max = -2", 1 },
		{ "mount_max = - 1", 1 },
		{ "mount_max = -1000", 1 },
		{ "mount_max = +5", 1 },
		{ "mount_max = 0x10", 1 },
		{ "mount_max = 5k", 1 },
		{ "mount_max = 2147483648", 1 },
		{ "mount_max = 99999999999999999999", 1 },
		{ "mount_max = 18446744073709551621", 1 }, /* 2^64 + 5 */
		{ "mount_max = 1\nmount_max = 1", 2 },
		{ "= 5", 1 },
		{ "mount_max, = 5", 1 },
		{ "x", 1 },
	};
	struct svc_fuse_conf conf;
	unsigned int line;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(
			svc_fuse_conf_parse(cases[i].text, strlen(cases[i].text), &conf, &line),
			-EINVAL);
		assert_int_equal(line, cases[i].line);
		assert_false(conf.user_allow_other);
		assert_int_equal(conf.mount_max, 0);
	}
	assert_int_equal(svc_fuse_conf_parse("user_allow_other\0\n", 18, &conf, &line), -EINVAL);
	assert_int_equal(svc_fuse_conf_parse("\n# a\0b\n", 7, &conf, &line), -EINVAL);
	assert_int_equal(line, 2);
}

static char path[] = "/tmp/test-fuse-conf.XXXXXX";

static int make_file(void **state)
{
	int fd;

	strcpy(strrchr(path, '.'), ".XXXXXX");
	fd = mkstemp(path);
	return fd < 0 || write(fd, "mount_max = 7\n", 14) != 14 || close(fd) < 0 ? -1 : 0;
}

static int remove_file(void **state)
{
	return remove(path);
}

static void expect_refused(void)
{
	struct svc_fuse_conf conf;
	unsigned int line;

	assert_int_equal(svc_fuse_conf_read(path, &conf, &line), -EINVAL);
	assert_int_equal(line, 0);
	assert_false(conf.user_allow_other);
	assert_int_equal(conf.mount_max, 0);
}

static void files(void **state)
{
	struct svc_fuse_conf conf;
	unsigned int line;

	assert_int_equal(svc_fuse_conf_read("/nonexistent/fuse.conf", &conf, &line), 0);
	assert_int_equal(conf.mount_max, SVC_MOUNT_MAX);
	require_or_skip(geteuid() == 0, "root, who owns the file");
	assert_int_equal(svc_fuse_conf_read(path, &conf, &line), 0);
	assert_int_equal(conf.mount_max, 7);
	assert_int_equal(chmod(path, 0664), 0);
	expect_refused();
	assert_int_equal(chmod(path, 0602), 0);
	expect_refused();
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(chown(path, 1, 0), 0);
	expect_refused();
}

static void other_things(void **state)
{
	struct svc_fuse_conf conf;
	unsigned int line;

	assert_int_equal(svc_fuse_conf_read("/", &conf, &line), -EINVAL);
	assert_int_equal(svc_fuse_conf_read("/dev/zero", &conf, &line), -EINVAL);
	assert_int_equal(svc_fuse_conf_read("/dev/null/x", &conf, &line), -ENOTDIR);
	assert_int_equal(remove(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_refused();
	assert_int_equal(remove(path), 0);
	assert_int_equal(symlink(path, path), 0);
	assert_int_equal(svc_fuse_conf_read(path, &conf, &line), -ELOOP);
}

static void a_large_file(void **state)
{
	assert_int_equal(truncate(path, 64 * 1024 + 1), 0);
	expect_refused();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_ones),
		cmocka_unit_test(bad_ones),
		cmocka_unit_test_setup_teardown(files, make_file, remove_file),
		cmocka_unit_test_setup_teardown(other_things, make_file, remove_file),
		cmocka_unit_test_setup_teardown(a_large_file, make_file, remove_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
