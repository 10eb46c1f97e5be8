/* SPDX-License-Identifier: Apache-2.0 */
#include "follow.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "event.h"
#include "heads.h"
#include "inflight.h"
#include "lookup.h"
#include "pending.h"
#include "streams.h"

#define INFLIGHT_MAX 4096    /* exchanges whose end we wait for */
#define HEADS_MAX 4096	     /* rests of their long heads */
#define STREAMS_MAX 2048     /* the same of HTTP/2, */
#define CONNECTIONS_MAX 1024 /* and connections that speak it */
#define DYING_MAX 256	     /* processes whose exit we wait for */
#define PIPELINED_MAX 8	     /* rows of one exchange */

struct dying {
	uint32_t tgid;
	uint64_t time;
};

struct follow {
	struct records records;
	struct follower to;
	const struct request_context *context;
	struct batch *batch;
	struct inflight *inflight;
	struct heads *heads;
	struct streams *streams;
	struct lookups *lookups;
	struct dying dying[DYING_MAX];
	size_t n_dying;
	uint64_t looked;     /* at what is under way */
	uint64_t unanswered; /* records of requests without an answer, deleted from here */
	uint64_t recovered;  /* counted as lost by the kernel, found in its map at the end */
	uint64_t dropped;    /* snapshots that found no memory here */
	uint64_t exits_lost; /* the last count: when it grows, the dead are looked for */
	uint64_t evicted;    /* here, not in the kernel */
	struct request rows[PIPELINED_MAX];
	char more[EXCHANGE_MORE_CAP];
};

struct follow *follow_new(const struct records *records, const struct follower *follower,
			  const struct request_context *context)
{
	struct follow *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->records = *records;
	f->to = *follower;
	f->context = context;
	f->batch = batch_new();
	f->inflight = inflight_new(INFLIGHT_MAX);
	f->heads = heads_new(HEADS_MAX);
	f->streams = streams_new(CONNECTIONS_MAX, STREAMS_MAX);
	f->lookups = lookups_new();
	if (f->batch && f->inflight && f->heads && f->streams && f->lookups)
		return f;
	follow_free(f);
	return NULL;
}

void follow_free(struct follow *f)
{
	if (!f)
		return;
	batch_free(f->batch);
	inflight_free(f->inflight);
	heads_free(f->heads);
	streams_free(f->streams);
	lookups_free(f->lookups);
	free(f);
}

static int lookup(const struct follow *f, const struct exchange_key *key, struct exchange *out)
{
	return f->records.lookup(f->records.tracer, key, out);
}

static bool walk_on(const struct follow *f, struct records_walk *walk, struct exchange_key *key)
{
	return f->records.walk(f->records.tracer, walk, key);
}

static uint64_t count(const struct follow *f, unsigned what)
{
	return f->records.count(f->records.tracer, what);
}

/* --- an exchange becomes rows -------------------------------------------- */

/* Bytes written to a descriptor that nobody has seen act as a socket: it is one
 * if it answers in HTTP (files can be read back, too), or if the process's own
 * table says so. */
static bool is_connection(const struct follow *f, const struct exchange *e, bool answers)
{
	return e->key.layer != LAYER_SOCKET || (e->flags & EXCHANGE_SOCKET_PROVEN) || answers ||
	       f->to.is_socket(e->key.tgid, e->fd);
}

/* Builds the rows of an exchange in f->rows; returns how many. rest: of its head. */
static int build(struct follow *f, const struct exchange *e, struct slice rest, bool final)
{
	int n = request_build(e, rest, f->context, final, f->rows, PIPELINED_MAX);

	if (f->rows[0].state != REQUEST_NOT_HTTP)
		f->rows[0].dns_ns = lookups_find(f->lookups, e);
	return n;
}

/* The rest of a long head: told already, or still where the kernel side keeps it. */
static struct slice rest_of(struct follow *f, const struct exchange *e)
{
	struct slice rest;
	long got;

