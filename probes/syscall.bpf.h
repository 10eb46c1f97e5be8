/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* The programs on system calls: what sockets send and receive. */
#ifndef S3SLOWER_SYSCALL_BPF_H
#define S3SLOWER_SYSCALL_BPF_H

#include "peer.bpf.h"

#ifndef WITHOUT_PROGRAMS

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

/* Whether a receive takes from the stream. One that asks for no byte returns 0, which
 * is not the stream's end. */
static __always_inline int takes_stream(u64 nr, const struct pt_regs *r)
{
	u64 flags = nr == SYS_recvfrom ? REGS_ARG3(r) : nr == SYS_recvmsg ? REGS_ARG2(r) : 0;

	return !(flags & MSG_ASIDE_FLAGS) && (nr == SYS_recvmsg || REGS_ARG2(r));
}

static __always_inline s32 call_fd(u64 nr, const struct pt_regs *r)
{
	if (nr == SYS_splice)
		return REGS_ARG2(r);
	return REGS_ARG0(r);
}

#ifdef WITH_SOCKET
/* The registers at a system call. On the stack, which has 512 bytes with all functions that
 * are called from here, they would take a third of it. */
BPF_TABLE("percpu_array", u32, struct pt_regs, registers, 1);

/* Those of this call; 0 if they cannot be read, or the call is one of another ABI. */
static __always_inline struct pt_regs *call_registers(u64 at)
{
	u32 zero = 0;
	struct pt_regs *r = registers.lookup(&zero);

	return r && !read_kernel(r, sizeof(*r), (void *)at) && REGS_NATIVE(r) ? r : 0;
}

int on_sys_enter(struct raw_args *ctx)
{
	u64 nr = ctx->arg[1], id;
	u32 kind = call_kind(nr), tid;
	struct exchange_key key = {};
	u64 hello = 0;
	struct pt_regs *r;
	struct thread *t;

	if (!kind)
		return 0;
	id = bpf_get_current_pid_tgid();
	tid = id;
	if (kind == CALL_POLL) {
		t = thread_find(tid);
		if (t)
			t->poll_entered = bpf_ktime_get_ns();
		return 0;
	}
	/* This runs for every call of the machine: the cheap questions first. A
	 * thread that is not known yet has never sent, so how long it reads does not
	 * matter; inside a TLS call only the return does. */
	t = thread_find(tid);
	if (kind == CALL_RECEIVE || kind == CALL_UNSEEN || kind == CALL_SEND) {
		if (!t && kind == CALL_RECEIVE)
			return 0;
		if (t && (t->tls[0].conn || t->tls[1].conn))
			return 0;
	}
	r = call_registers(ctx->arg[0]);
	if (!r)
		return 0;
	key.conn = (u32)call_fd(nr, r);
	key.tgid = id >> 32;
	key.layer = LAYER_SOCKET;
	if (kind == CALL_CLOSE || kind == CALL_CONNECT) {
		u64 last = key.conn;

		if (nr == SYS_close_range) {
			last = REGS_ARG1(r);
			if (REGS_ARG2(r)) /* unshare, or only close-on-exec */
				return 0;
		} else if (kind == CALL_CLOSE && nr != SYS_close) {
			if (REGS_ARG0(r) == REGS_ARG1(r))
				return 0;
			key.conn = last = (u32)REGS_ARG1(r); /* dup2 closes its target */
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
			connect_enter(&key, tid, REGS_ARG1(r));
		return 0;
	}
	/* Whoever sends on a connection with a request sends a part of it: Go hands
	 * the body to a thread that may never have sent a head. */
	if (!may_have_records(key.tgid) || !exchanges.lookup(&key)) {
		struct bytes b = {};
		u64 word = 0;

		if (kind != CALL_SEND)
			return 0;
		call_start(nr, r, &b);
		/* What cannot be read now, or begins with nothing, is looked at when the
		 * call returns. */
		if (b.n && read_first(&word, &b) == 0 && !begins_request(word, b.n)) {
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
	struct pt_regs *r;
	struct thread *t;
	u32 kind, tid, nr = 0, ready = 0;

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
	t = thread_find(tid);
	if (kind == CALL_POLL) {
		if (t && t->poll_entered) {
			t->polled += bpf_ktime_get_ns() - t->poll_entered;
			t->poll_entered = 0;
			t->ready = ret > 0 ? EXCHANGE_READY : 0;
		}
		return 0;
	}
	/* A send that matters was noted when it was entered. */
	if (!t && (kind != CALL_RECEIVE || !may_have_records(id >> 32)))
		return 0;
	r = call_registers(ctx->arg[0]);
	if (!r)
		return 0;
	key.conn = (u32)call_fd(nr, r);
	key.tgid = id >> 32;
	key.layer = LAYER_SOCKET;
	if (t) {
		if (inside_tls(t, REGS_SP(r), (s32)key.conn, kind, ret))
			return 0;
		entered = t->entered;
		t->entered = 0;
		polled = t->polled;
		if (kind == CALL_RECEIVE) {
			ready = t->ready;
			t->ready = 0;
		}
	}
	if (kind == CALL_UNSEEN) {
		if (ret > 0)
			exchange_send_unseen(&key, ret, entered);
		return 0;
	}
	if (kind == CALL_SEND) {
		if (ret <= 0 || !entered)
			return 0;
		stage = call_stage(nr, r, ret);
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
			connection_hello(&t->hello, &key, REGS_ARG1(r), ret);
		return 0;
	}
	if (!takes_stream(nr, r))
		return 0;
	if (ret < 0 && !is_final(ret)) {
		if (t && entered)
			t->polled += bpf_ktime_get_ns() - entered;
		exchange_drained(&key);
		return 0;
	}
	stage = call_stage(nr, r, ret > 0 ? ret : 0);
	if (!stage)
		return 0;
	stage->entered = entered;
	stage->polled = polled;
	stage->flags = proof(nr) | ready | (ret < 0 ? EXCHANGE_FAILED : 0);
	FORGET();
	exchange_receive(ctx, &key, &stage->b, stage->entered, stage->polled, -1, stage->flags);
	return 0;
}
#endif

#endif

#endif
