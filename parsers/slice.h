/* SPDX-License-Identifier: Apache-2.0 */
/* A slice borrows bytes that somebody else owns. p == NULL means "unknown". */
#ifndef S3SLOWER_SLICE_H
#define S3SLOWER_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct slice {
	const char *p;
	size_t n;
};

#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})
#define SLICE_NONE ((struct slice){NULL, 0})

/* Equal, byte for byte. */
static inline bool slice_is(struct slice s, struct slice t)
{
	return s.n == t.n && (s.n == 0 || memcmp(s.p, t.p, s.n) == 0);
}

/* Equal but for the case of ASCII letters. */
static inline bool slice_is_nocase(struct slice s, struct slice t)
{
	return s.n == t.n && (s.n == 0 || strncasecmp(s.p, t.p, s.n) == 0);
}

/* The last byte first: what tables list begins alike more often than it ends so. */
static inline bool slice_begins(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || (s.p[prefix.n - 1] == prefix.p[prefix.n - 1] &&
						     memcmp(s.p, prefix.p, prefix.n) == 0));
}

/* The bytes from i on; empty when i is past the end. */
static inline struct slice slice_from(struct slice s, size_t i)
{
	return i >= s.n ? (struct slice){s.p ? s.p + s.n : NULL, 0}
			: (struct slice){s.p + i, s.n - i};
}

/* Whether s ends so, but for the case of ASCII letters. */
static inline bool slice_ends_nocase(struct slice s, struct slice suffix)
{
	return s.n >= suffix.n && slice_is_nocase(slice_from(s, s.n - suffix.n), suffix);
}

#endif
