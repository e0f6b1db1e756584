/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exchanges two paths for each other, as fast as it can: swap A B
 * Or gives what is called 0 in a directory a new name each time: swap --new-names DIRECTORY
 *
 * What a hostile user does while the setuid helper looks at a path. It ends with SIGTERM or with
 * its parent, and then prints how often it succeeded: a race that never took place proves nothing.
 * An exchange that the kernel refuses (one of them is a mount point now) is tried again.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define LIFETIME 600 /* seconds after which a forgotten one ends by itself */

static volatile sig_atomic_t ended;

static void on_signal(int sig)
{
	(void)sig;
	ended = 1;
}

static int exchange(char *const *paths, unsigned long n)
{
	(void)n;
	return renameat2(AT_FDCWD, paths[0], AT_FDCWD, paths[1], RENAME_EXCHANGE);
}

static int rename_number(unsigned long from, unsigned long to)
{
	char names[2][32];

	(void)snprintf(names[0], sizeof(names[0]), "%lu", from);
	(void)snprintf(names[1], sizeof(names[1]), "%lu", to);
	return rename(names[0], names[1]);
}

static int give_new_name(char *const *paths, unsigned long n)
{
	(void)paths;
	return rename_number(n, n + 1);
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	int (*swap)(char *const *paths, unsigned long n) = exchange;
	unsigned long n = 0;

	if (argc != 3) {
		(void)fputs("Usage: swap A B\n       swap --new-names DIRECTORY\n", stderr);
		return EXIT_FAILURE;
	}
	if (strcmp(argv[1], "--new-names") == 0) {
		swap = give_new_name;
		if (chdir(argv[2]) < 0)
			return EXIT_FAILURE;
	}
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || sigaction(SIGTERM, &sa, NULL) < 0 ||
	    sigaction(SIGALRM, &sa, NULL) < 0)
		return EXIT_FAILURE;
	(void)alarm(LIFETIME);
	while (!ended) {
		if (swap(argv + 1, n) == 0) {
			n++;
		} else if (errno != EBUSY) {
			perror(argv[1]);
			return EXIT_FAILURE;
		}
	}
	if (swap == give_new_name && rename_number(n, 0) < 0)
		return EXIT_FAILURE;
	printf("%lu\n", n);
	return EXIT_SUCCESS;
}
