/* SPDX-License-Identifier: Apache-2.0 */
/* What the BPF side knows of threads, on the host: each is found, and only its own. */
#define MAX_PLACES 4 /* so that numbers that are 4 apart want the same one */
#define MAX_THREADS 2
#include "tests/host/host.c"

#include <CUnit/CUnit.h>

#include "probes/thread.bpf.h"

/* Takes what belongs to the thread now, and marks it. */
static struct thread *enter(u32 tid)
{
	struct thread *t = thread_get(tid);

	if (t)
		t->polled = tid;
	return t;
}

static void is_known(u32 tid)
{
	struct thread *t = thread_find(tid);

	CU_ASSERT_PTR_NOT_NULL_FATAL(t);
	CU_ASSERT_EQUAL(t->polled, tid);
	CU_ASSERT_PTR_EQUAL(thread_get(tid), t);
}

static void test_own_places(void)
{
	host_reset();
	for (u32 tid = 101; tid < 105; tid++) {
		CU_ASSERT_PTR_NULL(thread_find(tid));
		CU_ASSERT_PTR_NOT_NULL(enter(tid));
	}
	for (u32 tid = 101; tid < 105; tid++)
		is_known(tid);
	thread_forget(102);
	CU_ASSERT_PTR_NULL(thread_find(102));
	is_known(101);
	is_known(103);
	/* Its successor begins with nothing. */
	CU_ASSERT_EQUAL(thread_get(106)->polled, 0);
	CU_ASSERT_PTR_NULL(thread_find(102));
}

static void test_the_same_place(void)
{
	host_reset();
	enter(101);
	enter(105);
	enter(109);
	is_known(101);
	is_known(105);
	is_known(109);
	/* Whoever was beside it stays there. */
	thread_forget(101);
	CU_ASSERT_PTR_NULL(thread_find(101));
	is_known(105);
	is_known(109);
	enter(113);
	is_known(113);
	is_known(105);
	thread_forget(105);
	CU_ASSERT_PTR_NULL(thread_find(105));
	is_known(109);
	/* One that was never there takes nothing away. */
	thread_forget(117);
	is_known(113);
	is_known(109);
}

/* Two threads find a place free at the same time: one of them gets it. */
static void test_a_race(void)
{
	u32 at = 105 & (MAX_PLACES - 1), other = 105;

	host_reset();
	CU_ASSERT_EQUAL(owners.insert(&at, &other), 0);
	enter(101);
	is_known(101);
	CU_ASSERT_EQUAL(place_of(101)->tid, 0);
	/* The other goes on, and takes it. */
	place_of(105)->tid = 105;
	CU_ASSERT_PTR_NOT_NULL(thread_find(105));
	is_known(101);
	thread_forget(105);
	is_known(101);
}

static void test_no_room(void)
{
	host_reset();
	enter(101);
	enter(105);
	enter(109);
	CU_ASSERT_PTR_NULL(enter(113));
	CU_ASSERT_EQUAL(host_count(COUNT_NO_THREAD), 1);
	is_known(101);
	is_known(105);
	is_known(109);
	thread_forget(105);
	CU_ASSERT_PTR_NOT_NULL(enter(113));
	is_known(113);
}

CU_TestInfo thread_tests[] = {
	{"each has its own", test_own_places},
	{"several want the same place", test_the_same_place},
	{"two want it at the same time", test_a_race},
	{"no room is counted", test_no_room},
	CU_TEST_INFO_NULL,
};
