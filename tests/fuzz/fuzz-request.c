// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fuzzes what the parent takes from the child, bytes and descriptors, and the text that is made
 * of it. The input: a byte, how many descriptors come along, then the packet. The child takes the
 * same bytes for an answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FDS 8 /* what the seeds count in */
#include "../send-fds.h"
#include "script.h"
#include "svc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_terminated(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static void check_text(const struct svc_request *req)
{
	struct svc_mount m = { .error = req->error };
	char text[1024];
	int excode;

	if (fusesvc_name_is_valid(req->name)) /* as the parent does */
		memcpy(m.name, req->name, sizeof(m.name));
	memcpy(m.words, req->words, sizeof(m.words));
	excode = svc_error_text(&m, text, sizeof(text));
	check(excode > 0 && is_terminated(text, sizeof(text)));
	for (const char *p = text; *p; p++)
		check((unsigned char)*p >= 0x20 && *p != 0x7f);
}

static void check_request(int sock, size_t size, size_t n_fds)
{
	struct svc_request req;
	int fds[2] = { -2, -2 };
	int rc = svc_request_recv(sock, &req, fds);

	check(rc == 0 || rc == -EBADMSG || rc == -ECONNRESET);
	check((rc == 0) == (size == sizeof(req) && n_fds <= 2));
	for (size_t i = 0; i < 2; i++) {
		check(rc == 0 && i < n_fds ? fcntl(fds[i], F_GETFD) == FD_CLOEXEC : fds[i] == -1);
		close_fd_keep_errno(fds[i]);
	}
	if (rc)
		return;
	check(is_terminated(req.name, sizeof(req.name)));
	check(is_terminated(req.words, sizeof(req.words)));
	check(is_terminated(req.error.subject, sizeof(req.error.subject)));
	check_text(&req);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t before = count_fds(), n_fds;
	int null, pair[2], rc, fds[MAX_FDS];
	int32_t answer = 1;

	if (size < 1)
		return 0;
	n_fds = data[0] % (MAX_FDS + 1);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (size_t i = 0; i < n_fds; i++)
		fds[i] = null;
	check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	check(send_with_fds(pair[1], data + 1, size - 1, fds, n_fds, MSG_DONTWAIT) == 0);
	check(send(pair[1], data + 1, size - 1, MSG_DONTWAIT) >= 0);
	(void)shutdown(pair[1], SHUT_WR);
	check_request(pair[0], size - 1, n_fds);
	rc = svc_answer_recv(pair[0], &answer);
	check(rc ? rc == -ECONNRESET : answer <= 0);
	(void)close(pair[0]);
	(void)close(pair[1]);
	(void)close(null);
	check(count_fds() == before);
	return 0;
}
