// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A contained service in the test's own process, see service-session.h.
 */
#include "service-session.h"

#include <sys/mman.h>

#include "args.h"

static int stderr_fd = -1, log_fd = -1;

int service_before(void **state)
{
	if (log_fd < 0) {
		log_fd = high_fd(memfd_create("log", MFD_CLOEXEC));
		stderr_fd = high_fd(dup(STDERR_FILENO));
	}
	log_clear();
	assert_return_code(dup2(log_fd, STDERR_FILENO), errno);
	return server_before(state);
}

int service_after(void **state)
{
	assert_return_code(dup2(stderr_fd, STDERR_FILENO), errno);
	return server_after(state);
}

void log_clear(void)
{
	assert_return_code(ftruncate(log_fd, 0), errno);
	assert_return_code(lseek(log_fd, 0, SEEK_SET), errno);
}

const char *log_text(void)
{
	static char text[16384];
	ssize_t n = pread(log_fd, text, sizeof(text) - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

void assert_log_line(const char *text)
{
	const char *log = log_text(), *end = strchr(log, '\n');

	if (!strstr(log, text) || !end || end[1]) {
		assert_string_equal(log, text); /* shows both */
		fail();
	}
}

void service_new(struct service *s, uint32_t flags, uint32_t ext_bits, const char *const *argv,
		 int fuse_fd)
{
	int argc = 0, fd;

	memset(s, 0, sizeof(*s));
	while (argv[argc])
		argc++;
	helper_new(&s->h);
	helper_hello(&s->h, 1, 1, flags);
	assert_int_equal(args_to_memfd(argc, argv, ext_bits, &fd), 0);
	helper_file(&s->h, "argv", 0, fd);
	(void)close(fd);
	if (fuse_fd < 0)
		helper_fusedev(&s->h);
	else
		helper_file(&s->h, "fusedev", 0, fuse_fd);
}

void service_begin(struct service *s, uint32_t ext_bits, int fuse_fd)
{
	static const char *const argv[] = { "sq", "/img", "/mnt", NULL };

	service_new(s, FUSESVC_ALLOW_OTHER, ext_bits, argv, fuse_fd);
	assert_int_equal(fuse_service_accept(&s->sf), 0);
	assert_true(fuse_service_accepted(s->sf));
	assert_string_equal(service_said(s), "hello 1;");
	assert_no_log();
}

void service_end(struct service *s)
{
	fuse_service_destroy(&s->sf);
	assert_null(s->sf);
	helper_end(&s->h);
}

struct fuse_args args_from(const char *words)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	char *copy = strdup(words), *save = NULL;

	assert_non_null(copy);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		assert_int_equal(fuse_opt_add_arg(&args, w), 0);
	free(copy);
	return args;
}

const char *args_text(const struct fuse_args *args)
{
	static char text[65536];
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i < args->argc; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? " " : "",
					 args->argv[i]);
	assert_true(used < sizeof(text));
	assert_null(args->argv[args->argc]);
	return text;
}

struct fuse_session *session_new(const char *words)
{
	static const struct fuse_lowlevel_ops ops;
	struct fuse_args args = args_from(words);
	struct fuse_session *se = fuse_session_new(&args, &ops, sizeof(ops), NULL);

	fuse_opt_free_args(&args);
	return se;
}

static int packet_text(const struct packet *p, char *text, size_t size)
{
	const char *type = packet_type_name(p->type);

	switch (p->type) {
	case PACKET_HELLO_REPLY:
		return snprintf(text, size, "hello %u;", p->hello_reply.version);
	case PACKET_OPEN:
	case PACKET_OPEN_BDEV:
		return snprintf(text, size, "%s %s %x %o %x %u;",
				p->type == PACKET_OPEN ? "open" : "bdev", p->string,
				p->open.open_flags, p->open.create_mode, p->open.request_flags,
				p->open.block_size);
	case PACKET_FSOPEN:
		return snprintf(text, size, "fsopen %u;", p->fsopen.flags);
	case PACKET_SOURCE:
		return snprintf(text, size, "source %s;", p->string);
	case PACKET_MNTPT:
		return snprintf(text, size, "mntpt %o %s;", p->mntpt.expected_fmt, p->string);
	case PACKET_MNTOPTS:
		return snprintf(text, size, "mntopts %s;", p->string);
	case PACKET_MOUNT:
		return snprintf(text, size, "mount %x;", p->mount.flags);
	case PACKET_MESSAGE:
		return snprintf(text, size, "message %u %x %s;", p->message.level,
				p->message.progress, p->string);
	case PACKET_BYE:
		return snprintf(text, size, "bye %u;", p->bye.exit_code);
	default:
		return snprintf(text, size, "%s;", type ? type : "?");
	}
}

const char *service_said(struct service *s)
{
	static uint8_t bytes[PACKET_MAX];
	static char text[8192];
	size_t used = 0;
	int fd;

	text[0] = '\0';
	for (;;) {
		ssize_t n = recv_raw(s->h.peer, bytes, sizeof(bytes), &fd);
		struct packet p;

		assert_int_equal(fd, -1);
		if (n < 0)
			return text;
		if (n == 0) {
			(void)snprintf(text + used, sizeof(text) - used, "end");
			return text;
		}
		assert_int_equal(packet_decode(bytes, (size_t)n, &p), 0);
		used += (size_t)packet_text(&p, text + used, sizeof(text) - used);
		assert_true(used < sizeof(text));
	}
}

void helper_takes_mntpt(struct service *s)
{
	for (int i = 0; i < 3; i++)
		helper_reply(&s->h, 0);
}
