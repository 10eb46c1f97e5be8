/* SPDX-License-Identifier: Apache-2.0 */
#include "parsers/inflight.h"

#include <CUnit/CUnit.h>

static struct exchange at(__u64 id, __u64 t_start)
{
	return (struct exchange){.kind = EVENT_EXCHANGE, .id = id, .t_start = t_start};
}

static void what_was_put_is_found(void)
{
	struct inflight *inflight = inflight_new(4);
	struct exchange e = at(7, 1), evicted;

	CU_ASSERT_PTR_NOT_NULL_FATAL(inflight);
	CU_ASSERT_PTR_NULL(inflight_find(inflight, 7));
	CU_ASSERT_EQUAL(inflight_put(inflight, &e, &evicted), 0);
	e.changes = 99; /* a copy was kept */
	CU_ASSERT_PTR_NOT_NULL_FATAL(inflight_find(inflight, 7));
	CU_ASSERT_EQUAL(inflight_find(inflight, 7)->changes, 0);
	CU_ASSERT_PTR_NULL(inflight_find(inflight, 8));
	inflight_remove(inflight, 8);
	CU_ASSERT_EQUAL(inflight_count(inflight), 1);
	inflight_remove(inflight, 7);
	inflight_remove(inflight, 7);
	CU_ASSERT_EQUAL(inflight_count(inflight), 0);
	CU_ASSERT_PTR_NULL(inflight_find(inflight, 7));
	inflight_free(inflight);
	inflight_free(NULL);
}

static void a_later_snapshot_takes_the_place(void)
{
	struct inflight *inflight = inflight_new(1);
	struct exchange e = at(7, 1), evicted;

	inflight_put(inflight, &e, &evicted);
	e.changes = 5;
	CU_ASSERT_EQUAL(inflight_put(inflight, &e, &evicted), 0); /* full, and still room */
	CU_ASSERT_EQUAL(inflight_count(inflight), 1);
	CU_ASSERT_EQUAL(inflight_find(inflight, 7)->changes, 5);
	inflight_free(inflight);
}

static void the_oldest_goes_first(void)
{
	static const __u64 start[] = {50, 20, 90, 10, 70};
	static const __u64 gone[] = {4, 2, 1, 5, 3}; /* ids in the order of their starts */
	struct inflight *inflight = inflight_new(5);
	struct exchange e, evicted;

	for (__u64 i = 0; i < 5; i++) {
		e = at(i + 1, start[i]);
		CU_ASSERT_EQUAL(inflight_put(inflight, &e, &evicted), 0);
	}
	for (__u64 i = 0; i < 5; i++) {
		e = at(100 + i, 1000 + i);
		CU_ASSERT_EQUAL(inflight_put(inflight, &e, &evicted), 1);
		CU_ASSERT_EQUAL(evicted.id, gone[i]);
		CU_ASSERT_PTR_NULL(inflight_find(inflight, gone[i]));
		CU_ASSERT_EQUAL(inflight_count(inflight), 5);
	}
	inflight_free(inflight);
}

/* As the tracer walks: from the end, removing on the way. */
static void a_walk_may_remove(void)
{
	struct inflight *inflight = inflight_new(100);
	struct exchange e, evicted;
	int seen[100] = {0};

	for (__u64 i = 0; i < 100; i++) {
		e = at(i, i);
		inflight_put(inflight, &e, &evicted);
	}
	for (size_t i = inflight_count(inflight); i-- > 0;) {
		__u64 id = inflight_at(inflight, i)->id;

		seen[id]++;
		if (id % 3 == 0)
			inflight_remove(inflight, id);
	}
	for (__u64 i = 0; i < 100; i++) {
		CU_ASSERT_EQUAL(seen[i], 1);
		CU_ASSERT_EQUAL(inflight_find(inflight, i) != NULL, i % 3 != 0);
	}
	inflight_free(inflight);
}

static void misses_are_counted_in_a_row(void)
{
	struct inflight *inflight = inflight_new(2);
	struct exchange e = at(1, 1), evicted;

	inflight_put(inflight, &e, &evicted);
	CU_ASSERT_EQUAL(inflight_missed(inflight, 0), 1);
	CU_ASSERT_EQUAL(inflight_missed(inflight, 0), 2);
	inflight_put(inflight, &e, &evicted);
	CU_ASSERT_EQUAL(inflight_missed(inflight, 0), 1);
	/* What moves into a free place keeps its own count. */
	e = at(2, 2);
	inflight_put(inflight, &e, &evicted);
	inflight_remove(inflight, 1);
	CU_ASSERT_EQUAL(inflight_at(inflight, 0)->id, 2);
	CU_ASSERT_EQUAL(inflight_missed(inflight, 0), 1);
	inflight_free(inflight);
}

CU_TestInfo inflight_tests[] = {
	{"what was put is found", what_was_put_is_found},
	{"a later snapshot takes the place", a_later_snapshot_takes_the_place},
	{"the oldest goes first", the_oldest_goes_first},
	{"a walk may remove", a_walk_may_remove},
	{"misses are counted in a row", misses_are_counted_in_a_row},
	CU_TEST_INFO_NULL,
};
