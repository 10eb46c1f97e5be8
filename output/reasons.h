/* SPDX-License-Identifier: Apache-2.0 */
/* Which words the time of all rows went to, for the end of a run. */
#ifndef S3SLOWER_REASONS_H
#define S3SLOWER_REASONS_H

#include <stdio.h>

#include "parsers/why.h"

/* All zeros is none so far. */
struct reasons {
	uint64_t felt_ns[WHY_WORDS]; /* of the rows with that word; stops at UINT64_MAX */
};

/* A row that was judged; one without a word took no time. */
void reasons_add(struct reasons *reasons, const struct request *row);

/* One line, "why, by time: server 61.3 %, upload 38.7 %", the most first; nothing when
 * there is nothing to say. Whether it could be written the stream knows. */
void reasons_print(const struct reasons *reasons, FILE *file);

#endif
