/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Percentiles in bounded memory. Each power of two is cut into 32 buckets of
 * equal width (a log-linear histogram, the idea of HdrHistogram), and a bucket
 * answers with its middle: a percentile differs from the exact one by at most
 * 1/64 of it (1.6 %). Below 64 it is exact, and so are the least and the most.
 */
#ifndef S3SLOWER_HISTOGRAM_H
#define S3SLOWER_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BITS 5
#define HISTOGRAM_BUCKETS ((64 - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS)

/* All zeros is an empty histogram. */
struct histogram {
	uint64_t count, sum, min, max; /* sum stops at UINT64_MAX */
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);

/* The least value that at least percent of all values do not exceed (nearest
 * rank), within the bound above; 0 when there are none. */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

#endif
