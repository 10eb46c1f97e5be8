/* SPDX-License-Identifier: Apache-2.0 */
/* By what requests can be added up: the words that --by takes. */
#ifndef S3SLOWER_GROUPING_H
#define S3SLOWER_GROUPING_H

#include "address.h"
#include "request.h"

#define GROUPING_ROOM ENDPOINT_TEXT

struct grouping {
	const char *name;    /* "bucket": for --by and as a key in JSON */
	const char *heading; /* "BUCKET" */
	unsigned extra;	     /* EXTRA_*: known only if asked for; 0: always */
	/* field points into the request at offset. */
	const char *(*text)(const void *field, char *room);
	size_t offset;
};

/* What a row has there, NULL if that is unknown. It borrows from the row, or is put
 * together in room, of GROUPING_ROOM bytes. */
static inline const char *grouping_text(const struct grouping *grouping, const struct request *row,
					char *room)
{
	return grouping->text((const char *)row + grouping->offset, room);
}

/* The i-th one, NULL after the last. */
const struct grouping *grouping_at(size_t i);

/* Its name, for "did you mean". */
const char *grouping_name(size_t i);

/* The one of that name, case aside, or NULL. */
const struct grouping *grouping_find(const char *name);

#endif
