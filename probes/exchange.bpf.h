/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The exchange logic: what a send, a receive and the end of a connection mean
 * to the record of that connection. It knows no library and no system call.
 * The same text is compiled for the host with plain C maps, and fuzzed there.
 */
#ifndef S3SLOWER_EXCHANGE_BPF_H
#define S3SLOWER_EXCHANGE_BPF_H

#include "frames.bpf.h"

#ifndef WITHOUT_LINKED

/* slot: the connection's record, NULL if there is none yet. */
static __always_inline struct exchange *
exchange_begin(const struct moved *m, struct exchange_slot *slot, u64 word, u64 now)
{
	u32 zero = 0, flags, uid = bpf_get_current_uid_gid();
	struct exchange_key *key = m->key;
	u64 socket, entered = m->entered;
	struct exchange *e;
	struct socket *s;
	u64 id = next_id();
	s32 fd;

	if (!id)
		return 0;
	s = socket_use(key, id);
	if (slot)
		move_on(m->ctx, &slot->exchange, now);
	if (!UID_FILTER(uid) || (word != PREFACE && !METHOD_FILTER(word))) {
		/* Its bytes must not be taken for those of the request before it. */
		if (slot)
			exchanges.delete(key);
		return 0;
	}
	if (!slot) {
		u32 tgid = key->tgid;

		note_record(tgid);
		slot = blank.lookup(&zero);
		if (!slot)
			return 0;
		if (exchanges.update(key, slot)) {
			count(COUNT_NOT_INSERTED);
			return 0;
		}
		processes.update(&tgid, &zero);
		slot = exchanges.lookup(key);
		if (!slot)
			return 0;
	}
	e = &slot->exchange;
	flags = e->flags;
	fd = e->fd;
	socket = e->socket;
	e->kind = EVENT_EXCHANGE;
	e->flags = entered ? 0 : EXCHANGE_LATE_START;
	e->key = *key;
	take_connection(e, s, flags & EXCHANGE_FINAL);
	e->id = id;
	e->t_start = entered ? entered : now;
	e->t_head = 0;
	e->t_body = 0;
	e->t_sent = 0;
	e->t_interim = 0;
	e->t_first = 0;
	e->t_last = 0;
	e->t_read = 0;
	e->received_before = 0;
	e->t_end = 0;
	e->stall_ns = 0;
	e->sent = 0;
	e->received = 0;
	e->interim_bytes = 0;
	e->head_sent = 0;
	e->poll_mark = 0;
	e->req_len = 0;
	e->resp_len = 0;
	e->more_len = 0;
	e->tid = bpf_get_current_pid_tgid();
	e->uid = uid;
	e->fd = key->layer == LAYER_SOCKET ? (s32)key->conn : -1;
	e->changes = 0;
	e->changes_reported = 0;
	e->reports = 0;
	e->reader = 0;
	e->tail_len = 0;
	e->socket = 0;
	__builtin_memset(&e->ends, 0, sizeof(e->ends));
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	if (m->layout)
		take_layout(slot, m, flags, fd, socket);
	if (word != PREFACE) {
		count(COUNT_REQUESTS);
		return e;
	}
	/* No head will be gathered: that is where the frames stand now. */
	e->flags |= EXCHANGE_FRAMES | EXCHANGE_HEAD_DONE;
	__builtin_memset(e->flow, 0, sizeof(e->flow));
	e->flow[FLOW_SENT].told_to = e->flow[FLOW_SENT].next = FRAME_PREFACE;
	return e;
}

/* The bytes that end one head and begin the next one, "\r\n\r\nHTTP/1.": 8 of them, from
 * the first one on and from the three behind it. Every fourth place that is looked at
 * shows one of these. */
#define NEXT_HEAD_0 0x505454480a0d0a0dULL
#define NEXT_HEAD_1 0x2f505454480a0d0aULL
#define NEXT_HEAD_2 0x312f505454480a0dULL
#define NEXT_HEAD_3 0x2e312f505454480aULL
#define FOLLOWS_FIRST 15u /* no status line is shorter than 12 bytes */
#define FOLLOWS_MAX 256u  /* bytes of interim heads that are looked through */

/* The sign of it is clear only if x is 0. */
static __always_inline u64 sign_unless_zero(u64 x)
{
	u64 minus = -x;

	KEEP(minus);
	return x | minus;
}

