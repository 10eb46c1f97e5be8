/* SPDX-License-Identifier: Apache-2.0 */
/* What streams.c, which keeps connections and streams, and streams_take.c, which reads what
 * calls moved, share. Not for others: they see streams.h. */
#ifndef S3SLOWER_STREAMS_STATE_H
#define S3SLOWER_STREAMS_STATE_H

#include "fields.h"
#include "http2.h"
#include "streams.h"

struct connection;

struct stream {
	struct stream *next, *before; /* of all, from the oldest */
	struct connection *connection;
	uint32_t id;
	bool asked;    /* its request head was seen */
	bool answered; /* a final head, too */
	bool over;     /* the answer has ended */
	bool hole;     /* bytes of the answer's body are missing behind those that are kept */
	char *more;
	size_t more_len;
	struct exchange e;
};

/* A header block under way. */
struct block {
	struct fields *fields; /* NULL: of no interest */
	uint64_t entered, time;
};

struct connection {
	struct connection *next; /* the one that was used before */
	uint64_t id;
	struct http2 *http2;	 /* NULL: opaque */
	struct exchange *record; /* EXCHANGE_FIXED bytes of it */
	struct block block[2];
	uint32_t last_asked; /* highest number of a stream that was asked for */
	uint32_t n_asked, n_open;
	uint64_t t_last; /* the last answer's end */
};

struct streams {
	struct connection *used; /* from the last one used */
	size_t n_connections, max_connections;
	struct stream *first, *last; /* open */
	size_t n_open, max_open;
	struct stream *done, *done_last, *given;
	uint64_t opaque, evicted;
};

/* The open stream of that number; NULL when there is none. */
struct stream *stream_find(const struct streams *streams, const struct connection *connection,
			   uint32_t id);

/* Opens one. NULL when memory is short. */
struct stream *stream_new(struct streams *streams, struct connection *connection, uint32_t id);

/* Nothing more will come of it; flags: EXCHANGE_*. */
void stream_finish(struct streams *streams, struct stream *stream, uint64_t time, uint32_t flags);

/* The connection makes no sense from here on. */
void connection_hide(struct streams *streams, struct connection *connection, uint64_t time);

/* Takes what a call moved on a connection that is not opaque. */
void connection_take(struct streams *streams, struct connection *connection,
		     const struct event *event);

#endif
