/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parent against a child that was taken over: it asks for all that an honest one never would.
 *
 * The child and the mounter are of this test, so nothing is mounted; what counts is whether the
 * parent would have mounted, unmounted, and how it says that it went.
 */
#include "test-util.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "svc.h"

#define SERVICE "peer"

/* What the mounter and the undo were asked for, and what they answer. */
static struct {
	unsigned int mounts, unmounts;
	bool is_killed; /* the mounter, before anything was undone */
	struct svc_request req;
	int result;
	bool is_slow;	 /* the mounter never ends by itself */
	int mounter_end; /* of the pipe to the parent */
} seen = { .mounter_end = -1 };

static void (*child_script)(struct svc_mount *m, int sock);
static struct svc_request hostile; /* what the child sends; the good request with one change */
static int fuse_fd, target_fd;

_Noreturn void svc_talk(struct svc_mount *m, int sock, pid_t parent)
{
	child_script(m, sock);
	_exit(EXIT_SUCCESS);
}

int svc_mounter_start(struct svc_mount *m)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	m->mounter.fd = fds[0];
	seen.mounter_end = fds[1];
	return 0;
}

int svc_mounter_order(struct svc_mount *m, const struct svc_request *req, int fuse, int target)
{
	seen.mounts++;
	seen.req = *req;
	m->is_mounting = true;
	if (!seen.is_slow)
		close_fd_keep_errno(steal_fd(&seen.mounter_end)); /* readable at once */
	return 0;
}

int svc_mounter_result(struct svc_mount *m, bool kill_it)
{
	seen.is_killed = kill_it && !seen.unmounts;
	m->is_mounting = false;
	return seen.result;
}

int svc_unmount(struct svc_mount *m)
{
	seen.unmounts++;
	return 0;
}

/*
 * What a child may do
 */

static void say_end(struct svc_mount *m, int sock, int err)
{
	struct svc_request end = { .type = SVC_REQUEST_END };

	if (err)
		(void)fusesvc_error_set(&end.error, SVC_STEP_PROCESS, FUSESVC_E_GOODBYE, err,
					"test");
	if (svc_request_send(sock, &end, -1, -1) != 0)
		_exit(EXIT_FAILURE);
}

static bool ask(int sock, int32_t *answer)
{
	return svc_request_send(sock, &hostile, fuse_fd, target_fd) == 0 &&
	       svc_answer_recv(sock, answer) == 0;
}

/* Asks for the mount, and reports the answer as an honest child does. */
static void ask_and_end(struct svc_mount *m, int sock)
{
	int32_t answer = -1;

	if (!ask(sock, &answer))
		_exit(EXIT_FAILURE);
	say_end(m, sock, -answer);
}

static void ask_twice(struct svc_mount *m, int sock)
{
	int32_t answer;

	if (ask(sock, &answer) && ask(sock, &answer))
		say_end(m, sock, 0);
}

static void ask_and_fail(struct svc_mount *m, int sock)
{
	int32_t answer;

	if (ask(sock, &answer))
		say_end(m, sock, ECONNABORTED);
}

static void ask_and_crash(struct svc_mount *m, int sock)
{
	static const struct rlimit no_core;
	int32_t answer;

	if (ask(sock, &answer) && setrlimit(RLIMIT_CORE, &no_core) == 0)
		(void)raise(SIGKILL);
}

static void end_without_a_mount(struct svc_mount *m, int sock)
{
	say_end(m, sock, 0);
}

static void end_as_absent(struct svc_mount *m, int sock)
{
	struct svc_request end = { .type = SVC_REQUEST_END, .is_absent = 1 };

	if (svc_request_send(sock, &end, -1, -1) != 0)
		_exit(EXIT_FAILURE);
}

static void stop(struct svc_mount *m, int sock)
{
	(void)raise(SIGSTOP);
}

static void ask_and_stop(struct svc_mount *m, int sock)
{
	int32_t answer;

	if (ask(sock, &answer))
		(void)raise(SIGSTOP);
}