/* Whether a final head follows the interim one in hand: both came in one read.
 * Asked only when something that looks like the next request is sent. There is no branch
 * for what is found, for the verifier would walk on from each of them. */
static __always_inline u64 final_follows(struct exchange *e)
{
	const u8 *head = response(e, 0);
	u64 len = e->resp_len, at = 0, word;

	LOOP
	for (u64 i = FOLLOWS_FIRST; i < FOLLOWS_MAX; i += 4) {
		u64 none, left = len - 14 - i; /* its sign is set beyond the end */

		word = *(const u64 *)(head + i);
		none = sign_unless_zero(word ^ NEXT_HEAD_0) & sign_unless_zero(word ^ NEXT_HEAD_1) &
		       sign_unless_zero(word ^ NEXT_HEAD_2) & sign_unless_zero(word ^ NEXT_HEAD_3);
		none = (none | left) >> 63;
		KEEP(none);
		at = i + (at - i) * none;
	}
	KEEP(at);
	at &= FOLLOWS_MAX - 1;
	if (at < FOLLOWS_FIRST)
		return 0;
	word = *(const u64 *)(head + at);
	at -= word == NEXT_HEAD_1 ? 1 : word == NEXT_HEAD_2 ? 2 : word == NEXT_HEAD_3 ? 3 : 0;
	return head[at + 13] != '1'; /* of the last one */
}

/* Whether a request may begin on the connection now. */
static __always_inline int is_free(struct exchange *e)
{
	if (e->flags & EXCHANGE_FRAMES) /* another connection, of which we did not see the begin */
		return e->sent == e->flow[FLOW_SENT].next && !e->flow[FLOW_SENT].head_len;
	return (e->flags & (EXCHANGE_FINAL | EXCHANGE_ENDED)) || final_follows(e);
}

/* Bytes that a send took. Returns whether they are frames: the caller then calls
 * call_frames(), for the stack has no room for that, too. */
static __always_inline int take_send(const struct moved *m)
{
	struct exchange_key *key = m->key;
	const struct bytes *b = m->b;
	struct exchange_slot *slot = exchanges.lookup(key);
	struct exchange *e = slot ? &slot->exchange : 0;
	u64 now, word, entered = m->entered;
	u32 before;

	now = bpf_ktime_get_ns();
	if (!e ||
	    (e->flags & (EXCHANGE_FINAL | EXCHANGE_INTERIM | EXCHANGE_ENDED | EXCHANGE_FRAMES))) {
		word = first_bytes(b);
		if (begins_request(word, b->n) && (!e || is_free(e)))
			e = exchange_begin(m, slot, word, now);
		else if (!e && (u8)(word >> 24) == FRAME_HEADERS)
			return 1;
		if (!e || (e->flags & EXCHANGE_ENDED))
			return 0;
	}
	e->flags |= m->flags;
	if (!(e->flags & EXCHANGE_FRAMES)) {
		if (e->t_head && !e->t_body)
			e->t_body = entered ? entered : now;
		before = e->req_len;
		append_request(e, b);
		if (e->req_len == EXCHANGE_REQ_CAP && !(e->flags & EXCHANGE_HEAD_DONE))
			append_more(e, b, EXCHANGE_REQ_CAP - before);
	}
	e->sent += b->n;
	e->t_sent = now;
	e->changes += 1;
	take_descriptor(e, m->fd, m->layout);
	if (!(e->flags & EXCHANGE_HEAD_DONE) &&
	    ends_head(b, e, e->sent == e->req_len ? e->req_len : 0)) {
		e->flags |= EXCHANGE_HEAD_DONE;
		e->t_head = now;
		e->head_sent = e->sent;
	}
	return (e->flags & EXCHANGE_FRAMES) != 0;
}

/* Time since the last bytes during which the response was there for the taking. */
static __always_inline u64 stall(const struct exchange *e, u64 entered, u64 now, u32 tid,
				 u64 polled, u32 ready)
{
	u64 gap;

#ifdef TLS_ONLY
	/* Nobody watches who polls. Only of Go's readers it is known that they do not. */
	if (e->key.layer != LAYER_GOTLS)
		return 0;
#endif
	if (!entered || !e->t_last || entered <= e->t_last || e->reader != tid)
		return 0;
	gap = entered - e->t_last;
	/* A read that had to wait found nothing ready, so nothing stalled. A busy
	 * machine makes one that had not look long, but not long beside the gap. */
	if (now - entered > 200000 && now - entered > gap >> 4)
		return 0;
	polled -= e->poll_mark;
	/* Drained, and no poll of this thread told it that there is more: somebody else
	 * waited, or nobody watches how this one does. */
	if ((e->flags & EXCHANGE_DRAINED) && !ready)
		return 0;
	return gap > polled ? gap - polled : 0;
}

