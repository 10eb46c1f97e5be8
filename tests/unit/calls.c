/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts and the calls that they make up. */
#include "parsers/calls.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "parsers/sdk.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)

static struct request row;

/* An attempt that began then and took 10 ms, 4 of them for the server. */
static struct request *attempt(const char *id, int64_t at_ms, int status)
{
	row = (struct request){
		.state = status < 0 ? REQUEST_NO_RESPONSE : REQUEST_COMPLETE,
		.time_ns = SECOND + at_ms * MS,
		.pid = 7,
		.status = status,
		.is_error = status < 0 || status >= 400,
		.error_code = status == 503 ? "SlowDown" : NULL,
		.invocation_id = id,
		.likeness = 77,
		.attempt = -1,
		.max_attempts = -1,
		.attempts = 1,
		.backoff_ns = -1,
		.latency_ns = 10 * MS,
		.ttfb_ns = status < 0 ? -1 : 9 * MS,
		.send_ns = 5 * MS,
		.wait_ns = 4 * MS,
		.recv_ns = 1 * MS,
	};
	return &row;
}

static int64_t backoff_ms(struct calls *calls, const char *id, int64_t at_ms, int status)
{
	CU_ASSERT(calls_add(calls, attempt(id, at_ms, status)));
	return row.backoff_ns < 0 ? -1 : row.backoff_ns / MS;
}

/* --- the header ------------------------------------------------------------ */

static void the_header_is_read(void)
{
	static const struct {
		const char *value;
		int number, max;
	} values[] = {
		{"attempt=1", 1, -1},
		{"attempt=2; max=3", 2, 3},
		{"ttl=20260131T120000Z; attempt=2; max=5", 2, 5},
		{"max=5;attempt=2", 2, 5},
		{" \tattempt=10 ; max=12\t", 10, 12},
		{"", -1, -1},
		{";;;", -1, -1},
		{"attempt", -1, -1},
		{"attempt=", -1, -1},
		{"attempt=0; max=0", -1, -1},
		{"attempt=-1; max=x", -1, -1},
		{"attempt=99999999999999999999; max=3", -1, 3},
		{"maximum=3; reattempt=1", -1, -1},
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct sdk_attempt a =
			sdk_attempt_parse((struct slice){values[i].value, strlen(values[i].value)});

		CU_ASSERT_EQUAL(a.number, values[i].number);
		CU_ASSERT_EQUAL(a.max, values[i].max);
	}
	CU_ASSERT_EQUAL(sdk_attempt_parse(SLICE_NONE).number, -1);
}

/* --- attempts -------------------------------------------------------------- */

static void attempts_of_an_id_are_joined(void)
{
	struct calls *calls = calls_new(8, false);

	CU_ASSERT_EQUAL(backoff_ms(calls, "a", 0, 503), -1);
	CU_ASSERT_EQUAL(backoff_ms(calls, "b", 5, 503), -1);
	CU_ASSERT_EQUAL(backoff_ms(calls, "a", 110, 503), 100);
	CU_ASSERT_EQUAL(row.attempts, 2);
	CU_ASSERT_EQUAL(backoff_ms(calls, "b", 1015, -1), 1000);
	CU_ASSERT_EQUAL(backoff_ms(calls, "a", 320, 200), 200);
	CU_ASSERT_EQUAL(row.attempts, 3);
	/* It is over: an id is not used again, and if it is, that is another call. */
	CU_ASSERT_EQUAL(backoff_ms(calls, "a", 500, 200), -1);
	/* An id says so, however long the SDK waits. */
	CU_ASSERT_EQUAL(backoff_ms(calls, "b", 61025, 200), 60000);
	/* It means something within its process only. */
	CU_ASSERT_EQUAL(backoff_ms(calls, "c", 0, 503), -1);
	attempt("c", 100, 200)->pid = 8;
	CU_ASSERT(calls_add(calls, &row));
	CU_ASSERT_EQUAL(row.backoff_ns, -1);
	calls_free(calls);
	calls_free(NULL);
}

