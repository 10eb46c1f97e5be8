/* SPDX-License-Identifier: Apache-2.0 */
#include "output/histogram.h"

#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define VALUES 5000

static struct histogram histogram;
static uint64_t values[VALUES];

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* xorshift: the same numbers on every machine. */
static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* The bound of the header. */
static bool near(uint64_t got, uint64_t exact)
{
	uint64_t off = got > exact ? got - exact : exact - got;

	return off <= (uint64_t)((double)exact * HISTOGRAM_ERROR);
}

static bool percentiles_are_near(size_t n)
{
	static const double percents[] = {0, 1, 10, 25, 50, 75, 90, 95, 99, 99.9, 100};
	bool good = true;

	memset(&histogram, 0, sizeof(histogram));
	for (size_t i = 0; i < n; i++)
		histogram_add(&histogram, values[i]);
	qsort(values, n, sizeof(values[0]), ascending);
	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		double exact = percents[i] / 100 * (double)n;
		size_t rank = (size_t)exact;
		if ((double)rank < exact || rank == 0)
			rank++;
		good &= near(histogram_percentile(&histogram, percents[i]), values[rank - 1]);
	}
	return good && histogram.min == values[0] && histogram.max == values[n - 1] &&
	       histogram.count == n;
}

static void test_error_bound(void)
{
	uint64_t seed = 88172645463325252u;

	for (int spread = 0; spread < 64; spread++) {
		for (size_t n = 1; n <= VALUES; n = n * 3 + 1) {
			/* Even over the range, and with a long tail. */
			for (size_t i = 0; i < n; i++)
				values[i] = next(&seed) >> spread;
			CU_ASSERT(percentiles_are_near(n));
			for (size_t i = 0; i < n; i++)
				values[i] = next(&seed) >> (next(&seed) % (unsigned)(spread + 1));
			CU_ASSERT(percentiles_are_near(n));
		}
	}
}

/* Every bucket's edges, where an index is wrong if it ever is. */
static void test_edges(void)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		for (uint64_t step = 0; step < 128; step++) {
			uint64_t edge = (UINT64_C(1) << bit) + (step << (bit > 6 ? bit - 6 : 0));
			for (int d = -1; d <= 1; d++) {
				uint64_t value = edge + (uint64_t)(int64_t)d;
				memset(&histogram, 0, sizeof(histogram));
				histogram_add(&histogram, 0);
				histogram_add(&histogram, value);
				histogram_add(&histogram, UINT64_MAX);
				CU_ASSERT(near(histogram_percentile(&histogram, 50), value));
			}
		}
	}
}

static void test_small_values_are_exact(void)
{
	memset(&histogram, 0, sizeof(histogram));
	for (uint64_t i = 0; i < 128; i++)
		histogram_add(&histogram, i);
	for (unsigned i = 1; i <= 128; i++)
		CU_ASSERT_EQUAL(histogram_percentile(&histogram, i * 100 / 128.0), i - 1);
}

static void test_empty_and_full(void)
{
	memset(&histogram, 0, sizeof(histogram));
	CU_ASSERT_EQUAL(histogram_percentile(&histogram, 50), 0);
	histogram_add(&histogram, UINT64_MAX);
	histogram_add(&histogram, UINT64_MAX);
	CU_ASSERT_EQUAL(histogram.sum, UINT64_MAX);
	CU_ASSERT_EQUAL(histogram_percentile(&histogram, 99), UINT64_MAX);
	/* Of few values, the high percentiles are the most: exactly. */
	histogram_clear(&histogram);
	histogram_add(&histogram, 1000001);
	histogram_add(&histogram, 1000003);
	CU_ASSERT_EQUAL(histogram_percentile(&histogram, 90), 1000003);
}

/* Values that are dealt out to two and merged are the same as all in one. */
static void test_merge(void)
{
	static struct histogram part[2], all, none;
	uint64_t seed = 88172645463325252u;

	for (int spread = 0; spread < 64; spread++) {
		histogram_clear(&all);
		histogram_clear(&part[0]);
		histogram_clear(&part[1]);
		for (int i = 0; i < 100; i++) {
			uint64_t value = next(&seed) >> spread;
			histogram_add(&all, value);
			/* In turn, or all in one of them: the other stays empty. */
			histogram_add(&part[spread % 2 && i % 2], value);
		}
		histogram_merge(&part[0], &part[1]);
		CU_ASSERT_EQUAL(memcmp(&part[0], &all, sizeof(all)), 0);
		histogram_merge(&none, &all);
		CU_ASSERT_EQUAL(memcmp(&none, &all, sizeof(all)), 0);
		histogram_clear(&none);
	}
	memset(&all, 0, sizeof(all));
	CU_ASSERT_EQUAL(memcmp(&none, &all, sizeof(all)), 0);
}

CU_TestInfo histogram_tests[] = {
	{"error within the bound", test_error_bound},
	{"edges of buckets", test_edges},
	{"small values are exact", test_small_values_are_exact},
	{"merge and clear", test_merge},
	{"empty and full", test_empty_and_full},
	CU_TEST_INFO_NULL,
};
