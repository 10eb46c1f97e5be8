/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The maps of the exchange logic, and the counters.
 *
 * Programs on functions can be preempted where the kernel can, by one that uses the same
 * values of the same CPU: those are counted up at a stroke, or are only read, or whoever
 * finds them in use goes without. Programs on tracepoints cannot.
 */
#ifndef S3SLOWER_MAPS_BPF_H
#define S3SLOWER_MAPS_BPF_H

#include "exchange.h"
#include "kernel.bpf.h"
#include "steps.h"

BPF_TABLE("lru_hash", struct exchange_key, struct exchange_slot, exchanges, MAX_EXCHANGES);
BPF_TABLE("lru_hash", u64, struct exchange_more, more, MAX_MORE);
BPF_TABLE("percpu_array", u32, struct exchange_slot, blank, 1);
BPF_TABLE("array", u32, struct exchange_more, blank_more, 1); /* too large for a per-CPU value */
BPF_TABLE("percpu_array", u32, u64, counts, COUNT_MAX);
/* What a CPU has counted up to, and who did so last. */
struct serial {
	u64 n, by;
};
BPF_TABLE("percpu_array", u32, struct serial, serials, 1);
BPF_TABLE("lru_hash", u32, u32, processes, 8192);
/* 1: a process whose number ends so has had a record. Of most nobody has, and that is known in a
 * tenth of the time of a look-up in a hash, which every system call of theirs would pay. */
BPF_TABLE("array", u32, u32, clients, MAX_CLIENTS);
BPF_TABLE("lru_hash", struct exchange_key, struct socket, sockets, 8192);
BPF_TABLE("array", u32, struct steps, layouts, LAYOUTS_MAX);

/* What user space is told goes through one ring buffer, or through a perf buffer for each
 * CPU: a ring takes an event in a quarter of the time. */
#ifdef WITH_RING
#define EVENT_BUFFER(name) BPF_RINGBUF_OUTPUT(name, 1) /* the tracer knows the size */

/* How often the reader has looked; and what this CPU has told since. */
BPF_TABLE("array", u32, u64, drains, 1);
struct submitted {
	u64 drains, bytes;
};
BPF_TABLE("percpu_array", u32, struct submitted, submitted, 1);
#else
#define EVENT_BUFFER(name) BPF_PERF_OUTPUT(name)
#endif
EVENT_BUFFER(events);

static __always_inline u32 *client_of(u32 tgid)
{
	u32 at = tgid & (MAX_CLIENTS - 1);

	return clients.lookup(&at);
}

/* Whether there may be a record of a connection of this process. */
static __always_inline int may_have_records(u32 tgid)
{
	u32 *had = client_of(tgid);

	return had && *had;
}

static __always_inline void note_record(u32 tgid)
{
	u32 *had = client_of(tgid);

	if (had)
		*had = 1;
}

static __always_inline void count_add(u32 what, u64 more_of_it)
{
	u64 *n = counts.lookup(&what);

	if (n)
		__sync_fetch_and_add(n, more_of_it);
}

static __always_inline void count(u32 what)
{
	count_add(what, 1);
}

/* 0, or there was no room for it. A perf buffer wakes its reader by itself. A ring's looks
 * now and then, and is woken when it has not for too long: a wake-up costs the traced
 * program more than everything else here. */
static __always_inline long submit(void *ctx, void *event, u64 size)
{
#ifdef WITH_RING
	u32 zero = 0;
	u64 wake = RING_WAKE_NOT, *looks = drains.lookup(&zero);
	struct submitted *t = submitted.lookup(&zero);

	if (t && looks) {
		if (t->drains != *looks)
			t->bytes = 0;
		t->drains = *looks;
		t->bytes += size;
		if (t->bytes >= RING_LATE) {
			t->bytes = 0;
			wake = RING_WAKE;
		}
	}
	return events.ringbuf_output(event, size, wake);
#else
	return events.perf_submit(ctx, event, size);
#endif
}

#endif
