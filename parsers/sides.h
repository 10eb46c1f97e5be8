/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kept bytes of both sides of an exchange say of HTTP: what was asked, what was
 * answered, and where each ends. Pure.
 */
#ifndef S3SLOWER_SIDES_H
#define S3SLOWER_SIDES_H

#include "http1.h"
#include "probes/exchange.h"

/* One side of an exchange: what was kept of it, and how much there was. */
struct side {
	struct slice kept;
	uint64_t total;
};

/* A parsed request and where it ends. */
struct asked {
	struct http1_request head;
	long head_size; /* HTTP1_PARTIAL, HTTP1_BAD or bytes */
	struct http1_body body;
	uint64_t end; /* where the next request begins; 0 unknown */
};

/* A parsed final response, behind its interim ones. */
struct answer {
	struct http1_response head;
	long head_size;
	uint64_t begin; /* where the final head begins */
	struct http1_body body;
	int64_t size; /* body bytes seen, -1 unknown */
	bool whole;
	bool unseen;  /* something came, but nobody saw whether it begins here */
	uint64_t end; /* where the next response begins; 0 unknown */
};

/* Parses the request that begins so many bytes into the side. */
void asked_parse(struct side side, uint64_t at, struct asked *asked);

/* Whether it waits for "100 Continue" before its body. */
bool asked_expects_continue(const struct asked *asked);

/* What an aws-chunked body holds, in bytes; -1 if it is none. */
int64_t asked_decoded_size(const struct asked *asked);

/* Body bytes sent of the request at `at`; -1 unknown. An aws-chunked body carries signatures
 * and trailers; what the object has is in a header of its own. */
int64_t asked_sent(const struct exchange *e, const struct asked *asked, uint64_t at);

/* Parses the answer to a request of that method, which begins so many bytes into the side. */
void answer_parse(const struct exchange *e, struct side side, uint64_t at, struct slice method,
		  struct answer *answer);

/* The kept bytes of an answer's body, without the framing of chunks: a document may
 * be cut into several. They are those of side, or lie in joined. */
struct slice answer_body(struct side side, const struct answer *answer,
			 char joined[EXCHANGE_RESP_CAP]);

/* The last bytes of a whole answer of which more came than was kept; else SLICE_NONE. */
struct slice answer_end(const struct exchange *e, struct side side, const struct answer *answer);

/* Whether an answer whose head is longer than what is kept is whole: its body's begin is not
 * known, so its end is taken from the connection, which went on to another request. */
bool answer_moved_on(const struct exchange *e, const struct answer *answer, struct side received);

#endif
