// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The options of a contained service of libfuse3: the command line, and the mount options, which
 * are kept with the service until the helper is told of them.
 */
#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 19)
#include <fuse_lowlevel.h>
#include <stddef.h>

/* libfuse's own, before its name means another. */
static struct fuse_session *libfuse_session_new(struct fuse_args *args,
						const struct fuse_lowlevel_ops *op, size_t size)
{
	return fuse_session_new(args, op, size, NULL);
}

#include "service-session.h"

static void parsed(const char *words, struct fuse_args *args, struct fuse_cmdline_opts *opts)
{
	*args = args_from(words);
	memset(opts, 0xff, sizeof(*opts));
	assert_int_equal(fuse_service_parse_cmdline_opts(args, opts), 0);
}

static void forget(struct fuse_args *args, struct fuse_cmdline_opts *opts)
{
	free(opts->mountpoint);
	fuse_opt_free_args(args);
}

/* Whatever the mount point is: it is taken as it stands, and looked for by nobody. */
static void mount_points(void **state)
{
	static const struct {
		const char *words, *mountpoint;
	} cases[] = {
		{ "sq", NULL },
		{ "sq /no/such/place", "/no/such/place" },
		{ "sq -f ../mnt/. -s", "../mnt/." },
		{ "sq -o ro /dev/null", "/dev/null" },
		{ "sq -- /mnt", "/mnt" },
		{ "sq -s -- -mnt", "-mnt" },
		{ "sq /dev/fd/0", "/dev/fd/0" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fuse_cmdline_opts opts;
		struct fuse_args args;

		parsed(cases[i].words, &args, &opts);
		if (cases[i].mountpoint)
			assert_string_equal(opts.mountpoint, cases[i].mountpoint);
		else
			assert_null(opts.mountpoint);
		assert_null(strstr(args_text(&args), "mnt"));
		assert_null(strstr(args_text(&args), "--"));
		forget(&args, &opts);
	}
	assert_no_log();
}

static void flags(void **state)
{
	static const struct {
		const char *words;
		struct fuse_cmdline_opts opts;
	} cases[] = {
		{ "sq /mnt", { 0 } },
		{ "sq /mnt -s", { .singlethread = 1 } },
		{ "sq -f /mnt", { .foreground = 1 } },
		{ "sq -d /mnt", { .debug = 1, .foreground = 1 } },
		{ "sq --help", { .show_help = 1 } },
		{ "sq -h /mnt", { .show_help = 1 } },
		{ "sq -V", { .show_version = 1 } },
		{ "sq /mnt -o clone_fd,max_threads=7", { .clone_fd = 1, .max_threads = 7 } },
		{ "sq /mnt -o max_idle_threads=3 -f -s",
		  { .max_idle_threads = 3, .foreground = 1, .singlethread = 1 } },
	};
	struct fuse_cmdline_opts usual, opts;
	struct fuse_args args;

	parsed("sq /mnt", &args, &usual);
	forget(&args, &usual);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fuse_cmdline_opts *o = &cases[i].opts;

		parsed(cases[i].words, &args, &opts);
		assert_int_equal(opts.singlethread, o->singlethread);
		assert_int_equal(opts.foreground, o->foreground);
		assert_int_equal(opts.debug, o->debug);
		assert_int_equal(opts.show_help, o->show_help);
		assert_int_equal(opts.show_version, o->show_version);
		assert_int_equal(opts.clone_fd, o->clone_fd);
		assert_int_equal(opts.max_threads,
				 o->max_threads ? o->max_threads : usual.max_threads);
		assert_int_equal(opts.max_idle_threads, o->max_idle_threads
								? o->max_idle_threads
								: usual.max_idle_threads);
		forget(&args, &opts);
	}
}

/* -1, no mount point to free, and a line that says why. */
static void bad_command_lines(void **state)
{
	static const struct {
		const char *words, *log;
	} cases[] = {
		{ "sq /mnt /x", "/x" },
		{ "sq -s /mnt -- -x", "-x" },
		{ "sq /mnt -o max_threads=x", "max_threads=x" },
	};
	struct service s;

	service_begin(&s, 0, -1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fuse_args args = args_from(cases[i].words);
		struct fuse_cmdline_opts opts;

		memset(&opts, 0xff, sizeof(opts));
		assert_int_equal(fuse_service_parse_cmdline_opts(&args, &opts), -1);
		assert_null(opts.mountpoint);
		assert_log_line(cases[i].log);
		log_clear();
		fuse_opt_free_args(&args);
	}
	service_end(&s);
}

