/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The exchange logic: what a send, a receive and the end of a connection mean
 * to the record of that connection. It knows no library and no system call.
 * The same text is compiled for the host with plain C maps, and fuzzed there.
 */
#ifndef S3SLOWER_EXCHANGE_BPF_H
#define S3SLOWER_EXCHANGE_BPF_H

#include "steps.h"

/* The bytes of a call. A vectored call's pieces are first gathered into a
 * per-CPU stage, so that everything below sees one run of bytes. */
#define IOV_PIECES 8
#define STAGED_WHOLE 2 /* bytes.staged: the last piece is there as well */
struct bytes {
	u64 at;	  /* where they are: in the program, or in the stage */
	u64 have; /* how many of them are there: all, or as many as the stage holds */
	u64 n;	  /* how many the call took or gave */
	u64 last; /* where the last piece is, 0 bytes of it if that is not known */
	u64 last_n;
	u32 staged;
};

/* The description and what the loop that gathers counts lie in the stage too: what
 * is read back from a map is any number to the verifier, so the many ways to gather
 * become one again. */
#define STAGE_PIECE (EXCHANGE_MORE_CAP - 128) /* a per-CPU value may have 32 KiB in all */
struct stage {
	struct bytes b;
	u64 left, from; /* bytes of the call still to come, and to pass over before them */
	u64 filled;
	/* What is known of the call besides: see struct moved. */
	u64 entered, polled;
	u64 flags;
	u8 bytes[EXCHANGE_MORE_CAP + STAGE_PIECE]; /* the upper half is slack */
};

BPF_TABLE("lru_hash", struct exchange_key, struct exchange_slot, exchanges, MAX_EXCHANGES);
BPF_TABLE("lru_hash", u64, struct exchange_more, more, MAX_MORE);
BPF_TABLE("percpu_array", u32, struct exchange_slot, blank, 1);
BPF_TABLE("percpu_array", u32, struct exchange_more, blank_more, 1);
BPF_TABLE("percpu_array", u32, struct stage, stages, 1);
BPF_TABLE("percpu_array", u32, u64, counts, COUNT_MAX);
BPF_TABLE("percpu_array", u32, u64, serial, 1);
BPF_TABLE("lru_hash", u32, u32, processes, 8192);
BPF_TABLE("lru_hash", struct exchange_key, struct socket, sockets, 8192);
BPF_TABLE("array", u32, struct steps, layouts, LAYOUTS_MAX);
BPF_PERF_OUTPUT(events);

static __always_inline void count_add(u32 what, u64 more_of_it)
{
	u64 *n = counts.lookup(&what);

	if (n)
		*n += more_of_it;
}

static __always_inline void count(u32 what)
{
	count_add(what, 1);
}

/* One buffer of the program. */
static __always_inline void bytes_plain(struct bytes *b, u64 address, u64 n)
{
	b->at = b->last = address;
	b->have = b->n = b->last_n = n;
	b->staged = 0;
}

/* 1 if x is 0, else 0 - in arithmetic: a comparison is a branch, and every
 * branch doubles what the verifier has to walk behind it. */
static __always_inline u64 is_zero(u64 x)
{
	u64 minus = -x;

	KEEP(minus); /* or the compiler makes it a comparison again */
	return ((x | minus) >> 63) ^ 1;
}

/* The smaller one of two numbers below 2^63, in the same way. A mask instead of the
 * product would do as well, but the verifier takes it for two ways again. */
static __always_inline u64 least(u64 a, u64 b)
{
	u64 over = a - b, less = over >> 63;

	KEEP(less);
	return b + over * less;
}

/* The pieces of an iovec, as far as the call took or filled them: n bytes, behind
 * the first `from`. */
struct vector {
	struct stage *stage;
	u64 iov, pieces, n, from;
};

