/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * Connections that speak HTTP/2. Their record says where the frames of both directions
 * stand, and what calls move is told, but for the bulk of the data: user space makes
 * requests of it (parsers/http2.h).
 */
#ifndef S3SLOWER_FRAMES_BPF_H
#define S3SLOWER_FRAMES_BPF_H

#include "connection.bpf.h"

/* What a call moved on a connection that speaks HTTP/2. Without a record, it is one whose
 * beginning nobody saw. */
struct framed {
	const struct moved *m;
	u64 direction; /* FLOW_* */
};

#ifndef WITHOUT_LINKED

#define FRAME_HEADERS 1	   /* the type of frames that begin a request */
#define FRAMES_TOLD 16384  /* bytes of a call that are told at most ... */
#define FRAMES_PIECE 15360 /* ... and in one piece: a per-CPU value may have 32 KiB in all */
#define FRAMES_MAX 4096	   /* more than FRAMES_TOLD has room for */

/* Where an event is put together, and what that works on: it runs once for each frame,
 * and nothing but this map is known to it (linked.h). */
struct framebox {
	struct event_frames head;
	u8 record[EXCHANGE_FIXED];
	u8 told[FRAMES_TOLD + FRAMES_PIECE];
	struct exchange_flow flow;
	struct bytes b;
	u64 at;	   /* bytes of the call that are done */
	u64 taken; /* by a call that is not done with it */
};
BPF_TABLE("percpu_array", u32, struct framebox, frameboxes, 1);

/* The head of the frame that begins `at` bytes into the call, as far as it is there.
 * Returns how many bytes of it are, and of what has to be told behind it. */
static __always_inline u64 take_frame_head(struct framebox *box, u64 at)
{
	struct exchange_flow *f = &box->flow;
	u64 have = f->head_len, few = FRAME_HEAD - have, length, told;

	if (few > box->b.n - at)
		few = box->b.n - at;
	KEEP(have);
	have &= 15;
	KEEP(few);
	if (few > FRAME_HEAD || at + few > box->b.have || fetch(f->head + have, few, &box->b, at))
		return FRAMES_PIECE + 1;
	have += few;
	f->head_len = have;
	if (have < FRAME_HEAD)
		return few;
	f->head_len = 0;
	length = f->head[0] << 16 | f->head[1] << 8 | f->head[2];
	told = f->head[3] == FRAME_DATA && length > FRAME_DATA_TOLD ? FRAME_DATA_TOLD : length;
	f->next = box->head.at + at + few + length;
	f->told_to = box->head.at + at + few + told;
	return few + told;
}

/* Gathers what is to be told of one more frame. Returns 1 when that was the last, or not
 * possible: then at stays below what the call moved. */
static __always_inline int gather_frame(struct framebox *box)
{
	struct exchange_flow *f = &box->flow;
	u64 at = box->at, here = box->head.at + at, used = box->head.told_len, take;

	if (here >= f->told_to && here < f->next) {
		at += f->next - here;
		here = f->next;
	}
	box->at = at;
	if (at >= box->b.n)
		return 1;
	take = here < f->told_to ? f->told_to - here : take_frame_head(box, at);
	if (take > box->b.n - at)
		take = box->b.n - at;
	if (at + take > box->b.have || used >= FRAMES_TOLD)
		return 1;
	KEEP(used);
	used &= FRAMES_TOLD - 1;
	KEEP(take);
	if (take > FRAMES_PIECE || fetch(box->told + used, take, &box->b, at))
		return 1;
	box->head.told_len = used + take;
	box->at = at + take;
	return 0;
}

#ifdef HOST_BUILD
static void gather_frames(struct framebox *box)
{
	while (!gather_frame(box))
		;
}
#else
static long (*repeat)(u32 times, u64 function, void *ctx, u64 flags) = (void *)LINKED_REPEAT;

static __always_inline void gather_frames(struct framebox *box)
{
	u64 function;

	asm volatile("%0 = 0x43414c4c53330006 ll" : "=r"(function)); /* LINKED_FRAME */
	repeat(FRAMES_MAX, function, 0, 0);
}
#endif

/* The beginning of a request on a connection that nobody saw begin. What a server sends
 * looks alike, except for its first field, which is the status (RFC 7541, appendix A). */
static __always_inline void take_joined(const struct moved *m)
{
	u8 first[16], field;
	struct socket *s;
	u32 uid = bpf_get_current_uid_gid();

	if (m->b->have < sizeof(first) || fetch(first, sizeof(first), m->b, 0))
		return;
	/* flags: END_STREAM, END_HEADERS, PRIORITY; an odd stream */
	if ((first[4] & ~0x25) || (first[5] & 0x80) || !(first[8] & 1) || !UID_FILTER(uid) ||
	    (first[0] << 16 | first[1] << 8 | first[2]) + FRAME_HEAD > m->b->n)
		return;
	s = socket_get(m->key, next_id());
	if (!s || s->joined)
		return;
	s->joined = 1;
	field = first[4] & 0x20 ? first[14] : first[9];
	if ((field < 0x88 || field > 0x8e) && field != 0x48 && (field & ~0x10) != 0x08)
		count(COUNT_OPAQUE);
}

/* Returns 0; or less if there was no room for what was to be told. */
static __always_inline long tell_frames(const struct framed *d, struct exchange *e,
					struct framebox *box)
{
	const struct moved *m = d->m;
	const struct bytes *b = m->b;
	struct exchange_flow *f;
	u64 start, n;

	f = d->direction == FLOW_SENT ? &e->flow[FLOW_SENT] : &e->flow[FLOW_RECEIVED];
	start = (d->direction == FLOW_SENT ? e->sent : e->received) - b->n;
	box->head.told_len = 0;
	box->head.at = start;
	box->at = 0;
	box->flow = *f;
	box->b = *b;
	gather_frames(box);
	*f = box->flow;
	if (box->at < b->n)
		e->flags |= EXCHANGE_CUT;
	else if (!box->head.told_len && start + b->n != f->next)
		return 0;
	box->head.kind = EVENT_FRAMES;
	box->head.direction = d->direction;
	box->head.time = bpf_ktime_get_ns();
	box->head.entered = m->entered;
	box->head.n = b->n;
	box->head.tid = bpf_get_current_pid_tgid();
	read_kernel(box->record, EXCHANGE_FIXED, e);
	n = box->head.told_len;
	KEEP(n);
	if (n > FRAMES_TOLD + FRAMES_PIECE)
		return 0;
	return submit(m->ctx, box, sizeof(box->head) + EXCHANGE_FIXED + n);
}

/* They are counted already. */
static __always_inline void take_frames(const struct framed *d)
{
	struct exchange_slot *slot = exchanges.lookup(d->m->key);
	struct exchange *e = slot ? &slot->exchange : 0;
	struct framebox *box;
	long err = -1;
	u32 zero = 0;

	if (!e) {
		take_joined(d->m);
		return;
	}
	box = frameboxes.lookup(&zero);
	if (!box || (e->flags & EXCHANGE_CUT))
		return;
	if (!box->taken) {
		box->taken = 1;
		err = tell_frames(d, e, box);
		box->taken = 0;
	}
	if (err) {
		e->flags |= EXCHANGE_CUT;
		count(COUNT_LOST);
	}
}

#endif

#ifdef HOST_BUILD
#define call_frames take_frames
#else
static int (*call_frames)(const struct framed *framed) = (void *)LINKED_FRAMES;
#endif

static __always_inline void frames(const struct moved *m, u32 direction)
{
	struct framed d = {m, direction};

	call_frames(&d);
}

#endif
