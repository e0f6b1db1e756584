// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The scripted server, see client-session.h.
 */
#include "client-session.h"

#include <sys/eventfd.h>
#include <time.h>

bool clock_leaps;

int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	static time_t leap;
	int rc = __real_clock_gettime(id, ts);

	if (clock_leaps)
		leap += 1000;
	ts->tv_sec += leap;
	return rc;
}

const struct packet *const session_script[SCRIPT_LENGTH] = {
	&(const struct packet){ .type = PACKET_OPEN, .string = "/img" },
	&(const struct packet){ .type = PACKET_FSOPEN },
	&(const struct packet){ .type = PACKET_SOURCE, .string = "sq" },
	&(const struct packet){ .type = PACKET_MNTPT, .string = "/mnt" },
	&(const struct packet){ .type = PACKET_MNTOPTS, .string = "" },
	&(const struct packet){ .type = PACKET_MTABOPTS, .string = "" },
	&(const struct packet){ .type = PACKET_MOUNT },
};

__attribute__((format(printf, 3, 4))) static void note(char *log, size_t size, const char *fmt, ...)
{
	size_t used = strlen(log);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(log + used, size - used, fmt, ap);
	va_end(ap);
}

#define LOG(s, ...) note((s)->log, sizeof((s)->log), __VA_ARGS__)

static int result(struct session *s, uint32_t step)
{
	if (s->abort_step == step)
		fusesvc_client_abort(s->c, EINTR);
	return s->fail_step == step ? s->fail_rc : 0;
}

static int on_open(void *data, const struct fusesvc_open_request *req, int *fd)
{
	struct session *s = data;
	int rc = result(s, FUSESVC_STEP_OPEN);

	s->n_opens++;
	LOG(s, "%s %s%s %x/%x;", req->bdev ? "bdev" : "open", req->path, req->quiet ? " quiet" : "",
	    req->open_flags, req->block_size);
	if (s->open_ends_mount)
		assert_return_code(eventfd_write(s->wait, 1), errno);
	/* Also if it refuses: a callback's mistake, of which a server must have nothing. */
	*fd = fcntl(s->file, F_DUPFD_CLOEXEC, 0);
	return rc;
}

static int on_fsopen(void *data, bool fuseblk)
{
	LOG((struct session *)data, "fsopen %d;", fuseblk);
	return result(data, FUSESVC_STEP_FSOPEN);
}

static int on_source(void *data, const char *source)
{
	LOG((struct session *)data, "source %s;", source);
	return result(data, FUSESVC_STEP_SOURCE);
}

static int on_mntpt(void *data, const char *path, mode_t expected_fmt)
{
	LOG((struct session *)data, "mntpt %s %x;", path, expected_fmt);
	return result(data, FUSESVC_STEP_MNTPT);
}

static int on_mntopts(void *data, const char *options)
{
	LOG((struct session *)data, "mntopts %s;", options);
	return result(data, FUSESVC_STEP_MNTOPTS);
}

static int on_mtabopts(void *data, const char *options)
{
	LOG((struct session *)data, "mtabopts %s;", options);
	return result(data, FUSESVC_STEP_MTABOPTS);
}

static int on_mount(void *data, uint32_t ms_flags, int *wait_fd)
{
	struct session *s = data;

	LOG(s, "mount %x;", ms_flags);
	if (s->wait < 0)
		return result(s, FUSESVC_STEP_MOUNT);
	*wait_fd = s->wait;
	return -EINPROGRESS;
}

static int on_mount_done(void *data)
{
	LOG((struct session *)data, "done;");
	return result(data, FUSESVC_STEP_MOUNT);
}

static void on_message(void *data, int level, uint32_t progress, const char *text)
{
	struct session *s = data;

	s->n_messages++;
	LOG(s, "message %d %x %s;", level, progress, text);
	(void)result(s, FUSESVC_STEP_SERVE);
}

const struct fusesvc_client_ops session_ops = {
	.open = on_open,
	.fsopen = on_fsopen,
	.source = on_source,
	.mntpt = on_mntpt,
	.mntopts = on_mntopts,
	.mtabopts = on_mtabopts,
	.mount = on_mount,
	.mount_done = on_mount_done,
	.message = on_message,
};

void session_new(struct session *s, const struct fusesvc_client_ops *ops)
{
	int pair[2];

	memset(s, 0, sizeof(*s));
	s->wait = -1;
	s->fail_step = s->abort_step = UINT32_MAX;
	s->file = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_return_code(s->file, errno);
	make_pair(pair);
	s->sock = pair[0];
	s->peer = pair[1];
	assert_int_equal(fusesvc_client_new(&s->c, ops, s), 0);
	assert_int_equal(fusesvc_client_set_fd(s->c, pair[0]), 0);
}

void session_end(struct session *s)
{
	clock_leaps = false;
	fusesvc_client_free(s->c);
	close_fd_keep_errno(s->peer);
	close_fd_keep_errno(s->file);
	close_fd_keep_errno(s->wait);
}

int session_start(struct session *s)
{
	static const char *const argv[] = { "sq", "/img", "/mnt", "-o", "ro" };

	return fusesvc_client_start(s->c, FUSESVC_FUSEBLK, ARRAY_SIZE(argv), argv, s->file);
}

void session_begin(struct session *s)
{
	session_new(s, &session_ops);
	say(s, HELLO_REPLY(1));
	assert_int_equal(session_start(s), 0);
}

void session_say(struct session *s, const struct packet *const *packets)
{
	for (; *packets; packets++) {
		uint8_t bytes[4096];
		ssize_t n = packet_encode(*packets, bytes, sizeof(bytes));

		assert_true(n > 0);
		send_raw(s->peer, bytes, (size_t)n, NULL, 0);
	}
}

static void read_answers(struct session *s)
{
	uint8_t bytes[PACKET_MAX];
	ssize_t n;
	int fd;

	while (s->peer >= 0 && (n = recv_raw(s->peer, bytes, sizeof(bytes), &fd)) > 0) {
		struct packet p;

		assert_int_equal(packet_decode(bytes, (size_t)n, &p), 0);
		if (p.type == PACKET_FILE)
			note(s->answers, sizeof(s->answers), "%s %s %u;", p.string,
			     fd >= 0 ? "fd" : "no", p.file.error);
		else if (p.type == PACKET_REPLY)
			note(s->answers, sizeof(s->answers), "%u;", p.reply.error);
		else if (p.type == PACKET_HELLO)
			note(s->answers, sizeof(s->answers), "hello %u-%u %x;", p.hello.min_version,
			     p.hello.max_version, p.hello.flags);
		else
			fail_msg("the helper sent a %s", packet_type_name(p.type));
		close_fd_keep_errno(fd);
	}
}

void session_expect(struct session *s, uint32_t code, uint32_t step, const char *log,
		    const char *answers)
{
	const struct fusesvc_error *e = fusesvc_client_error(s->c);
	int rc = fusesvc_client_run(s->c);

	read_answers(s);
	if (e->code != code || e->step != step)
		fail_msg("code %u in step %u, not %u in %u", e->code, e->step, code, step);
	assert_int_equal(rc, code ? -e->err : 0);
	if (code)
		assert_true(e->err > 0);
	if (log)
		assert_string_equal(s->log, log);
	if (answers)
		assert_string_equal(s->answers, answers);
}
