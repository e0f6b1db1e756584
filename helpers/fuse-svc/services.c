/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See services.h. Must never connect to a service: that would start one. Whether somebody listens,
 * the kernel tells in /proc/net/unix.
 */
#include "services.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "doctor.h"
#include "preset.h"

#define RUNNER "fuse-svc-run"

#define SO_ACCEPTING 0x10000 /* a flag in /proc/net/unix: __SO_ACCEPTCON of the kernel */

bool service_is_known(const struct service *s)
{
	return s->has_socket || s->unit;
}

static void close_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static void close_file(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

static int add_service(struct services *s, const char *name)
{
	struct service *more;

	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->service[i].name, name) == 0)
			return 0;
	more = reallocarray(s->service, s->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	s->service = more;
	more[s->n] = (struct service){ 0 };
	(void)snprintf(more[s->n].name, sizeof(more[s->n].name), "%s", name);
	if (asprintf(&more[s->n].socket, "%s/%s", FUSE_SVC_SOCKET_DIR, name) < 0) {
		more[s->n].socket = NULL;
		return -ENOMEM;
	}
	s->n++;
	return 0;
}

static int add_sockets(struct services *s)
{
	_cleanup_(close_dir) DIR *dir = opendir(FUSE_SVC_SOCKET_DIR);
	struct dirent *entry;
	struct stat st;
	int rc = 0;

	if (!dir)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	while (!rc && (errno = 0, entry = readdir(dir)))
		if (fusesvc_name_is_valid(entry->d_name) &&
		    fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && S_ISSOCK(st.st_mode))
			rc = add_service(s, entry->d_name);
	return rc ? rc : -errno;
}

static int add_units(struct services *s)
{
	_cleanup_texts_ char **units = NULL;
	int rc = units_list(s->units, UNIT_PREFIX "*.socket", &units);

	if (rc == -ENOTCONN)
		return 0;
	for (char **u = units; !rc && u && *u; u++) {
		_cleanup_free_ char *name = strdup(*u + strlen(UNIT_PREFIX));

		if (!name)
			return -ENOMEM;
		name[strlen(name) - strlen(".socket")] = '\0';
		if (fusesvc_name_is_valid(name) && !strchr(name, '@'))
			rc = add_service(s, name);
	}
	return rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct service *)a)->name, ((const struct service *)b)->name);
}

static void look_at_sockets(struct services *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct service *service = &s->service[i];
		struct stat st;

		if (stat(service->socket, &st) < 0 || !S_ISSOCK(st.st_mode))
			continue;
		service->has_socket = true;
		service->mode = st.st_mode & ALLPERMS;
		service->may_connect = access(service->socket, W_OK) == 0;
	}
}

/*
 * A socket that nobody listens on any more stays where it is: that alone says nothing. (What
 * listens by the same path in another mount namespace looks the same, if it has our network.)
 *
 * The name of a socket may be anybody's, of any bytes: only a path from the root on counts, and
 * what somebody else has by that name never makes a good socket look like a bad one.
 */
static int look_for_listeners(struct services *s)
{
	_cleanup_(close_file) FILE *f = fopen("/proc/net/unix", "re");
	_cleanup_free_ char *line = NULL;
	unsigned int flags, type;
	size_t size = 0;
	ssize_t len;

	if (!f)
		return -errno;
	while ((len = getline(&line, &size, f)) > 0) {
		const char *path;
		int at = 0;

		if (sscanf(line, "%*s %*x %*x %x %x %*x %*u%n", &flags, &type, &at) != 2 || !at ||
		    strncmp(line + at, " /", 2) != 0 || !(flags & SO_ACCEPTING))
			continue;
		path = line + at + 1;
		line[len - 1] = '\0';
		for (size_t i = 0; i < s->n; i++)
			if (s->service[i].has_socket && strcmp(s->service[i].socket, path) == 0) {
				s->service[i].is_listening = true;
				s->service[i].is_seqpacket |= type == SOCK_SEQPACKET;
			}
	}
	return ferror(f) ? -EIO : 0;
}

/* That of a preset: which one it would run here. */
static int find_preset_program(struct service *s)
{
	_cleanup_preset_ struct preset p = { 0 };
	struct preset_error e;
	const char *program;
	int rc = preset_load(s->command[1], &p, &e);

	if (rc)
		return rc == -ENOMEM ? rc : 0;
	rc = preset_find_program(&p, &program, &e);
	s->program = strdup(rc ? p.programs.word[0] : program);
	return s->program ? 0 : -ENOMEM;
}

static int find_program(struct service *s)
{
	const char *name = strrchr(s->command[0], '/');

	s->has_preset = strcmp(name ? name + 1 : s->command[0], RUNNER) == 0 && s->command[1];
	if (s->has_preset)
		return find_preset_program(s);
	s->program = strdup(s->command[0]);
	return s->program ? 0 : -ENOMEM;
}

/* Without a unit, or if nobody can be asked: no more than the socket tells. */
static int look_at_unit(struct services *all, struct service *s)
{
	char name[sizeof(UNIT_PREFIX) + FUSESVC_NAME_SIZE + sizeof(UNIT_INSTANCE)];
	uint64_t mode;
	int rc;

	(void)snprintf(name, sizeof(name), UNIT_PREFIX "%s.socket", s->name);
	rc = units_get(all->units, name, &s->unit);
	if (rc)
		return rc == -ENOMEM ? rc : 0;
	if (strcmp(s->unit->load_state, "not-found") == 0) {
		unit_free(steal_pointer(&s->unit));
		return 0;
	}
	if (!s->has_socket && units_get_number(all->units, name, "SocketMode", &mode) == 0)
		s->mode = (mode_t)mode;
	(void)snprintf(name, sizeof(name), UNIT_PREFIX "%s" UNIT_INSTANCE, s->name);
	rc = units_get_command(all->units, name, &s->command);
	if (rc)
		return rc == -ENOMEM ? rc : 0;
	return find_program(s);
}

static int choose(struct services *s, char *const *names)
{
	int rc = 0;

	for (; !rc && names && *names; names++)
		rc = add_service(s, *names);
	if (names)
		return rc;
	rc = add_sockets(s);
	if (!rc)
		rc = add_units(s);
	if (!rc && s->n)
		qsort(s->service, s->n, sizeof(*s->service), by_name);
	return rc;
}

int services_load(struct services *s, char *const *names, int *rc_units)
{
	int rc;

	*s = (struct services){ 0 };
	*rc_units = units_open(&s->units);
	rc = choose(s, names);
	if (!rc) {
		look_at_sockets(s);
		rc = look_for_listeners(s);
	}
	for (size_t i = 0; !rc && i < s->n; i++) {
		rc = look_at_unit(s, &s->service[i]);
		if (!rc)
			rc = service_find_problem(s, &s->service[i]);
	}
	return rc;
}

void services_free(struct services *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->service[i].socket);
		unit_free(s->service[i].unit);
		texts_free(s->service[i].command);
		free(s->service[i].program);
	}
	free(s->service);
	units_close(s->units);
}
