/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Archives made in memory for the tests of examples/archive: a memfd and libarchive's writer.
 *
 * For tests alone; each helper asserts, so that a test need not check anything.
 */
#ifndef TESTS_ARCHIVE_MAKE_H
#define TESTS_ARCHIVE_MAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../examples/archive/index.h"
#include "../../examples/archive/reader.h"

struct maker {
	struct archive *a;
	int fd;
};

/* @format is one of libarchive's names; @filter one of its, or NULL; @options as it takes them */
static inline void make_begin(struct maker *m, const char *format, const char *filter,
			      const char *options)
{
	m->fd = memfd_create("archive", MFD_CLOEXEC);
	assert_true(m->fd >= 0);
	m->a = archive_write_new();
	assert_non_null(m->a);
	assert_int_equal(archive_write_set_format_by_name(m->a, format), ARCHIVE_OK);
	if (filter)
		assert_int_equal(archive_write_add_filter_by_name(m->a, filter), ARCHIVE_OK);
	if (options)
		assert_int_equal(archive_write_set_options(m->a, options), ARCHIVE_OK);
	if (options && strstr(options, "encryption"))
		assert_int_equal(archive_write_set_passphrase(m->a, "secret"), ARCHIVE_OK);
	assert_int_equal(archive_write_open_fd(m->a, m->fd), ARCHIVE_OK);
}

static inline struct archive_entry *make_entry(const char *name, mode_t mode, int64_t size)
{
	struct archive_entry *e = archive_entry_new();

	assert_non_null(e);
	archive_entry_set_pathname(e, name);
	archive_entry_set_mode(e, mode);
	archive_entry_set_size(e, size);
	archive_entry_set_uid(e, 12);
	archive_entry_set_gid(e, 34);
	archive_entry_set_mtime(e, 1000000000, 5);
	return e;
}

static inline void make_put(struct maker *m, struct archive_entry *e, const void *data, size_t len)
{
	if (archive_write_header(m->a, e) != ARCHIVE_OK)
		fail_msg("%s", archive_error_string(m->a));
	if (len)
		assert_int_equal(archive_write_data(m->a, data, len), (la_ssize_t)len);
	archive_entry_free(e);
}

static inline void make_file(struct maker *m, const char *name, const char *text)
{
	make_put(m, make_entry(name, S_IFREG | 0644, (int64_t)strlen(text)), text, strlen(text));
}

static inline void make_dir(struct maker *m, const char *name, mode_t mode)
{
	make_put(m, make_entry(name, S_IFDIR | mode, 0), NULL, 0);
}

static inline void make_symlink(struct maker *m, const char *name, const char *target)
{
	struct archive_entry *e = make_entry(name, S_IFLNK | 0777, 0);

	archive_entry_set_symlink(e, target);
	make_put(m, e, NULL, 0);
}

static inline void make_hardlink(struct maker *m, const char *name, const char *target)
{
	struct archive_entry *e = make_entry(name, S_IFREG | 0644, 0);

	archive_entry_set_hardlink(e, target);
	make_put(m, e, NULL, 0);
}

static inline int make_end(struct maker *m)
{
	assert_int_equal(archive_write_close(m->a), ARCHIVE_OK);
	archive_write_free(m->a);
	m->a = NULL;
	return m->fd;
}

/** struct opened - an archive as the program has it */
struct opened {
	int fd;
	struct image image;
	struct index index;
	struct reader reader;
	struct fault fault;
	bool readable;
};

static inline int open_limited(struct opened *o, int fd, uint32_t max_entries, uint64_t max_bytes)
{
	struct index_params params = { 1001, 1002, max_entries, max_bytes };
	int rc;

	memset(o, 0, sizeof(*o));
	o->fd = fd;
	rc = image_init(&o->image, fd, &o->fault);
	return rc ? rc : index_build(&o->index, &o->image, &params, &o->fault);
}

static inline void open_index(struct opened *o, int fd)
{
	int rc = open_limited(o, fd, 100000, 64 << 20);

	if (rc)
		fail_msg("%s", o->fault.text);
}

static inline void open_reader(struct opened *o, int fd, const struct reader_params *params)
{
	open_index(o, fd);
	assert_int_equal(reader_init(&o->reader, &o->image, &o->index, params), 0);
	o->readable = true;
}

static inline void close_all(struct opened *o)
{
	if (o->readable)
		reader_free(&o->reader);
	index_free(&o->index);
	(void)close(o->fd);
}

static inline bool is_absent(const struct opened *o, const char *path)
{
	return tree_lookup(&o->index.tree, path) == TREE_NONE;
}

/* The inode of a path, which must be there */
static inline const struct inode *inode_of(const struct opened *o, const char *path)
{
	if (is_absent(o, path)) {
		fail_msg("there is no %s", path);
		abort();
	}
	return tree_node_inode(&o->index.tree, tree_lookup(&o->index.tree, path));
}

static inline uint32_t number_of(const struct opened *o, const char *path)
{
	uint32_t node = tree_lookup(&o->index.tree, path);

	assert_true(node != TREE_NONE);
	return tree_node(&o->index.tree, node)->inode;
}

#define MIB ((uint64_t)1 << 20)

/* Contents that can be checked at any place, and that compress a little. */
static inline void pattern(uint8_t *buf, size_t len, uint64_t off, uint64_t salt)
{
	for (size_t i = 0; i < len; i++) {
		uint64_t word = ((off + i) / 8 + salt * 7919) * 0x9e3779b97f4a7c15ULL;

		buf[i] = (uint8_t)(word >> (8 * ((off + i) % 8))) & 0x3f;
	}
}

static inline void make_pattern(struct maker *m, const char *name, uint64_t size, uint64_t salt)
{
	static uint8_t buf[MIB];

	make_put(m, make_entry(name, S_IFREG | 0644, (int64_t)size), NULL, 0);
	for (uint64_t off = 0; off < size; off += sizeof(buf)) {
		size_t n = size - off < sizeof(buf) ? (size_t)(size - off) : sizeof(buf);

		pattern(buf, n, off, salt);
		assert_int_equal(archive_write_data(m->a, buf, n), (la_ssize_t)n);
	}
}

static inline void check_read(struct opened *o, uint32_t inode, size_t size, uint64_t off,
			      uint64_t salt)
{
	uint8_t *buf = malloc(size), *want = malloc(size);

	assert_non_null(buf);
	assert_non_null(want);
	assert_int_equal(reader_read(&o->reader, inode, buf, size, off), (ssize_t)size);
	pattern(want, size, off, salt);
	assert_memory_equal(buf, want, size);
	free(buf);
	free(want);
}

#endif
