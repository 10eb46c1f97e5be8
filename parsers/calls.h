/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an SDK does for one call of its user: attempts, with a back-off between
 * them. They belong together by the invocation id that the SDK sends, of one
 * process; without one, when the attempt before failed in a way that is worth
 * another one and the same process asks for the same within the SDKs' longest
 * back-off. An attempt that succeeded is never followed by another.
 *
 * Only calls whose last attempt failed are kept, a bounded number of them, the
 * least recently used out first. Pure: times are those of the rows.
 */
#ifndef S3SLOWER_CALLS_H
#define S3SLOWER_CALLS_H

#include "request.h"

#define CALLS_WINDOW_NS INT64_C(20000000000) /* the SDKs never wait longer */

struct calls;

/* For up to max unfinished calls. whole: rows are to become calls, else they
 * stay attempts. The caller owns it; NULL when memory is short. */
struct calls *calls_new(size_t max, bool whole);
void calls_free(struct calls *calls);

/* Takes a row that has ended, in the order of the attempts, and returns whether
 * it is to be shown. An attempt is: it learns its backoff_ns. A call is when this
 * attempt was its last: the row becomes that of the call. Else the row is kept,
 * and calls_take() gives it back if nothing follows; it has to be asked before,
 * until it has no more, for what finds no room is forgotten. */
bool calls_add(struct calls *calls, struct request *row);

/* A request that is under way: if it is the next attempt of a call, that is not
 * given up for a while, and the row learns its backoff_ns. now_ns as time_ns. */
void calls_touch(struct calls *calls, struct request *row, int64_t now_ns);

/* The process has gone: nothing will follow, and its calls are late. */
void calls_gone(struct calls *calls, uint32_t pid);

/* Whether there is a call of which no attempt came in time. */
bool calls_due(const struct calls *calls, int64_t now_ns);

/* The row of such a call, or of the one that has to make room for another; NULL
 * if there is none. At INT64_MAX every call is late. The caller frees it. What
 * the row borrowed from others (extra.h) is not in it. */
struct request *calls_take(struct calls *calls, int64_t now_ns);

/* Calls that were pushed out by newer ones. */
uint64_t calls_evicted(const struct calls *calls);

#endif
