/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parent and its mounter, for a user who is not root, against a child of that user's own: it
 * sends mount points that an honest child would not have pinned. Here it is for real: the mounts
 * are made, in a mount namespace of this test. Needs root, and skips without.
 */
#include "test-util.h"

#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "svc.h"

#define SERVICE "peer"
#define USER	59001 /* nobody in particular */

static void (*child_script)(int sock);
static char top[] = "/tmp/test-mounter.XXXXXX"; /* a tmpfs */

_Noreturn void svc_talk(struct svc_mount *m, int sock, pid_t parent)
{
	child_script(sock);
	_exit(EXIT_SUCCESS);
}

int __real_umount2(const char *target, int flags);
int __wrap_umount2(const char *target, int flags);

static int *unmount_flags; /* of the last one, in whatever process */

int __wrap_umount2(const char *target, int flags)
{
	if (unmount_flags)
		*unmount_flags = flags;
	return __real_umount2(target, flags);
}

/*
 * What a child may do. Its working directory is the tmpfs.
 */

static void say_end(int sock, int err)
{
	struct svc_request end = { .type = SVC_REQUEST_END };

	if (err)
		(void)fusesvc_error_set(&end.error, SVC_STEP_PROCESS, FUSESVC_E_GOODBYE, err,
					"test");
	if (svc_request_send(sock, &end, -1, -1) != 0)
		_exit(EXIT_FAILURE);
}

static int32_t ask_for(int sock, int target_fd)
{
	struct svc_request req = { .type = SVC_REQUEST_MOUNT, .name = SERVICE };
	int fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	int32_t answer = -1;

	if (target_fd < 0 || fuse_fd < 0 || svc_request_send(sock, &req, fuse_fd, target_fd) != 0 ||
	    svc_answer_recv(sock, &answer) != 0)
		_exit(EXIT_FAILURE);
	return answer;
}

static int pin(const char *path)
{
	return open(path, O_PATH | O_CLOEXEC);
}

static void ask_for_own(int sock)
{
	say_end(sock, -ask_for(sock, pin("own")));
}

static int hangup_fd;

static void ask_for_own_and_hang_up(int sock)
{
	int32_t answer = ask_for(sock, pin("own"));

	if (answer || eventfd_write(hangup_fd, 1) < 0)
		_exit(EXIT_FAILURE);
	(void)pause();
}

static void ask_for_roots(int sock)
{
	say_end(sock, -ask_for(sock, pin("roots")));
}

static void ask_for_roots_file(int sock)
{
	say_end(sock, -ask_for(sock, pin("roots-file")));
}

static void ask_for_sticky(int sock)
{
	say_end(sock, -ask_for(sock, pin("sticky")));
}

static void ask_for_proc(int sock)
{
	say_end(sock, -ask_for(sock, pin("/proc/self/comm")));
}

static void ask_for_removed(int sock)
{
	int fd = pin("own");

	if (rmdir("own") < 0)
		_exit(EXIT_FAILURE);
	say_end(sock, -ask_for(sock, fd));
}

/* A mount that is nowhere any more. */
static void ask_for_detached(int sock)
{
	int fd;

	if (mount("x", "own", "tmpfs", 0, "uid=59001") < 0)
		_exit(EXIT_FAILURE);
	fd = pin("own");
	if (umount2("own", MNT_DETACH) < 0)
		_exit(EXIT_FAILURE);
	say_end(sock, -ask_for(sock, fd));
}

