/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the caller's options say: which are mount flags, which are userspace options, which are
 * ours, and which the server gets.
 *
 * libmount tells them apart. Ours and the userspace options never reach the server. Must never
 * guess: an option of ours that is misspelt is refused, not handed on.
 */
#include <stdio.h>
#include <string.h>

#include "svc.h"

/* An option as libmount's iterator gives it: pointers into the string, no terminators. */
struct option {
	const char *name, *value;
	size_t name_len, value_len;
};

static bool next_option(char **pos, struct option *o)
{
	char *name = NULL, *value = NULL;

	if (mnt_optstr_next_option(pos, &name, &o->name_len, &value, &o->value_len) != 0)
		return false;
	o->name = name;
	o->value = value;
	return true;
}

static bool name_is(const struct option *o, const char *name)
{
	return strlen(name) == o->name_len && memcmp(o->name, name, o->name_len) == 0;
}

static int refuse_option(struct svc_mount *m, uint32_t code, const struct option *o)
{
	char text[FUSESVC_SUBJECT_SIZE];

	(void)snprintf(text, sizeof(text), "%.*s", (int)o->name_len, o->name);
	return fusesvc_error_set(&m->error, SVC_STEP_OPTIONS, code, EINVAL, text);
}

/* libmount's spelling of a value (quotes, escaped commas) to the plain one. NULL: no memory. */
static char *plain_value(const struct option *o)
{
	const char *p = o->value, *end = p + o->value_len;
	char *plain = malloc(o->value_len + 1), *q = plain;

	if (!plain)
		return NULL;
	if (end - p >= 2 && *p == '"' && end[-1] == '"') {
		p++;
		end--;
	}
	while (p < end) {
		if (*p == '\\' && p + 1 < end && (p[1] == ',' || p[1] == '"'))
			p++;
		*q++ = *p++;
	}
	*q = '\0';
	return plain;
}

/* Copies with commas and backslashes escaped. Returns the end. */
static char *escape_for_server(char *q, const char *s, size_t len)
{
	for (; len; s++, len--) {
		if (*s == ',' || *s == '\\')
			*q++ = '\\';
		*q++ = *s;
	}
	return q;
}

/* Appends to a comma-separated list. A name may be a quoted thing with commas as well. */
static int append_for_server(char **list, const char *name, size_t name_len, const char *value)
{
	size_t old = *list ? strlen(*list) + 1 : 0;
	size_t worst = old + 2 * name_len + (value ? 2 * strlen(value) + 1 : 0) + 1;
	char *grown = realloc(*list, worst), *q;

	if (!grown)
		return -ENOMEM;
	*list = grown;
	q = grown + old;
	if (old)
		q[-1] = ',';
	q = escape_for_server(q, name, name_len);
	if (value) {
		*q++ = '=';
		q = escape_for_server(q, value, strlen(value));
	}
	*q = '\0';
	return 0;
}

/* Remembers a value that names a path: the server may open it. Takes over @value. */
static int add_path(struct svc_options *opts, char *value)
{
	char **grown = realloc(opts->paths, (opts->n_paths + 2) * sizeof(char *));

	if (!grown) {
		free(value);
		return -ENOMEM;
	}
	opts->paths = grown;
	opts->paths[opts->n_paths++] = value;
	opts->paths[opts->n_paths] = NULL;
	return 0;
}

/* Mount flags that users may set, too; suid and dev do nothing. Root may use all of libmount's. */
static const char *const plain_flags[] = {
	"defaults",    "ro",	    "rw",	  "nosuid",	 "suid",
	"nodev",       "dev",	    "noexec",	  "exec",	 "sync",
	"async",       "dirsync",   "noatime",	  "atime",	 "nodiratime",
	"diratime",    "relatime",  "norelatime", "strictatime", "nostrictatime",
	"nosymfollow", "symfollow",
};

static bool is_plain_flag(const struct option *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(plain_flags); i++)
		if (name_is(o, plain_flags[i]))
			return true;
	return false;
}

