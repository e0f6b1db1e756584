// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The mount of a contained service of libfuse3, and its goodbye: refusals, a helper that lies, dies
 * or keeps silent, FUSE_INIT during the mount or after it, and who is told what went wrong.
 */
#include "service-session.h"

#include "fuse-kernel.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>

static int mount_at(struct service *s, struct fuse_session *se, mode_t fmt)
{
	struct fuse_cmdline_opts opts = { .mountpoint = (char[]){ "/mnt" } };
	int rc = fuse_service_session_mount(s->sf, se, fmt, &opts);

	assert_int_equal(opts.foreground, 1);
	assert_string_equal(opts.mountpoint, "/mnt");
	return rc;
}

/* Says goodbye with an error, and all is over. */
static void end(struct service *s, struct fuse_session *se)
{
	(void)fuse_service_send_goodbye(s->sf, 1);
	fuse_session_destroy(se);
	service_end(s);
	log_clear();
}

static const char *const steps[] = { "choosing the file system type: refused by the helper",
				     "naming the source: refused by the helper",
				     "naming the mount point: refused by the helper",
				     "mount options: refused by the helper",
				     "mounting: refused by the helper" };

/* Each errno value comes back from each step and is logged; all but the mount are asked for at
 * once. */
static void refused_at_each_step(void **state)
{
	static const int errors[] = { EPERM, EROFS, ENOTDIR, 4095 };

	for (size_t i = 0; i < ARRAY_SIZE(steps) * ARRAY_SIZE(errors); i++) {
		size_t n = i / ARRAY_SIZE(errors);
		int error = errors[i % ARRAY_SIZE(errors)];
		struct fuse_session *se;
		struct service s;

		service_begin(&s, 0, -1);
		se = session_new("sq -o allow_other");
		for (size_t j = 0; j < ARRAY_SIZE(steps) - (n < 4); j++)
			helper_reply(&s.h, j == n ? (uint32_t)error : 0);
		assert_int_equal(mount_at(&s, se, 0), -error);
		if (n == 2 && error == ENOTDIR)
			assert_no_log();
		else
			assert_log_line(steps[n]);
		end(&s, se);
	}
}

/* No failure yet, if the server can be the other: it is one with the goodbye. */
static void other_format_is_logged_late(void **state)
{
	static const int errors[] = { ENOTDIR, EISDIR };

	for (int i = 0; i < 4; i++) {
		struct fuse_session *se;
		struct service s;

		service_begin(&s, i / 2 ? 1 : 0, -1);
		se = session_new("sq");
		helper_reply(&s.h, 0);
		helper_reply(&s.h, 0);
		helper_reply(&s.h, (uint32_t)errors[i % 2]);
		assert_int_equal(mount_at(&s, se, S_IFDIR), -errors[i % 2]);
		assert_no_log();
		(void)service_said(&s);
		assert_int_equal(fuse_service_send_goodbye(s.sf, 1), 0);
		assert_log_line(steps[2]);
		assert_string_equal(service_said(&s), "bye 1;end");
		end(&s, se);
	}
}

static void other_format_is_tried(void **state)
{
	struct fuse_session *se;
	struct service s;

	service_begin(&s, 0, -1);
	se = session_new("sq -o ro");
	helper_reply(&s.h, 0);
	helper_reply(&s.h, 0);
	helper_reply(&s.h, ENOTDIR);
	assert_int_equal(mount_at(&s, se, S_IFDIR), -ENOTDIR);
	assert_string_equal(service_said(&s), "fsopen 0;source sq;mntpt 40000 /mnt;");
	helper_reply(&s.h, 0);
	helper_reply(&s.h, EBUSY);
	assert_int_equal(mount_at(&s, se, S_IFREG), -EBUSY);
	assert_string_equal(service_said(&s), "mntpt 100000 /mnt;mount 1;");
	assert_log_line(steps[4]);
	end(&s, se);
}

