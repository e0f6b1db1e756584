// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Starts a server as a service manager does, or nearly so.
 *
 * The server's end of the connection is its descriptor 3; besides it has only /dev/null and its
 * log. It dies with us.
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "rogue.h"

#define SERVICE_FD 3
#define LOG_MAX	   (1024 * 1024) /* bytes; more end in a signal */

enum fd_3 { CLOSED, CONNECTED, STREAM, DGRAM, LISTENING, UNCONNECTED, INET, PIPE, REGULAR_FILE };

struct start {
	const char *name;
	enum fd_3 fd_3;
	const char *listen_fds; /* NULL: unset */
	const char *listen_pid; /* NULL: unset, "" the server's */
};

static const struct start starts[] = {
	{ "good", CONNECTED, "1", "" },
	/* no connection that a service could have */
	{ "closed", CLOSED, "1", "" },
	{ "stream", STREAM, "1", "" },
	{ "dgram", DGRAM, "1", "" },
	{ "listening", LISTENING, "1", "" },
	{ "unconnected", UNCONNECTED, "1", "" },
	{ "inet", INET, "1", "" },
	{ "pipe", PIPE, "1", "" },
	{ "file", REGULAR_FILE, "1", "" },
	{ "two", CONNECTED, "2", "" },
	{ "many", CONNECTED, "2147483648", "" },
	/* not started as a service */
	{ "none", CLOSED, NULL, NULL },
	{ "no-fds", CONNECTED, NULL, "" },
	{ "no-pid", CONNECTED, "1", NULL },
	{ "other-pid", CONNECTED, "1", "1" },
	{ "zero", CONNECTED, "0", "" },
	{ "negative", CONNECTED, "-1", "" },
	{ "no-number", CONNECTED, "1x", "" },
	{ "empty", CONNECTED, " 1", "" },
	{ "huge", CONNECTED, "99999999999999999999", "" },
};

const struct start *find_start(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (strcmp(starts[i].name, name) == 0)
			return &starts[i];
	return NULL;
}

static int make_socket(int domain, int type)
{
	return socket(domain, type | SOCK_CLOEXEC, 0);
}

static int make_listener(void)
{
	struct sockaddr_un any = { .sun_family = AF_UNIX }; /* the kernel finds a name */
	int fd = make_socket(AF_UNIX, SOCK_SEQPACKET);

	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any.sun_family)) < 0 ||
	    listen(fd, 1) < 0)
		stop("no listening socket: %m");
	return fd;
}

/* The server's end, then ours. */
static void make_ends(enum fd_3 kind, int ends[2])
{
	int rc = 0;

	ends[0] = ends[1] = -1;
	switch (kind) {
	case CLOSED:
		return;
	case CONNECTED:
		rc = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
		break;
	case STREAM:
		rc = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
		break;
	case DGRAM:
		rc = socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends);
		break;
	case LISTENING:
		ends[0] = make_listener();
		break;
	case UNCONNECTED:
		ends[0] = make_socket(AF_UNIX, SOCK_SEQPACKET);
		break;
	case INET:
		ends[0] = make_socket(AF_INET, SOCK_STREAM);
		break;
	case PIPE:
		rc = pipe2(ends, O_CLOEXEC);
		break;
	case REGULAR_FILE:
		ends[0] = make_memfd("", 0);
		break;
	}
	if (rc < 0 || ends[0] < 0)
		stop("no connection: %m");
}

static void set_listen_variables(const struct start *start)
{
	char pid[16];

	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_PID");
	if (start->listen_fds)
		(void)setenv("LISTEN_FDS", start->listen_fds, 1);
	if (start->listen_pid)
		(void)setenv("LISTEN_PID", *start->listen_pid ? start->listen_pid : pid, 1);
	(void)setenv("LISTEN_FDNAMES", "connection", 1);
}

/* Only returns if it fails. */
static void become_server(const struct start *start, char **argv, const char *log, int end)
{
	const struct rlimit no_core = { 0 }, file_size = { LOG_MAX, LOG_MAX };
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	/* Far away first, so that none is overwritten. */
	end = end < 0 ? -1 : fcntl(end, F_DUPFD_CLOEXEC, 16);
	in = fcntl(in, F_DUPFD_CLOEXEC, 16);
	out = fcntl(out, F_DUPFD_CLOEXEC, 16);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || setrlimit(RLIMIT_CORE, &no_core) < 0 ||
	    setrlimit(RLIMIT_FSIZE, &file_size) < 0 || dup2(in, STDIN_FILENO) < 0 ||
	    dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0 ||
	    close_range(SERVICE_FD, 15, 0) < 0)
		return;
	if (end >= 0 && dup2(end, SERVICE_FD) < 0)
		return;
	if (close_range(SERVICE_FD + 1, UINT_MAX, 0) < 0)
		return;
	set_listen_variables(start);
	(void)execv(argv[0], argv);
}

pid_t start_server(const struct start *start, char **argv, const char *log, int *sock)
{
	int ends[2];
	pid_t pid;

	make_ends(start->fd_3, ends);
	pid = fork();
	if (pid < 0)
		stop("cannot fork: %m");
	if (pid == 0) {
		become_server(start, argv, log, ends[0]);
		perror(argv[0]);
		_exit(127);
	}
	close_fd_keep_errno(ends[0]);
	*sock = ends[1];
	return pid;
}
