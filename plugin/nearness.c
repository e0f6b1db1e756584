/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of services that somebody may have meant.
 */
#include <ctype.h>
#include <string.h>

#include "svc.h"

#define SHORTEST_CUT 3 /* letters that can stand for a longer name */

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* How many letters to add, drop or change. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[FUSESVC_NAME_SIZE + 1];
	size_t len = strlen(b);

	for (unsigned int j = 0; j <= len; j++)
		row[j] = j;
	for (unsigned int i = 1; *a; i++, a++) {
		unsigned int diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= len; j++) {
			bool same = tolower((unsigned char)*a) == tolower((unsigned char)b[j - 1]);
			unsigned int up = row[j];

			row[j] = min3(row[j - 1] + 1, up + 1, diagonal + !same);
			diagonal = up;
		}
	}
	return row[len];
}

unsigned int svc_nearness(const char *wrong, const char *right)
{
	size_t len = strlen(wrong);
	unsigned int d = distance(wrong, right);

	if (d <= (len < 5 ? 1 : 2))
		return d + 1;
	return len >= SHORTEST_CUT && strncasecmp(wrong, right, len) == 0 ? 4 : 0;
}
