/* SPDX-License-Identifier: Apache-2.0 */
#include "streams.h"

#include <stdlib.h>

#include "streams_state.h"

/* Of the connection's record: what goes for each of its streams, too. */
#define KEPT_FLAGS (EXCHANGE_SOCKET_PROVEN | EXCHANGE_FD_MISMATCH)

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

struct stream *stream_find(const struct streams *s, const struct connection *c, uint32_t id)
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
		e->t_setup = record->t_setup;
		e->flags |= record->flags & (EXCHANGE_RESUMED | EXCHANGE_FULL);
	}
}

/* Nothing more will come of it. One whose request was not seen is nothing to tell. */
void stream_finish(struct streams *s, struct stream *stream, uint64_t time, uint32_t flags)
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

struct stream *stream_new(struct streams *s, struct connection *c, uint32_t id)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	if (s->n_open == s->max_open) {
		s->evicted++;
		stream_finish(s, s->first, s->first->e.t_sent, 0);
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
			stream_finish(s, stream, time, flags);
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

void connection_hide(struct streams *s, struct connection *c, uint64_t time)
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
		connection_hide(s, oldest, time);
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
		connection_hide(s, c, time);
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
		connection_take(s, c, event);
}
