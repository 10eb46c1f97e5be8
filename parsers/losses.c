/* SPDX-License-Identifier: Apache-2.0 */
#include "losses.h"

static int64_t known(int64_t ns)
{
	return ns > 0 ? ns : 0;
}

static int64_t mono(const struct request *row, const struct request_context *context)
{
	return row->time_ns - context->wall_minus_mono_ns;
}

int64_t losses_from(const struct request *row, const struct request_context *context)
{
	return mono(row, context) - known(row->connect_ns) - known(row->tls_ns);
}

void losses_fill(struct request *row, const struct losses *losses,
		 const struct request_context *context)
{
	int64_t from = losses_from(row, context);
	int64_t until = mono(row, context) + (row->ttfb_ns >= 0 ? row->ttfb_ns : row->latency_ns);
	uint64_t n = losses ? losses->n : 0, i = n > LOSSES_KEPT ? n - LOSSES_KEPT : 0;
	int64_t packets = 0, lost = 0;

	/* What is acknowledged once stays so: a stretch may begin within the one before,
	 * but not before it. What is counted, counts once. */
	for (int64_t begin = from; i < n; i++) {
		const struct loss *loss = &losses->last[i % LOSSES_KEPT];
		int64_t end = (int64_t)loss->end;

		if (end < from || end > until)
			continue;
		packets += loss->packets < INT32_MAX ? (int64_t)loss->packets : INT32_MAX;
		if (begin < (int64_t)loss->begin)
			begin = (int64_t)loss->begin;
		if (begin >= end)
			continue;
		lost += end - begin;
		begin = end;
	}
	/* Bytes of other streams go the same way: nobody can say whose these were. */
	if (row->stream_id > 0 && packets) {
		row->retransmits = -1;
		row->retransmit_ns = -1;
		return;
	}
	row->retransmits = packets < INT32_MAX ? (int)packets : INT32_MAX;
	row->retransmit_ns = lost;
}
