/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See fuse-conf.h. Must fail closed: whatever is not understood grants nothing.
 */
#include "fuse-conf.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define SIZE_MAX_BYTES (64 * 1024)

/* A piece of the text. */
struct span {
	const char *s;
	size_t len;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static struct span strip(struct span p)
{
	while (p.len && is_space(p.s[0])) {
		p.s++;
		p.len--;
	}
	while (p.len && is_space(p.s[p.len - 1]))
		p.len--;
	return p;
}

/* Cuts off what precedes the first @c; false if there is no @c. */
static bool split(struct span *rest, char c, struct span *head)
{
	const char *at = memchr(rest->s, c, rest->len);

	*head = *rest;
	if (!at)
		return false;
	head->len = (size_t)(at - rest->s);
	rest->s = at + 1;
	rest->len -= head->len + 1;
	return true;
}

static bool is_word(struct span p, const char *word)
{
	return p.len == strlen(word) && memcmp(p.s, word, p.len) == 0;
}

/* A decimal number, or -1 for no limit. */
static bool parse_limit(struct span p, int *limit)
{
	long long n = 0;

	*limit = SVC_MOUNT_MAX_NO_LIMIT;
	if (is_word(p, "-1"))
		return true;
	if (p.len == 0 || p.len > 10)
		return false;
	for (size_t i = 0; i < p.len; i++) {
		if (p.s[i] < '0' || p.s[i] > '9')
			return false;
		n = n * 10 + (p.s[i] - '0');
	}
	*limit = (int)n;
	return n <= INT_MAX;
}

/* A line without its comment. Each setting may stand there once. */
static bool parse_line(struct span line, struct svc_fuse_conf *conf, bool *has_limit)
{
	struct span value = line, name;

	if (line.len == 0)
		return true;
	if (is_word(line, "user_allow_other")) {
		bool again = conf->user_allow_other;

		conf->user_allow_other = true;
		return !again;
	}
	if (!split(&value, '=', &name) || !is_word(strip(name), "mount_max") || *has_limit)
		return false;
	*has_limit = true;
	return parse_limit(strip(value), &conf->mount_max);
}

int svc_fuse_conf_parse(const char *text, size_t len, struct svc_fuse_conf *conf,
			unsigned int *line)
{
	struct span rest = { text, len }, whole, used;
	bool has_limit = false, more = true, is_text;

	*conf = (struct svc_fuse_conf){ .mount_max = SVC_MOUNT_MAX };
	for (*line = 1; more; ++*line) {
		more = split(&rest, '\n', &whole);
		is_text = !memchr(whole.s, '\0', whole.len);
		(void)split(&whole, '#', &used);
		if (!is_text || !parse_line(strip(used), conf, &has_limit)) {
			*conf = (struct svc_fuse_conf){ 0 };
			return -EINVAL;
		}
	}
	return 0;
}

static int read_all(int fd, char *buf, size_t size, size_t *len)
{
	for (*len = 0; *len < size;) {
		ssize_t n = read(fd, buf + *len, size - *len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return 0;
		if (n > 0)
			*len += (size_t)n;
	}
	return -EINVAL;
}

int svc_fuse_conf_read(const char *path, struct svc_fuse_conf *conf, unsigned int *line)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_fd_ int fd = -1;
	struct stat st;
	size_t len;
	int rc;

	*conf = (struct svc_fuse_conf){ 0 };
	*line = 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return svc_fuse_conf_parse("", 0, conf, line);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return -EINVAL;
	text = malloc(SIZE_MAX_BYTES + 1);
	if (!text)
		return -ENOMEM;
	rc = read_all(fd, text, SIZE_MAX_BYTES + 1, &len);
	return rc ? rc : svc_fuse_conf_parse(text, len, conf, line);
}
