/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A block size that a child asks for, which was taken over: of another device than the one that the
 * caller named, of none at all, of a size that there is not.
 *
 * The devices are nodes of a number that nobody has, by descriptors that open none of them: a
 * request that passes all checks fails with EBADF in the end, and no device is ever touched.
 */
#include "test-util.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "svc.h"

/* For local use: no driver has it. */
#define MAJOR_OF_NOBODY 240

static struct svc_request request;
static int asked_fd;

/* The child: its last word is what it was answered. */
_Noreturn void svc_talk(struct svc_mount *m, int sock, pid_t parent)
{
	struct svc_request end = { .type = SVC_REQUEST_END };
	int32_t answer = 0;

	if (svc_request_send(sock, &request, asked_fd, -1) != 0 ||
	    svc_answer_recv(sock, &answer) != 0)
		_exit(EXIT_FAILURE);
	(void)fusesvc_error_set(&end.error, SVC_STEP_PROCESS, FUSESVC_E_GOODBYE,
				answer ? -answer : ENOTRECOVERABLE, "test");
	_exit(svc_request_send(sock, &end, -1, -1) ? EXIT_FAILURE : EXIT_SUCCESS);
}

struct place {
	struct svc_mount m;
	char dir[32], source[64];
};

static int begin(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	*state = p;
	if (!p)
		return -1;
	strcpy(p->dir, "/tmp/test-block-size.XXXXXX");
	if (!mkdtemp(p->dir) || chdir(p->dir) < 0)
		return -1;
	(void)snprintf(p->source, sizeof(p->source), "%s/source", p->dir);
	p->m.cxt = mnt_new_context();
	p->m.source = p->source;
	p->m.proc_fd = p->m.target_fd = p->m.tree_fd = p->m.host.hangup_fd = -1;
	p->m.opts.timeout = 30;
	(void)sigemptyset(&p->m.signals);
	(void)sigaddset(&p->m.signals, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &p->m.signals, NULL);
	return 0;
}

static int end(void **state)
{
	struct place *p = *state;
	char dir[sizeof(p->dir)];

	mnt_free_context(p->m.cxt);
	strcpy(dir, p->dir);
	free(p);
	(void)unlink("source");
	(void)unlink("asked");
	return chdir("/") < 0 || rmdir(dir) < 0 ? -1 : 0;
}

/* A node of a kind (S_IFBLK ...), instead of the one that is there. */
static void make_node(const char *name, mode_t kind, unsigned int minor_number)
{
	(void)unlink(name);
	require_or_skip(mknod(name, kind | 0600, makedev(MAJOR_OF_NOBODY, minor_number)) == 0,
			"device nodes");
}

static void expect(struct place *p, uint32_t size, int err)
{
	request = (struct svc_request){ .type = SVC_REQUEST_BLOCK_SIZE, .block_size = size };
	memset(&p->m.error, 0, sizeof(p->m.error));
	asked_fd = open("asked", O_PATH | O_CLOEXEC);
	assert_true(asked_fd >= 0);
	assert_true(svc_parent_run(&p->m) < 0);
	(void)close(asked_fd);
	assert_int_equal(p->m.error.code, FUSESVC_E_GOODBYE);
	assert_int_equal(p->m.error.err, err);
}

static void the_source_and_no_other_device(void **state)
{
	make_node("source", S_IFBLK, 1);
	make_node("asked", S_IFBLK, 1);
	expect(*state, 4096, EBADF);
	make_node("asked", S_IFBLK, 2);
	expect(*state, 4096, ENOTBLK);
}

static void block_devices_only(void **state)
{
	make_node("source", S_IFBLK, 1);
	make_node("asked", S_IFCHR, 1);
	expect(*state, 4096, ENOTBLK);
	make_node("asked", S_IFBLK, 1);
	make_node("source", S_IFCHR, 1);
	expect(*state, 4096, ENOTBLK);
	make_node("asked", S_IFCHR, 1);
	expect(*state, 4096, ENOTBLK);
}

static void sizes(void **state)
{
	static const uint32_t bad[] = { 0, 1, 256, 513, 1000, 4095, 2 << 20, 1U << 31, UINT32_MAX };
	static const uint32_t good[] = { 512, 1024, 1 << 20 };

	make_node("source", S_IFBLK, 1);
	make_node("asked", S_IFBLK, 1);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		expect(*state, bad[i], EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		expect(*state, good[i], EBADF);
}

static void root_with_a_source_only(void **state)
{
	struct place *p = *state;

	make_node("source", S_IFBLK, 1);
	make_node("asked", S_IFBLK, 1);
	p->m.uid = 1000;
	expect(p, 4096, EPERM);
	p->m.uid = 0;
	p->m.source = NULL;
	expect(p, 4096, EPERM);
}

#define block_size_test(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		block_size_test(the_source_and_no_other_device),
		block_size_test(block_devices_only),
		block_size_test(sizes),
		block_size_test(root_with_a_source_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
