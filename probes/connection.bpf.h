/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The connection that carries an exchange: its number and setup, and the descriptor
 * under a TLS object.
 */
#ifndef S3SLOWER_CONNECTION_BPF_H
#define S3SLOWER_CONNECTION_BPF_H

#include "record.bpf.h"

#ifndef WITHOUT_LINKED

/* Counts up, and returns whether nobody else did so at the same time. */
static __always_inline int count_up(volatile struct serial *s, u64 me, u64 *n)
{
	s->by = me;
	*n = s->n + 1;
	s->n = *n;
	return s->by == me;
}

/* A number that nothing else has while the tracer runs; never 0. */
static __always_inline u64 next_id(void)
{
	u32 zero = 0;
	struct serial *s = serials.lookup(&zero);
	u64 me = bpf_get_current_pid_tgid(), n;

	if (!s)
		return 0;
	if (!count_up(s, me, &n))
		count_up(s, me, &n);
	return n << SERIAL_CPU_BITS | bpf_get_smp_processor_id();
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

/* The descriptor of a TLS object, by the steps that lead there; -1 if they do not. */
static __always_inline s32 read_descriptor(struct fd_walk *w, const struct steps *steps, u64 object)
{
	const struct step *s = steps->step;
	u64 word;

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
static __always_inline void take_layout(struct exchange_slot *slot, const struct moved *m,
					u32 flags, s32 fd, u64 socket)
{
	struct exchange *e = &slot->exchange;
	u32 layout = m->layout;
	struct steps *steps = layouts.lookup(&layout);
	s32 read = fd;

	if (!steps || steps->off)
		return;
	if (!(flags & EXCHANGE_FD_READ) || m->key->layer == LAYER_GOTLS)
		read = read_descriptor(&slot->walk, steps, m->key->conn);
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

#endif

#endif