/* Linux 6.15 and later mount on a tree that is in no namespace, where nobody would count it. */
static void ask_for_tree(int sock)
{
	say_end(sock, -ask_for(sock, (int)syscall(SYS_open_tree, AT_FDCWD, "own",
						  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
}

static void ask_in_other_namespace(int sock)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("x", "own", "tmpfs", 0, "uid=59001") < 0)
		_exit(EXIT_FAILURE);
	say_end(sock, -ask_for(sock, pin("own")));
}

/* The same directory, but by this namespace's copy of the mount. */
static void ask_for_copy_in_other_namespace(int sock)
{
	if (unshare(CLONE_NEWNS) < 0 || chdir(top) < 0)
		_exit(EXIT_FAILURE);
	say_end(sock, -ask_for(sock, pin("own")));
}

static void ask_for_renamed(int sock)
{
	int fd = pin("own");

	if (rename("own", "renamed") < 0 || mkdir("own", 0755) < 0)
		_exit(EXIT_FAILURE);
	say_end(sock, -ask_for(sock, fd));
}

static void fail_behind_a_link(int sock)
{
	(void)ask_for(sock, pin("parent/own"));
	if (rename("parent", "renamed") < 0 || symlink("decoy", "parent") < 0)
		_exit(EXIT_FAILURE);
	say_end(sock, ECONNABORTED);
}

/*
 * Running the parent
 */

static int begin(void **state)
{
	struct svc_mount *m = calloc(1, sizeof(*m));

	*state = m;
	if (!m)
		return -1;
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0)
		return 0; /* without a context: a skip */
	strcpy(strrchr(top, '.'), ".XXXXXX");
	if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 || !mkdtemp(top) ||
	    mount("x", top, "tmpfs", 0, "mode=755") < 0 || chdir(top) < 0 ||
	    mkdir("own", 0700) < 0 || chown("own", USER, USER) < 0 || mkdir("roots", 0755) < 0 ||
	    mknod("roots-file", S_IFREG | 0644, 0) < 0 || mkdir("sticky", 0777) < 0 ||
	    chmod("sticky", 01777) < 0 || mkdir("parent", 0755) < 0 || mkdir("decoy", 0755) < 0 ||
	    mkdir("parent/own", 0755) < 0 || chown("parent/own", USER, USER) < 0 ||
	    mkdir("decoy/own", 0755) < 0)
		return -1;
	m->cxt = mnt_new_context();
	m->uid = m->gid = USER;
	m->mount_max = SVC_MOUNT_MAX_NO_LIMIT;
	m->target = "own";
	m->opts.timeout = 60;
	m->target_fd = m->fuse_fd = m->tree_fd = m->talker.fd = m->mounter.fd = m->host.hangup_fd =
		-1;
	m->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(m->name, sizeof(m->name), SERVICE);
	(void)sigemptyset(&m->signals);
	(void)sigaddset(&m->signals, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &m->signals, NULL);
	return 0;
}

static int end(void **state)
{
	struct svc_mount *m = *state;

	if (m->cxt) {
		close_fd_keep_errno(m->target_fd);
		close_fd_keep_errno(m->proc_fd);
		mnt_free_context(m->cxt);
		if (chdir("/") < 0 || umount2(top, MNT_DETACH) < 0 || rmdir(top) < 0)
			return -1;
	}
	free(m->true_target);
	free(m);
	return 0;
}

/* How many mounts of the service there are; *line is the last one's. */
static unsigned int count_mounts(char *line, size_t size)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char text[4096];
	unsigned int n = 0;

	assert_non_null(f);
	while (fgets(text, sizeof(text), f)) {
		if (!strstr(text, " - fuse.svc." SERVICE " "))
			continue;
		n++;
		(void)snprintf(line, size, "%s", text);
	}
	(void)fclose(f);
	return n;
}