	if (!(e->flags & EXCHANGE_MORE))
		return SLICE_NONE;
	rest = heads_find(f->heads, e->id);
	if (rest.p)
		return rest;
	got = f->records.more(f->records.tracer, e, f->more, sizeof(f->more));
	return got > 0 ? (struct slice){f->more, (size_t)got} : SLICE_NONE;
}

static int build_rows(struct follow *f, const struct exchange *e, bool final)
{
	return build(f, e, rest_of(f, e), final);
}

/* Shows the exchange if it is whole, or if final says that this is all there
 * will be; otherwise keeps it in flight. */
static void feed(struct follow *f, const struct exchange *e, bool final)
{
	struct exchange evicted;
	int n = build_rows(f, e, final);

	if (f->rows[0].state == REQUEST_OPEN) {
		n = inflight_put(f->inflight, e, &evicted);
		if (n == 1) {
			f->evicted++;
			feed(f, &evicted, true);
		}
		f->dropped += n < 0;
		return;
	}
	if ((e->flags & EXCHANGE_MORE) && !heads_forget(f->heads, e->id))
		f->records.forget_more(f->records.tracer, e);
	inflight_remove(f->inflight, e->id);
	if (f->rows[0].state == REQUEST_NOT_HTTP || !is_connection(f, e, f->rows[0].status > 0))
		return;
	for (int i = 0; i < n; i++)
		f->to.ended(f->to.ctx, &f->rows[i]);
}

/* Whether it was told before and is no longer in flight: its row was shown then. */
static bool is_over(struct follow *f, const struct exchange *e)
{
	return e->reports && !inflight_find(f->inflight, e->id);
}

/* Shows the streams of which nothing more will come. */
static void show_streams(struct follow *f)
{
	struct streamed stream;

	while (!*f->to.stop && streams_next(f->streams, &stream)) {
		build(f, stream.exchange, stream.more, true);
		if (f->rows[0].state != REQUEST_NOT_HTTP &&
		    is_connection(f, stream.exchange, f->rows[0].status > 0))
			f->to.ended(f->to.ctx, &f->rows[0]);
	}
}

/* --- events --------------------------------------------------------------- */

static void process_gone(struct follow *f, uint32_t tgid, uint64_t time, bool tls_only)
{
	struct records_walk walk = {0};
	struct exchange_key key;
	struct exchange e;

	f->to.meanwhile(f->to.ctx);
	while (walk_on(f, &walk, &key)) {
		if (key.tgid != tgid || (tls_only && key.layer == LAYER_SOCKET))
			continue;
		if (lookup(f, &key, &e) == 0 && (e.flags & EXCHANGE_FRAMES)) {
			if (!(e.flags & EXCHANGE_ENDED) && event_check(&e) == 0)
				streams_end(f->streams, &e, time);
			show_streams(f);
		} else if (lookup(f, &key, &e) == 0) {
			bool ended = e.flags & EXCHANGE_ENDED;

			f->unanswered += !(e.flags & (EXCHANGE_FINAL | EXCHANGE_ENDED));
			e.t_end = time;
			if (!ended && !is_over(f, &e) && event_check(&e) == 0) {
				e.flags |= EXCHANGE_ENDED;
				feed(f, &e, true);
			}
		}
		f->records.remove(f->records.tracer, &key);
	}
	if (!tls_only)
		f->to.gone(f->to.ctx, tgid);
}

/* Whether both ask for the same, as far as the first line of their heads tells. */
static bool asks_the_same(const struct exchange *a, const struct exchange *b)
{
	uint32_t n = a->req_len < b->req_len ? a->req_len : b->req_len;
	const void *end = memchr(a->bytes, '\r', n);

	return end && memcmp(a->bytes, b->bytes, (size_t)((const __u8 *)end - a->bytes)) == 0;
}

/* An attempt is shown before the next one: if its answer was not whole when it was
 * looked at last, it is now. */
