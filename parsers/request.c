/* SPDX-License-Identifier: Apache-2.0 */
#include "request.h"

#include <string.h>

#include "message.h"
#include "sdk.h"
#include "sides.h"
#include "text.h"
#include "useragent.h"

#define INVOCATION_ID_MAX 64 /* SDKs send a UUID */
#define UPLOAD_ID_MAX 512    /* Amazon's have about 150 bytes, others' up to 400 */

/* Layers of exchange.h by the name that users know. */
static const char *const via_names[] = {
	[LAYER_SOCKET] = "http", [LAYER_OPENSSL] = "openssl", [LAYER_GNUTLS] = "gnutls",
	[LAYER_NSS] = "nss",	 [LAYER_S2N] = "s2n",	      [LAYER_GOTLS] = "gotls",
};

static const char *const state_names[] = {
	[REQUEST_OPEN] = "open",
	[REQUEST_PENDING] = "pending",
	[REQUEST_COMPLETE] = "complete",
	[REQUEST_PARTIAL] = "partial",
	[REQUEST_NO_RESPONSE] = "no_response",
	[REQUEST_NOT_HTTP] = "not_http",
};

const char *request_state_name(enum request_state state)
{
	return state_names[state];
}

static int64_t at_least_0(int64_t n)
{
	return n > 0 ? n : 0;
}

/* Waiting for 100-continue: from the head's last byte to the interim answer, or
 * to the moment the program stopped waiting and sent its body. */
static int64_t expect_time(const struct exchange *e, const struct asked *asked, uint64_t send_end)
{
	uint64_t until = e->t_body, from = e->t_head > e->t_start ? e->t_head : e->t_start;

	if (!e->t_head || !e->t_body || asked->head_size <= 0 ||
	    e->head_sent != (uint64_t)asked->head_size || !asked_expects_continue(asked))
		return 0;
	if (e->t_interim && e->t_interim < until)
		until = e->t_interim;
	if (until > send_end)
		until = send_end;
	return at_least_0((int64_t)(until - from));
}

/* When the answer's last byte was read. A server that gives up an idle connection may say so
 * in an answer that nobody asked for. */
static uint64_t answer_time(const struct exchange *e, const struct answer *a)
{
	return a->end && e->t_read && e->received_before >= a->end ? e->t_read : e->t_last;
}

/* The phases, in nanoseconds; they sum to the latency by construction. */
static void set_times(struct request *r, const struct exchange *e, const struct asked *asked,
		      const struct answer *a, bool answered)
{
	uint64_t end = answered ? answer_time(e, a) : e->t_end ? e->t_end : e->t_emit;
	uint64_t first = answered ? e->t_first : end, send_end;

	if (end < e->t_start)
		end = e->t_start;
	if (first < e->t_start)
		first = e->t_start;
	if (first > end)
		first = end;
	send_end = e->t_sent < first ? e->t_sent : first;
	if (send_end < e->t_start)
		send_end = e->t_start;
	r->latency_ns = (int64_t)(end - e->t_start);
	r->ttfb_ns = answered ? (int64_t)(first - e->t_start) : -1;
	r->expect_ns = expect_time(e, asked, send_end);
	r->expect_timeout_ns = e->t_interim && e->t_interim < e->t_body ? 0 : r->expect_ns;
	r->send_ns = (int64_t)(send_end - e->t_start) - r->expect_ns;
	r->wait_ns = (int64_t)(first - send_end);
	r->recv_ns = (int64_t)(end - first);
	r->stall_ns = answered ? (int64_t)e->stall_ns : 0;
	if (r->stall_ns > r->recv_ns)
		r->stall_ns = r->recv_ns;
	r->recv_ns -= r->stall_ns;
}

/* What an error document in the body says, as far as that was kept. A late error comes
 * with a 200, behind white space that kept the connection alive: when that is all that
 * was kept, the end still tells that it is an error. What a GET downloads with a 200 is
 * somebody's data. */
