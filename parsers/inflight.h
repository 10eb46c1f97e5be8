/* SPDX-License-Identifier: Apache-2.0 */
/* The exchanges that have begun to be answered and are not whole yet: bounded,
 * oldest out first. */
#ifndef S3SLOWER_INFLIGHT_H
#define S3SLOWER_INFLIGHT_H

#include <stddef.h>

#include "probes/exchange.h"

struct inflight;

/* The caller owns it; NULL when memory is short. */
struct inflight *inflight_new(size_t max);
void inflight_free(struct inflight *inflight);

/* The latest snapshot of that exchange, or NULL. Valid until the next put or remove. */
struct exchange *inflight_find(struct inflight *inflight, __u64 id);

/* Keeps a snapshot, in place of an earlier one of the same exchange. When there
 * is no room the oldest goes: it is copied to *evicted and 1 is returned. Else
 * 0, or -ENOMEM. */
int inflight_put(struct inflight *inflight, const struct exchange *exchange,
		 struct exchange *evicted);

void inflight_remove(struct inflight *inflight, __u64 id);

/* Walking: the i-th in no particular order; removing the i-th moves the last
 * one into its place. */
size_t inflight_count(const struct inflight *inflight);
struct exchange *inflight_at(struct inflight *inflight, size_t i);

/* How often in a row the record was missing in the kernel; reset by a put. */
unsigned inflight_missed(struct inflight *inflight, size_t i);

#endif
