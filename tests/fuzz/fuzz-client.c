// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fuzzes a whole session of the mount side: the server is a script (script.h), the callbacks do
 * what its records say, or what the helper does about opens and mount options. Checked is what
 * the helper relies on: the order and number of its callbacks, what the server gets for an
 * answer, that success is a mount, and that no descriptor is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "packet.h"
#include "script.h"
#include "svc.h"

#define SOURCE_FD 100 /* so that its path is always the same */
#define SOURCE	  "/proc/self/fd/100"
#define TARGET	  "/mnt"

enum result {
	RESULT = 0x0f, /* which, see the table */
	RESULT_ABORT = 0x10,
	RESULT_POLICY = 0x20, /* opens and mount options: what the helper does */
	RESULT_NO_FD = 0x40,  /* a success without the descriptor */
	RESULT_PENDING = 0x80,
};

struct fuzz {
	struct fusesvc_client *c;
	struct script script;
	struct svc_mount m;
	struct svc_request request;
	int null, wait;
	unsigned int fsopen, source, mntpt, mntopts, mtabopts, mount, done;
	unsigned int packets, opens, messages, progress;
	bool has_fsopen, has_source, has_mntpt, refused_options;
	bool started, over, aborted, pending, mounted, said_bye;
};

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What all callbacks have in common. */
static struct record *called(struct fuzz *f)
{
	check(f->started && !f->over && !f->aborted);
	if (f->script.latest.result & RESULT_ABORT) {
		fusesvc_client_abort(f->c, EINTR);
		f->aborted = true;
	}
	return &f->script.latest;
}

static int result(const struct record *r)
{
	static const int results[] = {
		0,	  0,
		0,	  -EPERM,
		-ENOTDIR, -EISDIR,
		-EINVAL,  -EBUSY,
		-EIO,	  -EROFS,
		-ENOMEM,  -EPIPE,
		-EAGAIN,  -EINPROGRESS,
		-EBADMSG, 1 /* not allowed, but it must do no harm */,
	};

	return results[r->result & RESULT];
}

static void check_policy(const struct fuzz *f, const struct fusesvc_open_request *req, int fd)
{
	uint32_t flags = req->open_flags;
	struct stat st;

	check(strcmp(req->path, SOURCE) == 0);
	check(!(flags & (O_CREAT | O_TRUNC | O_APPEND | O_PATH | O_DIRECTORY | O_ASYNC)));
	check(!req->bdev && fstat(fd, &st) == 0 && S_ISREG(st.st_mode));
	check(((uint32_t)fcntl(fd, F_GETFL) & O_ACCMODE) == (flags & O_ACCMODE));
	check(!f->m.opts.read_only || (flags & O_ACCMODE) == O_RDONLY);
	check(fcntl(fd, F_GETFD) == FD_CLOEXEC);
}

static int on_open(void *data, const struct fusesvc_open_request *req, int *fd)
{
	struct fuzz *f = data;
	const struct record *r = called(f);
	int rc = result(r);

	check(++f->opens <= FUSESVC_MAX_OPENS && strlen(req->path) < PACKET_MAX);
	if (r->result & RESULT_POLICY) {
		rc = svc_open(&f->m, req, fd);
		check((rc == 0) == (*fd >= 0));
		if (rc == 0)
			check_policy(f, req, *fd);
	} else if (!(r->result & RESULT_NO_FD)) {
		*fd = fcntl(f->null, F_DUPFD_CLOEXEC, 0); /* also with a refusal */
	}
	return rc;
}

static int on_fsopen(void *data, bool fuseblk)
{
	struct fuzz *f = data;
	int rc = result(called(f));

	check(++f->fsopen == 1 && !f->mount);
	f->has_fsopen = rc == 0;
	return rc;
}

static int on_source(void *data, const char *text)
{
	struct fuzz *f = data;
	int rc = result(called(f));

	check(++f->source == 1 && f->has_fsopen && !f->mount && strlen(text) < PACKET_MAX);
	f->has_source = rc == 0;
	return rc;
}

static int on_mntpt(void *data, const char *path, mode_t expected_fmt)
{
	struct fuzz *f = data;
	int rc = result(called(f));

	check(++f->mntpt == 1 && f->has_fsopen && !f->mount && strlen(path) < PACKET_MAX);
	check(expected_fmt == 0 || expected_fmt == S_IFDIR || expected_fmt == S_IFREG);
	f->has_mntpt = rc == 0;
	if (expected_fmt && (rc == -ENOTDIR || rc == -EISDIR)) /* it may be named again */
		f->mntpt = 0;
	return rc;
}

static int on_mntopts(void *data, const char *options)
{
	struct fuzz *f = data;
	const struct record *r = called(f);
	const char *bad;
	size_t bad_len;
	int rc = result(r);

	check(++f->mntopts == 1 && f->has_fsopen && !f->mount);
	if (r->result & RESULT_POLICY)
		rc = svc_mntopts_parse(options, &f->request, &bad, &bad_len);
	f->refused_options |= rc != 0;
	return rc;
}

static int on_mtabopts(void *data, const char *options)
{
	struct fuzz *f = data;
	int rc = result(called(f));

	check(++f->mtabopts == 1 && f->has_fsopen && !f->mount && strlen(options) < PACKET_MAX);
	f->refused_options |= rc != 0;
	return rc;
}

