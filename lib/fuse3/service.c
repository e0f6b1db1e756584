/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A contained service's life but for the mount: accepting, arguments, files, goodbye. See
 * fuse_service.h.
 */
#include "service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../cleanup.h"

/* A process is given one connection at most. */
static struct fuse_service *current;

struct fuse_service *service_current(void)
{
	return current;
}

struct fusesvc_server *fusesvc_fuse3_server(const struct fuse_service *sf)
{
	return sf ? sf->server : NULL;
}

static void log_error(const struct fusesvc_error *e)
{
	char text[512];

	fuse_log(FUSE_LOG_ERR, "%s\n", fusesvc_error_text(e, text, sizeof(text)));
}

/* Did the helper refuse the mount? A file that it refused may not matter. */
static bool is_mount_refused(const struct fusesvc_error *e)
{
	return e->code == FUSESVC_E_REFUSED && e->step != FUSESVC_STEP_OPEN;
}

/* A mount point of the other format is no failure yet: the server may be able to be that too. */
static bool is_other_format(const struct fusesvc_error *e)
{
	return is_mount_refused(e) && e->step == FUSESVC_STEP_MNTPT &&
	       (e->err == ENOTDIR || e->err == EISDIR);
}

void service_log_failure(const struct fuse_service *sf, const char *what, int rc)
{
	const struct fusesvc_error *e = fusesvc_server_error(sf->server);
	char words[FUSESVC_MESSAGE_SIZE];

	/* What the server itself said before is nearer to the cause. */
	service_log_last_error(words, sizeof(words));
	if (e->code == FUSESVC_E_NONE || (e->code == FUSESVC_E_REFUSED && !is_mount_refused(e)))
		fuse_log(*words ? FUSE_LOG_WARNING : FUSE_LOG_ERR, "%s: %s\n", what, strerror(-rc));
	else if (!is_other_format(e))
		log_error(e);
}

int fuse_service_accept(struct fuse_service **sfp)
{
	struct fusesvc_server *server;
	struct fusesvc_error error;
	struct fuse_service *sf;
	int rc;

	*sfp = NULL;
	rc = fusesvc_server_accept(&server, &error);
	if (rc)
		log_error(&error);
	if (rc || !server)
		return rc;
	sf = calloc(1, sizeof(*sf));
	if (!sf) {
		fuse_log(FUSE_LOG_ERR, "%s\n", strerror(ENOMEM));
		fusesvc_server_free(server);
		return -ENOMEM;
	}
	sf->server = server;
	sf->fuse_fd = -1;
	service_log_start();
	*sfp = current = sf;
	return 0;
}

bool fuse_service_can_allow_other(const struct fuse_service *sf)
{
	return sf && (fusesvc_server_flags(sf->server) & FUSESVC_ALLOW_OTHER);
}

bool fuse_service_can_fuseblk(const struct fuse_service *sf)
{
	return sf && (fusesvc_server_flags(sf->server) & FUSESVC_FUSEBLK);
}

int fuse_service_append_args(struct fuse_service *sf, struct fuse_args *args)
{
	struct fuse_args merged = FUSE_ARGS_INIT(0, NULL);
	const char *const *argv;
	int argc, rc;

	argv = fusesvc_server_args(sf->server, &argc);
	rc = fuse_opt_add_arg(&merged, argv[0]);
	for (int i = 1; i < args->argc && !rc; i++)
		rc = fuse_opt_add_arg(&merged, args->argv[i]);
	for (int i = 1; i < argc && !rc; i++)
		rc = fuse_opt_add_arg(&merged, argv[i]);
	if (rc) {
		fuse_opt_free_args(&merged);
		return -ENOMEM;
	}
	fuse_opt_free_args(args);
	*args = merged;
	return 0;
}

