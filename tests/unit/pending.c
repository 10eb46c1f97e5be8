/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that hang: when they are shown, and what they wait for. */
#include "parsers/pending.h"

#include <CUnit/CUnit.h>
#include <stdint.h>
#include <string.h>

#include "parsers/request.h"

#define SECOND UINT64_C(1000000000)

static void at_each_doubling_once(void)
{
	static const __u64 steps[] = {1, 7, 100, 250, 499, 1000, 1999, 5000};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		__u64 step = steps[i], shown = 0, next = 2000, last = 0;

		for (__u64 age = step; age < 1000000; last = age, age += step) {
			bool due = pending_is_due(last, age, 2000);

			CU_ASSERT_EQUAL(due, age >= next);
			shown += due;
			while (next <= age)
				next *= 2;
		}
		CU_ASSERT(shown >= 8 && shown <= 9); /* 2000 << 8 is 512000 */
	}
	CU_ASSERT_FALSE(pending_is_due(0, 1000, 0));
	CU_ASSERT(pending_is_due(0, UINT64_MAX, 1));
	CU_ASSERT_FALSE(pending_is_due(UINT64_MAX - 1, UINT64_MAX, 1));
	CU_ASSERT(pending_is_due(0, UINT64_MAX, UINT64_MAX));
}

#define HOST "Host: s3.amazonaws.com\r\n"
#define PUT "PUT /bucket/key HTTP/1.1\r\n" HOST

static const struct {
	const char *head;
	const char *body, *answer;
	const char *waits_for;
	bool interim;
} cases[] = {
	{"GET /bucket/key HT", "", "", "send", false},
	{"GET /bucket/key HTTP/1.1\r\n" HOST "\r\n", "", "", "response", false},
	{"GET /bucket/key HTTP/1.1\r\n" HOST "\r\n", "",
	 "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhe", "body", false},
	{PUT "Content-Length: 5\r\n\r\n", "", "", "send", false},
	{PUT "Content-Length: 5\r\n\r\n", "hell", "", "send", false},
	{PUT "Content-Length: 5\r\n\r\n", "hello", "", "response", false},
	{PUT "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", "", "", "continue", false},
	{PUT "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", "", "", "send", true},
	{PUT "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", "he", "", "send", false},
	{PUT "Transfer-Encoding: chunked\r\n\r\n", "", "", "send", false},
	{PUT "Transfer-Encoding: chunked\r\n\r\n", "5\r\nhello\r\n", "", NULL, false},
	{PUT "Transfer-Encoding: chunked\r\nx-amz-decoded-content-length: 30\r\n\r\n",
	 "5\r\nhello\r\n", "", "send", false},
	{PUT "Transfer-Encoding: chunked\r\nx-amz-decoded-content-length: 5\r\n\r\n",
	 "5\r\nhello\r\n0\r\n\r\n", "", "response", false},
};

static void what_is_waited_for(void)
{
	static const struct request_context context;
	static struct exchange e;
	static struct request row;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t head = strlen(cases[i].head), body = strlen(cases[i].body);

		memset(&e, 0, sizeof(e));
		e.kind = EVENT_EXCHANGE;
		e.t_start = SECOND;
		e.t_sent = SECOND + 5;
		e.fd = -1;
		memcpy(e.bytes, cases[i].head, head);
		memcpy(e.bytes + head, cases[i].body, body);
		e.req_len = (__u32)(head + body);
		e.sent = e.req_len;
		e.t_interim = cases[i].interim ? SECOND + 6 : 0;
		e.resp_len = (__u32)strlen(cases[i].answer);
		memcpy(EXCHANGE_RESPONSE(&e), cases[i].answer, e.resp_len);
		e.received = e.resp_len;
		if (e.received)
			e.t_first = e.t_last = SECOND + 7;
		pending_until(&e, 3 * SECOND);
		CU_ASSERT_EQUAL(request_build(&e, SLICE_NONE, &context, false, &row, 1), 1);
		CU_ASSERT_EQUAL(row.state, REQUEST_OPEN);
		CU_ASSERT_EQUAL(row.latency_ns, 2 * SECOND);
		CU_ASSERT_EQUAL(row.send_ns + row.expect_ns + row.wait_ns + row.recv_ns +
					row.stall_ns,
				row.latency_ns);
		if (cases[i].waits_for && row.waiting_for)
			CU_ASSERT_STRING_EQUAL(row.waiting_for, cases[i].waits_for);
		CU_ASSERT_EQUAL(row.waiting_for == NULL, cases[i].waits_for == NULL);
		/* A row of the end waits for nothing, but it may never have gone out. */
		request_build(&e, SLICE_NONE, &context, true, &row, 1);
		CU_ASSERT_PTR_NULL(row.waiting_for);
		CU_ASSERT_EQUAL(row.unsent,
				cases[i].waits_for ? strcmp(cases[i].waits_for, "send") == 0 : -1);
	}
}

CU_TestInfo pending_tests[] = {
	{"at each doubling once", at_each_doubling_once},
	{"what is waited for", what_is_waited_for},
	CU_TEST_INFO_NULL,
};
