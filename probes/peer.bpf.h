/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The connections of sockets: whom they reach, how long that took, and what was sent again.
 * With --mode of a TLS library only: when they changed. */
#ifndef S3SLOWER_PEER_BPF_H
#define S3SLOWER_PEER_BPF_H

#include "thread.bpf.h"

#ifndef WITHOUT_PROGRAMS

#ifdef WITH_SOCKET
/* A connect() under way. */
struct connecting {
	struct exchange_key key; /* of sockets */
	u64 sock;		 /* the kernel's struct sock, if a SYN was seen to leave */
	u64 entered;
};

BPF_TABLE("lru_hash", u32, struct connecting, connecting, 1024); /* by thread */
/* What waits for the peer, by struct sock: connect() may have returned already. */
BPF_TABLE("lru_hash", u64, struct exchange_key, establishing, 1024);

/* The first words of the kernel's struct sock_common. */
struct sock_ends {
	u32 peer, local, hash;
	u16 peer_port, local_port, family, state; /* the state is the lower byte */
};

static __always_inline u64 mapped(u32 ipv4)
{
	return 0xffff0000ULL | (u64)ipv4 << 32;
}

/* The other end is what the program asks for; a socket of another family has none. */
static __always_inline void connect_enter(const struct exchange_key *key, u32 tid, u64 address)
{
	struct connecting c = {.key = *key, .entered = bpf_ktime_get_ns()};
	struct socket s = {.connected = 1}, *known;
	struct {
		u16 family, port;
		u32 ipv4;
	} name = {}; /* struct sockaddr_in; of IPv6, the address follows */

	read_user(&name, sizeof(name), (void *)address);
	if (name.family == FAMILY_INET6)
		read_user(s.ends.peer, sizeof(s.ends.peer), (void *)(address + sizeof(name)));
	else
		s.ends.peer[1] = mapped(name.ipv4);
	if (name.family == FAMILY_INET || name.family == FAMILY_INET6)
		s.ends.peer_port = __builtin_bswap16(name.port);
	connecting.update(&tid, &c);
	/* A connect() may be repeated to learn what became of it. */
	known = sockets.lookup((struct exchange_key *)key);
	if (known && !known->requests && known->ends.peer_port == s.ends.peer_port &&
	    known->ends.peer[0] == s.ends.peer[0] && known->ends.peer[1] == s.ends.peer[1])
		return;
	sockets.update((struct exchange_key *)key, &s);
}

/* The local end is chosen by now, also if the connection is still on its way. It
 * is read from struct sock_common, which has not moved for many years; if what
 * lies there is not what we know of the other end, then nothing is taken. */
static __always_inline void connect_leave(u32 tid, s64 ret)
{
	struct connecting *c = connecting.lookup(&tid);
	struct sock_ends common = {};
	u64 end[4]; /* the peer's address and ours, in the kernel's order */
	struct socket *s;
	u64 sock, entered;

	if (!c)
		return;
	sock = c->sock;
	entered = c->entered;
	s = sockets.lookup(&c->key);
	connecting.delete(&tid);
	/* A call that waited is over when it returns. */
	if (s && ret == 0 && s->begun == entered)
		s->setup_ns = bpf_ktime_get_ns() - entered;
	if (!sock || !s || read_kernel(&common, sizeof(common), (void *)sock) ||
	    __builtin_bswap16(common.peer_port) != s->ends.peer_port)
		return;
	end[0] = end[2] = 0;
	end[1] = mapped(common.peer);
	end[3] = mapped(common.local);
	if (common.family == FAMILY_INET6 &&
	    read_kernel(end, sizeof(end), (void *)(sock + SOCK_IPV6)))
		return;
	/* An end that was left open is this machine. */
	if (s->ends.peer[0] | (s->ends.peer[1] & ~0xffff0000ULL)) {
		if ((end[0] ^ s->ends.peer[0]) | (end[1] ^ s->ends.peer[1]))
			return;
	}
	__builtin_memcpy(s->ends.peer, end, sizeof(end));
	s->ends.local_port = common.local_port;
}

