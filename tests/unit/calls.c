/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts and the calls that they make up. */
#include "parsers/calls.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "parsers/kept.h"
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

/* --- calls ------------------------------------------------------------------ */

static void phases_and_backoff_add_up(const struct request *r)
{
	CU_ASSERT_EQUAL(r->send_ns + r->expect_ns + r->wait_ns + r->recv_ns + r->stall_ns +
				r->backoff_ns,
			r->latency_ns);
}

static void one_row_a_call(void)
{
	struct calls *calls = calls_new(8, true);

	CU_ASSERT_FALSE(calls_add(calls, attempt("a", 0, 503)));
	CU_ASSERT_FALSE(calls_add(calls, attempt("a", 110, -1)));
	CU_ASSERT(calls_add(calls, attempt("a", 320, 200)));
	CU_ASSERT_EQUAL(row.attempts, 3);
	CU_ASSERT_EQUAL(row.time_ns, SECOND);
	CU_ASSERT_EQUAL(row.latency_ns, 330 * MS);
	CU_ASSERT_EQUAL(row.ttfb_ns, 329 * MS);
	CU_ASSERT_EQUAL(row.backoff_ns, 300 * MS);
	CU_ASSERT_EQUAL(row.send_ns, 15 * MS);
	CU_ASSERT_EQUAL(row.status, 200);
	CU_ASSERT_STRING_EQUAL(row.first_error, "503 SlowDown");
	phases_and_backoff_add_up(&row);
	/* Most calls are one attempt, good or bad. */
	for (int status = 200; status <= 404; status += 204) {
		CU_ASSERT(calls_add(calls, attempt("b", 0, status)));
		CU_ASSERT_EQUAL(row.attempts, 1);
		CU_ASSERT_EQUAL(row.latency_ns, 10 * MS);
		CU_ASSERT_EQUAL(row.ttfb_ns, 9 * MS);
		CU_ASSERT_EQUAL(row.backoff_ns, 0);
		CU_ASSERT_STRING_EQUAL(row.first_error, status == 200 ? "" : "404");
		phases_and_backoff_add_up(&row);
	}
	/* No attempt is left. */
	attempt("c", 0, -1)->attempt = 1;
	row.max_attempts = 2;
	CU_ASSERT_FALSE(calls_add(calls, &row));
	attempt("c", 100, 500)->attempt = 2;
	row.max_attempts = 2;
	CU_ASSERT(calls_add(calls, &row));
	CU_ASSERT_EQUAL(row.attempts, 2);
	CU_ASSERT_EQUAL(row.status, 500);
	CU_ASSERT_STRING_EQUAL(row.first_error, "no_response");
	/* Attempts from before the tracer's time: nobody knows the back-off. */
	attempt("d", 0, 200)->attempt = 3;
	CU_ASSERT(calls_add(calls, &row));
	CU_ASSERT_EQUAL(row.backoff_ns, -1);
	CU_ASSERT_PTR_NULL(calls_take(calls, INT64_MAX));
	calls_free(calls);
}

/* What a reason can be made of: set-up before the first attempt, refusals with the
 * back-off behind them, what was sent again. */
static void numbers_of_a_call(void)
{
	struct calls *calls = calls_new(8, true);

	for (int i = 0; i < 3; i++) {
		attempt("a", i * 110, i < 2 ? 503 : 200);
		row.connect_ns = (i + 1) * MS;
		row.tls_ns = i ? -1 : 7 * MS;
		row.expect_ns = row.expect_timeout_ns = i * MS;
		row.retransmits = i;
		row.retransmit_ns = i * 2 * MS;
		CU_ASSERT_EQUAL(calls_add(calls, &row), i == 2);
	}
	CU_ASSERT(row.is_call);
	CU_ASSERT_EQUAL(row.connect_ns, 3 * MS); /* as of the last */
	CU_ASSERT_EQUAL(row.before_ns, 8 * MS);
	CU_ASSERT_EQUAL(row.expect_timeout_ns, 3 * MS);
	CU_ASSERT_EQUAL(row.retransmits, 3);
	CU_ASSERT_EQUAL(row.retransmit_ns, 6 * MS);
	CU_ASSERT_EQUAL(row.throttled_ns, 220 * MS);
	/* Only the second was throttled, and of the first nobody knows what it lost. */
	for (int i = 0; i < 3; i++) {
		attempt("b", i * 110, i == 1 ? 503 : i ? 200 : -1);
		row.retransmits = i - 1;
		row.retransmit_ns = (i - 1) * MS;
		CU_ASSERT_EQUAL(calls_add(calls, &row), i == 2);
	}
	CU_ASSERT_EQUAL(row.throttled_ns, 110 * MS);
	CU_ASSERT_EQUAL(row.backoff_ns, 200 * MS);
	CU_ASSERT_EQUAL(row.retransmits, -1);
	CU_ASSERT_EQUAL(row.retransmit_ns, -1);
	/* One attempt is a call, too. */
	CU_ASSERT(calls_add(calls, attempt("c", 0, 200)));
	CU_ASSERT(row.is_call);
	CU_ASSERT_EQUAL(row.throttled_ns, 0);
	calls_free(calls);
}

