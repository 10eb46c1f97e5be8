/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The programs: what each probe sees, said in terms of exchange.bpf.h. Every
 * function that is not static is a program; WITH_* macros compile out those
 * that no chosen probe needs. WITHOUT_* macros take out one part or the other of
 * the text, so that both can be compiled at the same time (compile.h).
 */
#include "exchange.h"
#include "site.h"
#include "linked.h"
#include "kernel.bpf.h"
#include "exchange.bpf.h"
#include "hello.bpf.h"

/* --- what the programs share: linked.h ----------------------------------- */
#ifndef WITHOUT_LINKED

int linked_send(void *moved)
{
	take_send(moved);
	return 0;
}

int linked_receive(void *moved)
{
	take_receive(moved);
	return 0;
}

int linked_close(void *moved)
{
	take_close(moved);
	return 0;
}

#ifdef WITH_SOCKET
int linked_hello(void *shaking)
{
	take_hello(shaking);
	return 0;
}
#endif

int linked_gather(void *vector)
{
	gather(vector);
	return 0;
}

int linked_frames(void *framed)
{
	take_frames(framed);
	return 0;
}

int linked_frame(void *nothing)
{
	u32 zero = 0;
	struct framebox *box = frameboxes.lookup(&zero);

	return box ? gather_frame(box) : 1;
}
#endif
#ifndef WITHOUT_PROGRAMS

/* A TLS call under way. "send" and "receive" can nest in one another (Node.js). */
struct tls_call {
	u64 conn; /* 0: none */
	u64 buf;
	u64 out;  /* user address of the count, or how many pieces a vector has */
	u64 from; /* how much of a vector was sent before */
	u64 entered;
	u64 sp;	    /* stack pointer at entry: a call that was left by longjmp is recognised */
	u64 moved;  /* ciphertext that the system calls inside sent, or received */
	s32 fd;	    /* their descriptor; FD_NONE, FD_SEVERAL */
	u16 layer;  /* whose object conn is */
	u16 tells;  /* how the function tells its result */
	u16 depth;  /* nested calls of the same direction */
	u16 ended;  /* a read inside met the end of the connection: ENDED_* */
	u32 layout; /* of the object */
};

#define FD_NONE (-1)
#define FD_SEVERAL (-2)

#define ENDED_EOF 1
#define ENDED_ERROR 2

#define TLS_SEND 0
#define TLS_RECEIVE 1

struct thread {
	struct tls_call tls[2];
	u64 entered; /* of the socket call under way */
	u64 poll_entered;
	u64 polled;	 /* time spent in poll and its like, and in reads that gave nothing */
	u64 try_conn;	 /* a TLS send that has to be repeated got rid of a part already ... */
	u64 try_entered; /* ... and that is when it was first tried */
	struct hello hello;
};

BPF_TABLE("hash", u32, struct thread, threads, MAX_THREADS);
BPF_TABLE("percpu_array", u32, struct thread, blank_thread, 1);
#ifdef TREE
BPF_TABLE("lru_hash", u32, u32, tree, 16384);
#endif

#ifdef TELL_EXECS
/* Every new program, at once: it may be gone before its first request is read. */
BPF_PERF_OUTPUT(execs);
#endif

/* Whether this process is one of those that were asked for: a name is its
 * thread's. */
static __always_inline int process_listed(u32 tgid)
{
#ifdef PROCESS_FILTER
	u64 comm[2] = {0, 0};

	bpf_get_current_comm(&comm, sizeof(comm));
	return PROCESS_FILTER(tgid, comm[0], comm[1]);
#else
	return 1;
#endif
}

/* Whether it is a child of one of them, when those are wanted, too. */
static __always_inline int process_wanted(u32 tgid)
{
#ifdef COMM_FILTER
	u64 comm[2] = {0, 0};
#endif

#ifdef FOLLOW
	if (!tree.lookup(&tgid) && !process_listed(tgid))
		return 0;
#else
#ifdef TREE
	if (!tree.lookup(&tgid))
		return 0;
#endif
	if (!process_listed(tgid))
		return 0;
#endif
#ifdef COMM_FILTER
	bpf_get_current_comm(&comm, sizeof(comm));
	if (!COMM_FILTER(comm[0], comm[1]))
		return 0;
#endif
	return 1;
}

