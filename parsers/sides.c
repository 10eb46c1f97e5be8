/* SPDX-License-Identifier: Apache-2.0 */
#include "sides.h"

#include <string.h>

void asked_parse(struct side side, uint64_t at, struct asked *a)
{
	a->body = (struct http1_body){HTTP1_NO_BODY, 0};
	a->end = 0;
	a->head_size = http1_request(slice_from(side.kept, at), &a->head);
	if (a->head_size <= 0)
		return;
	a->body = http1_request_body(&a->head);
	if (a->body.framing == HTTP1_NO_BODY)
		a->end = at + (uint64_t)a->head_size;
	else if (a->body.framing == HTTP1_LENGTH && a->body.length < UINT64_MAX / 2)
		a->end = at + (uint64_t)a->head_size + a->body.length;
}

static struct slice tail_of(const struct exchange *e)
{
	size_t n = e->tail_len < EXCHANGE_TAIL_CAP ? e->tail_len : EXCHANGE_TAIL_CAP;

	return (struct slice){(const char *)e->tail, n};
}

/* The last chunk's end: exactly, when every byte was kept, else by the tail. */
static void end_of_chunks(const struct exchange *e, struct side side, uint64_t body_at,
			  struct answer *a)
{
	uint64_t payload = 0;

	if (side.total <= side.kept.n) {
		long used = http1_chunked(slice_from(side.kept, body_at), &payload);

		if (used > 0) {
			a->whole = true;
			a->size = (int64_t)payload;
			a->end = body_at + (uint64_t)used;
		} else if (used == HTTP1_PARTIAL) {
			a->size = (int64_t)payload;
		}
		return;
	}
	a->size = (int64_t)(side.total - body_at); /* chunk framing included: it is not kept */
	a->whole = http1_chunked_ends(tail_of(e));
}

void answer_parse(const struct exchange *e, struct side side, uint64_t at, struct slice method,
		  struct answer *a)
{
	uint64_t body_at, body;

	a->body = (struct http1_body){HTTP1_NO_BODY, 0};
	a->size = -1;
	a->whole = a->unseen = false;
	a->end = 0;
	/* Interim heads in the same read as the final one. */
	for (;;) {
		a->begin = at;
		a->head_size = http1_response(slice_from(side.kept, at), &a->head);
		if (a->head_size <= 0 || a->head.status >= 200 || a->head.status == 101)
			break;
		at += (uint64_t)a->head_size;
	}
	if (a->head_size == HTTP1_PARTIAL && a->head.status < 200)
		a->head.status = 0; /* an interim head, cut off: no answer yet */
	if (a->head_size <= 0)
		return;
	body_at = at + (uint64_t)a->head_size;
	body = side.total > body_at ? side.total - body_at : 0;
	a->body = http1_response_body(&a->head, method);
	switch (a->body.framing) {
	case HTTP1_NO_BODY:
		a->whole = true;
		a->size = 0;
		a->end = body_at;
		break;
	case HTTP1_LENGTH:
		a->whole = body >= a->body.length;
		a->size = (int64_t)(a->whole ? a->body.length : body);
		a->end = a->whole ? body_at + a->body.length : 0;
		break;
	case HTTP1_CHUNKED:
		end_of_chunks(e, side, body_at, a);
		break;
	case HTTP1_CLOSE:
		a->whole = e->flags & EXCHANGE_EOF;
		a->size = (int64_t)body;
		break;
	}
}

bool asked_expects_continue(const struct asked *asked)
{
	return slice_is_nocase(http1_header(&asked->head.headers, SLICE("expect")),
			       SLICE("100-continue"));
}

int64_t asked_decoded_size(const struct asked *asked)
{
	struct slice text =
		http1_header(&asked->head.headers, SLICE("x-amz-decoded-content-length"));
	int64_t n = 0;

	if (text.n == 0 || text.n > 18)
		return -1;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return -1;
		n = n * 10 + (text.p[i] - '0');
	}
	return n;
}

/* What chunks carry, if all of them are kept; else with their framing. */
static uint64_t without_chunks(const struct exchange *e, uint64_t body_at, uint64_t body)
{
	uint64_t payload;

	if (e->sent > e->req_len || e->req_len > EXCHANGE_REQ_CAP)
		return body;
	struct slice kept = {(const char *)e->bytes, e->sent};
	return http1_chunked(slice_from(kept, body_at), &payload) == HTTP1_BAD ? body : payload;
}

int64_t asked_sent(const struct exchange *e, const struct asked *asked, uint64_t at)
{
	int64_t decoded = asked_decoded_size(asked);
	uint64_t body;

	if (asked->head_size <= 0)
		return -1;
	if (asked->body.framing == HTTP1_NO_BODY)
		return 0;
	body = e->sent - at - (uint64_t)asked->head_size;
	if (e->sent < at + (uint64_t)asked->head_size)
		body = 0;
	if (asked->body.framing == HTTP1_LENGTH && body > asked->body.length)
		body = asked->body.length;
	if (asked->body.framing == HTTP1_CHUNKED)
		body = without_chunks(e, at + (uint64_t)asked->head_size, body);
	/* Only a body that went out whole has its decoded length, which is no more than it took. */
	if (decoded >= 0 && body >= (uint64_t)decoded &&
	    (asked->body.framing != HTTP1_LENGTH || body == asked->body.length))
		return decoded;
	return (int64_t)body;
}

struct slice answer_body(struct side side, const struct answer *a, char joined[EXCHANGE_RESP_CAP])
{
	struct slice body = slice_from(side.kept, a->begin + (uint64_t)a->head_size), chunk;
	size_t n = 0;

	if (a->body.framing != HTTP1_CHUNKED)
		return body;
	while (http1_next_chunk(&body, &chunk) && chunk.n <= EXCHANGE_RESP_CAP - n) {
		memcpy(joined + n, chunk.p, chunk.n);
		n += chunk.n;
	}
	return (struct slice){joined, n};
}

struct slice answer_end(const struct exchange *e, struct side side, const struct answer *a)
{
	return a->whole && side.total > side.kept.n ? tail_of(e) : SLICE_NONE;
}

bool answer_moved_on(const struct exchange *e, const struct answer *a, struct side received)
{
	return a->head_size == HTTP1_PARTIAL && a->head.status &&
	       received.total > received.kept.n && (e->flags & EXCHANGE_ENDED) &&
	       !(e->flags & EXCHANGE_EOF);
}
