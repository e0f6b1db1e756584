// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of the tree that examples/archive makes of an archive.
 *
 * Archives are made in memory, mostly hostile ones. Must never need a mount or a privilege.
 */
#include "archive-make.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

static void test_attributes(void **state)
{
	struct maker m;
	struct opened o;
	const struct inode *i;
	struct archive_entry *e;

	(void)state;
	make_begin(&m, "pax", NULL, NULL);
	make_dir(&m, "d", 02750);
	make_file(&m, "d/f", "hello");
	make_symlink(&m, "d/l", "../nowhere/at/all");
	e = make_entry("d/c", S_IFCHR | 0600, 0);
	archive_entry_set_rdevmajor(e, 10);
	archive_entry_set_rdevminor(e, 229);
	make_put(&m, e, NULL, 0);
	make_put(&m, make_entry("d/p", S_IFIFO | 0622, 0), NULL, 0);
	open_index(&o, make_end(&m));

	assert_int_equal(o.index.skipped, 0);
	i = inode_of(&o, "/d");
	assert_int_equal(i->mode, S_IFDIR | 02750);
	assert_int_equal(i->nlink, 2);
	i = inode_of(&o, "/d/f");
	assert_int_equal(i->mode, S_IFREG | 0644);
	assert_int_equal(i->size, 5);
	assert_int_equal(i->uid, 12);
	assert_int_equal(i->gid, 34);
	assert_int_equal(i->mtime.tv_sec, 1000000000);
	assert_int_equal(i->mtime.tv_nsec, 5);
	i = inode_of(&o, "/d/l");
	assert_string_equal(tree_string(&o.index.tree, i->target), "../nowhere/at/all");
	assert_int_equal(i->size, 17);
	i = inode_of(&o, "/d/c");
	assert_true(i->rdev == makedev(10, 229));
	i = inode_of(&o, "/d/p");
	assert_true(S_ISFIFO(i->mode));
	assert_true(is_absent(&o, "/d/x"));
	assert_true(is_absent(&o, "/d/f/x"));
	close_all(&o);
}

static void test_names(void **state)
{
	static const char *const good[] = { "/abs/file", "./dot/file",	"a//b/./c", "sp ace",
					    "new\nline", "gr\303\274n", "..." };
	static const char *const bad[] = { "../up", "x/../y", "x/..", "..", "/../etc/passwd" };
	struct maker m;
	struct opened o;
	char name[300];
	size_t n;

	(void)state;
	make_begin(&m, "pax", NULL, NULL);
	for (n = 0; n < sizeof(bad) / sizeof(*bad); n++)
		make_file(&m, bad[n], "bad");
	for (n = 0; n < sizeof(good) / sizeof(*good); n++)
		make_file(&m, good[n], "good");
	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	make_file(&m, name, "as long as may be");
	name[255] = 'n';
	name[256] = '\0';
	make_file(&m, name, "too long");
	open_index(&o, make_end(&m));

	assert_int_equal(o.index.skipped, sizeof(bad) / sizeof(*bad) + 1);
	assert_non_null(strstr(o.index.first_skipped, "\"../up\""));
	assert_false(is_absent(&o, "/abs/file"));
	assert_false(is_absent(&o, "/dot/file"));
	assert_false(is_absent(&o, "/a/b/c"));
	assert_false(is_absent(&o, "/sp ace"));
	assert_false(is_absent(&o, "/new\nline"));
	assert_false(is_absent(&o, "/gr\303\274n"));
	assert_false(is_absent(&o, "/..."));
	assert_true(is_absent(&o, "/x"));
	assert_true(is_absent(&o, "/y"));
	assert_true(is_absent(&o, "/etc"));
	name[255] = '\0';
	name[0] = '/';
	assert_true(is_absent(&o, name));
	close_all(&o);
}

static void test_depth(void **state)
{
	struct maker m;
	struct opened o;
	char *path = calloc(1, 4 * TREE_MAX_DEPTH);
	int i;

	(void)state;
	assert_non_null(path);
	for (i = 0; i < TREE_MAX_DEPTH; i++)
		memcpy(path + 2 * i, "d/", 2);
	make_begin(&m, "pax", NULL, NULL);
	path[2 * TREE_MAX_DEPTH - 1] = '\0';
	make_file(&m, path, "deep");
	path[2 * TREE_MAX_DEPTH - 1] = '/';
	strcpy(path + 2 * TREE_MAX_DEPTH, "e");
	make_file(&m, path, "too deep");
	open_index(&o, make_end(&m));
	assert_int_equal(o.index.skipped, 1);
	assert_int_equal(o.index.n_files, TREE_MAX_DEPTH + 1);
	close_all(&o);
	free(path);
}

