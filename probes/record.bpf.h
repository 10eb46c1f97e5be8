/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What the record of a connection keeps of the bytes, what they say, and how it is told.
 */
#ifndef S3SLOWER_RECORD_BPF_H
#define S3SLOWER_RECORD_BPF_H

#include "bytes.bpf.h"

#ifndef WITHOUT_LINKED

static __always_inline void append_request(struct exchange *e, const struct bytes *b)
{
	u64 at = e->req_len, take;

	if (at >= EXCHANGE_REQ_CAP || e->resp_len)
		return;
	take = least(EXCHANGE_REQ_CAP - at, b->have);
	KEEP(at);
	at &= EXCHANGE_REQ_CAP - 1;
	KEEP(take);
	if (take > EXCHANGE_REQ_CAP)
		return;
	if (fetch(e->bytes + at, take, b, 0))
		return;
	e->req_len = at + take;
}

/* A head longer than the record has room for goes on in a map of its own. The
 * record took the first `taken` of these bytes. */
static __always_inline void append_more(struct exchange *e, const struct bytes *b, u64 taken)
{
	struct exchange_more *m;
	u64 at = e->more_len, take, id = e->id;

	if (b->have <= taken || at >= EXCHANGE_MORE_CAP)
		return;
	m = more.lookup(&id);
	if (!m) {
		u32 zero = 0;
		struct exchange_more *empty = blank_more.lookup(&zero);

		if (at || !empty || more.update(&id, empty))
			return;
		m = more.lookup(&id);
		if (!m)
			return;
	}
	take = least(EXCHANGE_MORE_CAP - at, b->have - taken);
	KEEP(at);
	at &= EXCHANGE_MORE_CAP - 1;
	KEEP(take);
	if (take > EXCHANGE_MORE_CAP)
		return;
	if (fetch(m->bytes + at, take, b, taken))
		return;
	e->more_len = at + take;
	e->flags |= EXCHANGE_MORE;
}

/* What is kept of the response, from its byte `at` on. */
static __always_inline u8 *response(struct exchange *e, u64 at)
{
	at += e->req_len;
	KEEP(at);
	return e->bytes + (at & (sizeof(e->bytes) - 1));
}

static __always_inline void append_response(struct exchange *e, const struct bytes *b)
{
	u64 at = e->resp_len, take;

	if (at >= EXCHANGE_RESP_CAP)
		return;
	take = least(EXCHANGE_RESP_CAP - at, b->have);
	KEEP(take);
	if (take > EXCHANGE_RESP_CAP)
		return;
	if (fetch(response(e, at), take, b, 0))
		return;
	e->resp_len = at + take;
}

/* The last bytes received, wherever reads are cut. */
static __always_inline void append_tail(struct exchange_slot *slot, const struct bytes *b)
{
	struct exchange *e = &slot->exchange;
	u8 *join = slot->join;
	u64 few, old, drop, before = e->received;

	/* As long as all of it is kept, the tail is there. Later it begins with
	 * the end of that. */
	if (before + b->n <= EXCHANGE_RESP_CAP && e->resp_len == before + b->n)
		return;
	if (e->tail_len == 0 && before >= EXCHANGE_TAIL_CAP && before <= EXCHANGE_RESP_CAP) {
		if (!read_kernel(e->tail, EXCHANGE_TAIL_CAP,
				 response(e, before - EXCHANGE_TAIL_CAP)))
			e->tail_len = EXCHANGE_TAIL_CAP;
	}
	if (b->last_n >= EXCHANGE_TAIL_CAP || b->n != b->last_n) {
		few = b->last_n < EXCHANGE_TAIL_CAP ? b->last_n : EXCHANGE_TAIL_CAP;
		KEEP(few);
		if (few > EXCHANGE_TAIL_CAP)
			return;
		e->tail_len = 0;
		if (!fetch_last(e->tail, few, b, b->last_n - few))
			e->tail_len = few;
		return;
	}
	few = b->n;
	old = e->tail_len;
	KEEP(few);
	few &= EXCHANGE_TAIL_CAP - 1;
	KEEP(old);
	if (old > EXCHANGE_TAIL_CAP)
		return;
	read_kernel(join, EXCHANGE_TAIL_CAP, e->tail);
	if (fetch_last(join + old, few, b, 0))
		return;
	drop = old + few > EXCHANGE_TAIL_CAP ? old + few - EXCHANGE_TAIL_CAP : 0;
	e->tail_len = old + few - drop;
	KEEP(drop);
	if (drop > EXCHANGE_TAIL_CAP)
		return;
	read_kernel(e->tail, EXCHANGE_TAIL_CAP, join + drop);
}

/* Whether the bytes end with an empty line: the end of a head, if they are one.
 * kept: where in the record they end, if they were kept; the program's memory, which
 * is slower to read, is asked only if not. */
