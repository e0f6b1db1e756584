/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which file is a service's preset, which files are none, and what is said of them. */
#include "test-util.h"

#include <sys/stat.h>

#include "preset.h"

#define TEXT "description = %s\nprogram = /x\narguments = x\n"

static char top[] = "/tmp/test-preset.XXXXXX";
static char etc[64], share[64], file[80];
static const char *const both[] = { etc, share, NULL };

static void write_text(const char *directory, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fprintf(f, TEXT, text) > 0);
	assert_int_equal(fclose(f), 0);
}

static int make_directories(void **state)
{
	(void)umask(022);
	strcpy(strrchr(top, '.'), ".XXXXXX");
	if (!mkdtemp(top))
		return -1;
	(void)snprintf(etc, sizeof(etc), "%s/etc", top);
	(void)snprintf(share, sizeof(share), "%s/share", top);
	(void)snprintf(file, sizeof(file), "%s/x", etc);
	if (mkdir(etc, 0755) < 0 || mkdir(share, 0755) < 0)
		return -1;
	write_text(etc, "x", "the administrator's");
	write_text(share, "x", "the package's");
	return 0;
}

static int remove_directories(void **state)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

static void expect_error(int expected_rc, const char *expected_file, const char *text)
{
	static const struct preset nothing;
	struct preset_error e;
	struct preset p;

	assert_int_equal(preset_load_from(both, "x", &p, &e), expected_rc);
	assert_string_equal(e.file, expected_file);
	assert_string_equal(e.text, text);
	assert_memory_equal(&p, &nothing, sizeof(p));
}

static void expect_preset(const char *description)
{
	_cleanup_preset_ struct preset p;
	struct preset_error e;

	assert_int_equal(preset_load_from(both, "x", &p, &e), 0);
	assert_string_equal(p.description, description);
}

static void expect_good_text(const char *directory, const char *name)
{
	char path[PATH_MAX], text[8192], line[PRESET_ERROR_SIZE];
	_cleanup_preset_ struct preset p;
	struct preset_error e;
	size_t len;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "r");
	assert_non_null(f);
	len = fread(text, 1, sizeof(text), f);
	assert_int_equal(fclose(f), 0);
	assert_true(len < sizeof(text));
	if (preset_parse(text, len, &p, &e))
		fail_msg("%s: %s", name, preset_error_text(&e, line, sizeof(line)));
}

/* Those that come with the project. Who may write to the source tree is not looked at. */
static void ours(void **state)
{
	DIR *d = opendir(PRESETS);
	struct dirent *entry;
	size_t n = 0;

	assert_non_null(d);
	while ((entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		expect_good_text(PRESETS, entry->d_name);
		n++;
	}
	closedir(d);
	assert_int_not_equal(n, 0);
}

static void the_first_one(void **state)
{
	char text[256];

	expect_preset("the administrator's");
	assert_int_equal(remove(file), 0);
	expect_preset("the package's");
	assert_int_equal(remove(etc), 0);
	expect_preset("the package's");
	(void)snprintf(file, sizeof(file), "%s/x", share);
	assert_int_equal(remove(file), 0);
	(void)snprintf(text, sizeof(text), "there is no preset \"x\" in %s or %s", etc, share);
	expect_error(-ENOENT, "", text);
}

static void names(void **state)
{
	static const char *const bad[] = { "", ".", "..", "../share/x", "/x", "a/b", ".x", "x y" };
	struct preset_error e;
	struct preset p;
	char text[128];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(preset_load_from(both, bad[i], &p, &e), -EINVAL);
		(void)snprintf(text, sizeof(text), "\"%s\" is no name of a service", bad[i]);
		assert_string_equal(e.text, text);
		assert_int_equal(preset_load(bad[i], &p, &e), -EINVAL);
		preset_free(&p);
	}
	assert_int_equal(preset_load("there-is-none", &p, &e), -ENOENT);
	assert_string_equal(e.text, "there is no preset \"there-is-none\" in " PRESET_ETC_DIR
				    " or " PRESET_DIR);
}

static void bad_text(void **state)
{
	char line[PRESET_ERROR_SIZE], expected[128];
	struct preset_error e;
	struct preset p;

	write_text(etc, "x", "x\nnonsense = 1");
	assert_int_equal(preset_load_from(both, "x", &p, &e), -EINVAL);
	(void)snprintf(expected, sizeof(expected), "%s: line 2: unknown key \"nonsense\"", file);
	assert_string_equal(preset_error_text(&e, line, sizeof(line)), expected);
	assert_int_equal(truncate(file, 0), 0);
	expect_error(-EINVAL, file, "description is missing");
}

static void modes(void **state)
{
	assert_int_equal(chmod(file, 0640), 0);
	expect_preset("the administrator's");
	assert_int_equal(chmod(file, 0664), 0);
	expect_error(-EINVAL, file, "others than its owner may write to it");
	assert_int_equal(chmod(file, 0646), 0);
	expect_error(-EINVAL, file, "others than its owner may write to it");
}

