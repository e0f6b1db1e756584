/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exchanges two paths for each other, as fast as it can: swap A B
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
#include <sys/prctl.h>
#include <unistd.h>

#define LIFETIME 600 /* seconds after which a forgotten one ends by itself */

static volatile sig_atomic_t ended;

static void on_signal(int sig)
{
	(void)sig;
	ended = 1;
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	unsigned long n = 0;

	if (argc != 3) {
		(void)fputs("Usage: swap A B\n", stderr);
		return EXIT_FAILURE;
	}
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || sigaction(SIGTERM, &sa, NULL) < 0 ||
	    sigaction(SIGALRM, &sa, NULL) < 0)
		return EXIT_FAILURE;
	(void)alarm(LIFETIME);
	while (!ended) {
		if (renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) == 0) {
			n++;
		} else if (errno != EBUSY) {
			perror(argv[1]);
			return EXIT_FAILURE;
		}
	}
	printf("%lu\n", n);
	return EXIT_SUCCESS;
}
