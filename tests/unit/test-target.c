/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is believed of a mount point: whether it is the one that was named, and whether what lies on
 * it is ours. One field at a time is another than it should be.
 *
 * The kernel's part is played by this test: by files that look like /proc, and a statx(2) that says
 * what it is told to say.
 */
#include "test-util.h"

#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "svc.h"

#define FD   "17" /* a name for the files of /proc only */
#define PATH "/home/alice/mnt"

/* What statx(2) says, in turn. */
static struct statx answers[2];
static unsigned int n_asked;
static int asked_flags;

int __wrap_statx(int dir, const char *path, int flags, unsigned int mask, struct statx *stx);

int __wrap_statx(int dir, const char *path, int flags, unsigned int mask, struct statx *stx)
{
	asked_flags = flags;
	*stx = answers[n_asked++ % ARRAY_SIZE(answers)];
	return 0;
}

static char dir[] = "/tmp/test-target.XXXXXX";

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int begin(void **state)
{
	struct svc_mount *m = calloc(1, sizeof(*m));

	strcpy(strrchr(dir, '.'), ".XXXXXX");
	if (!m || !mkdtemp(dir) || chdir(dir) < 0 || mkdir("self", 0700) < 0 ||
	    mkdir("self/fdinfo", 0700) < 0 || mkdir("self/fd", 0700) < 0)
		return -1;
	m->cxt = mnt_new_context();
	m->proc_fd = open(dir, O_PATH | O_CLOEXEC);
	m->target_fd = -1;
	m->target = dir;
	m->source = strdup("/img");
	m->uid = 59001;
	m->target_mnt_id = 30;
	(void)snprintf(m->name, sizeof(m->name), "peer");
	memset(answers, 0, sizeof(answers));
	n_asked = 0;
	write_file("self/fdinfo/" FD, "pos:\t0\nflags:\t012000000\nmnt_id:\t31\nino:\t1\n");
	*state = m;
	return 0;
}

static int end(void **state)
{
	struct svc_mount *m = *state;

	close_fd_keep_errno(m->proc_fd);
	mnt_free_context(m->cxt);
	free(m->source);
	free(m);
	(void)unlink("self/mountinfo");
	(void)unlink("self/fdinfo/" FD);
	(void)unlink("self/fd/" FD);
	(void)rmdir("self/fdinfo");
	(void)rmdir("self/fd");
	return rmdir("self") < 0 || chdir("/") < 0 || rmdir(dir) < 0 ? -1 : 0;
}

#define ROOT	  "30 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
#define OTHERS	  "29 30 0:5 / /home/bob/mnt rw - fuse.svc.peer /img rw,user_id=59002\n"
#define OURS(...) "31 30 0:44 / " __VA_ARGS__ "\n"

static bool is_ours(struct svc_mount *m, const char *mountinfo)
{
	write_file("self/mountinfo", mountinfo);
	return svc_target_has_our_mount(m, atoi(FD), PATH);
}

static void our_mount(void **state)
{
	static const char *const others[] = {
		/* elsewhere, by now */
		ROOT OURS("/home/alice rw - fuse.svc.peer /img rw,user_id=59001,group_id=1"),
		ROOT OURS(PATH "2 rw - fuse.svc.peer /img rw,user_id=59001,group_id=1"),
		/* of another service, or of none */
		ROOT OURS(PATH " rw - fuse.svc.pee /img rw,user_id=59001,group_id=1"),
		ROOT OURS(PATH " rw - fuse.svc.peer2 /img rw,user_id=59001,group_id=1"),
		ROOT OURS(PATH " rw - fuse.peer /img rw,user_id=59001,group_id=1"),
		ROOT OURS(PATH " rw - fuse /img rw,user_id=59001,group_id=1"),
		ROOT OURS(PATH " rw - ext4 /img rw,user_id=59001,group_id=1"),
		/* of another source */
		ROOT OURS(PATH " rw - fuse.svc.peer /img2 rw,user_id=59001,group_id=1"),
		ROOT OURS(PATH " rw - fuse.svc.peer peer rw,user_id=59001,group_id=1"),
		/* of another user, or of nobody */
		ROOT OURS(PATH " rw - fuse.svc.peer /img rw,user_id=0,group_id=59001"),
		ROOT OURS(PATH " rw - fuse.svc.peer /img rw,user_id=5900,group_id=1"),
		ROOT OURS(PATH " rw - fuse.svc.peer /img rw,user_id=590011,group_id=1"),
		ROOT OURS(PATH " rw - fuse.svc.peer /img rw,group_id=59001"),
		/* on another mount than the mount point's */
		ROOT "31 29 0:44 / " PATH " rw - fuse.svc.peer /img rw,user_id=59001\n",
		/* nowhere in the table */
		ROOT OTHERS,
		"",
	};
	struct svc_mount *m = *state;

	assert_true(is_ours(m, ROOT OURS(PATH " rw - fuse.svc.peer /img rw,user_id=59001")));
	assert_true(is_ours(m, ROOT OTHERS OURS(PATH " rw - fuseblk.svc.peer /img "
						     "rw,user_id=59001,group_id=1")));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (is_ours(m, others[i]))
			fail_msg("taken for ours: %s", others[i]);
	assert_int_equal(unlink("self/mountinfo"), 0);
	assert_false(svc_target_has_our_mount(m, atoi(FD), PATH));
}

