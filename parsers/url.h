/* SPDX-License-Identifier: Apache-2.0 */
/* Percent-encoded text and query strings (RFC 3986), read in place. */
#ifndef S3SLOWER_URL_H
#define S3SLOWER_URL_H

#include "slice.h"

/* Takes the next byte of *s, percent-decoded; -1 at the end. A malformed
 * escape stands for itself, and so does '+'. */
int url_next_byte(struct slice *s);

/* Whether s, percent-decoded, is plain. */
bool url_is(struct slice s, struct slice plain);

struct url_param {
	struct slice name;  /* as sent */
	struct slice value; /* as sent; SLICE_NONE when there is no '=' */
};

/* Takes the next "name=value" of *query, which has no '?'. Empty ones ("a&&b")
 * are passed over. False at the end. */
bool url_next_param(struct slice *query, struct url_param *out);

#endif