static void formats(void **state)
{
	static const struct {
		mode_t expected, passed;
		const char *said;
	} cases[] = {
		{ 0, 0, "mntpt 0 " },
		{ S_IFDIR, 0, "mntpt 40000 " },
		{ S_IFREG, 0, "mntpt 100000 " },
		{ S_IFREG, S_IFDIR, "mntpt 40000 " },
		{ 0, S_IFREG, "mntpt 100000 " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fuse_session *se;
		struct service s;

		service_begin(&s, 0, -1);
		se = session_new("sq");
		fuse_service_expect_mount_format(s.sf, cases[i].expected);
		helper_takes_mntpt(&s);
		helper_reply(&s.h, EPERM);
		assert_int_equal(mount_at(&s, se, cases[i].passed), -EPERM);
		assert_non_null(strstr(service_said(&s), cases[i].said));
		end(&s, se);
	}
}

/* /dev/null is at its end: so nothing was mounted, whatever the helper says. */
static void nothing_is_mounted(void **state)
{
	for (uint32_t ext_bits = 0; ext_bits < 2; ext_bits++) {
		struct fuse_session *se;
		struct service s;

		service_begin(&s, ext_bits, -1);
		se = session_new("sq");
		helper_takes_mntpt(&s);
		helper_reply(&s.h, 0);
		assert_int_equal(mount_at(&s, se, 0), -ECONNABORTED);
		assert_log_line("the mount failed: ");
		end(&s, se);
	}
}

enum ending { CLOSED, DEAD, SILENT };

static void helper_fails(void **state)
{
	static const struct {
		enum ending ending;
		int rc;
	} cases[] = { { CLOSED, -ECONNRESET }, { DEAD, -EPIPE }, { SILENT, -ETIMEDOUT } };

	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		enum ending ending = cases[i / 2].ending;
		struct fuse_session *se;
		struct service s;

		service_begin(&s, 1, -1);
		se = session_new("sq");
		if (i % 2 && ending != DEAD) /* in the last step, not the first */
			helper_takes_mntpt(&s);
		clock_leaps = ending == SILENT;
		if (ending == CLOSED)
			assert_return_code(shutdown(s.h.peer, SHUT_WR), errno);
		else if (ending == DEAD)
			close_fd_keep_errno(steal_fd(&s.h.peer));
		assert_int_equal(mount_at(&s, se, 0), cases[i / 2].rc);
		clock_leaps = false;
		assert_log_line(i % 2 && ending != DEAD ? "mounting: "
							: "choosing the file system type: ");
		end(&s, se);
	}
}

static void no_mount_point(void **state)
{
	struct fuse_cmdline_opts opts = { 0 };
	struct fuse_session *se;
	struct service s;

	service_begin(&s, 0, -1);
	se = session_new("sq");
	assert_int_equal(fuse_service_session_mount(s.sf, se, 0, &opts), -EINVAL);
	assert_log_line("the mount failed: ");
	helper_hears_nothing(&s.h);
	end(&s, se);
}

/* What was refused before, and was no failure then, is not why the mount failed. */
static void no_mount_point_after_a_refusal(void **state)
{
	struct fuse_cmdline_opts opts = { 0 };
	struct fuse_session *se;
	struct service s;
	int fd;

	service_begin(&s, 0, -1);
	se = session_new("sq");
	helper_file(&s.h, "/journal", ENOENT, -1);
	assert_int_equal(fuse_service_receive_file(s.sf, "/journal", &fd), 0);
	assert_int_equal(fuse_service_session_mount(s.sf, se, 0, &opts), -EINVAL);
	assert_log_line("the mount failed: ");
	end(&s, se);
}

/*
 * Truthful kernels and helpers from here on, in a thread of their own: the helper answers MOUNT
 * before or after FUSE_INIT was answered.
 */
enum honesty { GOOD, REFUSES, LIES, DIES };

struct other_side {
	struct service s;
	int dev, kernel;
	enum honesty honesty;
};