static void test_implicit_dirs(void **state)
{
	const struct inode *i;
	struct maker m;
	struct opened o;

	(void)state;
	make_begin(&m, "pax", NULL, NULL);
	make_file(&m, "a/b/f", "x");
	make_dir(&m, "a", 0700);
	open_index(&o, make_end(&m));
	i = inode_of(&o, "/a/b");
	assert_int_equal(i->mode, S_IFDIR | 0755);
	assert_int_equal(i->uid, 1001);
	assert_int_equal(i->gid, 1002);
	assert_true(i->flags & INODE_IMPLICIT);
	i = inode_of(&o, "/a");
	assert_int_equal(i->mode, S_IFDIR | 0700);
	assert_int_equal(i->uid, 12);
	assert_int_equal(i->nlink, 3);
	assert_false(i->flags & INODE_IMPLICIT);
	i = inode_of(&o, "/");
	assert_int_equal(i->nlink, 3);
	close_all(&o);
}

static void test_duplicates(void **state)
{
	const struct node *root;
	const struct inode *i;
	struct maker m;
	struct opened o;

	(void)state;
	make_begin(&m, "pax", NULL, NULL);
	make_file(&m, "f", "first");
	make_hardlink(&m, "keeps", "f");
	make_file(&m, "g", "g");
	make_file(&m, "f", "the second");
	open_index(&o, make_end(&m));
	assert_int_equal(o.index.skipped, 0);
	i = inode_of(&o, "/f");
	assert_int_equal(i->size, 10);
	assert_int_equal(i->nlink, 1);
	i = inode_of(&o, "/keeps");
	assert_int_equal(i->size, 5);
	assert_int_equal(i->nlink, 1);
	/* The replaced file is where its contents are: at the end. */
	root = tree_node(&o.index.tree, TREE_ROOT);
	assert_string_equal(tree_string(&o.index.tree, tree_node(&o.index.tree, root->last)->name),
			    "f");
	assert_int_equal(o.index.n_files, 4);
	close_all(&o);
}

static void test_conflicts(void **state)
{
	struct maker m;
	struct opened o;

	(void)state;
	make_begin(&m, "pax", NULL, NULL);
	make_file(&m, "full/f", "x");
	make_file(&m, "full", "must not hide what is in it"); /* skipped */
	make_dir(&m, "empty", 0755);
	make_file(&m, "empty", "now a file");
	make_file(&m, "file", "x");
	make_dir(&m, "file", 0711);
	make_file(&m, "file/in", "y");
	make_symlink(&m, "link", "/etc");
	make_file(&m, "link/passwd", "through a symlink"); /* skipped */
	make_file(&m, "empty/in", "below a file");	   /* skipped */
	make_file(&m, "./", "the root");		   /* skipped */
	open_index(&o, make_end(&m));
	assert_int_equal(o.index.skipped, 4);
	assert_non_null(strstr(o.index.first_skipped, "\"full\""));
	assert_true(S_ISDIR(inode_of(&o, "/full")->mode));
	assert_false(is_absent(&o, "/full/f"));
	assert_true(S_ISREG(inode_of(&o, "/empty")->mode));
	assert_int_equal(inode_of(&o, "/file")->mode, S_IFDIR | 0711);
	assert_false(is_absent(&o, "/file/in"));
	assert_true(S_ISLNK(inode_of(&o, "/link")->mode));
	assert_int_equal(inode_of(&o, "/")->nlink, 4);
	close_all(&o);
}

static void test_root(void **state)
{
	const struct inode *i;
	struct maker m;
	struct opened o;

	(void)state;
	make_begin(&m, "pax", NULL, NULL);
	make_dir(&m, "./", 01777);
	make_file(&m, "./f", "x");
	open_index(&o, make_end(&m));
	i = inode_of(&o, "/");
	assert_int_equal(i->mode, S_IFDIR | 01777);
	assert_int_equal(i->uid, 12);
	assert_int_equal(i->nlink, 2);
	close_all(&o);
}

