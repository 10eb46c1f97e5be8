/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which look-up of a name a connection waited for. The C library's are told as they
 * end; a connection's first request tells the host. They belong together if the same
 * process looked that name up shortly before it began to connect: the same thread's
 * before another's, the latest first, and each for one connection only. Bounded for
 * each process; the oldest goes.
 */
#ifndef S3SLOWER_LOOKUP_H
#define S3SLOWER_LOOKUP_H

#include <stdint.h>

#include "probes/exchange.h"

#define LOOKUP_RECENT_NS 10000000000ULL /* what is older was for something else */

struct lookups;

/* The caller owns it; NULL when memory is short. */
struct lookups *lookups_new(void);
void lookups_free(struct lookups *lookups);

/* Copies one that has come through event_decode(). */
void lookups_add(struct lookups *lookups, const struct event_lookup *lookup);

/* How long the look-up took that the exchange's connection waited for, in ns, from
 * the call of getaddrinfo() to its return. -1: the exchange is not known to be its
 * connection's first, or nobody saw such a look-up. Asked again, the answer is the
 * same as long as the look-up is kept. */
int64_t lookups_find(struct lookups *lookups, const struct exchange *exchange);

#endif
