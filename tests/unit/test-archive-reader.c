// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of random access to the contents of an archive, and of how much work it takes.
 *
 * libarchive's work is counted in bytes that it produced, not in time, so that the tests mean the
 * same on every machine. Must never need a mount or a privilege.
 */
#include "archive-make.h"

#include <pthread.h>

static uint64_t produced(struct opened *o)
{
	struct reader_stats stats;

	reader_stats(&o->reader, &stats);
	return stats.produced;
}

/* The same numbers in each run. */
static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

#define BIG   (64 * MIB)
#define READS 300U

/* How many times the file libarchive had to produce for random reads all over it. */
static uint64_t random_reads(int fd, const struct reader_params *params)
{
	struct opened o;
	uint64_t seed = 1, bytes;
	uint32_t inode;

	open_reader(&o, dup(fd), params);
	inode = number_of(&o, "/big");
	for (unsigned int i = 0; i < READS; i++)
		check_read(&o, inode, 4096, next_random(&seed) % (BIG - 4096), 1);
	bytes = produced(&o);
	print_message("%u reads: %.1f times the file\n", READS, (double)bytes / (double)BIG);
	close_all(&o);
	return bytes;
}

/* Gigabytes are unpacked here, which valgrind makes a matter of hours. */
static bool slow_machine(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "vgpreload");
}

/*
 * Reads at random places of a deflated file that is twice as big as the cache. Half of them find
 * their chunk in the cache; the others go on from the nearest of eight cursors. In simulation
 * that makes 11 to 14 times the file, 30 without a cache, 36 with a cache and one cursor, and
 * 100 without either; 150 is to begin anew for each read.
 */
static void test_random_reads(void **state)
{
	const struct reader_params no_cache = { .cache = 1 };
	struct maker m;
	int fd;

	(void)state;
	if (slow_machine())
		skip();
	make_begin(&m, "zip", NULL, "zip:compression=deflate,zip:compression-level=1");
	make_pattern(&m, "big", BIG, 1);
	fd = make_end(&m);
	assert_true(random_reads(fd, NULL) < 20 * BIG);
	/* The bound is for the cache: it does not hold without. */
	assert_true(random_reads(fd, &no_cache) > 20 * BIG);
	(void)close(fd);
}

/* One after the other, nothing is produced twice. */
static void test_linear_read(void **state)
{
	static const char *const filters[] = { "gzip", "bzip2", "xz",	"lzma",
					       "zstd", "lz4",	"lzip", "compress" };
	struct maker m;
	struct opened o;

	(void)state;
	for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++) {
		make_begin(&m, "pax", filters[i], NULL);
		make_pattern(&m, "one", MIB + 17, 1);
		make_pattern(&m, "two", MIB - 17, 2);
		open_reader(&o, make_end(&m), NULL);
		assert_true(o.index.solid);
		for (uint64_t off = 0; off < MIB; off += MIB / 16)
			check_read(&o, number_of(&o, "/one"), MIB / 16, off, 1);
		check_read(&o, number_of(&o, "/one"), 17, MIB, 1);
		check_read(&o, number_of(&o, "/two"), MIB - 17, 0, 2);
		assert_int_equal(produced(&o), 2 * MIB);
		close_all(&o);
	}
}

/* In a compressed tar that fits into the cache, the order does not matter much. */
static void test_backwards_in_solid(void **state)
{
	struct maker m;
	struct opened o;
	char name[32];

	(void)state;
	make_begin(&m, "pax", "gzip", "gzip:compression-level=1");
	for (unsigned int i = 0; i < 200; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		make_pattern(&m, name, 50000 + i, i);
	}
	open_reader(&o, make_end(&m), NULL);
	for (unsigned int i = 200; i-- > 0;) {
		(void)snprintf(name, sizeof(name), "/f%u", i);
		check_read(&o, number_of(&o, name), 50000, i % 7, i);
	}
	assert_true(produced(&o) < 2 * 200 * 50200);
	close_all(&o);
}

