/* SPDX-License-Identifier: Apache-2.0 */
#include "url.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int url_escaped(struct slice *s)
{
	int byte = '%';
	size_t taken = 1;

	if (s->n >= 3 && hex(s->p[1]) >= 0 && hex(s->p[2]) >= 0) {
		byte = hex(s->p[1]) << 4 | hex(s->p[2]);
		taken = 3;
	}
	*s = slice_from(*s, taken);
	return byte;
}

bool url_is(struct slice s, struct slice plain)
{
	/* Tables of names are tried one by one: most are another one at once. */
	if (s.n < plain.n || (plain.n && s.p[0] != plain.p[0] && s.p[0] != '%'))
		return false;
	for (size_t i = 0; i < plain.n; i++)
		if (url_next_byte(&s) != (unsigned char)plain.p[i])
			return false;
	return s.n == 0;
}

bool url_next_param(struct slice *query, struct url_param *out)
{
	while (query->n) {
		const char *end = memchr(query->p, '&', query->n);
		size_t n = end ? (size_t)(end - query->p) : query->n;
		struct slice pair = {query->p, n};

		*query = slice_from(*query, end ? n + 1 : n);
		if (!pair.n)
			continue;
		const char *equals = memchr(pair.p, '=', pair.n);
		size_t name = equals ? (size_t)(equals - pair.p) : pair.n;
		out->name = (struct slice){pair.p, name};
		out->value = equals ? slice_from(pair, name + 1) : SLICE_NONE;
		return true;
	}
	return false;
}

struct slice url_password(struct slice s, const char *ends)
{
	size_t colon = 0, at = 0;

	/* A NUL is the end of every set. */
	for (size_t i = 0; i < s.n && !strchr(ends, s.p[i]); i++) {
		if (s.p[i] == '@')
			at = i;
		else if (s.p[i] == ':' && !colon)
			colon = i + 1;
	}
	return colon && at > colon ? (struct slice){s.p + colon, at - colon} : SLICE_NONE;
}
