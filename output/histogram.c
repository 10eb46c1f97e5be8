/* SPDX-License-Identifier: Apache-2.0 */
#include "histogram.h"

#include <stddef.h>
#include <string.h>

#define STEPS (UINT64_C(1) << HISTOGRAM_BITS)

/* Values below 2 * STEPS have a bucket each; from there on, the leading
 * HISTOGRAM_BITS + 1 bits and the number of bits behind them name it. */
static unsigned bucket_of(uint64_t value)
{
	unsigned shift = 0;

	if (value >= 2 * STEPS)
		shift = 63u - HISTOGRAM_BITS - (unsigned)__builtin_clzll(value);
	return (unsigned)(shift * STEPS + (value >> shift));
}

static uint64_t middle_of(unsigned bucket)
{
	if (bucket < 2 * STEPS)
		return bucket;
	unsigned shift = bucket / STEPS - 1;
	uint64_t low = (bucket - shift * STEPS) << shift;
	return low + (((UINT64_C(1) << shift) - 1) >> 1);
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	if (histogram->count++ == 0 || value < histogram->min)
		histogram->min = value;
	if (value > histogram->max)
		histogram->max = value;
	if (__builtin_add_overflow(histogram->sum, value, &histogram->sum))
		histogram->sum = UINT64_MAX;
	histogram->bucket[bucket_of(value)]++;
}

void histogram_merge(struct histogram *histogram, const struct histogram *other)
{
	if (!other->count)
		return;
	if (!histogram->count || other->min < histogram->min)
		histogram->min = other->min;
	if (other->max > histogram->max)
		histogram->max = other->max;
	if (__builtin_add_overflow(histogram->sum, other->sum, &histogram->sum))
		histogram->sum = UINT64_MAX;
	histogram->count += other->count;
	for (unsigned i = bucket_of(other->min); i <= bucket_of(other->max); i++)
		histogram->bucket[i] += other->bucket[i];
}

void histogram_clear(struct histogram *histogram)
{
	unsigned first = bucket_of(histogram->min), last = bucket_of(histogram->max);

	memset(&histogram->bucket[first], 0, (last - first + 1) * sizeof(histogram->bucket[0]));
	memset(histogram, 0, offsetof(struct histogram, bucket));
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent)
{
	double exact = percent / 100.0 * (double)histogram->count;
	uint64_t rank = (uint64_t)exact, seen = 0;

	if ((double)rank < exact || rank == 0)
		rank++;
	if (rank >= histogram->count)
		return histogram->max;
	for (unsigned i = bucket_of(histogram->min); i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->bucket[i];
		if (seen < rank)
			continue;
		uint64_t value = middle_of(i);
		if (value < histogram->min)
			return histogram->min;
		return value > histogram->max ? histogram->max : value;
	}
	return histogram->max;
}
