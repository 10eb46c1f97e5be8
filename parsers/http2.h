/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frames of one HTTP/2 connection (RFC 9113) and what their header blocks say
 * (RFC 7541, by libnghttp2's decoder), from the bytes that its client's calls moved,
 * wherever those are cut. Both directions have to be seen from their first byte:
 * what a block says depends on all blocks before it. So whatever does not fit - a
 * gap, a frame that cannot be - is the end of it, and nothing is guessed.
 */
#ifndef S3SLOWER_HTTP2_H
#define S3SLOWER_HTTP2_H

#include <stdint.h>

#include "probes/exchange.h"
#include "slice.h"

struct http2;

/* One call, as struct event_frames has it. */
struct http2_call {
	unsigned direction; /* FLOW_* */
	uint64_t time, entered;
	uint64_t at, n;
	struct slice told;
};

enum http2_kind {
	HTTP2_HEAD,	/* a header block begins */
	HTTP2_FIELD,	/* one of its fields, name and value; "" is a good value */
	HTTP2_HEAD_END, /* it is whole */
	HTTP2_DATA,	/* n bytes of a body; value: those of them that were told, from the first */
	HTTP2_DATA_END, /* a frame of them is over */
	HTTP2_RESET,	/* the stream was given up */
	HTTP2_GOAWAY,	/* streams above this one are not answered any more */
};

struct http2_token {
	enum http2_kind kind;
	uint32_t stream;
	bool last;		/* HEAD_END, DATA_END: the stream ends in this direction */
	uint64_t entered, time; /* of the call that moved the frame's first byte */
	struct slice name, value;
	uint64_t n;
};

/* A connection of which nothing was seen yet. The caller owns it; NULL when memory is
 * short. */
struct http2 *http2_new(void);
void http2_free(struct http2 *http2);

/* Begins with the bytes of a call, which stay the caller's and have to be there until
 * http2_next() says that there is no more. 0, or -EBADMSG if they do not follow those
 * of the call before. */
int http2_call(struct http2 *http2, const struct http2_call *call);

/* The next thing in them: 1, and the slices are good until the next call; 0: no more;
 * -EBADMSG: nothing will be understood any more. */
int http2_next(struct http2 *http2, struct http2_token *token);

#endif
