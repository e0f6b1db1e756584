/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who became the caller has no power, and cannot get any: each way that Linux knows is tried.
 *
 * In child processes, as there is no way back. Only root can lose something, so all else skips.
 */
#include "test-util.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "svc.h"

#define USER	   65534
#define USER_GROUP 65533
#define HAS_POWER  42 /* exit codes */
#define NOT_RUN	   43
#define CAP(n)	   (1ULL << (n))
#define DAC	   (CAP(CAP_DAC_OVERRIDE) | CAP(CAP_DAC_READ_SEARCH))

static const gid_t user_groups[] = { 65531, 65532 };
static int securebits; /* with which the next one is started */

static uint64_t allowed(uid_t uid)
{
	return uid == 0 ? DAC : 0;
}

#define expect_error(call, error) expect_in_child((call) < 0 && errno == (error))

/* Runs @attempt as who became the caller; he must not get further than he should. */
static void try_as(uid_t uid, void (*attempt)(uid_t uid))
{
	struct svc_mount m = { .uid = uid, .gid = uid == 0 ? 0 : USER_GROUP };
	int status = -1, bits = securebits;
	pid_t pid;

	securebits = 0;
	require_or_skip(geteuid() == 0, "root");
	pid = fork();
	assert_return_code(pid, errno);
	if (pid == 0) {
		/* What should fail, and does not, must do no harm. */
		expect_in_child(unshare(CLONE_NEWNS | CLONE_NEWUTS) == 0);
		expect_in_child(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0);
		if (bits)
			expect_in_child(prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) == 0);
		if (uid != 0)
			expect_in_child(setgroups(ARRAY_SIZE(user_groups), user_groups) == 0);
		expect_in_child(svc_become_caller(&m) == 0);
		attempt(uid);
		_exit(EXIT_SUCCESS);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void try_as_both(void (*attempt)(uid_t uid))
{
	try_as(0, attempt);
	try_as(USER, attempt);
}

/* One of the sets in /proc/self/status. */
static uint64_t capability_set(const char *name)
{
	_cleanup_free_ char *line = NULL;
	FILE *f = fopen("/proc/self/status", "re");
	uint64_t set = ~0ULL;
	size_t size = 0;

	expect_in_child(f != NULL);
	while (getline(&line, &size, f) > 0)
		if (strncmp(line, name, strlen(name)) == 0)
			set = strtoull(line + strlen(name) + 1, NULL, 16);
	(void)fclose(f);
	return set;
}

static void look_at_ids(uid_t uid)
{
	gid_t gid = uid == 0 ? 0 : USER_GROUP;
	uid_t r, e, s;
	gid_t rg, eg, sg, groups[8];

	expect_in_child(getresuid(&r, &e, &s) == 0 && getresgid(&rg, &eg, &sg) == 0);
	expect_in_child(r == uid && e == uid && s == uid);
	expect_in_child(rg == gid && eg == gid && sg == gid);
	/* Whoever asks to change nothing is told what the file system sees. */
	expect_in_child((uid_t)syscall(SYS_setfsuid, -1) == uid);
	expect_in_child((gid_t)syscall(SYS_setfsgid, -1) == gid);
	if (uid == 0)
		return;
	expect_in_child(getgroups(ARRAY_SIZE(groups), groups) == (int)ARRAY_SIZE(user_groups));
	expect_in_child(memcmp(groups, user_groups, sizeof(user_groups)) == 0);
}

static void test_ids(void **state)
{
	try_as_both(look_at_ids);
}

static void look_at_capabilities(uid_t uid)
{
	expect_in_child(capability_set("CapPrm:") == allowed(uid));
	expect_in_child(capability_set("CapEff:") == allowed(uid));
	expect_in_child(capability_set("CapBnd:") == allowed(uid));
	expect_in_child(capability_set("CapInh:") == 0);
	expect_in_child(capability_set("CapAmb:") == 0);
	expect_in_child(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	expect_in_child(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	expect_error(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
}

static void test_capabilities(void **state)
{
	try_as_both(look_at_capabilities);
}

/* The kernel takes them from whoever gives up root's id, but it can be told not to. */
static void test_capabilities_that_the_kernel_leaves(void **state)
{
	securebits = SECBIT_NO_SETUID_FIXUP;
	try_as(USER, look_at_capabilities);
}

static void ask_for_ids(uid_t uid)
{
	uid_t other = uid == 0 ? USER : 0;

	expect_error(setuid(other), EPERM);
	expect_error(seteuid(other), EPERM);
	expect_error(setreuid(other, other), EPERM);
	expect_error(setresuid(other, other, other), EPERM);
	expect_error(setresuid((uid_t)-1, other, (uid_t)-1), EPERM);
	expect_error(setresuid((uid_t)-1, (uid_t)-1, other), EPERM);
	expect_error(setgid(other), EPERM);
	expect_error(setegid(other), EPERM);
	expect_error(setresgid(other, other, other), EPERM);
	expect_error(setgroups(0, NULL), EPERM);
	(void)syscall(SYS_setfsuid, other);
	expect_in_child((uid_t)syscall(SYS_setfsuid, -1) == uid);
	look_at_ids(uid);
}

static void test_ids_are_kept(void **state)
{
	try_as_both(ask_for_ids);
}

static int set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	for (unsigned int i = 0; i < ARRAY_SIZE(data); i++)
		data[i] = (struct __user_cap_data_struct){
			.effective = (uint32_t)(effective >> (32 * i)),
			.permitted = (uint32_t)(permitted >> (32 * i)),
			.inheritable = (uint32_t)(inheritable >> (32 * i)),
		};
	return (int)syscall(SYS_capset, &head, data);
}

static void ask_for_capabilities(uid_t uid)
{
	uint64_t mine = allowed(uid);

	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if (!(mine & CAP(cap))) {
			expect_error(set_capabilities(CAP(cap), CAP(cap), 0), EPERM);
			expect_error(set_capabilities(mine, mine | CAP(cap), 0), EPERM);
			expect_error(set_capabilities(mine | CAP(cap), mine, 0), EPERM);
			expect_error(set_capabilities(mine, mine, CAP(cap)), EPERM);
		}
		expect_error(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0), EPERM);
		/* What is not in that set cannot come back, and nobody may take from it. */
		expect_in_child(prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == !!(mine & CAP(cap)));
		expect_error(prctl(PR_CAPBSET_DROP, cap, 0, 0, 0), EPERM);
	}
	/* Securebits that would let root's id count for nothing, or for more. */
	expect_error(prctl(PR_SET_SECUREBITS, 0x3f, 0, 0, 0), EPERM);
	look_at_capabilities(uid);
}

static void test_no_capability_comes_back(void **state)
{
	try_as_both(ask_for_capabilities);
}

/* What needs no more than an id of 0 where somebody forgot to look at capabilities. */
static void ask_for_deeds(uid_t uid)
{
	expect_error(mount("none", "/", "tmpfs", 0, NULL), EPERM);
	expect_error(umount2("/", MNT_DETACH), EPERM);
	expect_error(unshare(CLONE_NEWNS), EPERM);
	expect_error(chroot("/"), EPERM);
	expect_error(sethostname("x", 1), EPERM);
	expect_error((int)syscall(SYS_mknodat, AT_FDCWD, "/tmp/fsvc-no-device", S_IFCHR | 0600, 5),
		     EPERM);
	expect_in_child(kill(getppid(), 0) == (uid == 0 ? 0 : -1)); /* root's own, by its id */
}

static void test_deeds_of_root(void **state)
{
	try_as_both(ask_for_deeds);
}

/*
 * A namespace of one's own gives power in it alone. Where that is allowed at all, the mounts of
 * everybody else are out of its reach.
 */
static void ask_for_user_namespace(uid_t uid)
{
	if (unshare(CLONE_NEWUSER) < 0)
		return;
	expect_error(mount("none", "/", "tmpfs", 0, NULL), EPERM);
	expect_error(umount2("/proc", MNT_DETACH), EPERM);
	expect_error(setuid(uid == 0 ? USER : 0), EINVAL); /* is not mapped */
	expect_in_child(capability_set("CapAmb:") == 0);
}

static void test_user_namespace(void **state)
{
	try_as_both(ask_for_user_namespace);
}

/*
 * Programs that would give power
 */

struct bait {
	char dir[32], path[48];
};

static void copy_file(const char *from, const char *to)
{
	_cleanup_fd_ int in = open(from, O_RDONLY | O_CLOEXEC);
	_cleanup_fd_ int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	char buf[65536];
	ssize_t n;

	assert_return_code(in, errno);
	assert_return_code(out, errno);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		assert_int_equal(write(out, buf, (size_t)n), n);
	assert_int_equal(n, 0);
}

/* A copy of cat(1), that root may make whatever he likes of: it tells what it is. */
static int make_bait(void **state)
{
	struct bait *b = calloc(1, sizeof(*b));

	*state = b;
	if (geteuid() != 0)
		return 0;
	(void)snprintf(b->dir, sizeof(b->dir), "/tmp/fsvc-privs-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	assert_return_code(chmod(b->dir, 0755), errno);
	/* Whatever options /tmp is mounted with. */
	assert_return_code(unshare(CLONE_NEWNS), errno);
	assert_return_code(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL), errno);
	assert_return_code(mount("none", b->dir, "tmpfs", 0, "mode=755"), errno);
	(void)snprintf(b->path, sizeof(b->path), "%s/cat", b->dir);
	copy_file("/bin/cat", b->path);
	return 0;
}

static int remove_bait(void **state)
{
	struct bait *b = *state;

	if (*b->dir) {
		(void)umount2(b->dir, MNT_DETACH);
		(void)rmdir(b->dir);
	}
	free(b);
	return 0;
}

static const char *bait_path;

/* Does the program have power beyond @mine? It may refuse to run without what it wants. */
static bool gives_power(uint64_t mine)
{
	char buf[8192], *at;
	int fds[2], status;
	size_t used = 0;
	ssize_t n;
	pid_t pid;

	expect_in_child(pipe(fds) == 0);
	pid = fork();
	expect_in_child(pid >= 0);
	if (pid == 0) {
		(void)dup2(fds[1], STDOUT_FILENO);
		(void)close(fds[0]);
		(void)execl(bait_path, "cat", "/proc/self/status", NULL);
		_exit(NOT_RUN);
	}
	(void)close(fds[1]);
	while ((n = read(fds[0], buf + used, sizeof(buf) - 1 - used)) > 0)
		used += (size_t)n;
	buf[used] = '\0';
	(void)close(fds[0]);
	expect_in_child(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	if (WEXITSTATUS(status) == NOT_RUN)
		return false;
	expect_in_child(status == 0);
	at = strstr(buf, "\nCapPrm:");
	expect_in_child(at != NULL);
	return (strtoull(at + 8, NULL, 16) & ~mine) != 0;
}

static void execute_bait(uid_t uid)
{
	expect_in_child(!gives_power(allowed(uid)));
}

/* By whoever did not drop anything: else a refusal proves nothing. */
static void assert_bait_works(void)
{
	int status = -1;
	pid_t pid = fork();

	assert_return_code(pid, errno);
	if (pid == 0) {
		expect_in_child(setresgid(USER_GROUP, USER_GROUP, USER_GROUP) == 0);
		expect_in_child(setresuid(USER, USER, USER) == 0);
		_exit(gives_power(0) ? HAS_POWER : EXIT_SUCCESS);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), HAS_POWER);
}

static void test_setuid_program(void **state)
{
	struct bait *b = *state;

	require_or_skip(geteuid() == 0, "root");
	bait_path = b->path;
	assert_return_code(chmod(b->path, 06755), errno);
	assert_bait_works();
	try_as_both(execute_bait);
}

static void test_program_with_capabilities(void **state)
{
	struct bait *b = *state;
	/* All of these, effective at once; as capabilities(7) has it, little-endian. */
	const uint32_t caps[] = { 0x02000001, (uint32_t)(CAP(CAP_DAC_OVERRIDE) | CAP(CAP_SETUID)),
				  0, 0, 0 };

	if (getenv("FSVC_VALGRIND"))
		skip(); /* which ends with an execve(2) that fails */
	require_or_skip(geteuid() == 0, "root");
	bait_path = b->path;
	require_or_skip(setxattr(b->path, "security.capability", caps, sizeof(caps), 0) == 0,
			"capabilities of files");
	assert_bait_works();
	try_as_both(execute_bait);
}

/*
 * What the parent keeps
 */

#define PARENTS                                                                      \
	(CAP(CAP_SYS_ADMIN) | CAP(CAP_SETUID) | CAP(CAP_SETGID) | CAP(CAP_SETPCAP) | \
	 CAP(CAP_KILL) | CAP(CAP_DAC_READ_SEARCH))
#define ROOTS_PARENTS (PARENTS | DAC | CAP(CAP_SYS_CHROOT) | CAP(CAP_SYS_PTRACE))

static void limit_and_look(bool for_root)
{
	const uint64_t may = for_root ? ROOTS_PARENTS : PARENTS;

	expect_in_child(svc_limit_capabilities(for_root) == 0);
	expect_in_child((capability_set("CapPrm:") & ~may) == 0);
	expect_in_child((capability_set("CapEff:") & ~may) == 0);
	expect_in_child((capability_set("CapBnd:") & ~may) == 0);
	expect_in_child(capability_set("CapEff:") & CAP(CAP_SYS_ADMIN));
	expect_in_child(capability_set("CapInh:") == 0 && capability_set("CapAmb:") == 0);
}

static void test_what_the_parent_keeps(void **state)
{
	require_or_skip(geteuid() == 0, "root");
	for (int for_root = 0; for_root < 2; for_root++) {
		int status = -1;
		pid_t pid = fork();

		assert_return_code(pid, errno);
		if (pid == 0) {
			limit_and_look(for_root);
			_exit(EXIT_SUCCESS);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

/* Without CAP_SETPCAP nothing goes from the bounding set, which must not be taken for done. */
static void test_a_bounding_set_that_stays(void **state)
{
	int status = -1;
	pid_t pid;

	require_or_skip(geteuid() == 0, "root");
	pid = fork();
	assert_return_code(pid, errno);
	if (pid == 0) {
		const struct svc_mount m = { .uid = 0 };
		uint64_t set = capability_set("CapPrm:") & ~CAP(CAP_SETPCAP);

		expect_in_child(set_capabilities(set, set, 0) == 0);
		expect_in_child(svc_limit_capabilities(true) < 0);
		expect_in_child(svc_become_caller(&m) < 0);
		_exit(EXIT_SUCCESS);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Whoever cannot become the caller is told so, and does not go on half-way. */
static void test_who_is_not_root(void **state)
{
	const struct svc_mount m = { .uid = 1, .gid = 1 };
	int status = -1;
	pid_t pid = fork();

	assert_return_code(pid, errno);
	if (pid == 0) {
		if (geteuid() == 0)
			expect_in_child(setresgid(USER_GROUP, USER_GROUP, USER_GROUP) == 0 &&
					setresuid(USER, USER, USER) == 0);
		expect_in_child(svc_become_caller(&m) < 0);
		_exit(EXIT_SUCCESS);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_capabilities_that_the_kernel_leaves),
		cmocka_unit_test(test_ids_are_kept),
		cmocka_unit_test(test_no_capability_comes_back),
		cmocka_unit_test(test_deeds_of_root),
		cmocka_unit_test(test_user_namespace),
		cmocka_unit_test_setup_teardown(test_setuid_program, make_bait, remove_bait),
		cmocka_unit_test_setup_teardown(test_program_with_capabilities, make_bait,
						remove_bait),
		cmocka_unit_test(test_what_the_parent_keeps),
		cmocka_unit_test(test_a_bounding_set_that_stays),
		cmocka_unit_test(test_who_is_not_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