/* One that may not be read is no reason to take the package's. */
static void unreadable(void **state)
{
	require_or_skip(geteuid() == 0, "root, to become somebody else");
	assert_int_equal(chmod(file, 0600), 0);
	assert_int_equal(chmod(top, 0755), 0);
	assert_int_equal(seteuid(65534), 0);
	expect_error(-EACCES, file, "Permission denied");
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(etc, 0700), 0);
	assert_int_equal(seteuid(65534), 0);
	expect_error(-EACCES, file, "Permission denied");
	assert_int_equal(seteuid(0), 0);
}

/* Root's files are nobody's in a user namespace: whose they are is not looked at. */
static void owners(void **state)
{
	require_or_skip(geteuid() == 0, "root, to give a file away");
	assert_int_equal(chown(file, 65534, 65534), 0);
	expect_preset("the administrator's");
}

static void other_things(void **state)
{
	size_t fds = count_fds();

	assert_int_equal(remove(file), 0);
	assert_int_equal(mkdir(file, 0755), 0);
	expect_error(-EINVAL, file, "not a regular file");
	assert_int_equal(rmdir(file), 0);
	assert_int_equal(mkfifo(file, 0644), 0);
	expect_error(-EINVAL, file, "not a regular file");
	assert_int_equal(remove(file), 0);
	assert_int_equal(symlink("/dev/null", file), 0);
	expect_error(-EINVAL, file, "switched off by a link to /dev/null");
	assert_int_equal(remove(file), 0);
	assert_int_equal(symlink(file, file), 0);
	expect_error(-ELOOP, file, "Too many levels of symbolic links");
	assert_int_equal(remove(file), 0);
	assert_int_equal(symlink("missing", file), 0);
	expect_error(-ENOENT, file, "No such file or directory");
	assert_int_equal(remove(file), 0);
	assert_int_equal(symlink("../share/x", file), 0);
	expect_preset("the package's");
	assert_int_equal(remove(file), 0);
	assert_int_equal(rmdir(etc), 0);
	write_text(top, "etc", "not a directory");
	expect_error(-ENOTDIR, file, "Not a directory");
	assert_int_equal(count_fds(), fds);
}

static void large_files(void **state)
{
	assert_int_equal(truncate(file, PRESET_MAX_SIZE), 0);
	expect_error(-EINVAL, file, "longer than 1024 bytes");
	assert_int_equal(truncate(file, PRESET_MAX_SIZE + 1), 0);
	expect_error(-EINVAL, file, "larger than 65536 bytes");
	assert_int_equal(truncate(file, 1LL << 40), 0);
	expect_error(-EINVAL, file, "larger than 65536 bytes");
}

static void long_paths(void **state)
{
	char directory[PATH_MAX];
	const char *const directories[] = { directory, NULL };
	struct preset_error e;
	struct preset p;

	memset(directory, 'x', sizeof(directory));
	directory[PATH_MAX - 2] = '\0';
	assert_int_equal(preset_load_from(directories, "x", &p, &e), -ENAMETOOLONG);
	assert_string_equal(e.text, "File name too long");
	assert_string_equal(e.file, "");
}

static void error_lines(void **state)
{
	static const struct {
		struct preset_error e;
		const char *line;
	} cases[] = {
		{ { "/etc/x", 7, "wrong" }, "/etc/x: line 7: wrong" },
		{ { "/etc/x", 0, "wrong" }, "/etc/x: wrong" },
		{ { "", 7, "wrong" }, "line 7: wrong" },
		{ { "", 0, "wrong" }, "wrong" },
	};
	char buf[PRESET_ERROR_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(preset_error_text(&cases[i].e, buf, sizeof(buf)),
				    cases[i].line);
	assert_string_equal(preset_error_text(&cases[0].e, buf, 8), "/etc/x:");
}

static void programs(void **state)
{
	const char *files[] = { "/nonexistent/x", "/dev/null", "/bin/sh", "/bin/cat" };
	struct preset p = { .programs = { files, ARRAY_SIZE(files) } };
	struct preset_error e;
	const char *program;

	assert_int_equal(preset_find_program(&p, &program, &e), 0);
	assert_string_equal(program, "/bin/sh");
	p.programs.n = 2; /* one that cannot be run is none */
	assert_int_equal(preset_find_program(&p, &program, &e), -ENOENT);
	assert_string_equal(e.text, "there is no /nonexistent/x, /dev/null");
	p.programs.n = 1;
	p.package = "x-utils";
	assert_int_equal(preset_find_program(&p, &program, &e), -ENOENT);
	assert_string_equal(e.text, "there is no /nonexistent/x: install the package \"x-utils\" "
				    "(on Debian: apt install x-utils)");
}

#define with_directories(f) cmocka_unit_test_setup_teardown(f, make_directories, remove_directories)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ours),	       with_directories(the_first_one),
		with_directories(names),       with_directories(bad_text),
		with_directories(modes),       with_directories(unreadable),
		with_directories(owners),      with_directories(other_things),
		with_directories(large_files), cmocka_unit_test(long_paths),
		cmocka_unit_test(error_lines), cmocka_unit_test(programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