static __always_inline void take_answer(struct exchange_slot *slot, const struct moved *m, u64 now)
{
	struct exchange *e = &slot->exchange;
	const struct bytes *b = m->b;
	u32 status, tid = bpf_get_current_pid_tgid();
	int fresh;

	/* A goroutine reads on whatever thread it is on: they are one reader. */
	if (m->key->layer == LAYER_GOTLS)
		tid = 0;

	fresh = e->received == 0;
	if ((e->flags & (EXCHANGE_INTERIM | EXCHANGE_RESP_HEAD_DONE)) ==
	    (EXCHANGE_INTERIM | EXCHANGE_RESP_HEAD_DONE)) {
		u64 word = first_bytes(b);

		/* "HTTP/" or as much of it as there is */
		fresh = b->n >= 5 ? (word & 0xffffffffffULL) == 0x2f50545448ULL
				  : (word & 0xff) == 'H';
	}
	if (fresh) {
		e->interim_bytes += e->received;
		e->received = 0;
		e->resp_len = 0;
		e->tail_len = 0;
		e->t_first = now;
		e->flags &= ~(EXCHANGE_INTERIM | EXCHANGE_RESP_HEAD_DONE);
	} else {
		e->stall_ns += stall(e, m->entered, now, tid, m->polled, m->flags & EXCHANGE_READY);
	}
	e->flags &= ~EXCHANGE_DRAINED;
	e->flags |= m->flags;
	append_response(e, b);
	append_tail(slot, b);
	e->received_before = e->received;
	e->received += b->n;
	e->t_read = e->t_last;
	e->t_last = now;
	e->reader = tid;
	e->poll_mark = m->polled;
	e->changes += 1;
	take_descriptor(e, m->fd, 0);
	if (!(e->flags & EXCHANGE_FINAL)) {
		status = status_of(e);
		if (status >= 100 && status < 200) {
			e->flags |= EXCHANGE_INTERIM;
			e->t_interim = now;
		} else if (e->resp_len >= 12) {
			/* Also what is not HTTP at all: an answer is an answer. */
			e->flags |= EXCHANGE_FINAL;
			count(COUNT_ANSWERED);
		}
	}
	if (e->flags & EXCHANGE_INTERIM) {
		e->flags &= ~EXCHANGE_RESP_HEAD_DONE;
		if (ends_head(b, e, e->received == e->resp_len ? e->req_len + e->resp_len : 0))
			e->flags |= EXCHANGE_RESP_HEAD_DONE;
	}
}

/* The end of an answer that was begun says how it ended; without one, no answer
 * will come. */
static __always_inline void take_end(struct exchange *e, u32 flags)
{
	u32 how = flags & EXCHANGE_FAILED ? EXCHANGE_FAILED : EXCHANGE_EOF;

	if (!(e->flags & how))
		e->changes += 1;
	e->flags |= flags | how;
}

/* Bytes that a read gave (b->n > 0); or none, because the stream ended or, with
 * EXCHANGE_FAILED in flags, because it failed for good. Returns as take_send(). */
static __always_inline int take_receive(const struct moved *m)
{
	struct exchange_slot *slot = exchanges.lookup(m->key);
	struct exchange *e;
	u64 now;
	int say;

	if (!slot || (slot->exchange.flags & EXCHANGE_ENDED))
		return 0;
	e = &slot->exchange;
	now = bpf_ktime_get_ns();
	if (e->flags & EXCHANGE_FRAMES && m->b->n) {
		e->received += m->b->n;
		return 1;
	}
	if (m->b->n) {
		take_answer(slot, m, now);
		say = e->reports == 0 && answered(e) && wanted(e, now);
	} else {
		take_end(e, m->flags);
		say = !answered(e) && finish(e, now);
	}
	if (say)
		tell_exchange(m->ctx, e, now);
	return 0;
}

