/* SPDX-License-Identifier: Apache-2.0 */
#include "sdk.h"

#define DIGITS_MAX 6 /* more attempts than that are nonsense */

/* Cuts the text before the next ';' off, without the blanks around it. */
static struct slice next_part(struct slice *rest)
{
	struct slice part = *rest;
	size_t n = 0;

	while (n < rest->n && rest->p[n] != ';')
		n++;
	part.n = n;
	*rest = slice_from(*rest, n + 1);
	while (part.n && (*part.p == ' ' || *part.p == '\t'))
		part = slice_from(part, 1);
	while (part.n && (part.p[part.n - 1] == ' ' || part.p[part.n - 1] == '\t'))
		part.n--;
	return part;
}

static int number(struct slice s)
{
	int n = 0;

	if (s.n == 0 || s.n > DIGITS_MAX)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		n = n * 10 + (s.p[i] - '0');
	}
	return n ? n : -1;
}

struct sdk_attempt sdk_attempt_parse(struct slice value)
{
	static const struct slice names[] = {SLICE("attempt="), SLICE("max=")};
	struct sdk_attempt a = {-1, -1};

	while (value.n) {
		struct slice part = next_part(&value);

		if (slice_begins(part, names[0]))
			a.number = number(slice_from(part, names[0].n));
		else if (slice_begins(part, names[1]))
			a.max = number(slice_from(part, names[1].n));
	}
	return a;
}
