// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The image file, and streams of libarchive over it.
 *
 * A support function of libarchive that returns ARCHIVE_WARN has enabled a decompressor that
 * runs an external program. So each is tried on a throw-away handle once, and only those that
 * are built in are enabled on a real one.
 *
 * Must never move the descriptor's own position, and never read what is not in the image.
 */
#include "image.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first read at a new place is short: headers are looked at and skipped by the thousand. */
#define WINDOW_MIN (8U * 1024)

/* A tar without files is one record of zeros, of a size that somebody chose. */
#define MAX_BLANK (1024U * 1024)

static int (*const filters[])(struct archive *) = {
	archive_read_support_filter_gzip, archive_read_support_filter_bzip2,
	archive_read_support_filter_xz,	  archive_read_support_filter_lzma,
	archive_read_support_filter_zstd, archive_read_support_filter_lz4,
	archive_read_support_filter_lzip, archive_read_support_filter_compress,
};

static const struct {
	int format;
	int (*enable)(struct archive *);
} formats[] = {
	{ ARCHIVE_FORMAT_TAR, archive_read_support_format_tar },
	{ ARCHIVE_FORMAT_ZIP, archive_read_support_format_zip_seekable },
	{ ARCHIVE_FORMAT_7ZIP, archive_read_support_format_7zip },
	{ ARCHIVE_FORMAT_CPIO, archive_read_support_format_cpio },
	{ ARCHIVE_FORMAT_ISO9660, archive_read_support_format_iso9660 },
};

int fault_set(struct fault *f, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	return -err;
}

static unsigned int probe_filters(void)
{
	struct archive *a = archive_read_new();
	unsigned int i, found = 0;

	for (i = 0; a && i < sizeof(filters) / sizeof(*filters); i++)
		if (filters[i](a) == ARCHIVE_OK)
			found |= 1U << i;
	archive_read_free(a);
	return found;
}

int image_init(struct image *img, int fd, struct fault *f)
{
	struct stat st;
	off_t end;

	memset(img, 0, sizeof(*img));
	if (fstat(fd, &st) < 0)
		return fault_set(f, errno, "cannot look at the image: %m");
	if (S_ISDIR(st.st_mode))
		return fault_set(f, EISDIR, "is a directory");
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return fault_set(f, EINVAL, "not a regular file or block device");
	end = lseek(fd, 0, SEEK_END);
	if (end < 0)
		return fault_set(f, errno, "cannot find the image's size: %m");
	if (end == 0)
		return fault_set(f, EINVAL, "not an archive of a known format: it is empty");
	img->fd = fd;
	img->size = (uint64_t)end;
	img->mtime = st.st_mtim;
	img->filters = probe_filters();
	return 0;
}