/* Somebody lets it go on in time. */
static void stop_for_a_moment(struct svc_mount *m, int sock)
{
	pid_t stopped = getpid();
	pid_t other = fork();

	if (other == 0) {
		(void)usleep(300 * 1000);
		(void)kill(stopped, SIGCONT);
		_exit(EXIT_SUCCESS);
	}
	(void)raise(SIGSTOP);
	(void)waitpid(other, NULL, 0);
	say_end(m, sock, ECANCELED);
}

static void wait_for_the_end(struct svc_mount *m, int sock)
{
	char byte;

	(void)recv(sock, &byte, 1, 0);
}

static void be_away_later(struct svc_mount *m, int sock)
{
	struct svc_request req = { .type = SVC_REQUEST_READY };
	int rc = svc_request_send(sock, &req, -1, -1);

	(void)usleep(1500 * 1000); /* longer than the deadline that there is not any more */
	req.type = SVC_REQUEST_BUSY;
	if (rc == 0 && svc_request_send(sock, &req, -1, -1) == 0)
		wait_for_the_end(m, sock);
}

static void ask_and_be_absent(struct svc_mount *m, int sock)
{
	struct svc_request end = { .type = SVC_REQUEST_END, .is_absent = 1 };
	int32_t answer; /* one that is not read would make its end look like a crash */

	if (svc_request_send(sock, &hostile, fuse_fd, target_fd) != 0 ||
	    svc_request_send(sock, &end, -1, -1) != 0 || svc_answer_recv(sock, &answer) != 0)
		_exit(EXIT_FAILURE);
}

static void ask_and_fail_at_once(struct svc_mount *m, int sock)
{
	if (svc_request_send(sock, &hostile, fuse_fd, target_fd) == 0)
		say_end(m, sock, ECONNABORTED);
}

static void hang_up_and_stay(struct svc_mount *m, int sock)
{
	(void)close(sock);
	for (;;)
		(void)pause();
}

static void end_and_stay(struct svc_mount *m, int sock)
{
	say_end(m, sock, ECONNABORTED);
	for (;;)
		(void)pause();
}

static void short_request(struct svc_mount *m, int sock)
{
	(void)send(sock, &hostile, sizeof(hostile) - 1, MSG_NOSIGNAL);
}

/*
 * Running the parent
 */

static char dir[] = "/tmp/test-parent.XXXXXX";

static int begin(void **state)
{
	struct svc_mount *m = calloc(1, sizeof(*m));

	memset(&seen, 0, sizeof(seen));
	seen.mounter_end = -1;
	strcpy(strrchr(dir, '.'), ".XXXXXX");
	if (!m || !mkdtemp(dir))
		return -1;
	m->cxt = mnt_new_context();
	m->target = dir;
	m->source = strdup("/dev/null");
	m->proc_fd = m->target_fd = m->fuse_fd = m->tree_fd = m->talker.fd = m->mounter.fd =
		m->host.hangup_fd = -1;
	m->may_allow_other = true;
	(void)snprintf(m->name, sizeof(m->name), SERVICE);
	(void)sigemptyset(&m->signals);
	(void)sigaddset(&m->signals, SIGTERM);
	(void)sigaddset(&m->signals, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &m->signals, NULL);
	target_fd = open(dir, O_PATH | O_CLOEXEC);
	fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	hostile = (struct svc_request){ .type = SVC_REQUEST_MOUNT, .name = SERVICE };
	*state = m;
	return 0;
}

static int end(void **state)
{
	struct svc_mount *m = *state;

	close_fd_keep_errno(target_fd);
	close_fd_keep_errno(fuse_fd);
	mnt_free_context(m->cxt);
	free(m->source);
	free(m);
	return rmdir(dir);
}

static void expect(struct svc_mount *m, void (*script)(struct svc_mount *, int), int rc,
		   uint32_t code, unsigned int mounts, unsigned int unmounts)
{
	int got;

	require_or_skip(fuse_fd >= 0, "access to /dev/fuse");
	memset(&m->error, 0, sizeof(m->error));
	memset(&seen, 0, offsetof(typeof(seen), result));
	m->mounted = false;
	child_script = script;
	got = svc_parent_run(m);
	svc_parent_end(m);
	close_fd_keep_errno(steal_fd(&m->mounter.fd));
	close_fd_keep_errno(steal_fd(&seen.mounter_end));
	assert_int_equal(got < 0, rc < 0);
	assert_int_equal(m->error.code, code);
	assert_int_equal(seen.mounts, mounts);
	assert_int_equal(seen.unmounts, unmounts);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
}