static int parse_timeout(struct svc_mount *m, const struct option *o)
{
	char digits[16], *end;
	unsigned long seconds;

	if (!o->value || o->value_len == 0 || o->value_len >= sizeof(digits))
		return refuse_option(m, SVC_E_OPTION_TIMEOUT, o);
	(void)snprintf(digits, sizeof(digits), "%.*s", (int)o->value_len, o->value);
	if (strspn(digits, "0123456789") != o->value_len)
		return refuse_option(m, SVC_E_OPTION_TIMEOUT, o);
	errno = 0;
	seconds = strtoul(digits, &end, 10);
	if (errno || *end || seconds > SVC_TIMEOUT_MAX)
		return refuse_option(m, SVC_E_OPTION_TIMEOUT, o);
	m->opts.timeout = (unsigned int)seconds;
	return 0;
}

static int parse_svc(struct svc_mount *m, const struct option *o)
{
	char *name = o->value ? plain_value(o) : strdup("");

	if (!name)
		return fusesvc_error_set(&m->error, SVC_STEP_OPTIONS, FUSESVC_E_SYSTEM, ENOMEM,
					 NULL);
	free(m->opts.name);
	m->opts.name = name;
	return fusesvc_name_is_valid(name) ? 0 : refuse_option(m, SVC_E_OPTION_NAME, o);
}

/* Returns 1 if it is one of ours, 0 if it is the server's, or fails. */
static int parse_ours(struct svc_mount *m, const struct option *o)
{
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{ "svc-suid", &m->opts.allow_suid },
		{ "svc-dev", &m->opts.allow_dev },
		{ "svc-noblk", &m->opts.no_fuseblk },
	};
	int rc;

	if (name_is(o, "svc")) {
		rc = parse_svc(m, o);
		return rc ? rc : 1;
	}
	if (name_is(o, "svc-timeout")) {
		rc = parse_timeout(m, o);
		return rc ? rc : 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (!name_is(o, flags[i].name))
			continue;
		if (o->value)
			return refuse_option(m, SVC_E_OPTION_FLAG, o);
		*flags[i].flag = true;
		return 1;
	}
	if (o->name_len >= 4 && memcmp(o->name, "svc-", 4) == 0)
		return refuse_option(m, SVC_E_OPTION_UNKNOWN, o);
	/* "ro=recursive", which this libmount does not know: the server must not drop the "ro". */
	return is_plain_flag(o) ? refuse_option(m, SVC_E_OPTION_FLAG, o) : 0;
}

/*
 * With uhelper= root mounts, but the options are somebody else's: udisks hands on what a user says,
 * with any value that he likes. Root's right to open files is not his.
 */
static bool are_options_handed_on(const struct svc_mount *m)
{
	return m->opts.user && mnt_optstr_get_option(m->opts.user, "uhelper", NULL, NULL) == 0;
}

static int give_to_server(struct svc_mount *m, const struct option *o)
{
	_cleanup_free_ char *value = NULL;
	int rc;

	if (o->value) {
		value = plain_value(o);
		if (!value)
			return -ENOMEM;
	}
	rc = append_for_server(&m->opts.server, o->name, o->name_len, value);
	if (!rc && value && *value == '/' && !are_options_handed_on(m))
		rc = add_path(&m->opts, steal_pointer(&value));
	return rc;
}

static int no_memory(struct svc_mount *m, int rc)
{
	return rc ? fusesvc_error_set(&m->error, SVC_STEP_OPTIONS, FUSESVC_E_SYSTEM, -rc, NULL) : 0;
}

/* Mount flags that FUSE servers know by name; the others are the kernel's business alone. */
static int give_mount_flags(struct svc_mount *m)
{
	static const char *const known[] = { "nosuid",	"nodev",   "noexec",	 "sync",
					     "dirsync", "noatime", "nodiratime", "nosymfollow" };
	struct option o;
	char *pos = m->opts.vfs;
	int rc;

	rc = append_for_server(&m->opts.server, m->opts.read_only ? "ro" : "rw", 2, NULL);
	while (!rc && pos && next_option(&pos, &o))
		for (size_t i = 0; i < ARRAY_SIZE(known) && !rc; i++)
			if (name_is(&o, known[i]))
				rc = append_for_server(&m->opts.server, o.name, o.name_len, NULL);
	return no_memory(m, rc);
}

static int check_users_flags(struct svc_mount *m)
{
	char *pos = m->opts.vfs;
	struct option o;

	while (pos && next_option(&pos, &o))
		if (o.value || !is_plain_flag(&o))
			return refuse_option(m, SVC_E_ROOT_ONLY, &o);
	return 0;
}

