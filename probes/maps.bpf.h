/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The maps of the exchange logic, and the counters.
 */
#ifndef S3SLOWER_MAPS_BPF_H
#define S3SLOWER_MAPS_BPF_H

#include "exchange.h"
#include "kernel.bpf.h"
#include "steps.h"

BPF_TABLE("lru_hash", struct exchange_key, struct exchange_slot, exchanges, MAX_EXCHANGES);
BPF_TABLE("lru_hash", u64, struct exchange_more, more, MAX_MORE);
BPF_TABLE("percpu_array", u32, struct exchange_slot, blank, 1);
BPF_TABLE("percpu_array", u32, struct exchange_more, blank_more, 1);
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

#endif