static void test_hardlinks(void **state)
{
	struct maker m;
	struct opened o;

	(void)state;
	make_begin(&m, "pax", NULL, NULL);
	make_hardlink(&m, "early", "f"); /* skipped */
	make_dir(&m, "d", 0755);
	make_file(&m, "f", "hello");
	make_hardlink(&m, "d/h", "./f");
	make_hardlink(&m, "dir", "d");	     /* skipped */
	make_hardlink(&m, "out", "../../f"); /* skipped */
	make_hardlink(&m, "f", "f");
	make_symlink(&m, "s", "f");
	make_hardlink(&m, "t", "s");
	open_index(&o, make_end(&m));
	assert_int_equal(o.index.skipped, 3);
	assert_int_equal(number_of(&o, "/f"), number_of(&o, "/d/h"));
	assert_int_equal(inode_of(&o, "/f")->nlink, 2);
	assert_int_equal(number_of(&o, "/s"), number_of(&o, "/t"));
	assert_true(is_absent(&o, "/early"));
	assert_true(is_absent(&o, "/dir"));
	assert_true(is_absent(&o, "/out"));
	close_all(&o);
}

/* In newc the contents hang on the last of the links. */
static void test_cpio_hardlinks(void **state)
{
	struct archive_entry *e;
	const struct inode *i;
	struct maker m;
	struct opened o;
	char buf[16];

	(void)state;
	make_begin(&m, "newc", NULL, NULL);
	for (int n = 0; n < 3; n++) {
		static const char *const names[] = { "one", "two", "three" };

		e = make_entry(names[n], S_IFREG | 0644, n == 2 ? 7 : 0);
		archive_entry_set_ino(e, 77);
		archive_entry_set_nlink(e, 3);
		make_put(&m, e, "content", n == 2 ? 7 : 0);
	}
	open_reader(&o, make_end(&m), NULL);
	assert_int_equal(number_of(&o, "/one"), number_of(&o, "/three"));
	assert_int_equal(number_of(&o, "/one"), number_of(&o, "/two"));
	i = inode_of(&o, "/one");
	assert_int_equal(i->nlink, 3);
	assert_int_equal(i->size, 7);
	assert_int_equal(reader_read(&o.reader, number_of(&o, "/two"), buf, sizeof(buf), 0), 7);
	assert_memory_equal(buf, "content", 7);
	close_all(&o);
}

static int many_files(int n)
{
	struct maker m;
	char name[32];

	make_begin(&m, "ustar", NULL, NULL);
	for (int i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "d%d/f%d", i % 7, i);
		make_file(&m, name, "");
	}
	return make_end(&m);
}

static void test_limits(void **state)
{
	struct opened o;

	(void)state;
	assert_int_equal(open_limited(&o, many_files(100), 107, 64 << 20), 0);
	assert_int_equal(o.index.n_files, 108);
	close_all(&o);
	/* Directories that are made up count as well. */
	assert_int_equal(open_limited(&o, many_files(100), 106, 64 << 20), -E2BIG);
	assert_non_null(strstr(o.fault.text, "more than 106 entries"));
	close_all(&o);
	assert_int_equal(open_limited(&o, many_files(100), 99, 64 << 20), -E2BIG);
	close_all(&o);
	assert_int_equal(open_limited(&o, many_files(20000), 100000, 1 << 20), -E2BIG);
	assert_non_null(strstr(o.fault.text, "1 MiB"));
	close_all(&o);
}

static void test_many_in_one_directory(void **state)
{
	struct maker m;
	struct opened o;
	char name[32];

	(void)state;
	make_begin(&m, "ustar", NULL, NULL);
	for (int i = 0; i < 50000; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		make_file(&m, name, "");
	}
	open_index(&o, make_end(&m));
	for (int i = 0; i < 50000; i++) {
		(void)snprintf(name, sizeof(name), "/%d", i);
		assert_false(is_absent(&o, name));
	}
	close_all(&o);
}