char *fusesvc_fuse_service_cmdline(int argc, const char *const *argv, struct fuse_args *args)
{
	char *text = NULL;
	size_t size;
	FILE *f;

	if (args->argc < 1 || !(f = open_memstream(&text, &size)))
		return NULL;
	(void)fprintf(f, "%s -t", argc > 0 ? argv[0] : args->argv[0]);
	for (int i = 0; i < args->argc; i++)
		(void)fprintf(f, " %s", args->argv[i]);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static int request(const struct fuse_service *sf, const struct fusesvc_open_request *req,
		   unsigned int request_flags)
{
	int rc;

	if (!sf || (request_flags & ~FUSE_SERVICE_REQUEST_FILE_QUIET))
		return -EINVAL;
	rc = fusesvc_server_request_file(sf->server, req);
	if (rc)
		log_error(fusesvc_server_error(sf->server));
	return rc;
}

int fuse_service_request_file(const struct fuse_service *sf, const char *path, int open_flags,
			      mode_t create_mode, unsigned int request_flags)
{
	const struct fusesvc_open_request req = {
		.path = path,
		.open_flags = (uint32_t)open_flags,
		.create_mode = create_mode,
		.quiet = request_flags & FUSE_SERVICE_REQUEST_FILE_QUIET,
	};

	return request(sf, &req, request_flags);
}

int fuse_service_request_blockdev(const struct fuse_service *sf, const char *path, int open_flags,
				  mode_t create_mode, unsigned int request_flags,
				  unsigned int block_size)
{
	const struct fusesvc_open_request req = {
		.path = path,
		.open_flags = (uint32_t)open_flags,
		.create_mode = create_mode,
		.block_size = block_size,
		.bdev = true,
		.quiet = request_flags & FUSE_SERVICE_REQUEST_FILE_QUIET,
	};

	return request(sf, &req, request_flags);
}

int fuse_service_receive_file(const struct fuse_service *sf, const char *path, int *fdp)
{
	int rc;

	*fdp = -EINVAL;
	if (!sf)
		return -EINVAL;
	rc = fusesvc_server_receive_file(sf->server, path, fdp);
	if (rc)
		log_error(fusesvc_server_error(sf->server));
	return rc;
}

int fuse_service_finish_file_requests(const struct fuse_service *sf)
{
	if (sf)
		fusesvc_server_finish_opens(sf->server);
	return 0;
}

void fuse_service_expect_mount_format(struct fuse_service *sf, mode_t expected_fmt)
{
	if (sf)
		sf->expected_fmt = expected_fmt;
}

static void tell_last_error(struct fuse_service *sf)
{
	const struct fusesvc_error *e = fusesvc_server_error(sf->server);
	char text[FUSESVC_MESSAGE_SIZE];

	if (is_other_format(e))
		log_error(e);
	service_log_last_error(text, sizeof(text));
	/* What it refused itself, the helper can tell better. */
	if (*text && !is_mount_refused(e))
		(void)fusesvc_server_message(sf->server, FUSESVC_MSG_ERROR, FUSESVC_NO_PROGRESS,
					     text);
}

int fuse_service_send_goodbye(struct fuse_service *sf, int exitcode)
{
	if (!sf)
		return 0;
	if (exitcode && fusesvc_server_fd(sf->server) >= 0)
		tell_last_error(sf);
	service_log_stop();
	return fusesvc_server_bye(sf->server, exitcode < 0 ? EXIT_FAILURE : (uint32_t)exitcode);
}

void fuse_service_release(struct fuse_service *sf)
{
	if (!sf)
		return;
	close_fd_keep_errno(fusesvc_server_take_fuse_fd(sf->server));
	fusesvc_server_hang_up(sf->server);
}

void fuse_service_destroy(struct fuse_service **sfp)
{
	struct fuse_service *sf = *sfp;

	*sfp = NULL;
	if (!sf)
		return;
	service_log_stop();
	fusesvc_server_free(sf->server);
	mount_options_free(&sf->options);
	if (current == sf)
		current = NULL;
	free(sf);
}

int fuse_service_exit(int ret)
{
	(void)fflush(NULL);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
