/* SPDX-License-Identifier: Apache-2.0 */
/* A key of the JSON sink: one row of a const table, as a column is. */
#ifndef S3SLOWER_FIELD_H
#define S3SLOWER_FIELD_H

#include "column.h"

enum field_kind {
	BARE,	/* numbers and truth values */
	QUOTED, /* a text of our own making: nothing to escape */
	TEXT,	/* anything else */
	LABELS, /* a target's, as an object */
};

/* What a column shows is the value. */
struct field {
	const char *name;
	struct slice before; /* what stands before the value */
	enum field_kind kind;
	const char *(*text)(const void *field, struct cell *cell);
	size_t offset;
	unsigned extra; /* EXTRA_*: there only if asked for; 0: always */
};

/* The first two of them, after what opens the object or divides it from the one before. */
#define KEY(opens, name) name, SLICE(opens "\"" name "\":")

#endif
