/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * crypto/tls of Go: (*Conn).Write(b []byte) and (*Conn).Read(b []byte), each
 * returning (n int, err error). A goroutine may be on another thread when a call
 * returns, and its stack elsewhere, so nothing here goes by thread or by stack
 * address.
 *
 * A connection's reader waits in Read before a request is written, maybe since
 * long before there were probes: where the function keeps its arguments in
 * memory, they are taken from there when it returns.
 */
#ifndef S3SLOWER_GO_BPF_H
#define S3SLOWER_GO_BPF_H
#if defined(WITH_TLS) && !defined(WITHOUT_PROGRAMS)

/* A goroutine is in one call of each kind at a time, unless TLS runs over TLS: the
 * inner call then takes the outer one's place, whose arguments were kept. Where
 * arguments are on the stack the connection itself is there all the time. */
struct go_call_key {
	u64 by; /* goroutine, or connection */
	u32 tgid;
	u32 what; /* TLS_*, or what is being written on a connection: */
};
#define GO_WRITING 2

struct go_call {
	u64 conn;
	u64 buf;
	u64 n; /* bytes to be sent */
	u64 entered;
};

/* The least recently used goes: a goroutine may end within a call. */
BPF_TABLE("lru_hash", struct go_call_key, struct go_call, go_calls, MAX_THREADS);

/* An argument: by its register's index, or on the stack. */
static __always_inline u64 argument(struct pt_regs *ctx, u32 slot)
{
	u64 value = 0;

	if (SITE_IS_STACK(slot)) {
		u64 at = PT_REGS_SP(ctx) + SITE_STACK_WORD(slot) * sizeof(u64);

		if (read_user(&value, sizeof(value), (void *)at))
			count(COUNT_FAULT);
		return value;
	}
	read_kernel(&value, sizeof(value), (void *)((u64)ctx + slot * sizeof(u64)));
	return value;
}

static __always_inline void go_key(struct pt_regs *ctx, u64 site, u32 what, struct go_call_key *key)
{
	key->by = SITE_TELLS(site) == TELLS_GO_STACK ? argument(ctx, SITE_CONN(site))
						     : REGS_GO_ROUTINE(ctx);
	key->tgid = bpf_get_current_pid_tgid() >> 32;
	key->what = what;
}

/*
 * What is sent is counted when Write is entered: the answer may be read on another
 * thread before this one returns. Write takes all or fails, and what it did not
 * take is subtracted then. A call for which the stack had to grow is entered twice.
 */
static __always_inline void go_writes(struct pt_regs *ctx, u64 site, struct go_call *call, u32 tgid)
{
	struct go_call_key at = {call->conn, tgid, GO_WRITING};
	struct exchange_key key = {call->conn, tgid, SITE_LAYER(site)};
	struct go_call *writing = go_calls.lookup(&at);
	struct bytes b = {};

	if (writing && writing->buf == call->buf && writing->n == call->n)
		return;
	go_calls.update(&at, call);
	bytes_plain(&b, call->buf, call->n);
	if (call->n)
		exchange_send(ctx, &key, &b, call->entered, -1, 0, SITE_LAYOUT(site));
}

int go_enter(struct pt_regs *ctx)
{
	u64 site = this_site();
	u32 direction = SITE_SENDS(site) ? TLS_SEND : TLS_RECEIVE;
	struct go_call_key key = {};
	struct go_call call = {};

	go_key(ctx, site, direction, &key);
	if (!process_wanted(key.tgid))
		return 0;
	call.conn = argument(ctx, SITE_CONN(site));
	call.buf = argument(ctx, SITE_BUF(site));
	call.entered = bpf_ktime_get_ns();
	if (direction == TLS_SEND) {
		call.n = argument(ctx, SITE_OUT(site));
		go_writes(ctx, site, &call, key.tgid);
	}
	go_calls.update(&key, &call);
	return 0;
}

/* Whether an error's value is that of io.EOF: a pointer to a string of that text. */
static __always_inline int go_is_eof(u64 error)
{
	u64 string[2] = {}; /* address, length */
	u32 text = 0;

	if (!error || read_user(string, sizeof(string), (void *)error) || string[1] != 3)
		return 0;
	return !read_user(&text, 3, (void *)string[0]) && text == 0x464f45; /* "EOF" */
}

static __always_inline void go_written(struct pt_regs *ctx, struct exchange_key *key,
				       const struct bytes *b)
{
	struct go_call_key at = {key->conn, key->tgid, GO_WRITING};
	struct go_call *writing = go_calls.lookup(&at);

	if (writing) {
		exchange_sent(key, writing->n > b->n ? writing->n - b->n : 0);
		go_calls.delete(&at);
	} else if (b->n) {
		exchange_send(ctx, key, b, 0, -1, 0, 0); /* entered before there was a probe */
	}
}

int go_return(struct pt_regs *ctx)
{
	u64 site = this_site(), error;
	u32 direction = SITE_SENDS(site) ? TLS_SEND : TLS_RECEIVE;
	struct go_call_key at = {};
	struct exchange_key key = {};
	struct go_call call = {}, *c;
	struct bytes b = {};
	s64 n;
	int eof;

	go_key(ctx, site, direction, &at);
	c = go_calls.lookup(&at);
	if (c) {
		call = *c;
		go_calls.delete(&at);
	} else {
		if (SITE_TELLS(site) == TELLS_GO || !process_wanted(at.tgid))
			return 0;
		call.conn = argument(ctx, SITE_STACK(1));
		call.buf = argument(ctx, SITE_STACK(2));
	}
	key.conn = call.conn;
	key.tgid = at.tgid;
	key.layer = SITE_LAYER(site);
	if (SITE_TELLS(site) == TELLS_GO_STACK) {
		/* above the connection and the slice's three words */
		n = argument(ctx, SITE_STACK(5));
		error = argument(ctx, SITE_STACK(7));
	} else {
		n = REGS_GO_RESULT(ctx);
		error = REGS_GO_ERROR(ctx);
	}
	bytes_plain(&b, call.buf, n > 0 ? n : 0);
	if (direction == TLS_SEND) {
		go_written(ctx, &key, &b);
		return 0;
	}
	/* Any other error says nothing of the connection yet (a deadline), or it is
	 * closed next. */
	eof = go_is_eof(error);
	if (n > 0 || eof)
		exchange_receive(ctx, &key, &b, call.entered, 0, -1, eof ? EXCHANGE_EOF : 0);
	return 0;
}

/* (*Conn).Close */
int go_end(struct pt_regs *ctx)
{
	u64 site = this_site();
	struct exchange_key key = {};

	key.conn = argument(ctx, SITE_CONN(site));
	key.tgid = bpf_get_current_pid_tgid() >> 32;
	key.layer = SITE_LAYER(site);
	exchange_end(ctx, &key);
	return 0;
}

#endif
#endif