static void settle(struct follow *f, const struct exchange *next)
{
	struct exchange e;

	for (size_t i = inflight_count(f->inflight); i-- > 0;) {
		struct exchange *open = inflight_at(f->inflight, i);

		if (open->key.tgid == next->key.tgid && open->t_start < next->t_start &&
		    asks_the_same(open, next) && lookup(f, &open->key, &e) == 0 &&
		    e.id == open->id && e.changes != open->changes && event_check(&e) == 0)
			feed(f, &e, false);
	}
}

static void note_dying(struct follow *f, uint32_t tgid, uint64_t time)
{
	if (f->n_dying < DYING_MAX)
		f->dying[f->n_dying++] = (struct dying){tgid, time};
}

static void handle(struct follow *f, const struct event *event)
{
	f->to.meanwhile(f->to.ctx);
	switch (event->kind) {
	case EVENT_EXCHANGE:
		f->to.seen(f->to.ctx, event->tgid, event->time);
		if (event->exchange.flags & EXCHANGE_FRAMES) {
			streams_end(f->streams, &event->exchange, event->exchange.t_end);
			show_streams(f);
			return;
		}
		if (is_over(f, &event->exchange))
			return;
		settle(f, &event->exchange);
		feed(f, &event->exchange, event->exchange.flags & EXCHANGE_ENDED);
		return;
	case EVENT_FRAMES:
		f->to.seen(f->to.ctx, event->tgid, event->time);
		streams_take(f->streams, event);
		show_streams(f);
		return;
	case EVENT_MORE:
		f->dropped += heads_put(f->heads, event->more_id,
					(struct slice){event->told, event->more_n}) < 0;
		return;
	case EVENT_EXEC:
		process_gone(f, event->tgid, event->time, true);
		return;
	case EVENT_LOOKUP:
		lookups_add(f->lookups, &event->lookup);
		return;
	case EVENT_EXIT:
		note_dying(f, event->tgid, event->time);
		return;
	}
}

void follow_begin(struct follow *f, uint64_t now)
{
	batch_begin(f->batch, now);
}

bool follow_take(void *ctx, const void *data, size_t size)
{
	struct follow *f = ctx;

	return batch_take(f->batch, data, size);
}

void follow_events(struct follow *f)
{
	static struct event event;
	size_t n = batch_sort(f->batch);

	for (size_t i = 0; i < n && !*f->to.stop; i++) {
		size_t size;
		const void *data = batch_at(f->batch, i, &size);

		if (event_decode(data, size, &event) == 0)
			handle(f, &event);
	}
}

/* --- what is not told ------------------------------------------------------- */

void follow_up(struct follow *f)
{
	struct exchange e;

	for (size_t i = inflight_count(f->inflight); i-- > 0;) {
		struct exchange *open = inflight_at(f->inflight, i);
		int err = lookup(f, &open->key, &e);

		if (err == 0 && e.id == open->id && event_check(&e) == 0) {
			if (e.changes != open->changes)
				feed(f, &e, false);
			continue;
		}
		/* Gone, with nothing new since the last snapshot - or its last
		 * event is still on its way: give it one more drain. */
		if (inflight_missed(f->inflight, i) < 2)
			continue;
		/* The kernel side says no more of what it has told whole. */
		e = *open;
		e.flags |= EXCHANGE_ENDED;
		feed(f, &e, true);
	}
}

void follow_bury(struct follow *f, bool all)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->n_dying; i++) {
		if (all || f->to.is_gone(f->dying[i].tgid))
			process_gone(f, f->dying[i].tgid, f->dying[i].time, false);
		else
			f->dying[kept++] = f->dying[i];
	}
	f->n_dying = kept;
}

void follow_find_dead(struct follow *f, uint64_t now)
{
	uint64_t exits = count(f, COUNT_EXITS_LOST);
	struct records_walk walk = {0};
	struct exchange_key key;

	if (exits == f->exits_lost)
		return;
	f->exits_lost = exits;
	while (walk_on(f, &walk, &key))
		if (kill((pid_t)key.tgid, 0) && errno == ESRCH)
			note_dying(f, key.tgid, now);
}

