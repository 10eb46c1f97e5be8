/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The programs on the functions of TLS libraries. */
#ifndef S3SLOWER_TLS_BPF_H
#define S3SLOWER_TLS_BPF_H

#include "thread.bpf.h"

#ifndef WITHOUT_PROGRAMS
#ifdef WITH_TLS

/* The number that the tracer writes here: see site.h. */
static __always_inline u64 this_site(void)
{
	u64 site;

	asm volatile("%0 = 0x2152574f4c533353 ll" : "=r"(site));
	return site;
}

/* The arguments of the C calling convention. */
struct arguments {
	u64 arg[5];
};

static __always_inline void arguments_read(struct arguments *a, struct pt_regs *ctx)
{
	a->arg[0] = PT_REGS_PARM1(ctx);
	a->arg[1] = PT_REGS_PARM2(ctx);
	a->arg[2] = PT_REGS_PARM3(ctx);
	a->arg[3] = PT_REGS_PARM4(ctx);
	a->arg[4] = PT_REGS_PARM5(ctx);
	/* Or the compiler works out an address first: the verifier wants it constant. */
	KEEP(a->arg[0]);
	KEEP(a->arg[1]);
	KEEP(a->arg[2]);
	KEEP(a->arg[3]);
	KEEP(a->arg[4]);
}

/* One of them by its register's index. The site is a constant to the verifier: of
 * all this it keeps the one way that is needed. */
static __always_inline u64 pick(const struct arguments *a, u32 slot)
{
	return slot == SITE_ARG1   ? a->arg[0]
	       : slot == SITE_ARG2 ? a->arg[1]
	       : slot == SITE_ARG3 ? a->arg[2]
	       : slot == SITE_ARG4 ? a->arg[3]
				   : a->arg[4];
}

/* How much a function is asked to move: the argument behind its buffer. */
static __always_inline u32 size_asked(const struct arguments *a, u64 site)
{
	return pick(a, SITE_BUF(site) == SITE_ARG2 ? SITE_ARG3 : SITE_ARG4);
}

/* Whether the call is about the program's data at all. A read that asks for no byte
 * returns 0, which is not the stream's end. */
static __always_inline int takes_data(const struct arguments *a, u64 site, u64 extra)
{
	if (!SITE_SENDS(site) && !size_asked(a, site))
		return 0;
	if (SITE_TAKES(site) == TAKES_FLAGS)
		return !(extra & MSG_PEEK_FLAG);
	if (SITE_TAKES(site) == TAKES_TYPE)
		return (u8)extra == TYPE_DATA;
	return 1;
}

int tls_enter(struct pt_regs *ctx)
{
	u64 id = bpf_get_current_pid_tgid(), sp = PT_REGS_SP(ctx), site = this_site();
	u32 direction = SITE_SENDS(site) ? TLS_SEND : TLS_RECEIVE;
	struct exchange_key key = {};
	struct arguments a;
	u64 extra;
	struct tls_call *c;
	struct thread *t;

	arguments_read(&a, ctx);
	key.conn = pick(&a, SITE_CONN(site));
	key.tgid = id >> 32;
	key.layer = SITE_LAYER(site);
	/* A thread of another name may read the answer to a request that is wanted. */
	if (!process_wanted(key.tgid) && !exchanges.lookup(&key))
		return 0;
	t = thread_get(id);
	if (!t)
		return 0;
	c = &t->tls[direction];
	if (c->conn && sp < c->sp) {
		c->depth += 1;
		return 0;
	}
	c->conn = 0;
	extra = pick(&a, SITE_EXTRA(site));
	if (!takes_data(&a, site, extra))
		return 0;
	c->conn = key.conn;
	c->layer = key.layer;
	c->tells = SITE_TELLS(site);
	c->buf = pick(&a, SITE_BUF(site));
	c->out = pick(&a, SITE_OUT(site));
	c->from = SITE_TAKES(site) == TAKES_VECTOR_FROM ? extra : 0;
	c->entered = bpf_ktime_get_ns();
	c->sp = sp;
	c->moved = 0;
	c->fd = FD_NONE;
	c->depth = 0;
	c->ended = 0;
	c->layout = SITE_LAYOUT(site);
	return 0;
}