static __always_inline void gather(const struct vector *v)
{
	struct stage *stage = v->stage;
	struct bytes *b = &stage->b;
	u64 vec[2], at, take, iov = v->iov, pieces = v->pieces, n = v->n;

	b->at = (u64)stage->bytes;
	b->n = n;
	b->last = b->last_n = 0;
	b->staged = 1;
	stage->left = n;
	stage->from = v->from;
	stage->filled = 0;
	LOOP
	for (u32 i = 0; i < IOV_PIECES; i++) {
		at = stage->filled;
		if (i >= pieces || stage->left == 0 || at >= EXCHANGE_MORE_CAP)
			break;
		if (read_user(vec, sizeof(vec), (void *)(iov + i * sizeof(vec)))) {
			count(COUNT_FAULT);
			break;
		}
		take = least(vec[1], stage->from);
		stage->from -= take;
		vec[0] += take;
		vec[1] -= take;
		vec[1] = least(vec[1], stage->left);
		stage->left -= vec[1];
		take = least(vec[1], STAGE_PIECE);
		KEEP(at);
		at &= EXCHANGE_MORE_CAP - 1;
		KEEP(take);
		if (take > STAGE_PIECE)
			break;
		read_user(stage->bytes + at, take, (void *)vec[0]);
		stage->filled = at + take;
		if (vec[1]) {
			b->last = vec[0];
			b->last_n = vec[1];
		}
	}
	at = stage->filled;
	b->have = least(at, EXCHANGE_MORE_CAP);
	if (stage->left) {
		b->last_n = 0; /* there are pieces that were not looked at */
	} else if (at == n) {
		b->last = b->at; /* all of them are here, and end like one */
		b->last_n = n;
		b->staged = STAGED_WHOLE;
	}
}

#ifdef HOST_BUILD
#define call_gather gather
#else
static int (*call_gather)(const struct vector *v) = (void *)LINKED_GATHER;
#endif

static __always_inline void bytes_gather(struct stage *stage, u64 iov, u64 pieces, u64 n, u64 from)
{
	struct vector v = {stage, iov, pieces, n, from};

	call_gather(&v);
}

/* size bytes from offset on. The caller knows that they are there. */
static __always_inline long fetch(void *to, u32 size, const struct bytes *b, u64 offset)
{
	long err = b->staged ? read_kernel(to, size, (void *)(b->at + offset))
			     : read_user(to, size, (void *)(b->at + offset));

	if (err)
		count(COUNT_FAULT);
	return err;
}

/* The same of the last piece. */
static __always_inline long fetch_last(void *to, u32 size, const struct bytes *b, u64 offset)
{
	return b->staged == STAGED_WHOLE ? read_kernel(to, size, (void *)(b->last + offset))
					 : read_user(to, size, (void *)(b->last + offset));
}

/* The first up to 8 bytes as a little-endian number, zero-filled. 0, or not when
 * they cannot be read. */
static __always_inline long read_first(u64 *word, const struct bytes *b)
{
	u64 few = b->have < 8 ? b->have : 8;

	*word = 0;
	KEEP(few);
	if (few > 8)
		few = 8;
	return few ? fetch(word, few, b, 0) : 0;
}

static __always_inline u64 first_bytes(const struct bytes *b)
{
	u64 word;

	return read_first(&word, b) ? 0 : word;
}

#define PREFACE 0x5448202a20495250ULL /* "PRI * HT": how a client begins to speak HTTP/2 */