/* The connection is gone. */
static __always_inline void take_close(const struct moved *m)
{
	struct exchange_slot *slot = exchanges.lookup(m->key);
	u64 now;

	if (!slot)
		return;
	now = bpf_ktime_get_ns();
	move_on(m->ctx, &slot->exchange, now);
#ifdef TLS_ONLY
	if (slot->exchange.flags & EXCHANGE_FD_READ) {
		struct exchange_key under = {(u32)slot->exchange.fd, m->key->tgid, LAYER_SOCKET};

		sockets.delete(&under);
	}
#endif
	exchanges.delete(m->key);
}

#endif

/* A send that was counted when it was entered has returned, and took so many bytes
 * less than was counted. */
static __always_inline void exchange_sent(struct exchange_key *key, u64 less)
{
	struct exchange_slot *slot = exchanges.lookup(key);
	struct exchange *e;

	if (!slot)
		return;
	e = &slot->exchange;
	if (less) {
		u64 left = e->sent - (less < e->sent ? less : e->sent);

		if (e->req_len > left && e->resp_len)
			left = e->req_len; /* an answer lies behind it */
		e->sent = left;
		if (e->req_len > left)
			e->req_len = left;
		left = left > EXCHANGE_REQ_CAP ? left - EXCHANGE_REQ_CAP : 0;
		if (e->more_len > left)
			e->more_len = left;
		e->changes += 1;
	}
	if (e->flags & (EXCHANGE_FINAL | EXCHANGE_ENDED))
		return;
	e->t_sent = bpf_ktime_get_ns();
	if (e->t_head && !e->t_first && e->sent == e->head_sent)
		e->t_head = e->t_sent;
}

/* Body bytes that never pass through a buffer of the program (sendfile). */
static __always_inline void exchange_send_unseen(struct exchange_key *key, u64 n, u64 entered)
{
	struct exchange_slot *slot = exchanges.lookup(key);
	struct exchange *e;
	u64 now = bpf_ktime_get_ns();

	if (!slot)
		return;
	e = &slot->exchange;
	if (e->t_head && !e->t_body)
		e->t_body = entered ? entered : now;
	e->flags |= EXCHANGE_HEAD_DONE | EXCHANGE_SOCKET_PROVEN;
	e->sent += n;
	e->t_sent = now;
	e->changes += 1;
}

/* Bytes that earlier calls were given, and counted, have left the program. */
static __always_inline void exchange_flushed(struct exchange_key *key)
{
	struct exchange_slot *slot = exchanges.lookup(key);

	if (!slot || slot->exchange.received)
		return;
	slot->exchange.t_sent = bpf_ktime_get_ns();
	slot->exchange.changes += 1;
}

/* A read that found nothing: the socket was empty when it returned. */
static __always_inline void exchange_drained(struct exchange_key *key)
{
	struct exchange_slot *slot = exchanges.lookup(key);

	if (slot)
		slot->exchange.flags |= EXCHANGE_DRAINED;
}

/*
 * What the programs call. Each of the three is compiled once, as a function of
 * its own, which the tracer links to its callers (linked.h): half of the time
 * until tracing begins is the compiler's, and that goes by the amount of code.
 */
#ifdef HOST_BUILD
#define call_send take_send
#define call_receive take_receive
#define call_close take_close
#else
static int (*call_send)(const struct moved *m) = (void *)LINKED_SEND;
static int (*call_receive)(const struct moved *m) = (void *)LINKED_RECEIVE;
static int (*call_close)(const struct moved *m) = (void *)LINKED_CLOSE;
#endif

static __always_inline void exchange_send(void *ctx, struct exchange_key *key,
					  const struct bytes *b, u64 entered, s32 fd, u32 flags,
					  u32 layout)
{
	struct moved m = {ctx, key, b, entered, {layout}, fd, flags};

	if (call_send(&m))
		frames(&m, FLOW_SENT);
}

static __always_inline void exchange_receive(void *ctx, struct exchange_key *key,
					     const struct bytes *b, u64 entered, u64 polled, s32 fd,
					     u32 flags)
{
	struct moved m = {ctx, key, b, entered, {polled}, fd, flags};

	if (call_receive(&m))
		frames(&m, FLOW_RECEIVED);
}

static __always_inline void exchange_end(void *ctx, struct exchange_key *key)
{
	struct moved m = {.ctx = ctx, .key = key};

	call_close(&m);
}

#endif
