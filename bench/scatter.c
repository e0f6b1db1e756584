// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * scatter - reads blocks of a file all over it, in an order that is always the same for a SEED.
 *
 *   scatter FILE BLOCKS SEED
 *
 * Blocks of 4 KiB, each by one read, without reading ahead.
 */
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 4096

int main(int argc, char **argv)
{
	static char buf[BLOCK];
	uint64_t random;
	struct stat st;
	off_t blocks;
	int fd;

	if (argc != 4)
		error(2, 0, "usage: scatter FILE BLOCKS SEED");
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		error(2, errno, "%s", argv[1]);
	blocks = st.st_size / BLOCK;
	if (blocks == 0)
		error(2, 0, "%s: smaller than a block", argv[1]);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	random = (uint64_t)atoi(argv[3]) + 1;
	for (int n = atoi(argv[2]); n > 0; n--) {
		/* xorshift: no library's idea of random numbers */
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		if (pread(fd, buf, BLOCK, (off_t)(random % (uint64_t)blocks) * BLOCK) != BLOCK)
			error(2, errno, "%s", argv[1]);
	}
	return EXIT_SUCCESS;
}