static void expect_no_mount(struct svc_mount *m, uint32_t code)
{
	expect(m, ask_and_end, -1, code, 0, 0);
}

/*
 * The tests
 */

static void honest_requests_pass(void **state)
{
	struct svc_mount *m = *state;

	hostile.ms_flags = SVC_SERVER_MS_FLAGS;
	hostile.allow_other = hostile.default_permissions = 1;
	hostile.server_pid = 77;
	expect(m, ask_and_end, 0, FUSESVC_E_NONE, 1, 0);
	assert_true(m->mounted);
	assert_int_equal(m->server_pid, 77);
	assert_int_equal(seen.req.ms_flags, SVC_SERVER_MS_FLAGS);
	m->fuseblk = true;
	hostile.blksize = 4096;
	expect(m, ask_and_end, 0, FUSESVC_E_NONE, 1, 0);
	m->name[0] = '\0'; /* guessed by the child */
	expect(m, ask_and_end, 0, FUSESVC_E_NONE, 1, 0);
	assert_string_equal(m->name, SERVICE);
}

static void flags_and_numbers(void **state)
{
	struct svc_mount *m = *state;

	for (int bit = 0; bit < 32; bit++) {
		hostile.ms_flags = 1U << bit;
		if (!(hostile.ms_flags & SVC_SERVER_MS_FLAGS))
			expect_no_mount(m, SVC_E_REQUEST);
	}
	hostile.ms_flags = 0;
	hostile.allow_other = 2;
	expect_no_mount(m, SVC_E_REQUEST);
	hostile.allow_other = 0;
	hostile.default_permissions = 0xff;
	expect_no_mount(m, SVC_E_REQUEST);
	hostile.default_permissions = 0;
	hostile.blksize = 4096; /* not fuseblk */
	expect_no_mount(m, SVC_E_REQUEST);
	m->fuseblk = true;
	hostile.blksize = 4095;
	expect_no_mount(m, SVC_E_REQUEST);
	hostile.blksize = 256;
	expect_no_mount(m, SVC_E_REQUEST);
}

static void allow_other_must_be_permitted(void **state)
{
	struct svc_mount *m = *state;

	hostile.allow_other = 1;
	m->may_allow_other = false;
	expect_no_mount(m, SVC_E_REQUEST);
	m->uid = 1000;
	m->may_allow_other = true;
	expect(m, ask_and_end, 0, FUSESVC_E_NONE, 1, 0);
}

/* Only the caller's "nofail" makes an absent source a success. */
static void absent_needs_nofail(void **state)
{
	struct svc_mount *m = *state;

	expect(m, end_as_absent, -1, SVC_E_REQUEST, 0, 0);
	m->opts.nofail = true;
	expect(m, end_as_absent, 0, FUSESVC_E_NONE, 0, 0);
	assert_false(m->mounted);
	seen.result = -EOWNERDEAD; /* the mount that was asked for is not forgotten */
	expect(m, ask_and_be_absent, -1, SVC_E_MOUNT, 1, 1);
}

static void a_stopped_child_is_not_waited_for(void **state)
{
	struct svc_mount *m = *state;

	m->opts.timeout = 1;
	expect(m, stop, -1, SVC_E_CHILD_STOPPED, 0, 0);
	expect(m, ask_and_stop, -1, SVC_E_CHILD_STOPPED, 1, 1);
	expect(m, stop_for_a_moment, -1, FUSESVC_E_GOODBYE, 0, 0);
}

static void a_child_whose_time_is_up(void **state)
{
	struct svc_mount *m = *state;

	m->opts.timeout = 1;
	expect(m, wait_for_the_end, -1, SVC_E_CHILD_STUCK, 0, 0);
	expect(m, be_away_later, -1, SVC_E_CHILD_STUCK, 0, 0);
}

