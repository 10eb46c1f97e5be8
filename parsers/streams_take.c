/* SPDX-License-Identifier: Apache-2.0 */
/* What a call moved on a connection that speaks HTTP/2, as its streams see it. */
#include <stdlib.h>

#include "streams_state.h"

struct moved {
	struct streams *streams;
	struct connection *connection;
	const struct event *event;
};

/* A stream that the client opens has an odd number (RFC 9113, 5.1.1). An answer may be
 * read on one thread before the call that sent its request is over on another. */
static struct stream *stream_of(const struct moved *m, const struct http2_token *token)
{
	struct connection *c = m->connection;
	bool sent = m->event->frames.direction == FLOW_SENT;
	struct stream *stream = stream_find(m->streams, c, token->stream);

	if (stream || token->kind != HTTP2_HEAD || !(token->stream & 1) ||
	    token->stream <= c->last_asked)
		return stream;
	stream = stream_new(m->streams, c, token->stream);
	if (stream && sent)
		c->last_asked = token->stream;
	return stream;
}

static void begin_head(const struct moved *m, const struct http2_token *token)
{
	bool sent = m->event->frames.direction == FLOW_SENT;
	struct block *block = &m->connection->block[!sent];
	struct stream *stream = stream_of(m, token);

	fields_free(block->fields);
	block->fields = NULL;
	block->entered = token->entered;
	block->time = token->time;
	/* Behind a head come trailers. */
	if (stream && !(sent ? stream->asked : stream->answered))
		block->fields = fields_new();
	if (sent && stream && token->stream > m->connection->last_asked)
		m->connection->last_asked = token->stream;
}

/* Idle is a connection on which nothing else is under way. */
static void take_order(struct stream *stream)
{
	struct connection *c = stream->connection;
	struct exchange *e = &stream->e;

	/* The preface is the connection's beginning, unless it was used for HTTP/1 before. */
	e->number = (c->record->number ? c->record->number : 1) + c->n_asked++;
	if (c->n_open == 1 && c->t_last && c->t_last < e->t_start)
		e->t_before = c->t_last;
}

static void end_request_head(const struct moved *m, struct stream *stream,
			     const struct block *block, bool last)
{
	char head[EXCHANGE_REQ_CAP + EXCHANGE_MORE_CAP];
	struct exchange *e = &stream->e;
	size_t n = fields_request(block->fields, !last, head, sizeof(head)), kept = n;

	stream->asked = true;
	e->tid = m->event->frames.tid;
	e->t_start = block->entered ? block->entered : block->time;
	if (!block->entered)
		e->flags |= EXCHANGE_LATE_START;
	e->t_sent = m->event->time;
	e->sent += n;
	e->head_sent = n;
	if (!last)
		e->t_head = e->t_sent;
	if (kept > sizeof(head))
		kept = sizeof(head);
	n = kept < EXCHANGE_REQ_CAP ? kept : EXCHANGE_REQ_CAP;
	/* A server may have answered already. */
	memmove(e->bytes + n, EXCHANGE_RESPONSE(e), e->resp_len);
	e->req_len = (uint32_t)n;
	memcpy(e->bytes, head, n);
	if (kept > e->req_len)
		stream->more = malloc(kept - e->req_len);
	if (stream->more) {
		stream->more_len = kept - e->req_len;
		memcpy(stream->more, head + e->req_len, stream->more_len);
	}
	take_order(stream);
}

static void end_answer_head(const struct moved *m, struct stream *stream, const struct block *block,
			    bool last)
{
	struct exchange *e = &stream->e;
	int status = fields_status(block->fields);

	if (status < 200 && !last) {
		if (status)
			e->t_interim = m->event->time;
		return;
	}
	stream->answered = true;
	e->flags |= EXCHANGE_FINAL;
	e->t_first = block->time;
	e->t_last = m->event->time;
	e->received =
		fields_response(block->fields, (char *)EXCHANGE_RESPONSE(e), EXCHANGE_RESP_CAP);
	e->resp_len = (uint32_t)e->received;
}