static void set_error(struct request *r, const struct exchange *e, struct side side,
		      const struct asked *asked, const struct answer *a, struct text_arena *arena)
{
	char joined[EXCHANGE_RESP_CAP];
	struct s3_error error;

	if (a->head_size <= 0 ||
	    (a->head.status < 300 && slice_is(asked->head.method, SLICE("GET"))))
		return;
	struct slice body = answer_body(side, a, joined);
	r->is_error = s3_error(body, &error) ||
		      (s3_is_blank(body) && s3_error_ends(answer_end(e, side, a)));
	r->error_code = text_clean(arena, error.code);
	r->error_message = message_text(arena, error.message, &asked->head);
}

static uint64_t mix(uint64_t hash, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		hash = (hash ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
	return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

/* Method, host, target and the part of the object that is asked for. */
static uint64_t likeness(const struct http1_request *head)
{
	uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), head->method);

	hash = mix(hash, head->target);
	hash = mix(hash, http1_header(&head->headers, SLICE("host")));
	return mix(hash, http1_header(&head->headers, SLICE("range")));
}

/* What the client says about the call that this request is an attempt of. */
static void set_attempt(struct request *r, const struct http1_request *head,
			struct text_arena *arena)
{
	struct sdk_attempt attempt =
		sdk_attempt_parse(http1_header(&head->headers, SLICE("amz-sdk-request")));
	struct slice id = http1_header(&head->headers, SLICE("amz-sdk-invocation-id"));

	if (id.n > INVOCATION_ID_MAX)
		id.n = INVOCATION_ID_MAX;
	r->invocation_id = id.n ? text_clean(arena, id) : NULL;
	r->attempt = attempt.number;
	r->max_attempts = attempt.max;
	r->likeness = likeness(head);
	r->backoff_ns = -1;
	r->attempts = 1;
}

/* An id cut short would be that of nothing. */
static void set_part(struct request *r, const struct http1_request *head,
		     const struct http1_response *response, const struct s3_request *s3,
		     struct text_arena *arena)
{
	struct slice id = part_parse(head, response, s3, &r->part);

	if (id.n > UPLOAD_ID_MAX)
		r->truncated = true;
	else if (id.n)
		r->upload_id = text_decoded(arena, id);
}

static void set_texts(struct request *r, const struct exchange *e, const struct asked *asked,
		      const struct answer *a, struct side received,
		      const struct request_context *context)
{
	struct text_arena arena = {r->text, sizeof(r->text), 0, false};
	const struct http1_response *response = a->head.status ? &a->head : NULL;
	size_t comm = strnlen((const char *)e->comm, sizeof(e->comm));
	struct slice version;
	struct s3_request s3;

	s3_classify(&asked->head, response, &context->endpoints, &s3);
	r->is_s3 = s3.is_s3;
	r->operation = s3.is_s3 ? s3.operation : NULL;
	r->log_operation = s3.is_s3 ? s3.log_operation : NULL;
	r->comm = text_clean(&arena, (struct slice){(const char *)e->comm, comm});
	r->method = text_clean(&arena, asked->head.method);
	if (s3.is_s3) {
		r->bucket = text_decoded(&arena, s3.bucket);
		r->key = text_decoded(&arena, s3.key);
		set_part(r, &asked->head, response, &s3, &arena);
	}
	r->endpoint = text_clean(&arena, s3.endpoint);
	set_attempt(r, &asked->head, &arena);
	r->region = text_decoded(&arena, s3.region);
	r->client_type =
		useragent_client(http1_header(&asked->head.headers, SLICE("user-agent")), &version);
	r->client_version = text_clean(&arena, version);
	if (response) {
		r->request_id = text_clean(
			&arena, http1_header(&response->headers, SLICE("x-amz-request-id")));
		r->host_id =
			text_clean(&arena, http1_header(&response->headers, SLICE("x-amz-id-2")));
		if (s3.is_s3)
			set_error(r, e, received, asked, a, &arena);
	}
	/* Last, because it is the longest. */
	if (s3.path.p)
		r->path = text_target(&arena, s3.path, s3.query);
	r->truncated |= arena.truncated;
	r->text_used = arena.used;
}

