/* SPDX-License-Identifier: Apache-2.0 */
/* TLS that cannot be probed, and how it is recognised: the table of the reasons. */
#ifndef S3SLOWER_UNSEEN_H
#define S3SLOWER_UNSEEN_H

#include <stddef.h>

#include "parsers/slice.h"

struct unseen {
	const char *name;   /* "JSSE" */
	const char *mapped; /* a process that has mapped a file whose name begins so; or */
	const char *marker; /* a program that holds these bytes; both NULL end the table */
	const char *reason; /* completes "cannot be seen:" */
};

/* The kind that a mapped file's name gives away, or NULL. */
const struct unseen *unseen_by_mapping(struct slice path);

/* The kind that a program's own bytes give away, or NULL. Reads what it does not
 * execute, at most max bytes of it. */
const struct unseen *unseen_by_content(const char *path, size_t max);

#endif