/* What stands in the image as it is: libarchive has to go there once and never again. */
static void stored_once(const char *format, const char *options)
{
	struct reader_params params = { .cache = 1 };
	struct maker m;
	struct opened o;
	uint64_t bytes, seed = 5;

	make_begin(&m, format, NULL, options);
	make_pattern(&m, "dir/one", 3 * MIB + 5, 1);
	make_pattern(&m, "two", 777, 2);
	make_pattern(&m, "three", MIB, 3);
	open_reader(&o, make_end(&m), &params);
	check_read(&o, number_of(&o, "/three"), MIB, 0, 3);
	check_read(&o, number_of(&o, "/dir/one"), 3 * MIB + 5, 0, 1);
	check_read(&o, number_of(&o, "/two"), 777, 0, 2);
	bytes = produced(&o);
	assert_in_range(bytes, 4 * MIB + 782, 5 * MIB);
	for (unsigned int i = 0; i < 500; i++) {
		check_read(&o, number_of(&o, "/dir/one"), 4096, next_random(&seed) % (2 * MIB), 1);
		check_read(&o, number_of(&o, "/three"), 300, next_random(&seed) % (MIB - 300), 3);
		check_read(&o, number_of(&o, "/two"), 77, next_random(&seed) % 700, 2);
	}
	assert_int_equal(produced(&o), bytes);
	close_all(&o);
}

static void test_stored(void **state)
{
	(void)state;
	stored_once("pax", NULL);
	stored_once("gnutar", NULL);
	stored_once("newc", NULL);
	stored_once("odc", NULL);
	stored_once("zip", "zip:compression=store");
	stored_once("iso9660", NULL);
}

/* A plain archive of many files is not walked through for each of them. */
static void many_files(const char *format, const char *options, unsigned int n)
{
	struct reader_stats stats;
	struct maker m;
	struct opened o;
	uint64_t seed = 3;
	char name[32];

	make_begin(&m, format, NULL, options);
	for (unsigned int i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "d%u/f%u", i % 10, i);
		make_pattern(&m, name, 100, i);
	}
	open_reader(&o, make_end(&m), NULL);
	for (unsigned int i = 0; i < 2000; i++) {
		unsigned int k = (unsigned int)(next_random(&seed) % n);

		(void)snprintf(name, sizeof(name), "/d%u/f%u", k % 10, k);
		check_read(&o, number_of(&o, name), 100, 0, k);
	}
	assert_false(o.reader.no_jump);
	reader_stats(&o.reader, &stats);
	assert_true(stats.produced <= 2000 * 100);
	close_all(&o);
}

static void test_many_files(void **state)
{
	(void)state;
	many_files("pax", NULL, 20000);
	many_files("newc", NULL, 20000);
	many_files("zip", NULL, 20000);
	many_files("zip", "zip:zip64", 5000);
}