static void without_an_id_a_failure_is_followed(void)
{
	struct calls *calls = calls_new(8, false);

	CU_ASSERT_EQUAL(backoff_ms(calls, NULL, 0, 200), -1);
	CU_ASSERT_EQUAL(backoff_ms(calls, NULL, 100, 503), -1); /* never behind a success */
	CU_ASSERT_EQUAL(backoff_ms(calls, NULL, 200, -1), 90);
	CU_ASSERT_EQUAL(backoff_ms(calls, NULL, 300, 404), 90);
	CU_ASSERT_EQUAL(backoff_ms(calls, NULL, 400, 200), -1); /* a 404 stays one */
	/* The longest back-off there is, and a nanosecond more. */
	CU_ASSERT_EQUAL(backoff_ms(calls, NULL, 1000, 500), -1);
	CU_ASSERT_EQUAL(backoff_ms(calls, NULL, 21010, 500), 20000);
	attempt(NULL, 41020, 500)->time_ns++;
	CU_ASSERT(calls_add(calls, &row));
	CU_ASSERT_EQUAL(row.backoff_ns, -1);
	/* What began before the other had failed is no answer to that. */
	CU_ASSERT_EQUAL(backoff_ms(calls, NULL, 41025, 200), -1);
	/* Another thing. */
	CU_ASSERT_EQUAL(backoff_ms(calls, NULL, 50000, 503), -1);
	attempt(NULL, 50100, 200)->likeness = 78;
	CU_ASSERT(calls_add(calls, &row));
	CU_ASSERT_EQUAL(row.backoff_ns, -1);
	CU_ASSERT_EQUAL(backoff_ms(calls, "an id", 50200, 200), -1);
	CU_ASSERT_EQUAL(backoff_ms(calls, NULL, 50300, 200), 290);
	calls_free(calls);
}

/* However many calls fail for ever: the room is bounded, and the oldest one goes. */
static void calls_are_bounded(void)
{
	struct calls *calls = calls_new(4, false);
	char id[16];

	for (int i = 0; i < 1000; i++) {
		snprintf(id, sizeof(id), "%d", i);
		CU_ASSERT_EQUAL(backoff_ms(calls, id, i, 503), -1);
	}
	CU_ASSERT_EQUAL(calls_evicted(calls), 996);
	CU_ASSERT_EQUAL(backoff_ms(calls, "995", 2000, 503), -1); /* pushes 996 out */
	CU_ASSERT_EQUAL(backoff_ms(calls, "997", 2007, 503), 1000);
	CU_ASSERT_EQUAL(backoff_ms(calls, "a", 2100, 503), -1); /* 998: used before 997 */
	CU_ASSERT_EQUAL(backoff_ms(calls, "997", 3017, 503), 1000);
	CU_ASSERT_EQUAL(backoff_ms(calls, "998", 4000, 200), -1);
	CU_ASSERT_EQUAL(backoff_ms(calls, "999", 4000, 200), 2991);
	CU_ASSERT_EQUAL(calls_evicted(calls), 998);
	calls_free(calls);
}

/* Every place is used again and again, in any order. */
static void places_are_used_again(void)
{
	struct calls *calls = calls_new(64, false);
	int64_t ended[100] = {0}; /* 0: no failure of this id is kept */
	uint64_t state = 88172645463325252u;
	char id[16];

	for (int64_t at = 1000, i = 0; i < 20000; i++, at += 20) {
		state ^= state << 13, state ^= state >> 7, state ^= state << 17;
		size_t k = state % 60;
		bool fails = state >> 40 & 1;
		int64_t want = ended[k] ? at - ended[k] : -1;

		snprintf(id, sizeof(id), "%zu", k);
		CU_ASSERT_EQUAL(backoff_ms(calls, id, at, fails ? 503 : 200), want);
		ended[k] = fails ? at + 10 : 0;
	}
	CU_ASSERT_EQUAL(calls_evicted(calls), 0);
	calls_free(calls);
}

CU_TestInfo calls_tests[] = {
	{"the header is read", the_header_is_read},
	{"attempts of an id are joined", attempts_of_an_id_are_joined},
	{"without an id a failure is followed", without_an_id_a_failure_is_followed},
	{"calls are bounded", calls_are_bounded},
	{"places are used again", places_are_used_again},
	CU_TEST_INFO_NULL,
};