static void run(struct svc_mount *m, void (*script)(int), int rc, uint32_t code)
{
	require_or_skip(m->cxt, "root");
	require_or_skip(access("/dev/fuse", R_OK | W_OK) == 0, "access to /dev/fuse");
	child_script = script;
	assert_int_equal(svc_parent_run(m) < 0, rc < 0);
	svc_parent_end(m);
	assert_int_equal(m->error.code, code);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void expect_refusal(struct svc_mount *m, void (*script)(int), uint32_t code)
{
	char line[4096];

	run(m, script, -1, code);
	assert_false(m->mounted);
	assert_int_equal(count_mounts(line, sizeof(line)), 0);
}

static void expect_mount(struct svc_mount *m, void (*script)(int), const char *where)
{
	char line[4096], path[64];

	run(m, script, 0, FUSESVC_E_NONE);
	assert_true(m->mounted);
	assert_int_equal(count_mounts(line, sizeof(line)), 1);
	(void)snprintf(path, sizeof(path), " %s/%s ", top, where);
	assert_non_null(strstr(line, path));
	assert_non_null(strstr(line, "nosuid,nodev"));
	assert_non_null(strstr(line, "user_id=59001,group_id=59001"));
	path[strlen(path) - 1] = '\0';
	assert_string_equal(m->true_target, path + 1);
	assert_int_equal(svc_unmount(m), 0);
	assert_int_equal(count_mounts(line, sizeof(line)), 0);
}

/*
 * The tests
 */

static void a_mount_on_the_users_own(void **state)
{
	expect_mount(*state, ask_for_own, "own");
}

static void a_mount_on_what_was_renamed(void **state)
{
	expect_mount(*state, ask_for_renamed, "renamed");
}

static void what_the_user_may_not_write_to(void **state)
{
	expect_refusal(*state, ask_for_roots, SVC_E_TARGET_ACCESS);
}

static void a_file_the_user_may_not_write_to(void **state)
{
	expect_refusal(*state, ask_for_roots_file, SVC_E_TARGET_ACCESS);
}

static void a_sticky_directory_of_roots(void **state)
{
	expect_refusal(*state, ask_for_sticky, SVC_E_TARGET_STICKY);
}

static void a_file_of_the_kernels(void **state)
{
	expect_refusal(*state, ask_for_proc, SVC_E_TARGET_FILESYSTEM);
}

static void too_many_mounts(void **state)
{
	((struct svc_mount *)*state)->mount_max = 0;
	expect_refusal(*state, ask_for_own, SVC_E_MOUNT_MAX);
}

/* Whether the mount is attached by then or not. */
static void the_end_of_the_host(void **state)
{
	struct svc_mount *m = *state;

	for (int detached = 0; detached < 2; detached++) {
		m->host.is_detached = detached;
		m->host.hangup_fd = eventfd(0, EFD_CLOEXEC);
		hangup_fd = dup(m->host.hangup_fd); /* no child gets the host's own */
		memset(&m->error, 0, sizeof(m->error));
		expect_refusal(m, ask_for_own_and_hang_up, SVC_E_INTERRUPTED);
		assert_int_equal(m->tree_fd, -1);
		(void)close(hangup_fd);
		(void)close(m->host.hangup_fd);
	}
}

static void what_is_nowhere(void **state)
{
	expect_refusal(*state, ask_for_removed, SVC_E_MOUNT);
}

static void what_lies_in_a_detached_mount(void **state)
{
	expect_refusal(*state, ask_for_detached, SVC_E_TARGET);
}

static void a_tree_of_its_own(void **state)
{
	expect_refusal(*state, ask_for_tree, SVC_E_TARGET);
}

static void another_mount_namespace(void **state)
{
	expect_refusal(*state, ask_in_other_namespace, SVC_E_TARGET);
}

static void a_copy_in_another_mount_namespace(void **state)
{
	expect_refusal(*state, ask_for_copy_in_other_namespace, SVC_E_TARGET);
}

/* What lies under the name now is not touched; what was mounted goes, wherever it is. */
static void the_undo_follows_the_mount_and_no_link(void **state)
{
	struct svc_mount *m = *state;
	struct stat st;

	require_or_skip(m->cxt, "root");
	assert_int_equal(mount("decoy", "decoy/own", "tmpfs", 0, "mode=711"), 0);
	expect_refusal(m, fail_behind_a_link, FUSESVC_E_GOODBYE);
	assert_int_equal(stat("decoy/own", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
}

/* It could be another's: the one of a device that is mounted already. */
static void the_undo_hangs_up_on_our_connection_only(void **state)
{
	struct svc_mount *m = *state;

	unmount_flags = mmap(NULL, sizeof(*unmount_flags), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(unmount_flags, MAP_FAILED);
	for (int is_ours = 0; is_ours < 2; is_ours++) {
		run(m, ask_for_own, 0, FUSESVC_E_NONE);
		m->has_connection = is_ours;
		assert_int_equal(svc_unmount(m), 0);
		assert_int_equal(*unmount_flags, MNT_DETACH | (is_ours ? MNT_FORCE : 0));
		close_fd_keep_errno(steal_fd(&m->target_fd));
		free(m->true_target);
		m->true_target = NULL;
		m->mounted = false;
	}
}

#define mounter_test(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		mounter_test(a_mount_on_the_users_own),
		mounter_test(a_mount_on_what_was_renamed),
		mounter_test(what_the_user_may_not_write_to),
		mounter_test(a_file_the_user_may_not_write_to),
		mounter_test(a_sticky_directory_of_roots),
		mounter_test(a_file_of_the_kernels),
		mounter_test(too_many_mounts),
		mounter_test(the_end_of_the_host),
		mounter_test(what_is_nowhere),
		mounter_test(what_lies_in_a_detached_mount),
		mounter_test(a_tree_of_its_own),
		mounter_test(another_mount_namespace),
		mounter_test(a_copy_in_another_mount_namespace),
		mounter_test(the_undo_follows_the_mount_and_no_link),
		mounter_test(the_undo_hangs_up_on_our_connection_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
