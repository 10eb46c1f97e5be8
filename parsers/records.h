/* SPDX-License-Identifier: Apache-2.0 */
/* The records that the kernel side keeps of connections, as those who read them see
 * it: tracer.h's functions of these names, or a test's. */
#ifndef S3SLOWER_RECORDS_H
#define S3SLOWER_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/exchange.h"

struct tracer;

/* A walk over the keys; zeros begin it. */
struct records_walk {
	struct exchange_key next; /* found, and not given yet */
	uint32_t given;
	bool begun, ended;
};

struct records {
	struct tracer *tracer;
	int (*lookup)(struct tracer *tracer, const struct exchange_key *key, struct exchange *out);
	int (*remove)(struct tracer *tracer, const struct exchange_key *key);
	bool (*walk)(struct tracer *tracer, struct records_walk *walk, struct exchange_key *key);
	long (*more)(struct tracer *tracer, const struct exchange *exchange, void *to, size_t size);
	void (*forget_more)(struct tracer *tracer, const struct exchange *exchange);
	uint64_t (*count)(struct tracer *tracer, unsigned what);
};

#endif