static void names(void **state)
{
	struct svc_mount *m = *state;
	static const char *const bad[] = { "", "other", "a/b", "a,b", "..", "-x", "a b", "a\nb" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		(void)snprintf(hostile.name, sizeof(hostile.name), "%s", bad[i]);
		expect_no_mount(m, SVC_E_REQUEST);
		if (strcmp(bad[i], "other") == 0)
			continue;
		m->name[0] = '\0';
		expect_no_mount(m, SVC_E_REQUEST);
		(void)snprintf(m->name, sizeof(m->name), SERVICE);
	}
}

/* One descriptor of the request is another one for a while. */
static void expect_no_mount_with(struct svc_mount *m, int *which, int fd, uint32_t code)
{
	int good = *which;

	*which = fd;
	expect_no_mount(m, code);
	*which = good;
	close_fd_keep_errno(fd);
}

static void descriptors(void **state)
{
	struct svc_mount *m = *state;

	expect_no_mount_with(m, &fuse_fd, open("/dev/null", O_RDWR | O_CLOEXEC), SVC_E_REQUEST);
	expect_no_mount_with(m, &fuse_fd, open(dir, O_RDONLY | O_CLOEXEC), SVC_E_REQUEST);
	expect_no_mount_with(m, &target_fd, -1, SVC_E_REQUEST);
	expect_no_mount_with(m, &target_fd, open(dir, O_RDONLY | O_CLOEXEC), SVC_E_REQUEST);
	expect_no_mount_with(m, &target_fd, open("/dev/null", O_PATH | O_CLOEXEC), SVC_E_REQUEST);
	expect_no_mount_with(m, &target_fd, open("/proc/self/exe", O_PATH | O_NOFOLLOW | O_CLOEXEC),
			     SVC_E_REQUEST);
}

static void one_mount_and_no_more(void **state)
{
	expect(*state, ask_twice, -1, SVC_E_REQUEST, 1, 1);
}

static void unknown_and_malformed_requests(void **state)
{
	static const uint32_t types[] = { 0, 6, UINT32_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		hostile.type = types[i];
		expect_no_mount(*state, SVC_E_REQUEST);
	}
	expect(*state, short_request, -1, SVC_E_REQUEST, 0, 0);
	expect(*state, end_without_a_mount, -1, SVC_E_REQUEST, 0, 0);
}

static void a_failed_mount_is_not_undone(void **state)
{
	seen.result = -EBUSY;
	expect(*state, ask_and_end, -1, SVC_E_MOUNT, 1, 0);
	assert_int_equal(((struct svc_mount *)*state)->error.err, EBUSY);
}

static void what_fails_after_the_mount_is_undone(void **state)
{
	expect(*state, ask_and_fail, -1, FUSESVC_E_GOODBYE, 1, 1);
	expect(*state, ask_and_crash, -1, SVC_E_CHILD_CRASHED, 1, 1);
}

/* Else it could mount when nobody undoes that any more. */
static void a_mounter_that_is_under_way_is_ended(void **state)
{
	seen.is_slow = true;
	expect(*state, ask_and_fail_at_once, -1, FUSESVC_E_GOODBYE, 1, 1);
	assert_true(seen.is_killed);
}

static void a_child_that_stays_is_ended(void **state)
{
	expect(*state, hang_up_and_stay, -1, SVC_E_CHILD_CRASHED, 0, 0);
	expect(*state, end_and_stay, -1, FUSESVC_E_GOODBYE, 0, 0);
}

static void a_signal_ends_it(void **state)
{
	assert_int_equal(raise(SIGTERM), 0);
	expect(*state, wait_for_the_end, -1, SVC_E_INTERRUPTED, 0, 0);
}

#define parent_test(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		parent_test(honest_requests_pass),
		parent_test(flags_and_numbers),
		parent_test(allow_other_must_be_permitted),
		parent_test(names),
		parent_test(descriptors),
		parent_test(one_mount_and_no_more),
		parent_test(unknown_and_malformed_requests),
		parent_test(a_failed_mount_is_not_undone),
		parent_test(what_fails_after_the_mount_is_undone),
		parent_test(a_mounter_that_is_under_way_is_ended),
		parent_test(a_child_that_stays_is_ended),
		parent_test(a_signal_ends_it),
		parent_test(absent_needs_nofail),
		parent_test(a_stopped_child_is_not_waited_for),
		parent_test(a_child_whose_time_is_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