static int parse_mount_flags(struct svc_mount *m)
{
	const unsigned long propagation = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;
	/* Who attaches a mount sets its propagation, too. */
	const unsigned long unusable = MS_BIND | MS_MOVE | (m->host.is_detached ? 0 : propagation);
	unsigned long flags = 0;

	if (m->opts.vfs &&
	    mnt_optstr_get_flags(m->opts.vfs, &flags, mnt_get_builtin_optmap(MNT_LINUX_MAP)) != 0)
		return no_memory(m, -ENOMEM);
	if (flags & unusable)
		return fusesvc_error_set(&m->error, SVC_STEP_OPTIONS, SVC_E_OPERATION, EOPNOTSUPP,
					 "bind, move or propagation");
	m->opts.remount = flags & MS_REMOUNT;
	m->opts.read_only = flags & MS_RDONLY;
	if (m->uid != 0) {
		int rc = check_users_flags(m);

		if (rc)
			return rc;
	}
	return give_mount_flags(m);
}

/*
 * Userspace options are for utab, where umount(8) believes them (loop=, uhelper=, user=): so a
 * user's are not kept. "nofail" makes a failure a success, of which mount(8) makes a line in utab.
 */
static void parse_userspace_options(struct svc_mount *m)
{
	m->opts.nofail = m->uid == 0 && m->opts.user &&
			 mnt_optstr_get_option(m->opts.user, "nofail", NULL, NULL) == 0;
	if (m->uid != 0) {
		free(m->opts.user);
		m->opts.user = NULL;
	}
}

/*
 * libmount drops all that follows a quote without its second one, and newer versions all that
 * follows an option without a name: "ro" may be among it.
 */
bool svc_is_option_list(const char *all)
{
	struct option o;
	char *pos;

	/* libmount only reads it; no copy, as a lack of memory must not be taken for an answer. */
	memcpy(&pos, &all, sizeof(pos));
	while (next_option(&pos, &o))
		if (*o.name == '=')
			return false;
	return pos[strspn(pos, ",")] == '\0';
}

/*
 * All that the caller asked for. Where libmount puts that together anew (since 2.39), a lack of
 * memory looks as if nothing was asked for: "ro" must not get lost so.
 */
static int get_all(struct svc_mount *m, const char **all)
{
	errno = 0;
	*all = mnt_context_get_options(m->cxt);
	return !*all && errno == ENOMEM ? no_memory(m, -ENOMEM) : 0;
}

int svc_options_parse(struct svc_mount *m)
{
	const char *all;
	_cleanup_free_ char *rest = NULL;
	struct option o;
	char *pos;
	int rc;

	m->opts.timeout = FUSESVC_TIMEOUT;
	rc = get_all(m, &all);
	if (rc)
		return rc;
	rc = all && !svc_is_option_list(all) ? -EINVAL : 0;
	if (all && !rc)
		rc = mnt_split_optstr(all, &m->opts.user, &m->opts.vfs, &rest, 0, 0);
	if (rc == -ENOMEM)
		return no_memory(m, rc);
	if (rc)
		return fusesvc_error_set(&m->error, SVC_STEP_OPTIONS, SVC_E_OPTIONS, EINVAL, all);
	parse_userspace_options(m);
	rc = parse_mount_flags(m);
	pos = rest;
	while (!rc && pos && next_option(&pos, &o)) {
		rc = parse_ours(m, &o);
		if (rc == 0)
			rc = no_memory(m, give_to_server(m, &o));
		else if (rc == 1)
			rc = 0;
	}
	if (!rc && m->uid != 0 && (m->opts.allow_suid || m->opts.allow_dev))
		rc = fusesvc_error_set(&m->error, SVC_STEP_OPTIONS, SVC_E_ROOT_ONLY, EPERM,
				       m->opts.allow_suid ? "svc-suid" : "svc-dev");
	return rc;
}

void svc_options_free(struct svc_options *o)
{
	for (size_t i = 0; i < o->n_paths; i++)
		free(o->paths[i]);
	free(o->paths);
	free(o->vfs);
	free(o->user);
	free(o->server);
	free(o->name);
}
