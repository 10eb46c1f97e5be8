/* SPDX-License-Identifier: Apache-2.0 */
/* The events of one drain, put in the order of what they tell: across CPUs the
 * buffers are only in order each for itself, and an answer's end may be told late. */
#ifndef S3SLOWER_BATCH_H
#define S3SLOWER_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BATCH_MAX 4096 /* events after which the rest waits for the next drain */

struct batch;

/* The caller owns it; NULL when memory is short. */
struct batch *batch_new(void);
void batch_free(struct batch *batch);

/* Empties it. What was sent at now_ns (monotonic) or later is the last of a CPU's
 * buffer that is taken. */
void batch_begin(struct batch *batch, uint64_t now_ns);

/* Copies an event, and returns whether there is room for more. */
bool batch_take(struct batch *batch, const void *data, size_t size);

/* Puts them in order, after the last. Returns how many there are. */
size_t batch_sort(struct batch *batch);

/* The i-th in that order; good until batch_begin(). */
const void *batch_at(const struct batch *batch, size_t i, size_t *size);

/* Events that found no memory, since batch_new(). */
uint64_t batch_dropped(const struct batch *batch);

#endif