static void end_head(const struct moved *m, const struct http2_token *token, struct stream *stream)
{
	bool sent = m->event->frames.direction == FLOW_SENT;
	struct block *block = &m->connection->block[!sent];

	if (stream && block->fields && sent)
		end_request_head(m, stream, block, token->last);
	else if (stream && block->fields)
		end_answer_head(m, stream, block, token->last);
	fields_free(block->fields);
	block->fields = NULL;
}

static void take_data(const struct moved *m, const struct http2_token *token, struct stream *stream)
{
	struct exchange *e = &stream->e;
	size_t room = EXCHANGE_RESP_CAP - e->resp_len, n = token->value.n;

	if (m->event->frames.direction == FLOW_SENT) {
		e->sent += token->n;
		e->t_sent = m->event->time;
		/* Nothing lies between a head and data of the same call. */
		if (e->t_head >= token->time && e->sent == e->head_sent + token->n)
			e->t_head = 0;
		if (e->t_head && !e->t_body)
			e->t_body = token->entered ? token->entered : token->time;
		return;
	}
	if (!stream->answered)
		return;
	if (n > room)
		n = room;
	if (n && !stream->hole) {
		memcpy(EXCHANGE_RESPONSE(e) + e->resp_len, token->value.p, n);
		e->resp_len += (uint32_t)n;
	}
	stream->hole |= n < token->n;
	e->received += token->n;
	e->t_last = m->event->time;
}

/* The stream has ended in one direction. */
static void end_of_stream(const struct moved *m, struct stream *stream)
{
	struct exchange *e = &stream->e;

	e->changes++;
	if (m->event->frames.direction == FLOW_SENT) {
		e->t_sent = m->event->time;
	} else {
		e->flags |= EXCHANGE_EOF;
		e->t_last = m->event->time;
		stream->over = true;
	}
}

static void go_away(const struct moved *m, uint32_t above)
{
	struct stream *stream = m->streams->first, *next;

	for (; stream; stream = next) {
		next = stream->next;
		if (stream->connection == m->connection && stream->id > above)
			stream_finish(m->streams, stream, m->event->time, EXCHANGE_ENDED);
	}
}

static void take_token(const struct moved *m, const struct http2_token *token)
{
	bool sent = m->event->frames.direction == FLOW_SENT;
	struct block *block = &m->connection->block[!sent];
	struct stream *stream = stream_find(m->streams, m->connection, token->stream);

	switch (token->kind) {
	case HTTP2_HEAD:
		begin_head(m, token);
		return;
	case HTTP2_FIELD:
		if (block->fields)
			fields_add(block->fields, token->name, token->value);
		return;
	case HTTP2_GOAWAY:
		if (!sent)
			go_away(m, token->stream);
		return;
	case HTTP2_HEAD_END:
		end_head(m, token, stream);
		break;
	case HTTP2_DATA:
		if (stream)
			take_data(m, token, stream);
		return;
	case HTTP2_DATA_END:
		break;
	case HTTP2_RESET:
		if (stream)
			stream_finish(m->streams, stream, m->event->time, EXCHANGE_ENDED);
		return;
	}
	if (stream && token->last)
		end_of_stream(m, stream);
	if (stream && stream->over && stream->asked)
		stream_finish(m->streams, stream, m->event->time, 0);
}

void connection_take(struct streams *s, struct connection *c, const struct event *event)
{
	const struct event_frames *f = &event->frames;
	struct http2_call call = {f->direction, event->time,
				  f->entered,	f->at,
				  f->n,		{(const char *)event->told, f->told_len}};
	struct moved m = {s, c, event};
	struct http2_token token;
	int more = http2_call(c->http2, &call);

	if (more == 0)
		while ((more = http2_next(c->http2, &token)) == 1)
			take_token(&m, &token);
	if (more < 0 || (event->exchange.flags & EXCHANGE_CUT))
		connection_hide(s, c, event->time);
}
