/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The short form of a diagnosis, for the start of a run: how much is probed, and which
 * processes that are connected to where S3 usually is cannot be seen. Looking for
 * those takes a while, so tracing does not wait for it.
 */
#ifndef S3SLOWER_COVERAGE_H
#define S3SLOWER_COVERAGE_H

#include <stdbool.h>

#include "discovery.h"
#include "parsers/diagnosis.h"

struct coverage;

/* Counts what is probed now, and begins to look, in a thread of its own that takes 20 ms
 * of CPU time at most. discovery must not have been started yet, and is not used any
 * more afterwards. NULL when there is no memory or no thread. */
struct coverage *coverage_begin(struct discovery *discovery);

/* What was found, once: NULL as long as the thread looks, and after it was asked for.
 * partial: there was no time for all. Good until coverage_free(). */
const struct diagnosis *coverage_take(struct coverage *coverage, bool *partial);

/* Waits for the thread, so that what was found can be taken. Takes NULL. */
void coverage_wait(struct coverage *coverage);
void coverage_free(struct coverage *coverage);

#endif