static void sparse_file(const char *filter)
{
	const int64_t size = (int64_t)6 << 30, at = (int64_t)5 << 30;
	struct archive_entry *e;
	struct maker m;
	struct opened o;
	static uint8_t part[MIB];
	uint8_t buf[8192];
	uint32_t inode;

	make_begin(&m, "pax", filter, NULL);
	e = make_entry("sparse", S_IFREG | 0644, size);
	archive_entry_sparse_add_entry(e, 4 * (int64_t)MIB, 512);
	archive_entry_sparse_add_entry(e, at, 512);
	make_put(&m, e, NULL, 0);
	/* The writer takes the whole file and leaves out the holes. */
	pattern(part, 512, 0, 1);
	for (int64_t off = 0; off < size; off += (int64_t)sizeof(part))
		assert_int_equal(archive_write_data(m.a, part, sizeof(part)), sizeof(part));
	make_file(&m, "next", "after it");
	open_reader(&o, make_end(&m), NULL);

	inode = number_of(&o, "/sparse");
	assert_int_equal(inode_of(&o, "/sparse")->size, size);
	assert_int_equal(inode_of(&o, "/sparse")->stored, 1024);
	assert_int_equal(reader_read(&o.reader, inode, buf, 8192, (uint64_t)size - 100), 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(buf[i], 0);
	assert_int_equal(reader_read(&o.reader, inode, buf, 8192, 4 * MIB - 512), 8192);
	for (int i = 0; i < 8192; i++)
		assert_int_equal(buf[i], i < 512 || i >= 1024 ? 0 : part[i - 512]);
	assert_int_equal(reader_read(&o.reader, inode, buf, 512, (uint64_t)at), 512);
	assert_memory_equal(buf, part, 512);
	assert_int_equal(reader_read(&o.reader, number_of(&o, "/next"), buf, 100, 0), 8);
	assert_memory_equal(buf, "after it", 8);
	assert_in_range(produced(&o), 1024, 4096);
	close_all(&o);
}

static void test_sparse(void **state)
{
	(void)state;
	sparse_file(NULL);
	sparse_file("gzip");
}

/* Bytes of a plain tar that get lost after it was indexed. */
static void test_truncated(void **state)
{
	struct maker m;
	struct opened o;
	uint8_t buf[4096];
	uint32_t inode;

	(void)state;
	make_begin(&m, "ustar", NULL, NULL);
	make_pattern(&m, "f", MIB, 1);
	open_reader(&o, make_end(&m), NULL);
	inode = number_of(&o, "/f");
	assert_int_equal(ftruncate(o.fd, MIB / 2), 0);
	check_read(&o, inode, 4096, MIB / 4, 1);
	assert_int_equal(reader_read(&o.reader, inode, buf, 4096, MIB - 4096), -EIO);
	assert_int_equal(reader_read(&o.reader, inode, buf, 4096, MIB / 2 - 1000), -EIO);
	check_read(&o, inode, 4096, 0, 1);
	close_all(&o);
}

static unsigned int logged;

static void count_log(const char *path, const char *words)
{
	assert_string_equal(path, "/f");
	assert_true(*words != '\0');
	logged++;
}

/* A bit that fell over in a deflated entry is known by its checksum, if by nothing else. */
static void test_corrupt(void **state)
{
	struct reader_params params = { .log = count_log };
	struct maker m;
	struct opened o;
	uint8_t byte, buf[4096];
	uint32_t inode;
	uint64_t bytes;
	int fd;

	(void)state;
	for (unsigned int stored = 0; stored < 2; stored++) {
		logged = 0;
		make_begin(&m, "zip", NULL, stored ? "zip:compression=store" : NULL);
		make_pattern(&m, "f", MIB, 1);
		make_file(&m, "g", "good");
		fd = make_end(&m);
		assert_int_equal(pread(fd, &byte, 1, 300000), 1);
		byte ^= 4;
		assert_int_equal(pwrite(fd, &byte, 1, 300000), 1);
		open_reader(&o, fd, &params);
		inode = number_of(&o, "/f");
		check_read(&o, inode, 4096, 0, 1);
		assert_int_equal(reader_read(&o.reader, inode, buf, 4096, MIB - 4096), -EIO);
		bytes = produced(&o);
		assert_int_equal(reader_read(&o.reader, inode, buf, 4096, MIB - 4096), -EIO);
		assert_int_equal(produced(&o), bytes);
		assert_int_equal(logged, 1);
		assert_int_equal(reader_read(&o.reader, number_of(&o, "/g"), buf, 100, 0), 4);
		close_all(&o);
	}
}

struct hammer {
	struct opened *o;
	unsigned int salt;
};

static void *hammer(void *data)
{
	struct hammer *h = data;
	uint64_t seed = h->salt;
	uint8_t buf[3000], want[3000];
	char name[32];

	for (int i = 0; i < 400; i++) {
		unsigned int k = (unsigned int)(next_random(&seed) % 4);
		uint64_t off = next_random(&seed) % (MIB - sizeof(buf));
		uint32_t node;

		(void)snprintf(name, sizeof(name), "/f%u", k);
		node = tree_lookup(&h->o->index.tree, name);
		pattern(want, sizeof(want), off, k);
		if (reader_read(&h->o->reader, tree_node(&h->o->index.tree, node)->inode, buf,
				sizeof(buf), off) != (ssize_t)sizeof(buf) ||
		    memcmp(buf, want, sizeof(buf)) != 0)
			return h;
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct reader_params params = { .cache = 512 * 1024 };
	struct hammer h[4];
	pthread_t threads[4];
	struct maker m;
	struct opened o;
	char name[32];
	void *bad;

	(void)state;
	make_begin(&m, "zip", NULL, NULL);
	for (unsigned int i = 0; i < 4; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		if (i == 2) /* some are stored */
			assert_int_equal(archive_write_zip_set_compression_store(m.a), 0);
		make_pattern(&m, name, MIB, i);
	}
	open_reader(&o, make_end(&m), &params);
	for (unsigned int i = 0; i < 4; i++) {
		h[i] = (struct hammer){ &o, i + 1 };
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, &h[i]), 0);
	}
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &bad), 0);
		assert_null(bad);
	}
	close_all(&o);
}