/* Nothing follows: the last attempt is what became of the call. */
static void calls_end_by_themselves(void)
{
	static const char path[] = "/bucket/key";
	struct calls *calls = calls_new(8, true);
	struct request *late;
	int64_t end = SECOND + 110 * MS;

	CU_ASSERT_FALSE(calls_add(calls, attempt("a", 0, 503)));
	attempt("a", 100, 503);
	strcpy(row.text, path);
	row.text_used = sizeof(path);
	row.path = row.text;
	row.region = row.client_version = row.upload_id = row.text;
	row.user = "somebody's";
	CU_ASSERT_FALSE(calls_add(calls, &row));
	row.text[0] = '?';
	CU_ASSERT_FALSE(calls_due(calls, end + CALLS_WINDOW_NS - 1));
	CU_ASSERT_PTR_NULL(calls_take(calls, end + CALLS_WINDOW_NS - 1));
	CU_ASSERT(calls_due(calls, end + CALLS_WINDOW_NS));
	/* The next attempt hangs: the call goes on. */
	calls_touch(calls, attempt("a", 1110, -1), end + CALLS_WINDOW_NS);
	CU_ASSERT_EQUAL(row.backoff_ns, SECOND);
	CU_ASSERT_FALSE(calls_due(calls, end + CALLS_WINDOW_NS));
	calls_touch(calls, attempt("b", 1100, -1), end + 2 * CALLS_WINDOW_NS);
	late = calls_take(calls, end + 2 * CALLS_WINDOW_NS);
	CU_ASSERT_PTR_NOT_NULL_FATAL(late);
	CU_ASSERT_STRING_EQUAL(late->path, path);
	CU_ASSERT_PTR_EQUAL(late->region, late->path);
	CU_ASSERT_PTR_EQUAL(late->client_version, late->path);
	CU_ASSERT_PTR_EQUAL(late->upload_id, late->path);
	CU_ASSERT_PTR_NULL(late->user);
	CU_ASSERT_EQUAL(late->attempts, 2);
	CU_ASSERT_EQUAL(late->latency_ns, 110 * MS);
	CU_ASSERT_EQUAL(late->backoff_ns, 90 * MS);
	CU_ASSERT_EQUAL(late->status, 503);
	phases_and_backoff_add_up(late);
	free(late);
	CU_ASSERT_PTR_NULL(calls_take(calls, INT64_MAX));
	/* Without an id, another one of the same later is another call. */
	CU_ASSERT_FALSE(calls_add(calls, attempt(NULL, 0, 503)));
	CU_ASSERT_FALSE(calls_add(calls, attempt(NULL, 30000, 503)));
	late = calls_take(calls, INT64_MIN);
	CU_ASSERT_PTR_NOT_NULL_FATAL(late);
	CU_ASSERT_EQUAL(late->time_ns, SECOND);
	free(late);
	CU_ASSERT_PTR_NULL(calls_take(calls, INT64_MIN));
	calls_free(calls); /* with one inside */
}

