/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Percentiles in bounded memory. Each power of two is cut into 64 buckets of
 * equal width (a log-linear histogram, the idea of HdrHistogram), and a bucket
 * answers with its middle: a percentile differs from the exact one by at most
 * 1/128 of it (0.8 %). Below 128 it is exact, and so are the least and the most,
 * and whatever percentile the most is.
 * Our own, because Debian 12 has HdrHistogram for Java and Go, not for C.
 */
#ifndef S3SLOWER_HISTOGRAM_H
#define S3SLOWER_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BITS 6
#define HISTOGRAM_BUCKETS ((64 - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS)
#define HISTOGRAM_ERROR (1.0 / (2 << HISTOGRAM_BITS)) /* of a percentile, relative */

/* All zeros is an empty histogram. */
struct histogram {
	uint64_t count, sum, min, max; /* sum stops at UINT64_MAX */
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);

/* Adds what the other one holds, as if it had been added here. */
void histogram_merge(struct histogram *histogram, const struct histogram *other);

/* Empty again; costs what lies between the least and the most. */
void histogram_clear(struct histogram *histogram);

/* The least value that at least percent of all values do not exceed (nearest
 * rank), within the bound above; 0 when there are none. */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

#endif
