/* SPDX-License-Identifier: Apache-2.0 */
#include "nearest.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NEAR_MAX 3
#define NEAR_LENGTH 48u

/* How many letters must change to make one of the other, case aside. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[NEAR_LENGTH + 1];
	size_t n = strnlen(b, NEAR_LENGTH);

	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 0; a[i]; i++) {
		unsigned corner = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < n; j++) {
			unsigned change = corner + (strncasecmp(a + i, b + j, 1) != 0);
			corner = row[j + 1];
			unsigned drop = corner + 1, insert = row[j] + 1;
			row[j + 1] = change < drop ? change : drop;
			if (insert < row[j + 1])
				row[j + 1] = insert;
		}
	}
	return row[n];
}

void nearest_suggest(const char *typed, const char *(*name)(size_t), const char *before, char *out,
		     size_t size)
{
	const char *best[NEAR_MAX];
	unsigned score[NEAR_MAX];
	size_t n = 0, length = strlen(typed), used = 0;
	const char *candidate;

	*out = '\0';
	if (length == 0 || length > NEAR_LENGTH)
		return;
	for (size_t i = 0; (candidate = name(i)); i++) {
		/* The beginning of a name is as good as one wrong letter. */
		bool begins = length > 2 && strncasecmp(candidate, typed, length) == 0;
		unsigned d = begins ? 1 : distance(typed, candidate);
		if (d > 1 + length / 4)
			continue;
		size_t at = n < NEAR_MAX ? n++ : NEAR_MAX;
		for (; at > 0 && score[at - 1] > d; at--) {
			if (at < NEAR_MAX) {
				score[at] = score[at - 1];
				best[at] = best[at - 1];
			}
		}
		if (at < NEAR_MAX) {
			score[at] = d;
			best[at] = candidate;
		}
	}
	while (n > 1 && score[n - 1] > score[0] + 1)
		n--;
	for (size_t i = 0; i < n && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s%s",
					 i == 0	      ? ": did you mean "
					 : i + 1 == n ? " or "
						      : ", ",
					 before, best[i]);
	if (n && used < size)
		snprintf(out + used, size - used, "?");
}
