/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exchange logic on the host, and a program that it watches: host_send()
 * and its like are the calls of that program on its connections. Included into
 * the one file that drives it.
 */
#include "host.h"

#include "parsers/slice.h"
#include "probes/exchange.bpf.h"

#define MS 1000000ULL
#define HOST_TGID 1000u
#define HOST_TID 1001u

/* A kernel that was just booted: nothing in the maps, one thread of one program. */
static HOST_UNUSED void host_reset(void)
{
	host_clear_maps();
	memset(&host, 0, sizeof(host));
	host.now = 5000 * MS;
	host.call_ns = 10000;
	host.pid_tgid = (u64)HOST_TGID << 32 | HOST_TID;
	host.uid = 500;
	memcpy(host.comm, "boto", 5);
}

static struct exchange_key host_key(u64 conn)
{
	return (struct exchange_key){.conn = conn, .tgid = HOST_TGID, .layer = LAYER_SOCKET};
}

/* The record of a connection as it is now, or NULL. */
static HOST_UNUSED struct exchange *host_record(u64 conn)
{
	struct exchange_key key = host_key(conn);
	struct exchange_slot *slot = exchanges.lookup(&key);

	return slot ? &slot->exchange : NULL;
}

static HOST_UNUSED u64 host_count(u32 what)
{
	return *counts.lookup(&what);
}

/* What the side map holds of a request head. */
static HOST_UNUSED struct slice host_more(const struct exchange *e)
{
	u64 id = e->id;
	struct exchange_more *m = e->flags & EXCHANGE_MORE ? more.lookup(&id) : NULL;

	return m ? (struct slice){(const char *)m->bytes, e->more_len} : SLICE_NONE;
}

/* Calls see a copy of the bytes that ends where they end. */
static void *host_copy(struct slice s)
{
	char *copy = malloc(s.n ? s.n : 1);

	if (!copy)
		abort();
	if (s.n)
		memcpy(copy, s.p, s.n);
	return copy;
}

static HOST_UNUSED void host_send(u64 conn, struct slice s)
{
	struct exchange_key key = host_key(conn);
	u64 entered = host.now;
	void *copy = host_copy(s);
	struct bytes b;

	host.now += host.call_ns;
	bytes_plain(&b, (u64)copy, s.n);
	exchange_send(NULL, &key, &b, entered, -1, 0, 0);
	free(copy);
}

static HOST_UNUSED void host_receive(u64 conn, struct slice s)
{
	struct exchange_key key = host_key(conn);
	u64 entered = host.now;
	void *copy = host_copy(s);
	struct bytes b;

	host.now += host.call_ns;
	bytes_plain(&b, (u64)copy, s.n);
	exchange_receive(NULL, &key, &b, entered, host.polled, -1, host.ready);
	free(copy);
}

/* The same, at most `size` bytes a call. */
static HOST_UNUSED void host_send_in(u64 conn, struct slice s, size_t size)
{
	for (; s.n; s = slice_from(s, size))
		host_send(conn, (struct slice){s.p, s.n < size ? s.n : size});
}

static HOST_UNUSED void host_receive_in(u64 conn, struct slice s, size_t size)
{
	for (; s.n; s = slice_from(s, size))
		host_receive(conn, (struct slice){s.p, s.n < size ? s.n : size});
}

static HOST_UNUSED void host_eof(u64 conn)
{
	host_receive(conn, SLICE_NONE);
}

/* A read that found nothing. */
static HOST_UNUSED void host_empty(u64 conn)
{
	struct exchange_key key = host_key(conn);

	exchange_drained(&key);
}

static HOST_UNUSED void host_end(u64 conn)
{
	struct exchange_key key = host_key(conn);

	exchange_end(NULL, &key);
}

/* writev() and readv(): pieces is what the program passes, n what the call took
 * or gave, from: how much of the pieces earlier calls took. */
struct host_iovec {
	u64 base, n;
};

static HOST_UNUSED void host_vector_from(u64 conn, const struct host_iovec *pieces, size_t n_pieces,
					 u64 n, u64 from, bool send)
{
	struct exchange_key key = host_key(conn);
	u32 zero = 0;
	struct stage *stage = stages.lookup(&zero);
	u64 entered = host.now;

	host.now += host.call_ns;
	bytes_gather(stage, (u64)pieces, n_pieces, n, from);
	if (send)
		exchange_send(NULL, &key, &stage->b, entered, -1, 0, 0);
	else
		exchange_receive(NULL, &key, &stage->b, entered, host.polled, -1, host.ready);
}

static HOST_UNUSED void host_vector(u64 conn, const struct host_iovec *pieces, size_t n_pieces,
				    u64 n, bool send)
{
	host_vector_from(conn, pieces, n_pieces, n, 0, send);
}