/* How many bytes the call was about; 0 or less as the function tells it. */
static __always_inline s64 tls_result(struct pt_regs *ctx, const struct tls_call *c, u32 tells)
{
	s32 ret = PT_REGS_RC(ctx);
	u64 n = 0;

	if (tells == TELLS_UNSEEN)
		return PT_REGS_RC(ctx);
	if (ret <= 0)
		return ret == 0 && tells == TELLS_STORED ? -1 : ret;
	if (tells == TELLS_RETURN || tells == TELLS_FLUSH)
		return ret;
	if (read_user(&n, sizeof(n), (void *)c->out)) {
		count(COUNT_FAULT);
		return -1;
	}
	return n;
}

BPF_TABLE("percpu_array", u32, struct stage, tls_stages, 1);

/* This CPU's stage, until it is given back; 0 if another call, which was preempted, has it. */
static __always_inline struct stage *stage_take(void)
{
	u32 zero = 0;
	struct stage *stage = tls_stages.lookup(&zero);

	if (!stage || stage->taken) {
		count(COUNT_NO_THREAD);
		return 0;
	}
	stage->taken = 1;
	return stage;
}

/* A send that has to be repeated (WANT_WRITE) did send, if more ciphertext left
 * than a handshake has: then the request began with this try. */
static __always_inline void tls_send_again(struct thread *t, const struct tls_call *c,
					   const struct exchange_key *key)
{
	struct bytes b = {};

	if (c->moved < 8192 || t->try_conn == key->conn)
		return;
	bytes_plain(&b, c->buf, 8);
	if (!begins_request(first_bytes(&b), 8))
		return;
	t->try_conn = key->conn;
	t->try_entered = c->entered;
}

/* The connection's descriptor, if the call shows it: all that it was about went
 * through one descriptor inside. A program with memory BIOs moves the ciphertext
 * later, and what it does meanwhile may concern another connection. */
static __always_inline s32 tls_descriptor(const struct tls_call *c, s64 n)
{
	return n > 0 && c->fd >= 0 && c->moved >= (u64)n ? c->fd : FD_NONE;
}

/* A call has moved n bytes: none or less as the function told it. */
static __always_inline void tls_moved(struct pt_regs *ctx, struct thread *t, struct tls_call *c,
				      struct exchange_key *key, struct bytes *b, s64 n,
				      u32 direction)
{
	if (direction == TLS_SEND) {
		if (n > 0) {
			if (t->try_conn == key->conn)
				c->entered = t->try_entered;
			t->try_conn = 0;
			c->fd = tls_descriptor(c, n);
			FORGET();
			exchange_send(ctx, key, b, c->entered, c->fd, 0, c->layout);
		} else {
			tls_send_again(t, c, key);
		}
	} else if (n >= 0 || c->ended) {
		b->n = n > 0 ? n : 0;
		exchange_receive(ctx, key, b, c->entered, t->polled, tls_descriptor(c, n),
				 t->ready |
					 (n < 0 && c->ended == ENDED_ERROR ? EXCHANGE_FAILED : 0));
		t->ready = 0;
	} else {
		t->ready = 0;
		t->polled += bpf_ktime_get_ns() - c->entered;
		exchange_drained(key);
	}
}

