/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a request waited for packets that had to be sent again. The kernel tells
 * of each connection the stretches in which nothing got through (struct losses);
 * those of a request lie in its time. They are also in its own range of bytes: a
 * client sends a request when the one before is answered, and a server that answers
 * has received what it answers, so nothing older is left to be sent again.
 */
#ifndef S3SLOWER_LOSSES_H
#define S3SLOWER_LOSSES_H

#include "request.h"

/* When (monotonic, ns) the first packet can have left that matters to the row. */
int64_t losses_from(const struct request *row, const struct request_context *context);

/* Sets retransmits and retransmit_ns of a row: what lies between losses_from() - the
 * beginning of its connection's set-up, as far as that is known - and the first byte
 * of its answer, or its end without one; unknown for HTTP/2, unless it is nothing. losses:
 * its connection's; NULL: nothing was sent again. */
void losses_fill(struct request *row, const struct losses *losses,
		 const struct request_context *context);

#endif