/* What happens in the server's own init. */
struct own_init {
	atomic_bool has_run;
	bool takes_long;
	pthread_t waiter;   /* for the mount */
	unsigned int wants; /* of the kernel */
};

static void on_signal(int sig)
{
}

static void on_init(void *data, struct fuse_conn_info *conn)
{
	struct own_init *own = data;

	if (own->takes_long) { /* the deadline passes again and again, but not at the end */
		clock_leaps = true;
		for (int i = 0; i < 10; i++) {
			(void)pthread_kill(own->waiter, SIGUSR1); /* look at the clock! */
			(void)poll(NULL, 0, 10);
		}
		clock_leaps = false;
		(void)poll(NULL, 0, 100);
	}
	conn->want |= own->wants;
	atomic_store(&own->has_run, true);
}

static const struct fuse_lowlevel_ops init_ops = { .init = on_init };

static void wait_for_mount(int peer)
{
	uint8_t bytes[1024];

	do {
		struct pollfd pfd = { .fd = peer, .events = POLLIN };
		int fd;

		assert_int_equal(poll(&pfd, 1, 20000), 1);
		assert_true(recv_raw(peer, bytes, sizeof(bytes), &fd) > 0);
	} while (memcmp(bytes, "DOIT", 4) != 0);
}

static void *other_side(void *data)
{
	struct other_side *o = data;

	wait_for_mount(o->s.h.peer);
	switch (o->honesty) {
	case GOOD:
		if (kernel_is_sync) {
			kernel_asks_init(o->kernel);
			(void)kernel_hears(o->kernel);
			helper_reply(&o->s.h, 0);
		} else {
			helper_reply(&o->s.h, 0);
			kernel_asks_init(o->kernel);
		}
		break;
	case REFUSES:
		helper_reply(&o->s.h, EPERM);
		break;
	case LIES:
		helper_reply(&o->s.h, 0);
		break;
	case DIES:
		(void)shutdown(o->s.h.peer, SHUT_WR);
		break;
	}
	return NULL;
}

static int mount_with(struct other_side *o, uint32_t ext_bits, struct own_init *own,
		      struct fuse_session **se)
{
	struct fuse_args args = args_from("sq");
	pthread_t thread;
	int rc;

