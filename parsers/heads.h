/* SPDX-License-Identifier: Apache-2.0 */
/* The rest of request heads that are longer than a record has room for, from when the
 * kernel side tells it until the request is a row: bounded, the earliest told out first. */
#ifndef S3SLOWER_HEADS_H
#define S3SLOWER_HEADS_H

#include <stdbool.h>
#include <stddef.h>

#include "probes/exchange.h"
#include "slice.h"

struct heads;

/* The caller owns it; NULL when memory is short. */
struct heads *heads_new(size_t max);
void heads_free(struct heads *heads);

/* Keeps a copy of what EVENT_MORE told of exchange id. 0, or -ENOMEM. */
int heads_put(struct heads *heads, __u64 id, struct slice rest);

/* What was told of it, or SLICE_NONE; good until the next put or forget. */
struct slice heads_find(const struct heads *heads, __u64 id);

/* The request is a row. Returns whether anything was kept of it. */
bool heads_forget(struct heads *heads, __u64 id);

#endif
