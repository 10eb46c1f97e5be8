/* SPDX-License-Identifier: Apache-2.0 */
/* Percent-encoded text and query strings (RFC 3986), read in place. */
#ifndef S3SLOWER_URL_H
#define S3SLOWER_URL_H

#include "slice.h"

/* url_next_byte() where *s begins with '%'. */
int url_escaped(struct slice *s);

/* Takes the next byte of *s, percent-decoded; -1 at the end. A malformed
 * escape stands for itself, and so does '+'. */
static inline int url_next_byte(struct slice *s)
{
	if (!s->n)
		return -1;
	if (s->p[0] == '%')
		return url_escaped(s);
	s->n--;
	return (unsigned char)*s->p++;
}

/* Whether s, percent-decoded, is plain. */
bool url_is(struct slice s, struct slice plain);

/* The password of "user:password@host", which s begins with, behind a "://": from the first
 * ':' to the last '@' before a NUL or a byte of ends. SLICE_NONE when there is none. */
struct slice url_password(struct slice s, const char *ends);

struct url_param {
	struct slice name;  /* as sent */
	struct slice value; /* as sent; SLICE_NONE when there is no '=' */
};

/* Takes the next "name=value" of *query, which has no '?'. Empty ones ("a&&b")
 * are passed over. False at the end. */
bool url_next_param(struct slice *query, struct url_param *out);

#endif
