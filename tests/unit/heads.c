/* SPDX-License-Identifier: Apache-2.0 */
#include "parsers/heads.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

static struct slice of(__u64 id)
{
	static char text[32];

	return (struct slice){text, (size_t)sprintf(text, "the head of %llu", id)};
}

static void a_copy_is_kept(void)
{
	struct heads *heads = heads_new(4);
	char bytes[] = "Host: s3.amazonaws.com";

	CU_ASSERT_PTR_NOT_NULL_FATAL(heads);
	CU_ASSERT_PTR_NULL(heads_find(heads, 7).p);
	CU_ASSERT_FALSE(heads_forget(heads, 7));
	CU_ASSERT_EQUAL(heads_put(heads, 7, (struct slice){bytes, 4}), 0);
	bytes[0] = 'h';
	CU_ASSERT(slice_is(heads_find(heads, 7), SLICE("Host")));
	CU_ASSERT_PTR_NULL(heads_find(heads, 8).p);
	CU_ASSERT_FALSE(heads_forget(heads, 8));
	CU_ASSERT(heads_forget(heads, 7));
	CU_ASSERT_FALSE(heads_forget(heads, 7));
	CU_ASSERT_PTR_NULL(heads_find(heads, 7).p);
	heads_free(heads);
	heads_free(NULL);
}

static void what_is_told_again_replaces(void)
{
	struct heads *heads = heads_new(2);

	heads_put(heads, 1, SLICE("one"));
	heads_put(heads, 2, SLICE("two"));
	heads_put(heads, 1, SLICE("one more"));
	CU_ASSERT(slice_is(heads_find(heads, 1), SLICE("one more")));
	CU_ASSERT(slice_is(heads_find(heads, 2), SLICE("two")));
	heads_put(heads, 2, SLICE_NONE); /* nothing was told: that is known, too */
	CU_ASSERT_PTR_NOT_NULL(heads_find(heads, 2).p);
	CU_ASSERT_EQUAL(heads_find(heads, 2).n, 0);
	heads_free(heads);
}

static void the_earliest_goes_first(void)
{
	struct heads *heads = heads_new(5);

	for (__u64 id = 100; id > 0; id--) {
		heads_put(heads, id, of(id));
		if (id % 3 == 0)
			heads_forget(heads, id);
	}
	/* 8, 7, 5, 4, 2 and 1 were the last ones to stay. */
	for (__u64 id = 100; id > 0; id--) {
		bool there = id < 8 && id % 3;

		CU_ASSERT_EQUAL(heads_find(heads, id).p != NULL, there);
		CU_ASSERT(!there || slice_is(heads_find(heads, id), of(id)));
	}
	heads_free(heads);
}

CU_TestInfo heads_tests[] = {
	{"a copy is kept", a_copy_is_kept},
	{"what is told again replaces", what_is_told_again_replaces},
	{"the earliest goes first", the_earliest_goes_first},
	CU_TEST_INFO_NULL,
};
