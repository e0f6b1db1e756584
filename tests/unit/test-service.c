// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which service mounts something: the type's suffix, svc=, and what libblkid sees in real images.
 */
#include "test-util.h"

#include <blkid.h>

#include <limits.h>
#include <sys/stat.h>

#include "svc.h"

static char dir[] = "/tmp/test-service-XXXXXX";

static int make_dir(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static void types_that_are_ours(void **state)
{
	static const char *const ours[] = { "fuse.svc",	   "fuse.svc.x",
					    "fuseblk.svc", "fuseblk.svc.squashfs",
					    "fuse.svc.",   "fuse.svc.a.b" };
	static const char *const others[] = { "",	 "fuse",      "fuse.",	    "fuse.svcx",
					      "fuse.sv", "fuseblk",   "fuse.sshfs", "svc",
					      "svc.x",	 "xfuse.svc", "FUSE.svc",   "fuse.svc,x" };

	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		assert_true(svc_is_type(ours[i]));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(svc_is_type(others[i]));
	assert_false(svc_is_type(NULL));
	assert_true(fuse_svc_module.is_type("fuse.svc"));
}

static void name_from_type_and_option(void **state)
{
	static const struct {
		const char *type, *option, *name;
		uint32_t code;
	} cases[] = {
		{ "fuse.svc.squashfs", NULL, "squashfs", 0 },
		{ "fuseblk.svc.ext4", NULL, "ext4", 0 },
		{ "fuse.svc.a.b", NULL, "a.b", 0 },
		{ "fuse.svc", NULL, "", 0 },
		{ "fuse.svc", "sq", "sq", 0 },
		{ NULL, "sq", "sq", 0 },
		{ NULL, NULL, "", 0 },
		{ "fuse.svc.sq", "sq", "sq", 0 },
		{ "fuse.svc.sq", "sqx", NULL, SVC_E_TWO_NAMES },
		{ "fuse.svc.", NULL, NULL, SVC_E_NAME },
		{ "fuse.svc...", NULL, NULL, SVC_E_NAME },
		{ "fuse.svc.-x", NULL, NULL, SVC_E_NAME },
		{ "fuse.svc.a/b", NULL, NULL, SVC_E_NAME },
		{ "fuse.svc.0123456789012345678901234567890123456789012345678901234567890123", NULL,
		  NULL, SVC_E_NAME },
		{ "fuse.sshfs", NULL, NULL, SVC_E_TYPE },
		{ "ext4", "ext4", NULL, SVC_E_TYPE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct svc_mount m = { .cxt = mnt_new_context() };
		int rc;

		if (cases[i].type)
			assert_int_equal(mnt_context_set_fstype(m.cxt, cases[i].type), 0);
		m.opts.name = cases[i].option ? strdup(cases[i].option) : NULL;
		rc = svc_service_from_type(&m);
		assert_int_equal(rc, cases[i].name ? 0 : -EINVAL);
		assert_int_equal(m.error.code, cases[i].code);
		assert_string_equal(m.name, cases[i].name ? cases[i].name : "");
		svc_options_free(&m.opts);
		mnt_free_context(m.cxt);
	}
}

/* What is at @source? "" if it cannot be told, which gives @code. */
static void assert_guess(const char *source, const char *name, uint32_t code)
{
	char path[PATH_MAX];
	struct svc_mount m = { .source = path };

	(void)snprintf(path, sizeof(path), "%s%s%s", *source == '/' ? "" : dir,
		       *source == '/' ? "" : "/", source);
	assert_true((svc_service_guess(&m) == 0) == (code == 0));
	assert_int_equal(m.error.code, code);
	assert_string_equal(m.name, name);
}

static void make_file(const char *name, size_t size)
{
	char path[PATH_MAX];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_return_code(fd, errno);
	assert_return_code(ftruncate(fd, (off_t)size), errno);
	(void)close(fd);
}

/* Runs a shell command in the directory; skips without its first word. */
static void run(const char *tool, const char *arguments)
{
	char command[PATH_MAX + 256];

	(void)snprintf(command, sizeof(command),
		       "PATH=$PATH:/usr/sbin:/sbin; command -v %s >/dev/null", tool);
	require_or_skip(system(command) == 0, tool);
	(void)snprintf(
		command, sizeof(command),
		"PATH=$PATH:/usr/sbin:/sbin; cd '%s' && mkdir -p tree && echo hello >tree/file && "
		"%s %s >log 2>&1 || { cat log >&2; false; }",
		dir, tool, arguments);
	assert_int_equal(system(command), 0);
}

static void squashfs_is_seen(void **state)
{
	run("mksquashfs", "tree sq.img -noappend -no-progress");
	assert_guess("sq.img", "squashfs", 0);
}

static void iso9660_is_seen(void **state)
{
	run("xorriso", "-as mkisofs -o cd.iso tree");
	assert_guess("cd.iso", "iso9660", 0);
}

static void ext4_is_seen(void **state)
{
	make_file("ext4.img", 1 << 20);
	run("mkfs.ext4", "-q -F ext4.img");
	assert_guess("ext4.img", "ext4", 0);
}

/* Two superblocks in one image: neither is right. */
static void two_types_are_ambivalent(void **state)
{
	make_file("both.img", 4 << 20);
	run("mkfs.ext4", "-q -F both.img");
	run("mksquashfs", "tree part.img -noappend -no-progress");
	run("dd", "if=part.img of=both.img conv=notrunc bs=512 count=1");
	assert_guess("both.img", "", SVC_E_AMBIVALENT);
}

static void nothing_is_seen(void **state)
{
	make_file("empty", 0);
	make_file("zeros", 1 << 20);
	assert_guess("empty", "", SVC_E_UNKNOWN_TYPE);
	assert_guess("zeros", "", SVC_E_UNKNOWN_TYPE);
	assert_guess("none", "", SVC_E_SOURCE);
}

static void other_sources_are_not_opened(void **state)
{
	char fifo[PATH_MAX];

	(void)snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	assert_return_code(mkfifo(fifo, 0600), errno); /* an open would wait for ever */
	assert_guess("fifo", "", SVC_E_SOURCE);
	assert_guess("/", "", SVC_E_SOURCE);
	assert_guess("/dev/null", "", SVC_E_SOURCE);
}

static void no_source(void **state)
{
	struct svc_mount m = { .source = NULL };

	assert_int_equal(svc_service_guess(&m), -EINVAL);
	assert_int_equal(m.error.code, SVC_E_NO_NAME);
}

static void socket_path(void **state)
{
	struct svc_mount m = { .name = "sq" };
	char path[200];

	assert_int_equal(svc_service_socket_path(&m, path, sizeof(path)), 0);
	assert_string_equal(path, FUSE_SVC_SOCKET_DIR "/sq");
	assert_int_equal(svc_service_socket_path(&m, path, strlen(path)), -ENAMETOOLONG);
	assert_int_equal(m.error.code, SVC_E_NAME);

	m = (struct svc_mount){ .name = "no-such-service-in-a-test" };
	assert_int_equal(svc_service_check_socket(&m), -ENOENT);
	assert_int_equal(m.error.code, FUSESVC_E_NOSERVICE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_that_are_ours),
		unit_test_fds(name_from_type_and_option),
		unit_test_fds(squashfs_is_seen),
		unit_test_fds(iso9660_is_seen),
		unit_test_fds(ext4_is_seen),
		unit_test_fds(two_types_are_ambivalent),
		unit_test_fds(nothing_is_seen),
		unit_test_fds(other_sources_are_not_opened),
		unit_test_fds(no_source),
		unit_test_fds(socket_path),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
