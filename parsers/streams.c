/* SPDX-License-Identifier: Apache-2.0 */
#include "streams.h"

#include <stdlib.h>

#include "fields.h"
#include "http2.h"

/* Of the connection's record: what goes for each of its streams, too. */
#define KEPT_FLAGS (EXCHANGE_SOCKET_PROVEN | EXCHANGE_FD_MISMATCH)

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

struct streams *streams_new(size_t max_connections, size_t max_streams)
{
	struct streams *s = calloc(1, sizeof(*s));

	if (s) {
		s->max_connections = max_connections;
		s->max_open = max_streams;
	}
	return s;
}

/* --- streams -------------------------------------------------------------- */

static void stream_free(struct stream *stream)
{
	if (!stream)
		return;
	free(stream->more);
	free(stream);
}

static struct stream *stream_find(const struct streams *s, const struct connection *c, uint32_t id)
{
	struct stream *stream = s->last;

	while (stream && (stream->connection != c || stream->id != id))
		stream = stream->before;
	return stream;
}

static void unlink_stream(struct streams *s, struct stream *stream)
{
	*(stream->before ? &stream->before->next : &s->first) = stream->next;
	*(stream->next ? &stream->next->before : &s->last) = stream->before;
	stream->next = stream->before = NULL;
	stream->connection->n_open--;
	s->n_open--;
}

/* What the connection's record tells of each exchange on it. */
static void take_record(struct stream *stream)
{
	const struct exchange *record = stream->connection->record;
	struct exchange *e = &stream->e;

	e->key = record->key;
	e->id = record->id;
	e->uid = record->uid;
	e->fd = record->fd;
	e->connection = record->connection ? record->connection : record->id;
	e->socket = record->socket;
	e->ends = record->ends;
	e->flags |= record->flags & KEPT_FLAGS;
	memcpy(e->comm, record->comm, sizeof(e->comm));
	if (e->number == 1) {
		e->connect_ns = record->connect_ns;
		e->tls_ns = record->tls_ns;
	}
}

/* Nothing more will come of it. One whose request was not seen is nothing to tell. */
static void finish(struct streams *s, struct stream *stream, uint64_t time, uint32_t flags)
{
	struct connection *c = stream->connection;

	unlink_stream(s, stream);
	if (!stream->asked) {
		stream_free(stream);
		return;
	}
	if (stream->e.t_last > c->t_last)
		c->t_last = stream->e.t_last;
	take_record(stream);
	stream->e.flags |= flags;
	stream->e.t_end = stream->e.t_emit = time;
	stream->connection = NULL;
	if (s->done_last)
		s->done_last->next = stream;
	else
		s->done = stream;
	s->done_last = stream;
}

static struct stream *stream_new(struct streams *s, struct connection *c, uint32_t id)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	if (s->n_open == s->max_open) {
		s->evicted++;
		finish(s, s->first, s->first->e.t_sent, 0);
	}
	stream->connection = c;
	stream->id = id;
	stream->before = s->last;
	*(s->last ? &s->last->next : &s->first) = stream;
	s->last = stream;
	s->n_open++;
	c->n_open++;
	stream->e.kind = EVENT_EXCHANGE;
	stream->e.flags = EXCHANGE_FRAMES | EXCHANGE_NUMBERED;
	stream->e.stream = id;
	return stream;
}

bool streams_next(struct streams *s, struct streamed *out)
{
	stream_free(s->given);
	s->given = s->done;
	if (!s->given)
		return false;
	s->done = s->given->next;
	if (!s->done)
		s->done_last = NULL;
	*out = (struct streamed){&s->given->e, {s->given->more, s->given->more_len}};
	return true;
}

bool streams_open(const struct streams *s, size_t i, struct streamed *out)
{
	struct stream *stream = s->first;

	for (; stream; stream = stream->next) {
		if (!stream->asked || i--)
			continue;
		take_record(stream);
		*out = (struct streamed){&stream->e, {stream->more, stream->more_len}};
		return true;
	}
	return false;
}

/* --- connections ---------------------------------------------------------- */

static void finish_all(struct streams *s, const struct connection *c, uint64_t time, uint32_t flags)
{
	struct stream *stream = s->first, *next;

	for (; stream; stream = next) {
		next = stream->next;
		if (stream->connection == c)
			finish(s, stream, time, flags);
	}
}