/* As much as there is of @len bytes at @pos; the number of bytes or -errno. */
static ssize_t image_read_some(const struct image *img, void *buf, size_t len, uint64_t pos)
{
	size_t done = 0;

	if (pos >= img->size)
		return 0;
	if (len > img->size - pos)
		len = (size_t)(img->size - pos);
	while (done < len) {
		ssize_t n = pread(img->fd, (char *)buf + done, len - done, (off_t)(pos + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int image_read(const struct image *img, void *buf, size_t len, uint64_t pos)
{
	ssize_t n = image_read_some(img, buf, len, pos);

	if (n < 0)
		return (int)n;
	return (size_t)n == len ? 0 : -EIO;
}

bool image_is_blank(const struct image *img)
{
	uint8_t buf[4096];
	uint64_t pos;
	ssize_t n = 0, i;

	if (img->size > MAX_BLANK)
		return false;
	for (pos = 0; pos < img->size; pos += (uint64_t)n) {
		n = image_read_some(img, buf, sizeof(buf), pos);
		if (n <= 0)
			return false;
		for (i = 0; i < n; i++)
			if (buf[i])
				return false;
	}
	return true;
}

static uint64_t stream_size(const struct stream *s)
{
	return s->image->size - s->base + s->tail_len;
}

static void report_progress(const struct stream *s)
{
	const struct image *img = s->image;

	if (s->report && img->progress)
		img->progress(img->progress_data, (unsigned int)(s->pos / (img->size / 1000 + 1)));
}

static la_ssize_t on_read(struct archive *a, void *data, const void **buf)
{
	struct stream *s = data;
	uint64_t in_image = s->image->size - s->base;
	ssize_t n;

	report_progress(s);
	*buf = s->buf;
	s->buf_len = 0;
	if (s->pos >= in_image) {
		size_t skip = (size_t)(s->pos - in_image);

		*buf = s->tail ? s->tail + skip : NULL;
		n = (ssize_t)(s->tail_len - skip);
	} else {
		n = image_read_some(s->image, s->buf, s->window, s->base + s->pos);
		if (n < 0) {
			s->io_error = (int)-n;
			archive_set_error(a, s->io_error, "cannot read the image: %s",
					  strerror(s->io_error));
			return -1;
		}
		s->buf_pos = s->base + s->pos;
		s->buf_len = (size_t)n;
		s->window = s->window < STREAM_BUFFER ? s->window * 2 : STREAM_BUFFER;
	}
	s->pos += (uint64_t)n;
	return n;
}

static la_int64_t on_seek(struct archive *a, void *data, la_int64_t offset, int whence)
{
	struct stream *s = data;
	int64_t to = offset;

	(void)a;
	if (whence == SEEK_CUR)
		to = (int64_t)s->pos;
	else if (whence == SEEK_END)
		to = (int64_t)stream_size(s);
	else if (whence != SEEK_SET)
		return ARCHIVE_FATAL;
	if (whence != SEEK_SET && __builtin_add_overflow(to, offset, &to))
		return ARCHIVE_FATAL;
	if (to < 0 || (uint64_t)to > stream_size(s))
		return ARCHIVE_FATAL;
	if (s->pos != (uint64_t)to)
		s->window = WINDOW_MIN;
	s->pos = (uint64_t)to;
	return to;
}

static la_int64_t on_skip(struct archive *a, void *data, la_int64_t request)
{
	struct stream *s = data;
	uint64_t left = stream_size(s) - s->pos;

	(void)a;
	if (request <= 0)
		return 0;
	if ((uint64_t)request > left)
		request = (la_int64_t)left;
	s->window = WINDOW_MIN;
	s->pos += (uint64_t)request;
	return request;
}

static int set_up(struct archive *a, struct stream *s, int only)
{
	unsigned int i;
	int rc = ARCHIVE_OK;

	for (i = 0; i < sizeof(filters) / sizeof(*filters) && rc == ARCHIVE_OK && !only; i++)
		if (s->image->filters & 1U << i)
			rc = filters[i](a);
	for (i = 0; i < sizeof(formats) / sizeof(*formats) && rc == ARCHIVE_OK; i++)
		if (!only || formats[i].format == only)
			rc = formats[i].enable(a);
	if (rc == ARCHIVE_OK)
		rc = archive_read_set_read_callback(a, on_read);
	if (rc == ARCHIVE_OK)
		rc = archive_read_set_seek_callback(a, on_seek);
	if (rc == ARCHIVE_OK)
		rc = archive_read_set_skip_callback(a, on_skip);
	if (rc == ARCHIVE_OK)
		rc = archive_read_set_callback_data(a, s);
	if (rc == ARCHIVE_OK)
		rc = archive_read_open1(a);
	return rc;
}

int stream_open(struct stream **out, const struct image *img, uint64_t base, const void *tail,
		size_t tail_len, int only, bool report, struct fault *f)
{
	struct stream *s;
	int rc;

	*out = NULL;
	if (base > img->size)
		return fault_set(f, EINVAL, "an entry begins beyond the image's end");
	s = malloc(sizeof(*s));
	if (!s)
		return fault_set(f, ENOMEM, "out of memory");
	memset(s, 0, offsetof(struct stream, buf));
	s->image = img;
	s->base = base;
	s->tail = tail;
	s->tail_len = tail ? tail_len : 0;
	s->window = WINDOW_MIN;
	s->report = report;
	s->archive = archive_read_new();
	if (!s->archive) {
		stream_free(s);
		return fault_set(f, ENOMEM, "out of memory");
	}
	if (set_up(s->archive, s, only) < ARCHIVE_WARN) {
		rc = stream_fault(s, f);
		stream_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	archive_read_free(s->archive);
	free(s);
}

int stream_fault(const struct stream *s, struct fault *f)
{
	const char *words = archive_error_string(s->archive);
	uint8_t magic[4];

	if (s->io_error)
		return fault_set(f, s->io_error, "cannot read the image: %s",
				 strerror(s->io_error));
	if (archive_errno(s->archive) == ENOMEM)
		return fault_set(f, ENOMEM, "out of memory");
	if (archive_format(s->archive) == 0) {
		/* The part of a zip that counts is its end. */
		if (!image_read(s->image, magic, sizeof(magic), 0) &&
		    memcmp(magic, "PK\3\4", sizeof(magic)) == 0)
			return fault_set(f, EIO, "corrupt archive: a zip without its end");
		return fault_set(f, EINVAL, "not an archive of a known format");
	}
	if (archive_read_has_encrypted_entries(s->archive) > 0)
		return fault_set(f, EIO, "an encrypted archive, which is not supported: %s",
				 words ? words : "unexpected end");
	return fault_set(f, EIO, "corrupt archive: %s", words ? words : "unexpected end");
}

bool stream_is_filtered(const struct stream *s)
{
	return archive_filter_count(s->archive) > 1;
}

bool stream_locate(const struct stream *s, const void *data, size_t len, uint64_t *pos)
{
	uintptr_t at = (uintptr_t)data, buf = (uintptr_t)s->buf;

	if (at < buf || at - buf > s->buf_len || len > s->buf_len - (at - buf))
		return false;
	*pos = s->buf_pos + (at - buf);
	return true;
}