/* inet_sock_set_state: a socket begins to connect, within the call of its thread - or
 * has done so, in whatever thread the answer was taken. One that was given up and is
 * tried again begins again. */
int on_socket_state(struct raw_args *ctx)
{
	u64 sock = ctx->arg[0];
	u32 tid = bpf_get_current_pid_tgid(), from = ctx->arg[1], to = ctx->arg[2];
	struct exchange_key *key;
	struct connecting *c;
	struct socket *s;

	if (to == STATE_SYN_SENT) {
		c = connecting.lookup(&tid);
		if (!c)
			return 0;
		c->sock = sock;
		establishing.update(&sock, &c->key);
		s = sockets.lookup(&c->key);
		if (s)
			s->begun = c->entered;
	} else if (from == STATE_SYN_SENT) {
		key = establishing.lookup(&sock);
		if (!key)
			return 0;
		s = sockets.lookup(key);
		if (s && s->begun && to == STATE_ESTABLISHED)
			s->setup_ns = bpf_ktime_get_ns() - s->begun;
		establishing.delete(&sock);
	}
	return 0;
}

/* What was sent again, by the connection's ends. */
BPF_TABLE("lru_hash", struct endpoints, struct losses, losses, 1024);

#define LOSS_LONGEST 300000000000ULL /* ns: what says more is no time */

/* tcp_retransmit_skb: on sending a packet again, the kernel notes in it when
 * anything was acknowledged last - or when it began to wait for that. */
int on_retransmit(struct raw_args *ctx)
{
	u64 sock = ctx->arg[0], now = bpf_ktime_get_ns(), begin = 0, n;
	struct losses *l, first = {};
	struct endpoints ends = {};
	struct sock_ends common = {};
	struct loss *last;

	count(COUNT_SENT_AGAIN);
	if (read_kernel(&common, sizeof(common), (void *)sock))
		return 0;
	ends.peer[1] = mapped(common.peer);
	ends.local[1] = mapped(common.local);
	if (common.family == FAMILY_INET6)
		read_kernel(ends.peer, sizeof(ends.peer) + sizeof(ends.local),
			    (void *)(sock + SOCK_IPV6));
	ends.peer_port = __builtin_bswap16(common.peer_port);
	ends.local_port = common.local_port;
	if ((common.state & 0xff) != STATE_SYN_SENT) {
		read_kernel(&begin, sizeof(begin), (void *)(ctx->arg[1] + PACKET_ACKED));
		begin *= 1000;
		if (begin > now || now - begin > LOSS_LONGEST)
			begin = now;
	}
	l = losses.lookup(&ends);
	if (!l) {
		losses.update(&ends, &first);
		l = losses.lookup(&ends);
		if (!l)
			return 0;
	}
	n = l->n;
	if (!n || l->last[(n - 1) % LOSSES_KEPT].begin != begin) {
		l->n = ++n;
		last = &l->last[(n - 1) % LOSSES_KEPT];
		last->begin = begin;
		last->packets = 0;
	} else {
		last = &l->last[(n - 1) % LOSSES_KEPT];
	}
	last->packets += 1;
	last->end = now;
	return 0;
}
#endif

#ifdef TLS_ONLY
/* When a process last closed a TCP socket, or began to connect one: until then each of
 * its descriptors is what it was. */
BPF_TABLE("lru_hash", u32, u64, changed, 8192);

/* inet_sock_set_state: a socket that its peer closes stays open. A reset may arrive while
 * any process runs: one too many is said to have changed. */
int on_socket_state(struct raw_args *ctx)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32, from = ctx->arg[1], to = ctx->arg[2];
	u64 now;

	if (to != STATE_SYN_SENT &&
	    ((from != STATE_ESTABLISHED && from != STATE_CLOSE_WAIT) || to == STATE_CLOSE_WAIT))
		return 0;
	now = bpf_ktime_get_ns();
	changed.update(&tgid, &now);
	return 0;
}
#endif

#endif

#endif