/* Its bytes are not followed any more. */
static void stop_reading(struct connection *c)
{
	http2_free(c->http2);
	c->http2 = NULL;
	for (int i = 0; i < 2; i++) {
		fields_free(c->block[i].fields);
		c->block[i].fields = NULL;
	}
}

static void become_opaque(struct streams *s, struct connection *c, uint64_t time)
{
	if (!c->http2)
		return;
	finish_all(s, c, time, 0);
	stop_reading(c);
	s->opaque++;
}

static void connection_end(struct streams *s, struct connection *c, uint64_t time, uint32_t flags)
{
	struct connection **link = &s->used;

	finish_all(s, c, time, flags);
	stop_reading(c);
	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
	s->n_connections--;
	free(c->record);
	free(c);
}

/* The connection, which becomes the one that was used last. */
static struct connection *connection_find(struct streams *s, uint64_t id)
{
	struct connection **link = &s->used, *c;

	while (*link && (*link)->id != id)
		link = &(*link)->next;
	c = *link;
	if (c) {
		*link = c->next;
		c->next = s->used;
		s->used = c;
	}
	return c;
}

static struct connection *connection_new(struct streams *s, uint64_t id, uint64_t time)
{
	struct connection *c = calloc(1, sizeof(*c)), *oldest = s->used;

	if (c) {
		c->id = id;
		c->record = calloc(1, sizeof(*c->record));
		c->http2 = http2_new();
	}
	if (!c || !c->record || !c->http2) {
		if (c) {
			http2_free(c->http2);
			free(c->record);
			free(c);
		}
		return NULL;
	}
	if (s->n_connections == s->max_connections) {
		while (oldest->next)
			oldest = oldest->next;
		become_opaque(s, oldest, time);
		connection_end(s, oldest, time, 0);
	}
	c->next = s->used;
	s->used = c;
	s->n_connections++;
	return c;
}

/* Of what was not told, nothing can be said: not even that it did not come. */
static void end_of_connection(struct streams *s, const struct exchange *record, uint64_t time)
{
	struct connection *c = connection_find(s, record->id);

	if (!c)
		return;
	memcpy(c->record, record, EXCHANGE_FIXED);
	if (record->flags & EXCHANGE_CUT)
		become_opaque(s, c, time);
	connection_end(s, c, time, EXCHANGE_ENDED);
}

void streams_end(struct streams *s, const struct exchange *record, uint64_t time)
{
	if (record)
		end_of_connection(s, record, time);
	while (!record && s->used)
		connection_end(s, s->used, time, 0);
}

void streams_free(struct streams *s)
{
	struct streamed rest;

	if (!s)
		return;
	streams_end(s, NULL, 0);
	while (streams_next(s, &rest))
		;
	free(s);
}

uint64_t streams_opaque(const struct streams *s)
{
	return s->opaque;
}

uint64_t streams_evicted(const struct streams *s)
{
	return s->evicted;
}

/* --- what a call moved ---------------------------------------------------- */

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
	e->req_len = (uint32_t)(kept < EXCHANGE_REQ_CAP ? kept : EXCHANGE_REQ_CAP);
	memcpy(e->req, head, e->req_len);
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
	e->received = fields_response(block->fields, (char *)e->resp, sizeof(e->resp));
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
		memcpy(e->resp + e->resp_len, token->value.p, n);
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
			finish(m->streams, stream, m->event->time, EXCHANGE_ENDED);
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
			finish(m->streams, stream, m->event->time, EXCHANGE_ENDED);
		return;
	}
	if (stream && token->last)
		end_of_stream(m, stream);
	if (stream && stream->over && stream->asked)
		finish(m->streams, stream, m->event->time, 0);
}

static void take_call(struct streams *s, struct connection *c, const struct event *event)
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
		become_opaque(s, c, event->time);
}

void streams_take(struct streams *s, const struct event *event)
{
	const struct exchange *record = &event->exchange;
	struct connection *c = connection_find(s, record->id);

	if (!c)
		c = connection_new(s, record->id, event->time);
	if (!c)
		return;
	memcpy(c->record, record, EXCHANGE_FIXED);
	if (c->http2)
		take_call(s, c, event);
}