/* What a request without a whole answer waits for; NULL when that is not known. */
static const char *waits_for(const struct exchange *e, const struct asked *asked, uint64_t at,
			     bool answered)
{
	uint64_t head_end = at + (uint64_t)asked->head_size, body;
	int64_t due = asked_decoded_size(asked);

	if (answered)
		return "body";
	if (asked->head_size <= 0)
		return e->req_len < EXCHANGE_REQ_CAP ? "send" : NULL;
	if (asked->body.framing == HTTP1_NO_BODY)
		due = 0;
	else if (asked->body.framing == HTTP1_LENGTH)
		due = (int64_t)asked->body.length;
	body = e->sent > head_end ? e->sent - head_end : 0;
	if (due && !body && !e->t_interim && asked_expects_continue(asked))
		return "continue";
	if (due < 0)
		return body ? NULL : "send";
	return body < (uint64_t)due ? "send" : "response";
}

/* Requests that were pipelined in one piece count as one: only the first is numbered. */
static void set_connection(struct request *r, const struct exchange *e, uint64_t at)
{
	r->connection_id = e->connection ? (int64_t)e->connection : -1;
	r->number = r->reused = r->resumed = -1;
	r->idle_ns = r->dns_ns = r->connect_ns = r->tls_ns = -1;
	if (at || (e->number > 1 && e->number <= INT32_MAX))
		r->reused = 1;
	else if (e->number == 1 && (e->flags & EXCHANGE_NUMBERED))
		r->reused = 0;
	if (at)
		return;
	if (e->number && e->number <= INT32_MAX && (e->flags & EXCHANGE_NUMBERED))
		r->number = (int)e->number;
	if (e->connect_ns && !(e->flags & EXCHANGE_FD_MISMATCH))
		r->connect_ns = (int64_t)e->connect_ns;
	if (e->tls_ns)
		r->tls_ns = (int64_t)e->tls_ns;
	if ((e->flags & (EXCHANGE_RESUMED | EXCHANGE_FULL)) && !(e->flags & EXCHANGE_FD_MISMATCH))
		r->resumed = (e->flags & EXCHANGE_RESUMED) != 0;
	if (e->number > 1 && e->t_before)
		r->idle_ns = at_least_0((int64_t)(e->t_start - e->t_before));
}

/* The head of a stream is written as one of HTTP/1.1 (fields.h). */
static const char *http_version(const struct exchange *e, const struct asked *asked)
{
	if (e->flags & EXCHANGE_FRAMES)
		return "2";
	return asked->head.minor == 1 ? "1.1" : asked->head.minor == 0 ? "1.0" : NULL;
}

