/* SPDX-License-Identifier: Apache-2.0 */
/* What was sent again, and how long a request waited for that. */
#include "parsers/losses.h"

#include <CUnit/CUnit.h>
#include <stdint.h>

#define MS INT64_C(1000000)
#define WALL (INT64_C(1769860801) * 1000 * MS)

static const struct request_context context = {.wall_minus_mono_ns = WALL};
static struct request row;

/* A request from 1000 ms on, answered 500 ms later, over 20 ms before the last byte. */
static void make(int connect_ms, int tls_ms, int ttfb_ms)
{
	row = (struct request){
		.time_ns = WALL + 1000 * MS,
		.latency_ns = 520 * MS,
		.ttfb_ns = ttfb_ms < 0 ? -1 : ttfb_ms * MS,
		.connect_ns = connect_ms < 0 ? -1 : connect_ms * MS,
		.tls_ns = tls_ms < 0 ? -1 : tls_ms * MS,
		.retransmits = -1,
		.retransmit_ns = -1,
	};
}

#define LOSS(b, e, n)                                                                              \
	{                                                                                          \
		.begin = (b)*1000000ULL, .end = (e)*1000000ULL, .packets = (n)                     \
	}

static const struct {
	struct losses losses;
	int connect, tls, ttfb;
	int packets, ms;
} table[] = {
	/* within */
	{{1, {LOSS(1001, 1201, 1)}}, -1, -1, 500, 1, 200},
	{{1, {LOSS(1001, 1401, 2)}}, -1, -1, 500, 2, 400},
	{{2, {LOSS(1001, 1201, 1), LOSS(1250, 1450, 3)}}, -1, -1, 500, 4, 400},
	/* what overlaps counts once */
	{{2, {LOSS(1001, 1201, 1), LOSS(1101, 1401, 1)}}, -1, -1, 500, 2, 400},
	{{2, {LOSS(1001, 1201, 1), LOSS(1101, 1201, 1)}}, -1, -1, 500, 2, 200},
	/* before, behind and across the edges */
	{{1, {LOSS(700, 999, 1)}}, -1, -1, 500, 0, 0},
	{{1, {LOSS(700, 1100, 1)}}, -1, -1, 500, 1, 100},
	{{1, {LOSS(1400, 1600, 1)}}, -1, -1, 500, 0, 0},
	{{1, {LOSS(1400, 1510, 1)}}, -1, -1, 500, 0, 0},
	{{1, {LOSS(1400, 1510, 1)}}, -1, -1, -1, 1, 110},
	/* when nothing is known of how long, it is still one */
	{{1, {LOSS(1100, 1100, 1)}}, -1, -1, 500, 1, 0},
	/* a SYN has no beginning but the connection's; of an earlier connection between
	 * the same ends nothing is taken */
	{{1, {LOSS(0, 990, 1)}}, 300, -1, 500, 1, 290},
	{{2, {LOSS(0, 690, 1), LOSS(0, 990, 1)}}, 300, -1, 500, 1, 290},
	{{1, {LOSS(0, 990, 1)}}, -1, -1, 500, 0, 0},
	{{1, {LOSS(900, 990, 1)}}, 20, 100, 500, 1, 90},
	/* more than are kept: the latest, which lie behind one another in a ring */
	{{LOSSES_KEPT + 2,
	  {LOSS(1300, 1310, 1), LOSS(1320, 1330, 1), LOSS(1100, 1110, 1), LOSS(1120, 1130, 1),
	   LOSS(1140, 1150, 1), LOSS(1160, 1170, 1), LOSS(1180, 1190, 1), LOSS(1200, 1210, 1)}},
	 -1,
	 -1,
	 500,
	 8,
	 80},
	/* absurd, but a number */
	{{1, {LOSS(1001, 1201, UINT64_MAX)}}, -1, -1, 500, INT32_MAX, 200},
	{{UINT64_MAX, {LOSS(1001, 1201, 1)}}, -1, -1, 500, 1, 200},
	{{1, {{UINT64_MAX, UINT64_MAX, 1}}}, -1, -1, 500, 0, 0},
	{{1, {{UINT64_MAX, 0, 1}}}, -1, -1, 500, 0, 0},
};

static void those_of_the_request_are_added_up(void)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		make(table[i].connect, table[i].tls, table[i].ttfb);
		losses_fill(&row, &table[i].losses, &context);
		CU_ASSERT_EQUAL(row.retransmits, table[i].packets);
		CU_ASSERT_EQUAL(row.retransmit_ns, table[i].ms * MS);
	}
}

static void none_is_zero(void)
{
	make(-1, -1, 500);
	losses_fill(&row, NULL, &context);
	CU_ASSERT_EQUAL(row.retransmits, 0);
	CU_ASSERT_EQUAL(row.retransmit_ns, 0);
}

/* Several requests are under way on a connection of HTTP/2. */
static void of_a_stream_nobody_knows(void)
{
	struct losses within = {1, {LOSS(1001, 1201, 1)}}, before = {1, {LOSS(700, 999, 1)}};

	make(-1, -1, 500);
	row.stream_id = 3;
	losses_fill(&row, &within, &context);
	CU_ASSERT_EQUAL(row.retransmits, -1);
	CU_ASSERT_EQUAL(row.retransmit_ns, -1);
	losses_fill(&row, &before, &context);
	CU_ASSERT_EQUAL(row.retransmits, 0);
}

CU_TestInfo losses_tests[] = {
	{"those of the request are added up", those_of_the_request_are_added_up},
	{"none is zero", none_is_zero},
	{"of a stream nobody knows", of_a_stream_nobody_knows},
	CU_TEST_INFO_NULL,
};