int tls_return(struct pt_regs *ctx)
{
	u64 id = bpf_get_current_pid_tgid(), site = this_site();
	u32 tid = id, tells = SITE_TELLS(site);
	u32 direction = SITE_SENDS(site) ? TLS_SEND : TLS_RECEIVE;
	struct thread *t = thread_find(tid);
	struct exchange_key key = {};
	struct tls_call *c;
	struct stage *stage = 0;
	struct bytes *b;
	s64 n;

	if (!t)
		return 0;
	b = &t->b;
	c = &t->tls[direction];
	if (!c->conn)
		return 0;
	if (c->depth) {
		c->depth -= 1;
		return 0;
	}
	key.conn = c->conn;
	key.tgid = id >> 32;
	key.layer = c->layer;
	c->conn = 0;
	n = tls_result(ctx, c, tells ? tells : c->tells);
	if (tells == TELLS_FLUSH || tells == TELLS_UNSEEN) {
		if (n > 0 && tells == TELLS_FLUSH)
			exchange_flushed(&key);
		else if (n > 0)
			exchange_send_unseen(&key, n, c->entered);
		return 0;
	}
	if (SITE_TAKES(site) == TAKES_VECTOR || SITE_TAKES(site) == TAKES_VECTOR_FROM) {
		stage = stage_take();
		if (!stage)
			return 0;
		b = &stage->b;
		bytes_gather(stage, c->buf, c->out, n > 0 ? n : 0, c->from);
	} else {
		bytes_plain(b, c->buf, n);
	}
	tls_moved(ctx, t, c, &key, b, n, direction);
	if (stage)
		stage->taken = 0;
	return 0;
}

/* The object that a thread shakes hands for. */
BPF_TABLE("lru_hash", u32, struct exchange_key, handshakes, 1024);

/* The object is freed, shut down or used for another connection, which is then
 * seen from its beginning. The first handshake begins with SSL_clear(), too. */
int tls_end(struct pt_regs *ctx)
{
	u64 site = this_site();
	struct exchange_key key = {};
	struct socket s = {.connected = 1};
	u64 id = bpf_get_current_pid_tgid();
	struct exchange_key *shaking;
	struct arguments a;
	u32 tid = id;

	arguments_read(&a, ctx);
	key.conn = pick(&a, SITE_CONN(site));
	key.tgid = id >> 32;
	key.layer = SITE_LAYER(site);
	shaking = handshakes.lookup(&tid);
	if (SITE_TELLS(site) == TELLS_ANEW && shaking && shaking->conn == key.conn)
		return 0;
	exchange_end(ctx, &key);
	sockets.delete(&key);
	if (SITE_TELLS(site) == TELLS_ANEW && process_wanted(key.tgid))
		sockets.update(&key, &s);
	return 0;
}

/* A handshake may take many calls: it is the object's from the first one on. Where
 * objects are seen made ready, only such ones count: of the others an earlier call
 * may have been missed. One behind a request renews keys, and sets nothing up. */
int tls_handshake_enter(struct pt_regs *ctx)
{
	u64 id = bpf_get_current_pid_tgid(), site = this_site();
	struct socket *s, found = {.connected = 1};
	struct exchange_key key = {};
	u32 tid = id;

	key.conn = PT_REGS_PARM1(ctx);
	key.tgid = id >> 32;
	key.layer = SITE_LAYER(site);
	s = sockets.lookup(&key);
	if (s) {
		if (s->requests || s->setup_ns)
			return 0;
		if (!s->begun)
			s->begun = bpf_ktime_get_ns();
	} else {
		if (SITE_TELLS(site) == TELLS_ONE || !process_wanted(key.tgid))
			return 0;
		found.begun = bpf_ktime_get_ns();
		sockets.update(&key, &found);
	}
	handshakes.update(&tid, &key);
	return 0;
}

int tls_handshake_return(struct pt_regs *ctx)
{
	u32 tid = bpf_get_current_pid_tgid();
	struct exchange_key *key = handshakes.lookup(&tid);
	u64 site = this_site();
	struct socket *s;

	if (!key)
		return 0;
	s = sockets.lookup(key);
	handshakes.delete(&tid);
	if (s && s->begun && (s32)PT_REGS_RC(ctx) == (SITE_TELLS(site) == TELLS_ONE))
		s->setup_ns = bpf_ktime_get_ns() - s->begun;
	return 0;
}

#endif
#endif

#endif