static void set_row(struct request *r, const struct exchange *e, const struct asked *asked,
		    uint64_t at, const struct answer *a, struct side sent, struct side received,
		    const struct request_context *context, bool final)
{
	bool answered = a->head.status != 0 || (a->head_size == HTTP1_BAD && received.total > 0);
	const char *waits;

	memset(r, 0, offsetof(struct request, text));
	r->time_ns = (int64_t)e->t_start + context->wall_minus_mono_ns;
	r->pid = e->key.tgid;
	r->tid = e->tid;
	r->uid = e->uid;
	r->fd = e->fd;
	/* Two descriptors under one TLS object: nobody can say which one it was. */
	if (e->flags & EXCHANGE_FD_MISMATCH) {
		r->fd = -1;
	} else {
		r->socket = e->socket;
		r->ends = e->ends;
	}
	set_connection(r, e, at);
	r->via = e->key.layer < sizeof(via_names) / sizeof(via_names[0]) ? via_names[e->key.layer]
									 : NULL;
	r->http_version = http_version(e, asked);
	r->stream_id = e->flags & EXCHANGE_FRAMES ? (int64_t)e->stream : -1;
	r->status = a->head.status ? a->head.status : -1;
	r->request_size = asked_sent(e, asked, at);
	r->response_size = answered ? a->size : -1;
	r->truncated = asked->head_size == HTTP1_PARTIAL && sent.total > sent.kept.n;
	set_times(r, e, asked, a, answered || a->unseen);
	if (a->unseen)
		r->ttfb_ns = -1;
	set_texts(r, e, asked, a, received, context);
	if (answered && a->whole)
		r->state = REQUEST_COMPLETE;
	else if (!final)
		r->state = REQUEST_OPEN;
	else if (answered || a->unseen || !(e->flags & EXCHANGE_ENDED))
		r->state = REQUEST_PARTIAL; /* also what was under way when tracing stopped */
	else
		r->state = REQUEST_NO_RESPONSE;
	waits = waits_for(e, asked, at, answered || a->unseen);
	if (r->state == REQUEST_OPEN)
		r->waiting_for = waits;
	r->unsent = waits ? strcmp(waits, "send") == 0 : -1;
	r->retransmits = r->why_share = -1;
	r->retransmit_ns = r->why_ns = r->felt_ns = -1;
	r->is_error |= r->status >= 400 || r->state == REQUEST_NO_RESPONSE;
}

int request_build(const struct exchange *e, struct slice more,
		  const struct request_context *context, bool final, struct request *rows, int max)
{
	char head[EXCHANGE_REQ_CAP + EXCHANGE_MORE_CAP];
	uint32_t req_len = e->req_len < EXCHANGE_REQ_CAP ? e->req_len : EXCHANGE_REQ_CAP;
	uint32_t resp_len = e->resp_len < EXCHANGE_RESP_CAP ? e->resp_len : EXCHANGE_RESP_CAP;
	struct side sent = {{(const char *)e->bytes, req_len}, e->sent};
	struct side received = {{(const char *)EXCHANGE_RESPONSE(e), resp_len}, e->received};
	uint64_t at = 0, answer_at = 0;
	int n = 0;

	if (more.n && req_len == EXCHANGE_REQ_CAP) {
		if (more.n > EXCHANGE_MORE_CAP)
			more.n = EXCHANGE_MORE_CAP;
		memcpy(head, e->bytes, req_len);
		memcpy(head + req_len, more.p, more.n);
		sent.kept = (struct slice){head, req_len + more.n};
	}
	for (;;) {
		struct asked asked;
		struct answer a;
		bool piped;

		asked_parse(sent, at, &asked);
		if (asked.head_size == HTTP1_BAD) {
			if (n == 0) {
				memset(&rows[0], 0, offsetof(struct request, text));
				rows[n++].state = REQUEST_NOT_HTTP;
			}
			break;
		}
		answer_parse(e, received, answer_at, asked.head.method, &a);
		if (n > 0 && e->received > answer_at &&
		    (answer_at == 0 || answer_at >= received.kept.n)) {
			/* Behind an answer whose end is not known, or beyond what was
			 * kept: nobody can say. */
			memset(&a, 0, sizeof(a));
			a.size = -1;
			a.unseen = true;
		}
		a.whole |= answer_moved_on(e, &a, received);
		set_row(&rows[n], e, &asked, at, &a, sent, received, context, final);
		if (rows[n].state == REQUEST_OPEN) {
			rows[0].state = REQUEST_OPEN; /* all or nothing */
			return 1;
		}
		n++;
		piped = asked.end && asked.end < sent.kept.n &&
			http1_request(slice_from(sent.kept, asked.end), &asked.head) != HTTP1_BAD;
		if (!piped || n == max)
			break;
		at = asked.end;
		answer_at = a.end;
	}
	/* Answers to pipelined requests come in order. But one record has one clock:
	 * it tells them apart only when all went out in one call and came in one. */
	for (int i = 0; n > 1 && e->changes != 2 && i < n; i++)
		if (rows[i].state == REQUEST_COMPLETE)
			rows[i].state = REQUEST_PARTIAL;
	return n;
}