static __always_inline struct thread *thread_get(u32 tid)
{
	struct thread *t = threads.lookup(&tid);
	u32 zero = 0;

	if (t)
		return t;
	t = blank_thread.lookup(&zero);
	if (!t)
		return 0;
	if (threads.update(&tid, t)) {
		count(COUNT_NO_THREAD);
		return 0;
	}
	return threads.lookup(&tid);
}

/* --- TLS libraries ------------------------------------------------------- */
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

/* Whether the call is about the program's data at all. */
static __always_inline int takes_data(u64 site, u64 extra)
{
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
	if (!takes_data(site, extra))
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

/* The n bytes that a call took or gave: one buffer, or a vector's pieces. */
static __always_inline struct bytes *tls_bytes(const struct tls_call *c, u32 takes, s64 n)
{
	u32 zero = 0;
	struct stage *stage = stages.lookup(&zero);

	if (!stage)
		return 0;
	if (takes == TAKES_VECTOR || takes == TAKES_VECTOR_FROM)
		bytes_gather(stage, c->buf, c->out, n > 0 ? n : 0, c->from);
	else
		bytes_plain(&stage->b, c->buf, n);
	return &stage->b;
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

int tls_return(struct pt_regs *ctx)
{
	u64 id = bpf_get_current_pid_tgid(), site = this_site();
	u32 tid = id, tells = SITE_TELLS(site);
	u32 direction = SITE_SENDS(site) ? TLS_SEND : TLS_RECEIVE;
	struct thread *t = threads.lookup(&tid);
	struct exchange_key key = {};
	struct tls_call *c;
	struct bytes *b;
	s64 n;

	if (!t)
		return 0;
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
	b = tls_bytes(c, SITE_TAKES(site), n);
	if (!b)
		return 0;
	if (direction == TLS_SEND) {
		if (n > 0) {
			if (t->try_conn == key.conn)
				c->entered = t->try_entered;
			t->try_conn = 0;
			c->fd = tls_descriptor(c, n);
			FORGET();
			exchange_send(ctx, &key, b, c->entered, c->fd, 0, c->layout);
		} else {
			tls_send_again(t, c, &key);
		}
		return 0;
	}
	if (n >= 0 || c->ended) {
		b->n = n > 0 ? n : 0;
		exchange_receive(ctx, &key, b, c->entered, t->polled, tls_descriptor(c, n),
				 n < 0 && c->ended == ENDED_ERROR ? EXCHANGE_FAILED : 0);
	} else {
		t->polled += bpf_ktime_get_ns() - c->entered;
		exchange_drained(&key);
	}
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

/* --- sockets ------------------------------------------------------------- */

#define CALL_SEND 1
#define CALL_RECEIVE 2
#define CALL_POLL 3
#define CALL_CLOSE 4
#define CALL_UNSEEN 5 /* sends what no buffer of the program holds */
#define CALL_CONNECT 6

#define AGAIN 11		/* EAGAIN */
#define INTERRUPTED 4		/* EINTR */
#define INTERRUPTED_RESTART 512 /* ERESTARTSYS and its like, up to 516 */

/* An error after which the connection is of no use any more. */
static __always_inline int is_final(s64 ret)
{
	return ret < 0 && ret != -AGAIN && ret != -INTERRUPTED && ret > -INTERRUPTED_RESTART;
}

/* Inside a TLS call the socket carries ciphertext: it only teaches the
 * connection its descriptor, and its end. kind is 0 on entry. */
static __always_inline int inside_tls(struct thread *t, u64 sp, s32 fd, u32 kind, s64 ret)
{
	int inside = 0;

#ifdef WITH_TLS
	LOOP
	for (u32 i = 0; i < 2; i++) {
		struct tls_call *c = &t->tls[i];

		if (!c->conn)
			continue;
		if (sp > c->sp) {
			c->conn = 0;
			continue;
		}
		inside = 1;
		if (c->fd == FD_NONE)
			c->fd = fd;
		if (c->fd != fd) {
			c->fd = FD_SEVERAL;
			count(COUNT_FD_MISMATCH);
		}
		if (kind == (i == TLS_SEND ? CALL_SEND : CALL_RECEIVE) && ret > 0)
			c->moved += ret;
		if (kind == CALL_RECEIVE)
			c->ended = ret == 0 ? ENDED_EOF : is_final(ret) ? ENDED_ERROR : 0;
	}
#endif
	return inside;
}

static __always_inline u32 call_kind(u64 nr)
{
	switch (nr) {
	case SYS_read:
	case SYS_readv:
	case SYS_recvfrom:
	case SYS_recvmsg:
		return CALL_RECEIVE;
	case SYS_write:
	case SYS_writev:
	case SYS_sendto:
	case SYS_sendmsg:
		return CALL_SEND;
	case SYS_sendfile:
	case SYS_splice:
		return CALL_UNSEEN;
#ifdef SYS_poll
	case SYS_poll:
	case SYS_select:
	case SYS_epoll_wait:
#endif
	case SYS_ppoll:
	case SYS_pselect6:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
		return CALL_POLL;
#ifdef SYS_dup2
	case SYS_dup2:
#endif
	case SYS_dup3:
	case SYS_close:
	case SYS_close_range:
		return CALL_CLOSE;
	case SYS_connect:
		return CALL_CONNECT;
	}
	return 0;
}

/* The n bytes that a call took or gave, described in this CPU's stage. */
static __always_inline struct stage *call_stage(u64 nr, const struct pt_regs *r, u64 n)
{
	u32 zero = 0;
	struct stage *stage = stages.lookup(&zero);
	u64 vec[2] = {REGS_ARG1(r), REGS_ARG2(r)};

	if (!stage)
		return 0;
	if (nr == SYS_recvmsg || nr == SYS_sendmsg)
		/* struct msghdr: msg_iov at 16, msg_iovlen at 24 */
		read_user(vec, sizeof(vec), (void *)(vec[0] + 16));
	if (nr == SYS_recvmsg || nr == SYS_sendmsg || nr == SYS_readv || nr == SYS_writev)
		bytes_gather(stage, vec[0], vec[1], n, 0);
	else
		bytes_plain(&stage->b, vec[0], n);
	return stage;
}

/* The first piece of what a call is asked to send. */
static __always_inline void call_start(u64 nr, const struct pt_regs *r, struct bytes *b)
{
	u64 vec[2] = {REGS_ARG1(r), REGS_ARG2(r)};

	if (nr == SYS_sendmsg)
		read_user(vec, sizeof(vec), (void *)(vec[0] + 16));
	if (nr == SYS_sendmsg || nr == SYS_writev)
		read_user(vec, sizeof(vec), (void *)vec[0]);
	bytes_plain(b, vec[0], vec[1]);
}

/* Calls that only sockets answer to. */
static __always_inline u32 proof(u64 nr)
{
	return nr == SYS_sendto || nr == SYS_recvfrom || nr == SYS_sendmsg || nr == SYS_recvmsg
		       ? EXCHANGE_SOCKET_PROVEN
		       : 0;
}

static __always_inline s32 call_fd(u64 nr, const struct pt_regs *r)
{
	if (nr == SYS_splice)
		return REGS_ARG2(r);
	return REGS_ARG0(r);
}

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

int on_sys_enter(struct raw_args *ctx)
{
	u64 nr = ctx->arg[1], id;
	u32 kind = call_kind(nr), tid;
	struct exchange_key key = {};
	u64 hello = 0;
	struct pt_regs r;
	struct thread *t;

	if (!kind)
		return 0;
	id = bpf_get_current_pid_tgid();
	tid = id;
	if (kind == CALL_POLL) {
		t = threads.lookup(&tid);
		if (t)
			t->poll_entered = bpf_ktime_get_ns();
		return 0;
	}
	/* This runs for every call of the machine: the cheap questions first. A
	 * thread that is not known yet has never sent, so how long it reads does not
	 * matter; inside a TLS call only the return does. */
	t = threads.lookup(&tid);
	if (kind == CALL_RECEIVE || kind == CALL_UNSEEN || kind == CALL_SEND) {
		if (!t && kind == CALL_RECEIVE)
			return 0;
		if (t && (t->tls[0].conn || t->tls[1].conn))
			return 0;
	}
	if (read_kernel(&r, sizeof(r), (void *)ctx->arg[0]) || !REGS_NATIVE(&r))
		return 0;
	key.conn = (u32)call_fd(nr, &r);
	key.tgid = id >> 32;
	key.layer = LAYER_SOCKET;
	if (kind == CALL_CLOSE || kind == CALL_CONNECT) {
		u64 last = key.conn;

		if (nr == SYS_close_range) {
			last = REGS_ARG1(&r);
			if (REGS_ARG2(&r)) /* unshare, or only close-on-exec */
				return 0;
		} else if (kind == CALL_CLOSE && nr != SYS_close) {
			if (REGS_ARG0(&r) == REGS_ARG1(&r))
				return 0;
			key.conn = last = (u32)REGS_ARG1(&r); /* dup2 closes its target */
		}
		LOOP
		for (u32 i = 0; i < 8; i++) {
			exchange_end(ctx, &key);
			if (kind == CALL_CLOSE)
				sockets.delete(&key);
			if (key.conn >= last)
				break;
			key.conn += 1;
		}
		if (kind == CALL_CONNECT)
			connect_enter(&key, tid, REGS_ARG1(&r));
		return 0;
	}
	/* Whoever sends on a connection with a request sends a part of it: Go hands
	 * the body to a thread that may never have sent a head. */
	if (!exchanges.lookup(&key)) {
		struct bytes b = {};
		u64 word = 0;

		if (kind != CALL_SEND)
			return 0;
		call_start(nr, &r, &b);
		/* What cannot be read now is looked at when the call returns. */
		if (read_first(&word, &b) == 0 && !begins_request(word, b.n)) {
			if (!begins_hello(word))
				return 0;
			hello = b.at;
		}
		if (!process_wanted(key.tgid))
			return 0;
	}
	t = thread_get(tid);
	if (!t)
		return 0;
	if (hello)
		hello_sent(&t->hello, key.conn, hello);
	else
		t->entered = bpf_ktime_get_ns();
	return 0;
}

int on_sys_exit(struct raw_args *ctx)
{
	s64 ret = ctx->arg[1];
	struct exchange_key key = {};
	struct stage *stage;
	u64 id, entered = 0, polled = 0;
	struct pt_regs r;
	struct thread *t;
	u32 kind, tid, nr = 0;

	read_kernel(&nr, sizeof(nr), (void *)(ctx->arg[0] + SYSCALL_NR_OFFSET));
	kind = call_kind(nr);
	if (!kind || kind == CALL_CLOSE)
		return 0;
	id = bpf_get_current_pid_tgid();
	tid = id;
	if (kind == CALL_CONNECT) {
		connect_leave(tid, ret);
		return 0;
	}
	t = threads.lookup(&tid);
	if (kind == CALL_POLL) {
		if (t && t->poll_entered) {
			t->polled += bpf_ktime_get_ns() - t->poll_entered;
			t->poll_entered = 0;
		}
		return 0;
	}
	/* A send that matters was noted when it was entered. */
	if (!t && kind != CALL_RECEIVE)
		return 0;
	if (read_kernel(&r, sizeof(r), (void *)ctx->arg[0]) || !REGS_NATIVE(&r))
		return 0;
	key.conn = (u32)call_fd(nr, &r);
	key.tgid = id >> 32;
	key.layer = LAYER_SOCKET;
	if (t) {
		if (inside_tls(t, REGS_SP(&r), (s32)key.conn, kind, ret))
			return 0;
		entered = t->entered;
		t->entered = 0;
		polled = t->polled;
	}
	if (kind == CALL_UNSEEN) {
		if (ret > 0)
			exchange_send_unseen(&key, ret, entered);
		return 0;
	}
	if (kind == CALL_SEND) {
		if (ret <= 0 || !entered)
			return 0;
		stage = call_stage(nr, &r, ret);
		if (!stage)
			return 0;
		stage->entered = entered;
		stage->flags = proof(nr);
		FORGET();
		exchange_send(ctx, &key, &stage->b, stage->entered, -1, stage->flags, 0);
		return 0;
	}
	if (!exchanges.lookup(&key)) {
		if (t && t->hello.fd == (u32)key.conn + 1 && ret > 0 &&
		    (nr == SYS_read || nr == SYS_recvfrom))
			connection_hello(&t->hello, &key, REGS_ARG1(&r), ret);
		return 0;
	}
	if (nr == SYS_recvfrom && (REGS_ARG3(&r) & MSG_PEEK_FLAG))
		return 0;
	if (nr == SYS_recvmsg && (REGS_ARG2(&r) & MSG_PEEK_FLAG))
		return 0;
	if (ret < 0 && !is_final(ret)) {
		if (t && entered)
			t->polled += bpf_ktime_get_ns() - entered;
		exchange_drained(&key);
		return 0;
	}
	stage = call_stage(nr, &r, ret > 0 ? ret : 0);
	if (!stage)
		return 0;
	stage->entered = entered;
	stage->polled = polled;
	stage->flags = proof(nr) | (ret < 0 ? EXCHANGE_FAILED : 0);
	FORGET();
	exchange_receive(ctx, &key, &stage->b, stage->entered, stage->polled, -1, stage->flags);
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

/* --- processes ----------------------------------------------------------- */

static __always_inline void process_event(void *ctx, u32 kind, u32 tgid)
{
	struct event_process event = {};

	if (!processes.lookup(&tgid))
		return;
	event.kind = kind;
	event.tgid = tgid;
	event.time = bpf_ktime_get_ns();
	if (events.perf_submit(ctx, &event, sizeof(event)))
		count(COUNT_EXITS_LOST);
}

int on_process_exit(struct raw_args *ctx)
{
	u64 id = bpf_get_current_pid_tgid();
	u32 tid = id, tgid = id >> 32;

	threads.delete(&tid);
	if (tid != tgid)
		return 0;
	process_event(ctx, EVENT_EXIT, tgid);
#ifdef TREE
	tree.delete(&tgid);
#endif
	return 0;
}

int on_process_exec(struct raw_args *ctx)
{
	u64 id = bpf_get_current_pid_tgid();
	u32 tid = id;

	threads.delete(&tid);
	process_event(ctx, EVENT_EXEC, id >> 32);
#ifdef TELL_EXECS
	u32 tgid = id >> 32;

	if (process_wanted(tgid))
		execs.perf_submit(ctx, &tgid, sizeof(tgid));
#endif
	return 0;
}

#ifdef TREE
/* Offsets come from the tracepoint's format file: they change between kernels. */
int on_process_fork(void *ctx)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32, child = 0, one = 1;

	if (!tree.lookup(&tgid)
#ifdef FOLLOW
	    && !process_listed(tgid)
#endif
	)
		return 0;
	read_kernel(&child, sizeof(child), (void *)((u64)ctx + FORK_CHILD_OFFSET));
	tree.update(&child, &one);
	return 0;
}
#endif

#endif

/* --- Go ------------------------------------------------------------------- */

#include "go.bpf.h"

/* --- names ----------------------------------------------------------------- */

#include "lookup.bpf.h"
