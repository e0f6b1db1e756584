// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How a contained service of libfuse3 ends: what fuse_service_main() returns, from bad options to
 * an unmount.
 */
#include "service-session.h"

#include "fuse-kernel.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/statvfs.h>

static const struct fuse_operations no_ops;

/* Runs it; the helper takes all but the mount, to which it says this. */
static int run(const char *words, uint32_t mount_error)
{
	struct fuse_args args = args_from(words);
	struct service s;
	int rc;

	service_begin(&s, 0, -1);
	helper_takes_mntpt(&s);
	helper_reply(&s.h, mount_error);
	rc = fuse_service_main(s.sf, &args, &no_ops, NULL);
	fuse_opt_free_args(&args);
	service_end(&s);
	return rc;
}

static void failures(void **state)
{
	static const struct {
		const char *words;
		int rc;
		const char *log;
	} cases[] = {
		{ "sq /mnt /x", 1, "/x" },
		{ "sq /mnt -o max_read=x", 1, "max_read=x" },
		{ "sq", 2, "mount point" },
		{ "sq -o ro", 2, "mount point" },
		{ "sq /mnt", 4, "mounting: refused by the helper" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(run(cases[i].words, EPERM), cases[i].rc);
		assert_log_line(cases[i].log);
		log_clear();
	}
	assert_int_equal(run("sq /mnt", 0), 4); /* a lie */
	assert_log_line("the mount failed: ");
}

/* libfuse says this in pieces, but it is one line. */
static void unknown_option(void **state)
{
	assert_int_equal(run("sq /mnt -o nosuch", EPERM), 3);
	assert_log_line("unknown option(s): `-o nosuch'");
}

/* On standard output, without a mount point, and nobody asks for a mount. */
static void help_and_version(void **state)
{
	static const struct {
		const char *words, *text;
	} cases[] = {
		{ "sq -V", "version" },
		{ "sq --version /mnt", "version" },
		{ "sq -h", "-o " },
		{ "sq --help /mnt", "-o " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[16384] = "";
		int out = high_fd(dup(STDOUT_FILENO)), rc;
		int kept = high_fd(memfd_create("stdout", MFD_CLOEXEC));

		(void)fflush(stdout);
		assert_return_code(dup2(kept, STDOUT_FILENO), errno);
		rc = run(cases[i].words, EPERM);
		(void)fflush(stdout);
		assert_return_code(dup2(out, STDOUT_FILENO), errno);
		assert_int_equal(rc, 0);
		assert_true(pread(kept, text, sizeof(text) - 1, 0) > 0);
		assert_non_null(strstr(text, cases[i].text));
		(void)close(kept);
		(void)close(out);
	}
	assert_no_log();
}

/* A server that is asked once, and then unmounts or loses its kernel. */
struct server {
	int kernel;
	bool has_inited, has_ended;
	enum { EXITS, IS_STOPPED, LOSES_KERNEL } end;
};

static void *on_init(struct fuse_conn_info *conn, struct fuse_config *config)
{
	struct server *server = fuse_get_context()->private_data;

	server->has_inited = true;
	kernel_asks_statfs(server->kernel);
	return server;
}

static int on_statfs(const char *path, struct statvfs *st)
{
	struct server *server = fuse_get_context()->private_data;

	assert_string_equal(path, "/");
	if (server->end == EXITS)
		fuse_exit(fuse_get_context()->fuse);
	else if (server->end == IS_STOPPED)
		(void)raise(SIGTERM);
	else
		close_fd_keep_errno(steal_fd(&server->kernel));
	return 0;
}

static void on_destroy(void *data)
{
	((struct server *)data)->has_ended = true;
}

static const struct fuse_operations ops = {
	.init = on_init,
	.statfs = on_statfs,
	.destroy = on_destroy,
};

static void whole_life(void **state)
{
	static const struct {
		const char *words;
		int end, rc;
	} cases[] = {
		{ "sq /mnt -s", EXITS, 0 },
		{ "sq /mnt -s", IS_STOPPED, 0 },
		{ "sq /mnt", EXITS, 0 },
		{ "sq /mnt -o clone_fd,max_threads=3", EXITS, 0 },
		{ "sq /mnt -s", LOSES_KERNEL, 7 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct server server = { .end = cases[i].end };
		struct fuse_args args = args_from(cases[i].words);
		struct service s;
		int dev;

		kernel_new(&dev, &server.kernel);
		kernel_asks_init(server.kernel);
		service_begin(&s, 1, dev);
		(void)close(dev);
		helper_takes_mntpt(&s);
		helper_reply(&s.h, 0);
		assert_int_equal(fuse_service_main(s.sf, &args, &ops, &server), cases[i].rc);
		assert_true(server.has_inited && server.has_ended);
		assert_string_equal(service_said(&s),
				    "fsopen 0;source sq;mntpt 0 /mnt;mount 0;bye 0;end");
		if (i == 0) /* the others may have a thread less than they wish for */
			assert_no_log();
		fuse_opt_free_args(&args);
		service_end(&s);
		close_fd_keep_errno(server.kernel);
		log_clear();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		service_test(failures),
		service_test(unknown_option),
		service_test(help_and_version),
		service_test(whole_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
