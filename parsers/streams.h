/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections that speak HTTP/2, and their streams: each becomes an exchange, as
 * if it had had a connection of HTTP/1.1 to itself. Bounded: the stream that is open
 * for longest and the connection that is unused for longest go first. A connection
 * that was joined in the middle, lost an event or makes no sense is opaque from then
 * on: of its streams nothing more is said.
 */
#ifndef S3SLOWER_STREAMS_H
#define S3SLOWER_STREAMS_H

#include <stdint.h>

#include "event.h"
#include "slice.h"

struct streams;

/* One stream. The exchange has EXCHANGE_FRAMES; more is what its request head has
 * beyond EXCHANGE_REQ_CAP. */
struct streamed {
	const struct exchange *exchange;
	struct slice more;
};

/* The caller owns it; NULL when memory is short. */
struct streams *streams_new(size_t max_connections, size_t max_streams);
void streams_free(struct streams *streams);

/* What a call moved: an EVENT_FRAMES. Then, and after streams_end(), streams_next() is to be asked
 * until it has no more. */
void streams_take(struct streams *streams, const struct event *event);

/* The connection of that record is gone. NULL: tracing stops, while nobody knows what
 * becomes of them. */
void streams_end(struct streams *streams, const struct exchange *record, uint64_t time);

/* The next stream of which nothing more will come, good until the next call; false:
 * none. */
bool streams_next(struct streams *streams, struct streamed *out);

/* The i-th open stream whose request was seen, from the oldest; false behind the last. */
bool streams_open(const struct streams *streams, size_t i, struct streamed *out);

/* Connections that became opaque, and streams that made room for newer ones. */
uint64_t streams_opaque(const struct streams *streams);
uint64_t streams_evicted(const struct streams *streams);

#endif
