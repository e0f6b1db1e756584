// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libfuse 3.19 has these names too. Whoever includes our header means our functions, whatever was
 * declared before; and nothing of ours is ever caught by theirs.
 */
#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 19)

#include "test-util.h"

#include <fuse.h>
#include <fuse_lowlevel.h>

/* As libfuse 3.19 would declare them. */
struct fuse_service;
#define FUSE_SERVICE_REQUEST_FILE_QUIET (1U << 0)

int fuse_service_accept(struct fuse_service **sfp);
__attribute__((unused)) static inline bool fuse_service_accepted(const struct fuse_service *sf)
{
	(void)sf;
	abort();
}
bool fuse_service_can_allow_other(const struct fuse_service *sf);
bool fuse_service_can_fuseblk(const struct fuse_service *sf);
int fuse_service_append_args(struct fuse_service *sf, struct fuse_args *args);
char *fuse_service_cmdline(int argc, const char *const *argv, struct fuse_args *args);
int fuse_service_parse_cmdline_opts(struct fuse_args *args, struct fuse_cmdline_opts *opts);
int fuse_service_request_file(const struct fuse_service *sf, const char *path, int open_flags,
			      mode_t create_mode, unsigned int request_flags);
int fuse_service_request_blockdev(const struct fuse_service *sf, const char *path, int open_flags,
				  mode_t create_mode, unsigned int request_flags,
				  unsigned int block_size);
int fuse_service_receive_file(const struct fuse_service *sf, const char *path, int *fdp);
int fuse_service_finish_file_requests(const struct fuse_service *sf);
void fuse_service_expect_mount_format(struct fuse_service *sf, mode_t expected_fmt);
int fuse_service_session_mount(struct fuse_service *sf, struct fuse_session *se,
			       mode_t expected_fmt, struct fuse_cmdline_opts *opts);
int fuse_service_send_goodbye(struct fuse_service *sf, int exitcode);
void fuse_service_release(struct fuse_service *sf);
void fuse_service_destroy(struct fuse_service **sfp);
int fuse_service_exit(int ret);
int fuse_service_main_real_319(struct fuse_service *sf, struct fuse_args *args,
			       const struct fuse_operations *op, size_t op_size, void *user_data);
#define fuse_service_main(sf, args, op, user_data) \
	fuse_service_main_real_319(sf, args, op, sizeof(*(op)), user_data)

/* And as its library would have them: never to be called. */
#define THEIRS(declaration) \
	declaration         \
	{                   \
		abort();    \
	}

THEIRS(int fuse_service_accept(struct fuse_service **sfp))
THEIRS(bool fuse_service_can_allow_other(const struct fuse_service *sf))
THEIRS(bool fuse_service_can_fuseblk(const struct fuse_service *sf))
THEIRS(int fuse_service_append_args(struct fuse_service *sf, struct fuse_args *args))
THEIRS(char *fuse_service_cmdline(int argc, const char *const *argv, struct fuse_args *args))
THEIRS(int fuse_service_parse_cmdline_opts(struct fuse_args *args, struct fuse_cmdline_opts *opts))
THEIRS(int fuse_service_request_file(const struct fuse_service *sf, const char *path,
				     int open_flags, mode_t create_mode,
				     unsigned int request_flags))
THEIRS(int fuse_service_request_blockdev(const struct fuse_service *sf, const char *path,
					 int open_flags, mode_t create_mode,
					 unsigned int request_flags, unsigned int block_size))
THEIRS(int fuse_service_receive_file(const struct fuse_service *sf, const char *path, int *fdp))
THEIRS(int fuse_service_finish_file_requests(const struct fuse_service *sf))
THEIRS(void fuse_service_expect_mount_format(struct fuse_service *sf, mode_t expected_fmt))
THEIRS(int fuse_service_session_mount(struct fuse_service *sf, struct fuse_session *se,
				      mode_t expected_fmt, struct fuse_cmdline_opts *opts))
THEIRS(int fuse_service_send_goodbye(struct fuse_service *sf, int exitcode))
THEIRS(void fuse_service_release(struct fuse_service *sf))
THEIRS(void fuse_service_destroy(struct fuse_service **sfp))
THEIRS(int fuse_service_exit(int ret))
THEIRS(int fuse_service_main_real_319(struct fuse_service *sf, struct fuse_args *args,
				      const struct fuse_operations *op, size_t op_size,
				      void *user_data))

#include "fuse_service.h"

#include "service-session.h"

static const struct fuse_operations ops;
static const struct fuse_lowlevel_ops ll_ops;

static void ours_until_the_goodbye(void **state)
{
	struct fuse_args args = args_from("sqd");
	struct fuse_cmdline_opts opts;
	struct fuse_session *se;
	struct service s;
	char *text;
	int fd;

	service_begin(&s, 0, -1);
	assert_true(fuse_service_can_allow_other(s.sf));
	assert_false(fuse_service_can_fuseblk(s.sf));
	assert_int_equal(fuse_service_append_args(s.sf, &args), 0);
	free(args.argv[1]); /* the source */
	args.argv[1] = strdup("-s");
	text = fuse_service_cmdline(args.argc, args.argv, &args);
	assert_string_equal(text, "sq -t sq -s /mnt");
	free(text);
	assert_int_equal(fuse_service_parse_cmdline_opts(&args, &opts), 0);
	helper_file(&s.h, "/img", ENOENT, -1);
	helper_file(&s.h, "/img", ENOTBLK, -1);
	assert_int_equal(fuse_service_request_file(s.sf, "/img", O_RDONLY, 0,
						   FUSE_SERVICE_REQUEST_FILE_QUIET),
			 0);
	assert_int_equal(fuse_service_receive_file(s.sf, "/img", &fd), 0);
	assert_int_equal(fuse_service_request_blockdev(s.sf, "/img", O_RDONLY, 0, 0, 0), 0);
	assert_int_equal(fuse_service_receive_file(s.sf, "/img", &fd), 0);
	assert_int_equal(fuse_service_finish_file_requests(s.sf), 0);
	fuse_service_expect_mount_format(s.sf, 0);
	se = fuse_session_new(&args, &ll_ops, sizeof(ll_ops), NULL);
	helper_reply(&s.h, EPERM);
	assert_int_equal(fuse_service_session_mount(s.sf, se, 0, &opts), -EPERM);
	assert_int_equal(fuse_service_send_goodbye(s.sf, 1), 0);
	fuse_service_release(s.sf);
	fuse_session_destroy(se);
	free(opts.mountpoint);
	fuse_opt_free_args(&args);
	service_end(&s);
	assert_int_equal(fuse_service_exit(1), EXIT_FAILURE);
}

static void our_main(void **state)
{
	struct fuse_args args = args_from("sq");
	struct service s;

	service_begin(&s, 0, -1);
	assert_int_equal(fuse_service_main(s.sf, &args, &ops, NULL), 2); /* no mount point */
	fuse_opt_free_args(&args);
	service_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		service_test(ours_until_the_goodbye),
		service_test(our_main),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