/* A method and its space in the first n bytes, or as much of them as n allows. */
static __always_inline u64 begins_request(u64 word, u64 n)
{
	u64 have = n >= 8 ? ~0ULL : (1ULL << (8 * n)) - 1, match;

	match = is_zero((word ^ 0x20544547ULL) & have & 0xffffffffULL);		     /* "GET " */
	match |= is_zero((word ^ 0x20545550ULL) & have & 0xffffffffULL);	     /* "PUT " */
	match |= is_zero((word ^ 0x2054534f50ULL) & have & 0xffffffffffULL);	     /* "POST " */
	match |= is_zero((word ^ 0x2044414548ULL) & have & 0xffffffffffULL);	     /* "HEAD " */
	match |= is_zero((word ^ 0x204843544150ULL) & have & 0xffffffffffffULL);     /* "PATCH " */
	match |= is_zero((word ^ 0x204554454c4544ULL) & have & 0xffffffffffffffULL); /* "DELETE " */
	match |= is_zero((word ^ 0x20534e4f4954504fULL) & have); /* "OPTIONS " */
	match |= is_zero((word ^ PREFACE) & have);
	match &= is_zero(is_zero(have));
	KEEP(match);
	return match;
}

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
static __always_inline void append_tail(struct exchange *e, const struct bytes *b)
{
	u8 join[EXCHANGE_TAIL_CAP * 2];
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
	__builtin_memset(join, 0, sizeof(join));
	__builtin_memcpy(join, e->tail, EXCHANGE_TAIL_CAP);
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

static __always_inline void emit(void *ctx, struct exchange *e, u64 now)
{
	u64 n = e->req_len + e->resp_len;

	e->t_emit = now;
	KEEP(n);
	if (n > sizeof(e->bytes))
		return;
	if (events.perf_submit(ctx, e, EXCHANGE_FIXED + n)) {
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

/* A call that moved bytes on a connection, or ended it. */
struct moved {
	void *ctx;
	struct exchange_key *key;
	const struct bytes *b; /* not for an end */
	u64 entered;	       /* when the call was entered, 0 if not seen */
	union {
		u64 polled; /* receive: what this thread spent waiting in poll and its like, ever */
		u64 layout; /* send: the number of the TLS object's layout, 0 not known */
	};
	s32 fd;	   /* the descriptor under a TLS object, -1 if not seen */
	u32 flags; /* EXCHANGE_* to add to the record's */
};

/* The connection is gone. */
static __always_inline void take_close(const struct moved *m)
{
	struct exchange_slot *slot = exchanges.lookup(m->key);
	u64 now;

	if (!slot)
		return;
	now = bpf_ktime_get_ns();
	if (finish(&slot->exchange, now))
		emit(m->ctx, &slot->exchange, now);
#ifdef TLS_ONLY
	if (slot->exchange.flags & EXCHANGE_FD_READ) {
		struct exchange_key under = {(u32)slot->exchange.fd, m->key->tgid, LAYER_SOCKET};

		sockets.delete(&under);
	}
#endif
	exchanges.delete(m->key);
}

/* A number that nothing else has while the tracer runs; never 0. */
static __always_inline u64 next_id(void)
{
	u32 zero = 0;
	u64 *next = serial.lookup(&zero);

	if (!next)
		return 0;
	*next += 1;
	return *next << SERIAL_CPU_BITS | bpf_get_smp_processor_id();
}

/* The connection behind a key, which carries that exchange. The first one gives the
 * connection its own number, also if that was there before the tracer came. */
static __always_inline struct socket *socket_get(struct exchange_key *key, u64 id)
{
	struct socket *s = sockets.lookup(key), found = {};

	if (!s) {
		sockets.update(key, &found);
		s = sockets.lookup(key);
	}
	if (s && !s->id)
		s->id = id;
	return s;
}

/* One more request on its connection - also one that is not followed: numbers
 * count them all. Go's connections end unseen, and others get their address. */
static __always_inline struct socket *socket_use(struct exchange_key *key, u64 id)
{
	struct socket *s = key->layer == LAYER_GOTLS ? 0 : socket_get(key, id);

	if (s)
		s->requests += 1;
	return s;
}

/* What the connection of a request that begins now tells of it. before: the
 * record's last request, if it had an answer. */
static __always_inline void take_connection(struct exchange *e, const struct socket *s,
					    int answered_before)
{
	u64 before = 0;

	e->number = 0;
	e->connect_ns = 0;
	e->tls_ns = 0;
	e->t_setup = 0;
	if (!s) {
		e->connection = 0;
		e->t_before = 0;
		return;
	}
	if (answered_before && e->connection == s->id)
		before = e->t_last;
	e->connection = s->id;
	e->t_before = before;
	e->number = s->requests;
	if (s->connected)
		e->flags |= EXCHANGE_NUMBERED;
	if (s->connected && s->requests == 1 && e->key.layer != LAYER_SOCKET) {
		e->tls_ns = s->setup_ns;
		e->t_setup = s->begun;
	}
}

/* Where a walk from a TLS object is. It lies in a map, because what the verifier knows
 * of a register makes every way through a step another one, and of memory it knows
 * nothing: a walk of 18 steps then costs it a tenth. */
struct walk {
	u64 object, mark, skip;
	s64 fd;
};
BPF_TABLE("percpu_array", u32, struct walk, walks, 1);

/* The descriptor of a TLS object, by the steps that lead there; -1 if they do not. */
static __always_inline s32 read_descriptor(const struct steps *steps, u64 object)
{
	const struct step *s = steps->step;
	u32 zero = 0;
	struct walk *w = walks.lookup(&zero);
	u64 word;

	if (!w)
		return -1;
	w->object = w->mark = object;
	w->skip = 0;
	w->fd = -1;
	LOOP
	for (u32 i = 0; i < STEPS_MAX; i++, s++) {
		u64 what = s->what;

		if (w->skip) {
			w->skip = what & STEP_OR;
			continue;
		}
		if (what & STEP_FROM_MARK)
			w->object = w->mark;
		if (read_user(&word, sizeof(word), (void *)(w->object + s->offset)))
			break;
		word &= s->mask;
		if (what & STEP_FOLLOW) {
			w->object = word;
			if (what & STEP_MARK)
				w->mark = word;
			continue;
		}
		if (what & STEP_DESCRIPTOR) {
			if (word < s->value)
				w->fd = word;
			break;
		}
		if ((word == s->value) == !!(what & STEP_IS))
			w->skip = what & STEP_OR;
		else if (!(what & STEP_OR))
			break;
	}
	return w->fd;
}

#ifdef TLS_ONLY
/* Nobody watches sockets: the descriptor is the same as long as the TLS object says
 * so, and is not done with. */
static __always_inline void take_unwatched(struct exchange *e, u64 before)
{
	struct exchange_key key = {.conn = (u32)e->fd, .tgid = e->key.tgid, .layer = LAYER_SOCKET};
	struct socket s = {.id = e->id};

	e->socket = before;
	if (before)
		return;
	e->socket = e->id;
	sockets.update(&key, &s);
}
#endif

/* A request begins, on a connection whose record had these. What an object said of an
 * earlier request is still true, but for Go's: such an object may be gone, and another
 * in its place. */
static __always_inline void take_layout(struct exchange *e, const struct moved *m, u32 flags,
					s32 fd, u64 socket)
{
	u32 layout = m->layout;
	struct steps *steps = layouts.lookup(&layout);
	s32 read = fd;

	if (!steps || steps->off)
		return;
	if (!(flags & EXCHANGE_FD_READ) || m->key->layer == LAYER_GOTLS)
		read = read_descriptor(steps, m->key->conn);
	if (read < 0)
		return;
	e->fd = read;
	e->flags |= EXCHANGE_FD_READ;
#ifdef TLS_ONLY
	take_unwatched(e, read == fd ? socket : 0);
#else
	(void)socket;
#endif
}

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
	if (slot && finish(&slot->exchange, now))
		emit(m->ctx, &slot->exchange, now);
	if (!UID_FILTER(uid) || (word != PREFACE && !METHOD_FILTER(word))) {
		/* Its bytes must not be taken for those of the request before it. */
		if (slot)
			exchanges.delete(key);
		return 0;
	}
	if (!slot) {
		u32 tgid = key->tgid;

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
		take_layout(e, m, flags, fd, socket);
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

/* The socket that carries the exchange, now that its descriptor is known - and
 * open, for it has just carried bytes. By its number user space can tell whether
 * the descriptor that it asks about is still the same. */
static __always_inline void take_socket(struct exchange *e, s32 fd)
{
	struct exchange_key key = {.conn = (u32)fd, .tgid = e->key.tgid, .layer = LAYER_SOCKET};
	struct socket *s = socket_get(&key, e->id);

	if (!s)
		return;
	e->socket = s->id;
	e->ends = s->ends;
	if (!s->connected) {
		e->tls_ns = 0; /* maybe half of a handshake that was under way, too */
		return;
	}
	e->flags |= EXCHANGE_SOCKET_PROVEN;
	if (e->number == 1 && (e->flags & EXCHANGE_NUMBERED)) {
		e->connect_ns = s->setup_ns;
		e->flags |= s->shaken;
		if (s->begun)
			e->t_setup = s->begun;
		/* Another TLS object may follow on the same socket. */
		s->setup_ns = s->begun = s->shaken = 0;
	}
}

/* What was read is not what a call shows. */
static __always_inline void disprove(u32 layout)
{
	struct steps *steps = layouts.lookup(&layout);

	if (steps)
		steps->off = 1;
	count(COUNT_FD_WRONG);
}

/* fd: the descriptor under a TLS object, as a call on it has shown; -1 if it has not. */
static __always_inline void take_descriptor(struct exchange *e, s32 fd, u32 layout)
{
	if (e->fd < 0) {
		e->fd = fd;
	} else if (fd >= 0 && fd != e->fd) {
		if (layout && (e->flags & EXCHANGE_FD_READ))
			disprove(layout);
		e->flags |= EXCHANGE_FD_MISMATCH;
		e->flags &= ~EXCHANGE_FD_READ;
		count(COUNT_FD_MISMATCH);
	}
	if (e->fd >= 0 && !e->socket)
		take_socket(e, e->fd);
}

/* What a call moved on a connection that speaks HTTP/2: frames.bpf.h. Without a record,
 * it is one whose beginning nobody saw. */
#define FRAME_HEADERS 1 /* the type of frames that begin a request */

struct framed {
	const struct moved *m;
	struct exchange *e;
	u64 direction; /* FLOW_* */
};

#ifdef HOST_BUILD
static void call_frames(const struct framed *framed);
#else
static int (*call_frames)(const struct framed *framed) = (void *)LINKED_FRAMES;
#endif

static __always_inline void frames(const struct moved *m, struct exchange *e, u32 direction)
{
	struct framed d = {m, e, direction};

	call_frames(&d);
}

/* Whether a request may begin on the connection now. */
static __always_inline int is_free(struct exchange *e)
{
	if (e->flags & EXCHANGE_FRAMES) /* another connection, of which we did not see the begin */
		return e->sent == e->flow[FLOW_SENT].next && !e->flow[FLOW_SENT].head_len;
	return (e->flags & (EXCHANGE_FINAL | EXCHANGE_ENDED)) || final_follows(e);
}

/* Bytes that a send took. */
static __always_inline void take_send(const struct moved *m)
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
			frames(m, 0, FLOW_SENT);
		if (!e || (e->flags & EXCHANGE_ENDED))
			return;
	}
	e->flags |= m->flags;
	if (e->flags & EXCHANGE_FRAMES) {
		frames(m, e, FLOW_SENT);
	} else {
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
}

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

/* Time since the last bytes during which the response was there for the taking. */
static __always_inline u64 stall(const struct exchange *e, u64 entered, u64 now, u32 tid,
				 u64 polled)
{
	u64 gap;

	if (!entered || !e->t_last || entered <= e->t_last || e->reader != tid)
		return 0;
	gap = entered - e->t_last;
	/* A read that had to wait found nothing ready, so nothing stalled. A busy
	 * machine makes one that had not look long, but not long beside the gap. */
	if (now - entered > 200000 && now - entered > gap >> 4)
		return 0;
	polled -= e->poll_mark;
	/* Drained, and nobody on this thread waited for it: somebody else may have. */
	if ((e->flags & EXCHANGE_DRAINED) && polled == 0)
		return 0;
	return gap > polled ? gap - polled : 0;
}

static __always_inline void take_answer(struct exchange *e, const struct moved *m, u64 now)
{
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
		e->stall_ns += stall(e, m->entered, now, tid, m->polled);
	}
	e->flags &= ~EXCHANGE_DRAINED;
	e->flags |= m->flags;
	append_response(e, b);
	append_tail(e, b);
	e->received += b->n;
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
 * EXCHANGE_FAILED in flags, because it failed for good. */
static __always_inline void take_receive(const struct moved *m)
{
	struct exchange_slot *slot = exchanges.lookup(m->key);
	struct exchange *e;
	u64 now;
	int say;

	if (!slot || (slot->exchange.flags & EXCHANGE_ENDED))
		return;
	e = &slot->exchange;
	now = bpf_ktime_get_ns();
	if (e->flags & EXCHANGE_FRAMES && m->b->n) {
		frames(m, e, FLOW_RECEIVED);
		e->received += m->b->n;
		say = 0;
	} else if (m->b->n) {
		take_answer(e, m, now);
		say = e->reports == 0 && answered(e) && wanted(e, now);
	} else {
		take_end(e, m->flags);
		say = !answered(e) && finish(e, now);
	}
	/* In one place, whatever happened: it is much code. */
	if (say)
		emit(m->ctx, e, now);
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

	call_send(&m);
}

static __always_inline void exchange_receive(void *ctx, struct exchange_key *key,
					     const struct bytes *b, u64 entered, u64 polled, s32 fd,
					     u32 flags)
{
	struct moved m = {ctx, key, b, entered, {polled}, fd, flags};

	call_receive(&m);
}

static __always_inline void exchange_end(void *ctx, struct exchange_key *key)
{
	struct moved m = {.ctx = ctx, .key = key};

	call_close(&m);
}

#include "frames.bpf.h"

#endif