/* A process that has gone makes no other attempt; its number may be another's. */
static void calls_go_with_their_process(void)
{
	struct calls *calls = calls_new(8, true);
	struct request *gone;

	CU_ASSERT_FALSE(calls_add(calls, attempt("a", 0, 503)));
	attempt("a", 0, 503)->pid = 8;
	CU_ASSERT_FALSE(calls_add(calls, &row));
	CU_ASSERT_FALSE(calls_add(calls, attempt("b", 0, 503)));
	calls_gone(calls, 8);
	calls_gone(calls, 9);
	gone = calls_take(calls, INT64_MIN);
	CU_ASSERT_PTR_NOT_NULL_FATAL(gone);
	CU_ASSERT_EQUAL(gone->pid, 8);
	free(gone);
	CU_ASSERT_PTR_NULL(calls_take(calls, INT64_MIN));
	calls_gone(calls, 7);
	CU_ASSERT(calls_add(calls, attempt("a", 100, 200)));
	CU_ASSERT_EQUAL(row.attempts, 1);
	for (int i = 0; i < 2; i++) {
		gone = calls_take(calls, INT64_MIN);
		CU_ASSERT_PTR_NOT_NULL_FATAL(gone);
		free(gone);
	}
	calls_free(calls);
	calls = calls_new(8, false);
	CU_ASSERT(calls_add(calls, attempt("a", 0, 503)));
	calls_gone(calls, 7);
	CU_ASSERT_EQUAL(backoff_ms(calls, "a", 100, 200), -1);
	calls_free(calls);
}

/* Asked for room before each, none is forgotten: the oldest comes out as it is. */
static void calls_make_room(void)
{
	struct calls *calls = calls_new(4, true);
	struct request *old;
	char id[16];

	for (int i = 0; i < 100; i++) {
		old = calls_take(calls, INT64_MIN);
		CU_ASSERT_EQUAL(old != NULL, i >= 4);
		if (old)
			CU_ASSERT_EQUAL(old->time_ns, SECOND + (i - 4) * MS);
		free(old);
		CU_ASSERT_PTR_NULL(calls_take(calls, INT64_MIN));
		snprintf(id, sizeof(id), "%d", i);
		CU_ASSERT_FALSE(calls_add(calls, attempt(id, i, 503)));
	}
	CU_ASSERT_EQUAL(calls_evicted(calls), 96);
	calls_free(calls);
}

/* A code that a server made up is shown whole or not at all. */
static void first_errors_are_bounded(void)
{
	struct calls *calls = calls_new(4, true);
	char code[200];

	for (size_t n = 1; n < sizeof(code); n++) {
		memset(code, 'x', n);
		code[n] = '\0';
		attempt("a", 0, 400)->error_code = code;
		CU_ASSERT(calls_add(calls, &row));
		if (n <= 59)
			CU_ASSERT_EQUAL(strlen(row.first_error), n + 4);
		if (n > 59)
			CU_ASSERT_STRING_EQUAL(row.first_error, "400");
	}
	calls_free(calls);
}

/* What is shown later must not be of the request that came meanwhile. */
static void a_kept_row_has_its_own_texts(void)
{
	const char **const own[] = {
		&row.comm,	  &row.method,	       &row.operation,	&row.bucket,
		&row.key,	  &row.endpoint,       &row.region,	&row.path,
		&row.client_type, &row.client_version, &row.error_code, &row.request_id,
		&row.host_id,	  &row.invocation_id,
	};
	struct request *kept;

	row = (struct request){.text_used = 0};
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		*own[i] = row.text + row.text_used;
		row.text_used += 2;
		row.text[row.text_used - 2] = (char)('a' + i);
	}
	kept = kept_row(&row);
	CU_ASSERT_PTR_NOT_NULL_FATAL(kept);
	memset(row.text, 'X', row.text_used);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		size_t at = (size_t)((const char *)own[i] - (const char *)&row);
		const char *text = *(const char **)(void *)((char *)kept + at);

		CU_ASSERT_EQUAL(text[0], (char)('a' + i));
	}
	free(kept);
}

CU_TestInfo calls_tests[] = {
	{"the header is read", the_header_is_read},
	{"attempts of an id are joined", attempts_of_an_id_are_joined},
	{"without an id a failure is followed", without_an_id_a_failure_is_followed},
	{"calls are bounded", calls_are_bounded},
	{"places are used again", places_are_used_again},
	{"one row a call", one_row_a_call},
	{"numbers of a call", numbers_of_a_call},
	{"calls end by themselves", calls_end_by_themselves},
	{"calls go with their process", calls_go_with_their_process},
	{"calls make room", calls_make_room},
	{"first errors are bounded", first_errors_are_bounded},
	{"a kept row has its own texts", a_kept_row_has_its_own_texts},
	CU_TEST_INFO_NULL,
};