static __always_inline int ends_head(const struct bytes *b, const struct exchange *e, u64 kept)
{
	u32 word = 0;

	if (kept >= 4) {
		kept -= 4;
		KEEP(kept);
		kept &= sizeof(e->bytes) - 1;
		word = *(const u32 *)(e->bytes + kept);
	} else if (b->last_n >= 4) {
		fetch_last(&word, 4, b, b->last_n - 4);
	}
	return word == CRLFCRLF;
}

/* Status of the response head in hand, 0 if there is none yet. */
static __always_inline u32 status_of(struct exchange *e)
{
	const u8 *head = response(e, 0);
	u8 a, b, c;

	if (e->resp_len < 12 || head[0] != 'H' || head[4] != '/')
		return 0;
	a = head[9] - '0';
	b = head[10] - '0';
	c = head[11] - '0';
	if (a > 9 || b > 9 || c > 9)
		return 0;
	return a * 100 + b * 10 + c;
}

/* What the side map has of the exchange. Whoever reads the snapshot has it already then. If
 * there is no room for it, it stays where it is. */
static __always_inline void tell_more(void *ctx, const struct exchange *e)
{
	u64 id = e->id, n = e->more_len;
	struct exchange_more *m = more.lookup(&id);

	KEEP(n);
	if (!m || n > EXCHANGE_MORE_CAP)
		return;
	m->kind = EVENT_MORE;
	m->n = n;
	m->id = id;
	m->time = e->t_start;
	if (!submit(ctx, m, MORE_FIXED + n))
		more.delete(&id);
}

/* A snapshot, and where it goes. */
struct telling {
	void *ctx;
	struct exchange *e;
	u64 now;
};

static __always_inline void take_telling(const struct telling *t)
{
	struct exchange *e = t->e;
	u64 n = e->req_len + e->resp_len;

	if (e->flags & EXCHANGE_MORE)
		tell_more(t->ctx, e);
	e->t_emit = t->now;
	KEEP(n);
	if (n > sizeof(e->bytes))
		return;
	if (submit(t->ctx, e, EXCHANGE_FIXED + n)) {
		if (e->reports == 0 && !(e->flags & EXCHANGE_LOST)) {
			e->flags |= EXCHANGE_LOST;
			count(COUNT_LOST);
		}
		return;
	}
	if (e->flags & EXCHANGE_LOST) {
		e->flags &= ~EXCHANGE_LOST;
		count_add(COUNT_LOST, -1ULL); /* a later snapshot got through */
	}
	e->reports += 1;
	e->changes_reported = e->changes;
	count(COUNT_EVENTS);
}

/* A final status is in hand - or may be: more than "100 Continue" was read, and
 * user space will find where the interim head ends. */
static __always_inline int answered(const struct exchange *e)
{
	return (e->flags & EXCHANGE_FINAL) || ((e->flags & EXCHANGE_INTERIM) && e->resp_len > 25);
}

/* Filters that can be judged once there is an answer, or none will come. */
static __always_inline int wanted(struct exchange *e, u64 until)
{
	if (until - e->t_start < MIN_LATENCY_NS)
		return 0;
	if (MIN_TTFB_NS && (!answered(e) || e->t_first - e->t_start < MIN_TTFB_NS))
		return 0;
#ifdef STATUS_FILTERED
	u32 status = status_of(e);

	/* An interim head in front of the final one: leave it to user space. */
	if (!answered(e) || (status >= 200 && !STATUS_FILTER(status)))
		return 0;
#endif
	return 1;
}

/* The connection moves on. Returns whether there is something left to say. */
static __always_inline int finish(struct exchange *e, u64 now)
{
	u64 until = answered(e) ? e->t_last : now;

	if (e->sent == 0 || (e->flags & EXCHANGE_ENDED))
		return 0;
	e->t_end = now;
	e->flags |= EXCHANGE_ENDED;
	if (e->flags & EXCHANGE_FRAMES)
		return 1;
	if (!(e->flags & EXCHANGE_FINAL))
		count(COUNT_UNANSWERED);
	return (e->reports == 0 || e->changes != e->changes_reported) && wanted(e, until);
}

#ifdef HOST_BUILD
#define call_tell take_telling
#else
static int (*call_tell)(const struct telling *t) = (void *)LINKED_TELL;
#endif

static __always_inline void tell_exchange(void *ctx, struct exchange *e, u64 now)
{
	struct telling t = {ctx, e, now};

	call_tell(&t);
}

/* The connection moves on, or is gone: that is the last word about this exchange. */
static __always_inline void move_on(void *ctx, struct exchange *e, u64 now)
{
	u64 id = e->id;

	if (finish(e, now))
		tell_exchange(ctx, e, now);
	if (e->flags & EXCHANGE_MORE)
		more.delete(&id);
}

#endif

#endif