static int on_mount(void *data, uint32_t ms_flags, int *wait_fd)
{
	struct fuzz *f = data;
	const struct record *r = called(f);
	int rc = result(r);

	check(++f->mount == 1 && f->has_fsopen && f->has_source && f->has_mntpt);
	check(!f->refused_options);
	if (r->result & RESULT_PENDING) {
		f->pending = true;
		*wait_fd = f->wait;
		return -EINPROGRESS;
	}
	f->mounted = rc == 0;
	return rc;
}

static int on_mount_done(void *data)
{
	struct fuzz *f = data;
	int rc = result(called(f));

	check(++f->done == 1 && f->pending);
	f->pending = false;
	f->mounted = rc == 0;
	return rc;
}

static void on_message(void *data, int level, uint32_t progress, const char *text)
{
	struct fuzz *f = data;

	(void)called(f);
	if (level == FUSESVC_MSG_INFO && progress != FUSESVC_NO_PROGRESS)
		check(++f->progress <= FUSESVC_MAX_PROGRESS);
	else
		check(++f->messages <= FUSESVC_MAX_MESSAGES);
	check(strlen(text) < FUSESVC_MESSAGE_SIZE);
	check(level == FUSESVC_MSG_ERROR || level == FUSESVC_MSG_WARNING ||
	      level == FUSESVC_MSG_INFO);
	check(progress <= 1000 || progress == FUSESVC_NO_PROGRESS);
}

/* The server gets an answer to what it asked, and no descriptor but with a success. */
static void on_answer(void *data, const uint8_t *bytes, size_t size, int fd)
{
	struct fuzz *f = data;
	struct packet p;

	check(packet_decode(bytes, size, &p) == 0);
	check(p.type == PACKET_HELLO || p.type == PACKET_FILE || p.type == PACKET_REPLY);
	check((p.type == PACKET_FILE && p.file.error == 0) == (fd >= 0));
	check(p.type != PACKET_REPLY || (p.reply.error <= 4095 && f->started));
}

static void on_received(void *data, const uint8_t *bytes, size_t size)
{
	struct fuzz *f = data;
	struct packet p;

	check(!f->over);
	if (size == 0 || packet_decode(bytes, size, &p)) {
		f->over = true;
	} else if (f->started) {
		f->over = ++f->packets > FUSESVC_MAX_PACKETS || p.type == PACKET_BYE ||
			  p.type == PACKET_HELLO || p.type == PACKET_HELLO_REPLY ||
			  p.type == PACKET_FILE || p.type == PACKET_REPLY;
		f->said_bye = p.type == PACKET_BYE && p.bye.exit_code == 0;
	}
}

static void on_event(void *data)
{
	uint64_t one = 1;

	check(write(((struct fuzz *)data)->wait, &one, sizeof(one)) == sizeof(one));
}

static int run(struct fuzz *f)
{
	static const char *const argv[] = { "sq", SOURCE, TARGET, "-o", "rw" };
	int rc = fusesvc_client_start(f->c, 0, ARRAY_SIZE(argv), argv, f->null);

	if (rc)
		return rc;
	f->started = true;
	return fusesvc_client_run(f->c);
}

static void session(struct fuzz *f)
{
	static const struct fusesvc_client_ops ops = {
		on_open,     on_fsopen, on_source,     on_mntpt,   on_mntopts,
		on_mtabopts, on_mount,	on_mount_done, on_message,
	};
	int pair[2], rc;
	char text[256];

	check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	check(fusesvc_client_new(&f->c, &ops, f) == 0);
	script_start(&f->script, pair[0], pair[1]);
	check(fusesvc_client_set_fd(f->c, pair[0]) == 0);
	fusesvc_client_set_timeout(f->c, 1);
	rc = run(f);
	/* Success means a mount and nothing else; a failure says why. */
	check(rc <= 0 && (rc == 0) == (fusesvc_client_error(f->c)->code == FUSESVC_E_NONE));
	check(rc != 0 || (f->mounted && f->said_bye && !f->aborted));
	check(strlen(fusesvc_error_text(fusesvc_client_error(f->c), text, sizeof(text))) > 0);
	script_stop(&f->script);
	fusesvc_client_free(f->c);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int fd = memfd_create("source", MFD_CLOEXEC);

	check(fd >= 0 && dup3(fd, SOURCE_FD, O_CLOEXEC) == SOURCE_FD && close(fd) == 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char target[] = TARGET, source[] = SOURCE, device[] = "/dev/null", root[] = "/";
	char *paths[] = { target, device, root, NULL };
	size_t n_fds = count_fds();
	struct fuzz f = { 0 };

	if (size < 1)
		return 0;
	f.script = (struct script){ .flags = data[0],
				    .pos = data + 1,
				    .left = size - 1,
				    .data = &f,
				    .answer = on_answer,
				    .received = on_received,
				    .event = on_event };
	f.m.target = target;
	f.m.source = source;
	f.m.opts.paths = paths;
	f.m.opts.n_paths = ARRAY_SIZE(paths) - 1;
	f.m.opts.read_only = data[0] & SCRIPT_READ_ONLY;
	memcpy(f.m.name, "sq", 3);
	f.null = open("/dev/null", O_RDWR | O_CLOEXEC);
	f.wait = eventfd(0, EFD_CLOEXEC);
	session(&f);
	(void)close(f.null);
	(void)close(f.wait);
	check(count_fds() == n_fds);
	return 0;
}