static void test_extents(void **state)
{
	struct extents x;
	struct extent e;

	(void)state;
	assert_int_equal(extents_init(&x, 2), 0);
	assert_false(extents_find(&x, 0, 0, &e));
	extents_add(&x, 0, (struct extent){ 100, 100, 1100 });
	extents_add(&x, 0, (struct extent){ 300, 100, 1300 });
	assert_int_equal(x.n_extents, 2);
	extents_add(&x, 0, (struct extent){ 150, 200, 1150 }); /* fills the gap, overlaps both */
	assert_int_equal(x.n_extents, 1);
	assert_true(extents_cover(&x, 0, 100, 300));
	assert_false(extents_cover(&x, 0, 99, 2));
	assert_false(extents_cover(&x, 0, 399, 2));
	assert_true(extents_find(&x, 0, 250, &e));
	assert_int_equal(e.pos, 1250);
	assert_int_equal(e.len, 150);
	extents_add(&x, 0, (struct extent){ 400, 50, EXTENT_HOLE });
	extents_add(&x, 0, (struct extent){ 450, 50, EXTENT_HOLE });
	assert_int_equal(x.n_extents, 2);
	assert_true(extents_cover(&x, 0, 100, 400));
	assert_false(extents_find(&x, 1, 100, &e));
	extents_add(&x, 7, (struct extent){ 0, 1, 0 });
	extents_free(&x);
}

static void test_cache(void **state)
{
	struct cache c;
	uint8_t data[1000] = { 0 };

	(void)state;
	assert_int_equal(cache_init(&c, 10 * 1000), 0);
	for (unsigned int i = 0; i < 100; i++) {
		assert_int_equal(cache_put(&c, 1, i, data, sizeof(data), 0), 0);
		assert_non_null(cache_get(&c, 1, 0)); /* in use: stays */
		assert_true(c.used <= c.max);
	}
	assert_non_null(cache_get(&c, 1, 99));
	assert_null(cache_get(&c, 1, 50));
	assert_null(cache_get(&c, 2, 99));
	assert_int_equal(cache_put(&c, 1, 99, NULL, 0, EIO), 0);
	assert_int_equal(cache_get(&c, 1, 99)->error, EIO);
	cache_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_extents),	     cmocka_unit_test(test_cache),
		cmocka_unit_test(test_linear_read),  cmocka_unit_test(test_backwards_in_solid),
		cmocka_unit_test(test_stored),	     cmocka_unit_test(test_many_files),
		cmocka_unit_test(test_sparse),	     cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_corrupt),	     cmocka_unit_test(test_threads),
		cmocka_unit_test(test_random_reads),
	};

	(void)setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
