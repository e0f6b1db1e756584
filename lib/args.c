/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The argv memfd, see args.h. Must never trust a position or a length in it, nor map it: whoever
 * sent it could cut it short while we read.
 */
#include "args.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "wire.h"

#define ARGS_MAGIC  0x41524753U /* ARGS */
#define EXT_MAGIC   0x58544e31U /* XTN1 */
#define HEADER_SIZE 8U		/* magic, argc */
#define ENTRY_SIZE  8U		/* pos, len */

static uint32_t get_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static const uint8_t *entry_at(const uint8_t *buf, uint32_t i)
{
	return buf + HEADER_SIZE + (size_t)i * ENTRY_SIZE;
}

/* Where the string of entry @i ends, or 0 if it is not a string within the file. */
static size_t string_end(const uint8_t *buf, size_t size, size_t strings_start, uint32_t i)
{
	uint32_t pos = get_u32(entry_at(buf, i));
	uint32_t len = get_u32(entry_at(buf, i) + 4);

	if (len == 0 || pos < strings_start || pos > size || len > size - pos)
		return 0;
	if (memchr(buf + pos, '\0', len) != buf + pos + len - 1)
		return 0;
	return (size_t)pos + len;
}

int args_decode(const void *data, size_t size, struct args_view *v)
{
	const uint8_t *buf = data;
	size_t strings_start, end = 0, total = 0;
	uint32_t argc;

	memset(v, 0, sizeof(*v));
	if (size < HEADER_SIZE || size > ARGS_MAX_SIZE || get_u32(buf) != ARGS_MAGIC)
		return -EBADMSG;
	argc = get_u32(buf + 4);
	if (argc == 0 || argc > (size - HEADER_SIZE) / ENTRY_SIZE)
		return -EBADMSG;
	strings_start = HEADER_SIZE + (size_t)argc * ENTRY_SIZE;

	for (uint32_t i = 0; i < argc; i++) {
		size_t e = string_end(buf, size, strings_start, i);

		total += get_u32(entry_at(buf, i) + 4);
		if (e == 0 || total > size) /* strings that overlap would cost quadratic time */
			return -EBADMSG;
		if (e > end)
			end = e;
	}
	v->buf = buf;
	v->argc = argc;
	if (size - end >= 8 && get_u32(buf + end) == EXT_MAGIC)
		v->ext_bits = get_u32(buf + end + 4);
	return 0;
}

const char *args_view_get(const struct args_view *v, uint32_t i)
{
	return (const char *)v->buf + get_u32(entry_at(v->buf, i));
}

int args_encode(int argc, const char *const *argv, uint32_t ext_bits, uint8_t **out,
		size_t *out_size)
{
	size_t size = HEADER_SIZE, pos;
	struct writer w;

	if (argc < 1)
		return -EINVAL;
	for (int i = 0; i < argc; i++) {
		size_t len = strlen(argv[i]) + 1;

		if (len > ARGS_MAX_SIZE || size > ARGS_MAX_SIZE)
			return -E2BIG;
		size += ENTRY_SIZE + len;
	}
	size += 2 * sizeof(uint32_t);
	if (size > ARGS_MAX_SIZE)
		return -E2BIG;

	*out = malloc(size);
	if (!*out)
		return -ENOMEM;
	*out_size = size;
	w = (struct writer){ .pos = *out, .left = size };
	writer_u32(&w, ARGS_MAGIC);
	writer_u32(&w, (uint32_t)argc);
	pos = HEADER_SIZE + (size_t)argc * ENTRY_SIZE;
	for (int i = 0; i < argc; i++) {
		size_t len = strlen(argv[i]) + 1;

		writer_u32(&w, (uint32_t)pos);
		writer_u32(&w, (uint32_t)len);
		pos += len;
	}
	for (int i = 0; i < argc; i++)
		writer_string(&w, argv[i]);
	writer_u32(&w, EXT_MAGIC);
	writer_u32(&w, ext_bits);
	return 0;
}

static int write_all(int fd, const uint8_t *buf, size_t size)
{
	while (size) {
		ssize_t n = write(fd, buf, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buf += n;
		size -= (size_t)n;
	}
	return 0;
}

int args_to_memfd(int argc, const char *const *argv, uint32_t ext_bits, int *fd)
{
	_cleanup_free_ uint8_t *buf = NULL;
	_cleanup_fd_ int memfd = -1;
	size_t size = 0;
	int rc;

	rc = args_encode(argc, argv, ext_bits, &buf, &size);
	if (rc)
		return rc;
	memfd = memfd_create(ARGS_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memfd < 0)
		return -errno;
	rc = write_all(memfd, buf, size);
	if (rc)
		return rc;
	if (lseek(memfd, 0, SEEK_SET) < 0 ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return -errno;
	*fd = steal_fd(&memfd);
	return 0;
}

static int read_all(int fd, uint8_t *buf, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, buf + done, size - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EBADMSG;
		done += (size_t)n;
	}
	return 0;
}

/* One allocation: the pointers, then the strings, as long as the file at the most. */
static int copy_view(const struct args_view *v, char ***argv)
{
	size_t size = ((size_t)v->argc + 1) * sizeof(char *);
	char *pos;

	for (uint32_t i = 0; i < v->argc; i++)
		size += strlen(args_view_get(v, i)) + 1;
	*argv = malloc(size);
	if (!*argv)
		return -ENOMEM;
	pos = (char *)(*argv + v->argc + 1);
	for (uint32_t i = 0; i < v->argc; i++) {
		size_t len = strlen(args_view_get(v, i)) + 1;

		(*argv)[i] = memcpy(pos, args_view_get(v, i), len);
		pos += len;
	}
	(*argv)[v->argc] = NULL;
	return 0;
}

int args_from_fd(int fd, int *argc, char ***argv, uint32_t *ext_bits)
{
	_cleanup_free_ uint8_t *buf = NULL;
	struct args_view v;
	struct stat st;
	int rc;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)HEADER_SIZE || st.st_size > ARGS_MAX_SIZE)
		return -EBADMSG;
	buf = malloc((size_t)st.st_size);
	if (!buf)
		return -ENOMEM;
	rc = read_all(fd, buf, (size_t)st.st_size);
	if (rc)
		return rc;
	rc = args_decode(buf, (size_t)st.st_size, &v);
	if (rc)
		return rc;
	rc = copy_view(&v, argv);
	if (rc)
		return rc;
	*argc = (int)v.argc;
	*ext_bits = v.ext_bits;
	return 0;
}