	kernel_new(&o->dev, &o->kernel);
	service_begin(&o->s, ext_bits, o->dev);
	(void)close(o->dev);
	*se = fuse_session_new(&args, &init_ops, sizeof(init_ops), own);
	assert_non_null(*se);
	fuse_opt_free_args(&args);
	helper_takes_mntpt(&o->s);
	assert_int_equal(pthread_create(&thread, NULL, other_side, o), 0);
	rc = mount_at(&o->s, *se, 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	return rc;
}

static size_t count_threads(void)
{
	return count_entries("/proc/self/task");
}

/* One that was joined is still to be seen for a moment. */
static void assert_threads(size_t n)
{
	for (int i = 0; i < 500 && count_threads() != n; i++)
		(void)usleep(10000);
	assert_int_equal(count_threads(), n);
}

/* Any kernel: mounted means that the server's own init has run. */
static void mounted(void **state)
{
	static const struct {
		uint32_t ext_bits;
		bool is_sync;
	} cases[] = { { 0, false }, { 1, false }, { 1, true } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct other_side o = { .honesty = GOOD };
		struct own_init own = { 0 };
		struct fuse_session *se;
		char cwd[64];

		kernel_is_sync = cases[i].is_sync;
		assert_return_code(chdir("/proc"), errno);
		assert_int_equal(mount_with(&o, cases[i].ext_bits, &own, &se), 0);
		assert_true(atomic_load(&own.has_run));
		assert_string_equal(getcwd(cwd, sizeof(cwd)), "/");
		if (!kernel_is_sync)
			assert_int_equal(kernel_hears(o.kernel), 0);
		assert_int_equal(kernel_will_wait, cases[i].is_sync);
		kernel_hears_nothing(o.kernel);
		assert_int_equal(fuse_service_send_goodbye(o.s.sf, 0), 0);
		assert_string_equal(service_said(&o.s), "bye 0;end");
		assert_no_log();
		fuse_session_destroy(se);
		service_end(&o.s);
		(void)close(o.kernel);
	}
	kernel_is_sync = false;
}

/* While its mount waits, a helper that takes no messages could not be told that we died. */
static void init_after_the_mount_of_others(void **state)
{
	struct other_side o = { .honesty = LIES };
	struct fuse_session *se;
	int rc;

	kernel_new(&o.dev, &o.kernel);
	kernel_is_sync = true;
	kernel_asks_init(o.kernel); /* the mount is over before */
	service_begin(&o.s, 0, o.dev);
	(void)close(o.dev);
	se = session_new("sq");
	helper_takes_mntpt(&o.s);
	helper_reply(&o.s.h, 0);
	rc = mount_at(&o.s, se, 0);
	kernel_is_sync = false;
	assert_int_equal(rc, 0);
	assert_false(kernel_will_wait);
	assert_int_equal(kernel_hears(o.kernel), 0);
	end(&o.s, se);
	(void)close(o.kernel);
}

/* FUSE_INIT does not come: the thread that waits for it is gone afterwards. */
static void not_mounted(void **state)
{
	static const struct {
		enum honesty honesty;
		int rc;
		const char *log;
	} cases[] = {
		{ REFUSES, -EPERM, "mounting: refused" },
		{ LIES, -ECONNABORTED, "the mount failed: " },
		{ DIES, -ECONNRESET, "mounting: " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct other_side o = { .honesty = cases[i].honesty };
		struct own_init own = { 0 };
		size_t n = count_threads();
		struct fuse_session *se;
		int rc;

		kernel_is_sync = true;
		rc = mount_with(&o, 1, &own, &se);
		kernel_is_sync = false;
		assert_int_equal(rc, cases[i].rc);
		assert_false(atomic_load(&own.has_run));
		assert_threads(n);
		assert_log_line(cases[i].log);
		end(&o.s, se);
		(void)close(o.kernel);
	}
}

/* The server wants what this kernel has not: libfuse gives up, so that is no success. */
static void init_fails(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct other_side o = { .honesty = GOOD };
		struct own_init own = { .wants = FUSE_CAP_READDIRPLUS };
		struct fuse_session *se;
		int rc;

		kernel_is_sync = i;
		rc = mount_with(&o, 1, &own, &se);
		kernel_is_sync = false;
		assert_int_equal(rc, -ECONNABORTED);
		assert_non_null(strstr(log_text(), "the mount failed: "));
		end(&o.s, se);
		(void)close(o.kernel);
	}
}

/* The helper's deadline passes many times over while the server's own init runs. */
static void init_takes_its_time(void **state)
{
	struct other_side o = { .honesty = GOOD };
	struct own_init own = { .takes_long = true, .waiter = pthread_self() };
	const struct sigaction nothing = { .sa_handler = on_signal };
	struct fuse_session *se;
	int rc;

	assert_return_code(sigaction(SIGUSR1, &nothing, NULL), errno);
	kernel_is_sync = true;
	rc = mount_with(&o, 1, &own, &se);
	kernel_is_sync = false;
	assert_int_equal(rc, 0);
	end(&o.s, se);
	(void)close(o.kernel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		service_test(refused_at_each_step),
		service_test(other_format_is_logged_late),
		service_test(other_format_is_tried),
		service_test(formats),
		service_test(nothing_is_mounted),
		service_test(helper_fails),
		service_test(no_mount_point),
		service_test(no_mount_point_after_a_refusal),
		service_test(mounted),
		service_test(init_after_the_mount_of_others),
		service_test(not_mounted),
		service_test(init_fails),
		service_test(init_takes_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
