/* SPDX-License-Identifier: Apache-2.0 */
/* What was not shown, and why. Always printed at the end, also when zero; what never
 * should happen, only when it has. */
#ifndef S3SLOWER_COUNTERS_H
#define S3SLOWER_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct counters {
	uint64_t shown;		/* rows that reached the sink */
	uint64_t filtered;	/* rows that a filter in user space left out */
	uint64_t not_s3;	/* HTTP requests that are not S3 (shown with --all-http) */
	uint64_t lost;		/* snapshots the perf buffer had no room for */
	uint64_t evicted;	/* unfinished exchanges pushed out by newer ones */
	uint64_t truncated;	/* rows of which some text was beyond our buffers */
	uint64_t unfollowed;	/* calls or requests that could not be followed: tables full */
	uint64_t opaque;	/* HTTP/2 connections that could not be read: joined too late */
	uint64_t calls_evicted; /* calls whose next attempt would not be joined any more */
	uint64_t jobs_evicted;	/* jobs that were forgotten for newer ones */
	uint64_t output_errors; /* rows the sink could not write */
	uint64_t misread;	/* descriptors read from TLS objects that calls disproved */
};

struct counter {
	const char *words; /* "calls evicted" */
	size_t offset;	   /* in struct counters */
	bool rare;	   /* told to people only when it is not zero */
};

/* The i-th, NULL after the last. */
const struct counter *counter_at(size_t i);

static inline uint64_t counter_of(const struct counter *counter, const struct counters *counters)
{
	return *(const uint64_t *)((const char *)counters + counter->offset);
}

/* What was counted since before. */
struct counters counters_since(const struct counters *now, const struct counters *before);

#endif