/* As fuse_parse_cmdline(): the subtype is the program, unless something else is said. */
static void default_subtype(void **state)
{
	static const struct {
		const char *words, *left; /* NULL: no subtype */
	} cases[] = {
		{ "sq /mnt", "subtype=sq" },	     { "/a/b/sq /mnt -s", "subtype=sq" },
		{ "sq /mnt -o subtype=x", "=x" },    { "sq /mnt -o fsname=x", NULL },
		{ "sq -ofsname=x,subtype=y", "=y" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fuse_cmdline_opts opts;
		struct fuse_args args;
		const char *first;

		parsed(cases[i].words, &args, &opts);
		first = strstr(args_text(&args), "subtype");
		if (cases[i].left)
			assert_non_null(strstr(first, cases[i].left));
		assert_true(cases[i].left ? !strstr(first + 1, "subtype") : !first);
		forget(&args, &opts);
	}
}

enum way { SESSION_NEW, FUSE_NEW, PARSE_ALONE, N_WAYS };

static struct fuse_args args_with(const char *options)
{
	struct fuse_args args = args_from("sq -o");

	assert_int_equal(fuse_opt_add_arg(&args, options), 0);
	return args;
}

/* Mounts with these options, by a helper that takes all but the mount itself: what does it hear? */
static const char *told(const char *options, enum way way)
{
	static const struct fuse_lowlevel_ops ll_ops;
	static const struct fuse_operations ops;
	static char text[1024];
	struct fuse_args args = args_with(options);
	struct fuse_cmdline_opts opts = { 0 };
	struct fuse_session *se;
	struct fuse *fuse = NULL;
	struct service s;

	service_begin(&s, 0, -1);
	if (way == PARSE_ALONE) {
		assert_int_equal(fuse_service_parse_cmdline_opts(&args, &opts), 0);
		se = libfuse_session_new(&args, &ll_ops, sizeof(ll_ops));
	} else if (way == FUSE_NEW) {
		fuse = fuse_new(&args, &ops, sizeof(ops), NULL);
		assert_non_null(fuse);
		se = fuse_get_session(fuse);
	} else {
		se = fuse_session_new(&args, &ll_ops, sizeof(ll_ops), NULL);
	}
	if (!se)
		assert_string_equal(log_text(), options); /* shows both */
	opts.mountpoint = (char[]){ "/mnt" };
	helper_takes_mntpt(&s);
	helper_reply(&s.h, 0);
	helper_reply(&s.h, EPERM); /* to the mount, or nobody asks */
	(void)fuse_service_session_mount(s.sf, se, 0, &opts);
	(void)snprintf(text, sizeof(text), "%s", service_said(&s));
	fuse ? fuse_destroy(fuse) : fuse_session_destroy(se);
	fuse_opt_free_args(&args);
	service_end(&s);
	log_clear();
	return text;
}

#define TOLD(flags)	   "fsopen 0;source sq;mntpt 0 /mnt;mount " flags ";"
#define TOLD_OPTIONS(text) "fsopen 0;source sq;mntpt 0 /mnt;mntopts " text ";mount 0;"

static void mount_options_are_told(void **state)
{
	static const struct {
		const char *options, *told;
	} cases[] = {
		{ "suid", TOLD("0") },
		{ "ro", TOLD("1") },
		{ "ro,rw", TOLD("0") },
		{ "rw,ro", TOLD("1") },
		{ "nosuid", TOLD("2") },
		{ "nodev", TOLD("4") },
		{ "noexec", TOLD("8") },
		{ "sync", TOLD("10") },
		{ "dirsync", TOLD("80") },
		{ "noatime", TOLD("400") },
		{ "ro,nosuid,nodev,noexec,sync,dirsync,noatime", TOLD("49f") },
		{ "ro,nosuid,nodev,noexec,sync,rw,suid,dev,exec,async", TOLD("0") },
		{ "auto_unmount", TOLD("0") },
		{ "allow_other", TOLD_OPTIONS("allow_other") },
		{ "allow_other,allow_other", TOLD_OPTIONS("allow_other") },
		{ "max_read=1", TOLD_OPTIONS("max_read=1") },
		{ "max_read=4294967295", TOLD_OPTIONS("max_read=4294967295") },
		{ "max_read=5,max_read=0000006", TOLD_OPTIONS("max_read=6") },
		{ "blksize=512", TOLD_OPTIONS("blksize=512") },
		{ "allow_other,default_permissions,max_read=4096",
		  TOLD_OPTIONS("default_permissions,allow_other,max_read=4096") },
		{ "blkdev,blksize=1024,subtype=st",
		  "fsopen 1;source st;mntpt 0 /mnt;mntopts blksize=1024;mount 0;" },
		{ "fsname=a b,subtype=st", "fsopen 0;source a b;mntpt 0 /mnt;mount 0;" },
		{ "fsname=a\\,b\\\\c", "fsopen 0;source a,b\\c;mntpt 0 /mnt;mount 0;" },
		{ "fsname=a,fsname=b", "fsopen 0;source b;mntpt 0 /mnt;mount 0;" },
		{ "subtype=x,subtype=y", "fsopen 0;source y;mntpt 0 /mnt;mount 0;" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (enum way way = 0; way < N_WAYS; way++)
			assert_string_equal(told(cases[i].options, way), cases[i].told);
	/* An older libfuse does not know these, but we do. */
	for (enum way way = 0; way < PARSE_ALONE; way++) {
		assert_string_equal(told("nosymfollow,nodiratime", way), TOLD("900"));
		assert_string_equal(told("nosymfollow,nodiratime,symfollow", way), TOLD("800"));
		assert_string_equal(told("nosymfollow,nodiratime,diratime", way), TOLD("100"));
		assert_string_equal(told("noatime,ro,atime", way), TOLD("1"));
	}
}

/* What was told for one service is nothing to the next. */
static void options_are_the_services(void **state)
{
	assert_string_equal(told("blkdev,ro,allow_other,default_permissions,max_read=5,blksize=512,"
				 "fsname=x,subtype=y",
				 SESSION_NEW),
			    "fsopen 1;source x;mntpt 0 /mnt;mntopts default_permissions,"
			    "allow_other,max_read=5,blksize=512;mount 1;");
	for (enum way way = 0; way < N_WAYS; way++)
		assert_string_equal(told("rw", way), TOLD("0"));
}

static void bad_mount_options(void **state)
{
	static const char *const values[] = {
		"0",   "-1", "+1", "1x", "x", "", " 5", "5 ", "4294967296", "99999999999999999999",
		"0x10"
	};
	static const char *const names[] = { "max_read", "blksize" };
	static const struct fuse_lowlevel_ops ops;
	struct service s;

	service_begin(&s, 0, -1);
	for (size_t i = 0; i <= 2 * ARRAY_SIZE(values); i++) {
		struct fuse_cmdline_opts opts;
		char option[64] = "allow_root";
		struct fuse_args args;

		if (i < 2 * ARRAY_SIZE(values))
			(void)snprintf(option, sizeof(option), "%s=%s", names[i % 2],
				       values[i / 2]);
		args = args_with(option);
		assert_null(fuse_session_new(&args, &ops, sizeof(ops), NULL));
		assert_log_line(option);
		log_clear();
		fuse_opt_free_args(&args);

		args = args_with(option);
		assert_int_equal(fuse_service_parse_cmdline_opts(&args, &opts), -1);
		assert_log_line(option);
		log_clear();
		fuse_opt_free_args(&args);
	}
	service_end(&s);
}

/* Mount options go, all else stays; and a second look finds nothing. */
static void taking_is_done_once(void **state)
{
	struct service s;
	struct fuse_args args =
		args_from("sq -o ro,own=1 /img -o allow_other -s --x -o fsname=a,max_read=7,b");

	service_begin(&s, 0, -1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fusesvc_fuse_service_take_mount_options(&args), 0);
		assert_string_equal(args_text(&args), "sq -o own=1,b /img -s --x");
	}
	fuse_opt_free_args(&args);
	service_end(&s);
}

/* An ordinary server's options are libfuse's business. */
static void no_service_no_change(void **state)
{
	char *argv[] = { (char[]){ "sq" }, (char[]){ "-o" },
			 (char[]){ "ro,allow_other,max_read=x,allow_root" }, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	struct service s;

	service_begin(&s, 0, -1); /* there was one, once */
	service_end(&s);
	assert_int_equal(fusesvc_fuse_service_take_mount_options(&args), 0);
	assert_ptr_equal(args.argv, argv);
	assert_int_equal(args.argc, 3);
	assert_string_equal(args_text(&args), "sq -o ro,allow_other,max_read=x,allow_root");
	assert_no_log();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		service_test(mount_points),	      service_test(flags),
		service_test(bad_command_lines),      service_test(default_subtype),
		service_test(mount_options_are_told), service_test(options_are_the_services),
		service_test(bad_mount_options),      service_test(taking_is_done_once),
		service_test(no_service_no_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