static void test_no_archive(void **state)
{
	static const char text[] = "This is no archive, whatever the name says.\n";
	struct opened o;
	int fd;

	(void)state;
	fd = memfd_create("none", MFD_CLOEXEC);
	assert_int_equal(open_limited(&o, fd, 10, 1 << 20), -EINVAL);
	assert_non_null(strstr(o.fault.text, "not an archive of a known format"));
	assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
	assert_int_equal(open_limited(&o, fd, 10, 1 << 20), -EINVAL);
	assert_string_equal(o.fault.text, "not an archive of a known format");
	close_all(&o);
	/* Zeros are a tar without files, but not with something behind them. */
	fd = memfd_create("none", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, 10240), 0);
	assert_int_equal(open_limited(&o, fd, 10, 1 << 20), 0);
	assert_int_equal(o.index.n_files, 1);
	assert_int_equal(pwrite(fd, text, sizeof(text), 5000), sizeof(text));
	index_free(&o.index);
	assert_int_equal(open_limited(&o, fd, 10, 1 << 20), -EINVAL);
	close_all(&o);
	fd = open("/", O_RDONLY | O_CLOEXEC);
	assert_int_equal(open_limited(&o, fd, 10, 1 << 20), -EISDIR);
	close_all(&o);
}

static void test_truncated(void **state)
{
	struct maker m;
	struct opened o;
	int fd;

	(void)state;
	make_begin(&m, "ustar", NULL, NULL);
	make_file(&m, "a", "contents");
	make_file(&m, "b", "contents");
	fd = make_end(&m);
	assert_int_equal(ftruncate(fd, 512 * 3 + 4), 0);
	assert_int_equal(open_limited(&o, fd, 10, 1 << 20), -EIO);
	assert_non_null(strstr(o.fault.text, "corrupt archive: "));
	close_all(&o);
}

static void test_encrypted(void **state)
{
	struct maker m;
	struct opened o;
	char buf[16];

	(void)state;
	make_begin(&m, "zip", NULL, "zip:encryption=traditional");
	make_file(&m, "f", "hello");
	open_reader(&o, make_end(&m), NULL);
	assert_true(inode_of(&o, "/f")->flags & INODE_ENCRYPTED);
	assert_int_equal(reader_check(&o.reader, number_of(&o, "/f")), -ENOKEY);
	assert_int_equal(reader_read(&o.reader, number_of(&o, "/f"), buf, 5, 0), -ENOKEY);
	close_all(&o);
}

/* Formats without owners get those of whoever mounts. */
static void test_owners(void **state)
{
	struct archive_entry *e;
	struct maker m;
	struct opened o;

	(void)state;
	make_begin(&m, "7zip", NULL, NULL);
	make_file(&m, "f", "hello");
	open_index(&o, make_end(&m));
	assert_int_equal(inode_of(&o, "/f")->uid, 1001);
	assert_int_equal(inode_of(&o, "/f")->gid, 1002);
	close_all(&o);

	make_begin(&m, "ustar", NULL, NULL);
	e = make_entry("f", S_IFREG | 0644, 0);
	archive_entry_set_uid(e, 0);
	archive_entry_set_gid(e, 0);
	make_put(&m, e, NULL, 0);
	open_index(&o, make_end(&m));
	assert_int_equal(inode_of(&o, "/f")->uid, 0);
	close_all(&o);
}

static void test_zip_record(void **state)
{
	uint8_t rec[ZIP_RECORD_SIZE + 4 + 8 + 5] = "PK\1\2";
	struct zip_record r;

	(void)state;
	rec[28] = 0;
	rec[30] = 17;
	memset(rec + 42, 0xff, 4);
	rec[46] = 0x01; /* 64-bit fields: 8 bytes */
	rec[48] = 8;
	rec[50] = 0x34;
	rec[51] = 0x12;
	rec[58] = 0x75; /* cut: says 9 bytes, has 1 */
	rec[59] = 0x78;
	rec[60] = 9;
	assert_true(zip_record_parse(rec, &r));
	assert_int_equal(r.len, 46 + 17);
	zip_record_extra(rec + 46, &r);
	assert_int_equal(r.local, 0x1234);
	assert_false(r.owner);
	rec[60] = 1;
	assert_true(zip_record_parse(rec, &r));
	zip_record_extra(rec + 46, &r);
	assert_true(r.owner);
	memset(rec + 20, 0xff, 8); /* sizes are said to be there, but are not */
	assert_true(zip_record_parse(rec, &r));
	zip_record_extra(rec + 46, &r);
	assert_true(r.local == UINT64_MAX);
	rec[3] = 3;
	assert_false(zip_record_parse(rec, &r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_implicit_dirs),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_conflicts),
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_hardlinks),
		cmocka_unit_test(test_cpio_hardlinks),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_many_in_one_directory),
		cmocka_unit_test(test_no_archive),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_encrypted),
		cmocka_unit_test(test_owners),
		cmocka_unit_test(test_zip_record),
	};

	(void)setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