/* A request that may be under way; n of its rows were built. */
static void show_open(struct follow *f, const struct exchange *e, int n, uint64_t now,
		      uint64_t first_ns)
{
	uint64_t before = f->looked > e->t_start ? f->looked - e->t_start : 0;
	uint64_t age = now > e->t_start ? now - e->t_start : 0;
	bool pending = pending_is_due(before, age, first_ns);

	if (n < 1 || f->rows[0].state != REQUEST_OPEN)
		return;
	f->to.open(f->to.ctx, &f->rows[0], pending && is_connection(f, e, f->rows[0].status > 0));
}

void follow_look(struct follow *f, uint64_t now, uint64_t first_ns)
{
	struct records_walk walk = {0};
	struct exchange_key key;
	struct streamed stream;
	struct exchange e;

	while (!*f->to.stop && walk_on(f, &walk, &key)) {
		if (lookup(f, &key, &e) || (e.flags & (EXCHANGE_ENDED | EXCHANGE_FRAMES)) ||
		    event_check(&e))
			continue;
		pending_until(&e, now);
		show_open(f, &e, build_rows(f, &e, false), now, first_ns);
	}
	for (size_t i = 0; !*f->to.stop && streams_open(f->streams, i, &stream); i++) {
		/* Of a connection that the kernel side has forgotten nothing is known. */
		if (lookup(f, &stream.exchange->key, &e) || e.id != stream.exchange->id)
			continue;
		e = *stream.exchange;
		pending_until(&e, now);
		show_open(f, &e, build(f, &e, stream.more, false), now, first_ns);
	}
	f->looked = now;
}

/* --- the end ---------------------------------------------------------------- */

/* A record that will not change any more. */
static void finish(struct follow *f, struct exchange *e, uint64_t time)
{
	if (event_check(e) || (e->flags & (EXCHANGE_ENDED | EXCHANGE_FRAMES)) || is_over(f, e))
		return;
	e->t_end = time;
	f->recovered += (e->flags & EXCHANGE_LOST) != 0;
	feed(f, e, true);
}

void follow_end(struct follow *f, uint64_t now)
{
	struct records_walk walk = {0};
	struct exchange_key key;
	struct exchange e;

	while (!*f->to.stop && walk_on(f, &walk, &key))
		if (lookup(f, &key, &e) == 0)
			finish(f, &e, now);
	while (inflight_count(f->inflight) && !*f->to.stop) {
		e = *inflight_at(f->inflight, 0);
		feed(f, &e, true);
	}
	streams_end(f->streams, NULL, now);
	show_streams(f);
}

uint64_t follow_lost(const struct follow *f)
{
	return count(f, COUNT_LOST) - f->recovered + f->dropped + batch_dropped(f->batch);
}

/* Requests that are neither answered, nor ended, nor there any more, if nothing
 * happens meanwhile. */
static uint64_t count_missing(const struct follow *f)
{
	struct records_walk walk = {0};
	struct exchange_key key;
	struct exchange e;
	uint64_t begun = count(f, COUNT_REQUESTS), accounted;

	accounted = count(f, COUNT_ANSWERED) + count(f, COUNT_UNANSWERED) + f->unanswered;
	while (walk_on(f, &walk, &key)) {
		if (lookup(f, &key, &e) == 0 &&
		    !(e.flags & (EXCHANGE_FINAL | EXCHANGE_ENDED | EXCHANGE_FRAMES)))
			accounted++;
	}
	return begun > accounted ? begun - accounted : 0;
}

/* The kernel's map pushes out silently. One that is answered while we count seems to
 * be missing, so the lowest count is right. */
uint64_t follow_evicted(const struct follow *f)
{
	uint64_t missing = count_missing(f);

	for (int i = 0; i < 5 && missing; i++) {
		uint64_t again = count_missing(f);

		missing = again < missing ? again : missing;
	}
	return f->evicted + missing + streams_evicted(f->streams);
}

uint64_t follow_opaque(const struct follow *f)
{
	return count(f, COUNT_OPAQUE) + streams_opaque(f->streams);
}