static void the_number_of_mounts(void **state)
{
	static const char table[] = ROOT OTHERS "31 30 0:44 / /a rw - fuse.x /img rw\n"
						"32 30 0:45 / /b rw - fuse /img rw\n"
						"33 30 0:46 / /c rw - fuseblk /dev/sda2 rw\n"
						"34 30 0:47 / /d rw - fuseblk.ntfs /dev/sda3 rw\n"
						"35 30 0:48 / /e rw - fusectl fusectl rw\n";

	write_file("self/mountinfo", table);
	assert_int_equal(svc_target_count_fuse(*state, atoi(FD)), 5);
	write_file("self/mountinfo", ROOT OTHERS); /* it lies in none of these */
	assert_int_equal(svc_target_count_fuse(*state, atoi(FD)), -EINVAL);
}

static void true_paths(void **state)
{
	char buf[sizeof(PATH)];
	struct svc_mount *m = *state;

	assert_int_equal(symlink(PATH, "self/fd/" FD), 0);
	assert_int_equal(svc_target_true_path(m, atoi(FD), buf, sizeof(buf)), 0);
	assert_string_equal(buf, PATH);
	assert_int_equal(svc_target_true_path(m, atoi(FD), buf, sizeof(buf) - 1), -ENAMETOOLONG);
	assert_int_equal(unlink("self/fd/" FD), 0);
	assert_int_equal(symlink("(unreachable)/", "self/fd/" FD), 0); /* by chroot(2), say */
	assert_int_equal(svc_target_true_path(m, atoi(FD), buf, sizeof(buf)), -ENOENT);
}

static void expect_change(struct svc_mount *m, const struct statx *now, uint32_t code)
{
	const struct statx was = {
		.stx_dev_major = 8, .stx_dev_minor = 1, .stx_ino = 77, .stx_mnt_id = 30
	};

	memset(&m->error, 0, sizeof(m->error));
	answers[0] = was;
	answers[1] = *now;
	assert_int_equal(svc_target_check_same(m, m->proc_fd), code ? -ESTALE : 0);
	assert_int_equal(m->error.code, code);
	assert_true(asked_flags & AT_STATX_DONT_SYNC); /* a server that hangs is not asked */
}

static void the_mount_point_that_was_named(void **state)
{
	struct statx now = {
		.stx_dev_major = 8, .stx_dev_minor = 1, .stx_ino = 77, .stx_mnt_id = 30
	};

	expect_change(*state, &now, FUSESVC_E_NONE);
	now.stx_dev_major++;
	expect_change(*state, &now, SVC_E_TARGET_CHANGED);
	now.stx_dev_major--;
	now.stx_dev_minor++;
	expect_change(*state, &now, SVC_E_TARGET_CHANGED);
	now.stx_dev_minor--;
	now.stx_ino++;
	expect_change(*state, &now, SVC_E_TARGET_CHANGED);
	now.stx_ino--;
	now.stx_mnt_id++; /* a bind mount: the same directory at another place */
	expect_change(*state, &now, SVC_E_TARGET_CHANGED);
}

/* What lies on a mount point when a device was mounted for the second time. */
static void the_second_mount_of_a_device(void **state)
{
	const dev_t dev = makedev(7, 3);
	struct svc_mount *m = *state;

	answers[0] = (struct statx){ .stx_attributes = STATX_ATTR_MOUNT_ROOT,
				     .stx_dev_major = 7,
				     .stx_dev_minor = 3,
				     .stx_mnt_id = 31 };
	answers[1] = answers[0];
	assert_true(svc_target_is_mount_of(m, m->proc_fd, dev));
	assert_false(svc_target_is_mount_of(m, m->proc_fd, makedev(7, 4)));
	assert_false(svc_target_is_mount_of(m, m->proc_fd, makedev(8, 3)));
	m->target_mnt_id = 31; /* nothing is mounted there: it is the mount point itself */
	assert_false(svc_target_is_mount_of(m, m->proc_fd, dev));
	m->target_mnt_id = 30;
	answers[0].stx_attributes = answers[1].stx_attributes = 0;
	assert_false(svc_target_is_mount_of(m, m->proc_fd, dev));
}

#define target_test(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		target_test(our_mount),
		target_test(the_number_of_mounts),
		target_test(true_paths),
		target_test(the_mount_point_that_was_named),
		target_test(the_second_mount_of_a_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
