/* SPDX-License-Identifier: Apache-2.0 */
#include "parsers/event.h"

#include <CUnit/CUnit.h>
#include <errno.h>

#include "guard.h"

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))

/* A record as the kernel side sends it. */
static struct exchange good(void)
{
	return (struct exchange){.kind = EVENT_EXCHANGE,
				 .key = {.conn = 5, .tgid = 77, .layer = LAYER_SOCKET},
				 .t_start = 1000,
				 .t_emit = 5000,
				 .sent = 100,
				 .req_len = 100,
				 .received = 300,
				 .resp_len = 300};
}

/* As the kernel side sends it: only the valid bytes of both heads. */
static struct slice packed(const struct exchange *e)
{
	static char bytes[sizeof(*e)];

	memcpy(bytes, e, EXCHANGE_FIXED);
	memcpy(bytes, e, EXCHANGE_FIXED + e->req_len + e->resp_len);
	return (struct slice){bytes, EXCHANGE_FIXED + e->req_len + e->resp_len};
}

static void a_record_comes_through(void)
{
	static struct event event;
	struct exchange e = good();
	struct slice sent;
	__u64 time;

	memset(e.bytes, 'q', e.req_len);
	memset(EXCHANGE_RESPONSE(&e), 'r', e.resp_len);
	sent = packed(&e);
	CU_ASSERT_EQUAL(event_time(sent.p, sent.n, &time), 0);
	CU_ASSERT_EQUAL(time, 5000);
	CU_ASSERT_EQUAL(event_decode(sent.p, sent.n, &event), 0);
	CU_ASSERT_EQUAL(event.kind, EVENT_EXCHANGE);
	CU_ASSERT_EQUAL(event.time, 5000);
	CU_ASSERT_EQUAL(event.tgid, 77);
	CU_ASSERT(memcmp(&event.exchange, &e, EXCHANGE_FIXED) == 0);
	CU_ASSERT(memcmp(event.exchange.bytes, e.bytes, e.req_len + e.resp_len) == 0);
}

static void processes_come_through(void)
{
	static const __u32 kinds[] = {EVENT_EXIT, EVENT_EXEC};

	for (size_t i = 0; i < N_OF(kinds); i++) {
		struct event_process process = {kinds[i], 77, 5000};
		static struct event event;
		__u64 time;

		CU_ASSERT_EQUAL(event_time(&process, sizeof(process), &time), 0);
		CU_ASSERT_EQUAL(time, 5000);
		CU_ASSERT_EQUAL(event_decode(&process, sizeof(process), &event), 0);
		CU_ASSERT_EQUAL(event.kind, kinds[i]);
		CU_ASSERT_EQUAL(event.time, 5000);
		CU_ASSERT_EQUAL(event.tgid, 77);
	}
}

static struct event_lookup looked_up(const char *name)
{
	struct event_lookup l = {.kind = EVENT_LOOKUP,
				 .tgid = 77,
				 .time = 5000,
				 .entered = 2000,
				 .tid = 78,
				 .n = (__u32)strlen(name) + 1};

	memcpy(l.name, name, l.n);
	return l;
}

static void lookups_come_through(void)
{
	struct event_lookup l = looked_up("s3.amazonaws.com");
	const size_t whole = LOOKUP_FIXED + l.n;
	static struct event event;
	__u64 time;

	CU_ASSERT_EQUAL(event_time(&l, whole, &time), 0);
	CU_ASSERT_EQUAL(time, 5000);
	CU_ASSERT_EQUAL(event_decode(&l, whole, &event), 0);
	CU_ASSERT_EQUAL(event.kind, EVENT_LOOKUP);
	CU_ASSERT_EQUAL(event.time, 5000);
	CU_ASSERT_EQUAL(event.tgid, 77);
	CU_ASSERT_EQUAL(event.lookup.entered, 2000);
	CU_ASSERT_STRING_EQUAL(event.lookup.name, "s3.amazonaws.com");
	for (size_t n = 0; n < whole; n++) {
		struct slice part = guard_copy((struct slice){(char *)&l, n});

		CU_ASSERT_EQUAL(event_decode(part.p, part.n, &event), -EBADMSG);
	}
}

static void long_heads_come_through(void)
{
	static struct exchange_more m = {EVENT_MORE, 30, 99, 5000, "Host: s3.amazonaws.com"};
	static struct event event;
	const size_t whole = MORE_FIXED + m.n;
	__u64 time;

	CU_ASSERT_EQUAL(event_time(&m, whole, &time), 0);
	CU_ASSERT_EQUAL(time, 5000);
	CU_ASSERT_EQUAL(event_over(&m, whole, time), 5000);
	CU_ASSERT_EQUAL(event_decode(&m, whole, &event), 0);
	CU_ASSERT_EQUAL(event.kind, EVENT_MORE);
	CU_ASSERT_EQUAL(event.time, 5000);
	CU_ASSERT_EQUAL(event.more_id, 99);
	CU_ASSERT_EQUAL(event.more_n, 30);
	CU_ASSERT(memcmp(event.told, m.bytes, 30) == 0);
	for (size_t n = 0; n < whole; n++) {
		struct slice part = guard_copy((struct slice){(char *)&m, n});

		CU_ASSERT_EQUAL(event_decode(part.p, part.n, &event), -EBADMSG);
	}
	m.n = EXCHANGE_MORE_CAP;
	CU_ASSERT_EQUAL(event_decode(&m, sizeof(m), &event), 0);
	m.n++;
	CU_ASSERT_EQUAL(event_decode(&m, sizeof(m), &event), -EBADMSG);
	m.n = 0;
	m.time = 1ULL << 62;
	CU_ASSERT_EQUAL(event_decode(&m, sizeof(m), &event), -EBADMSG);
}

static void odd_lookups_are_refused(void)
{
	struct event_lookup odd[6];
	static struct event event;

	for (size_t i = 0; i < N_OF(odd); i++)
		odd[i] = looked_up("host");
	odd[0].n = 0;
	odd[1].n = 4; /* no end */
	odd[2].n = 6; /* an end before its end */
	odd[3].n = LOOKUP_NAME_CAP + 1;
	odd[4].entered = 5001;
	odd[5].time = odd[5].entered = 1ULL << 63;
	for (size_t i = 0; i < N_OF(odd); i++)
		CU_ASSERT_EQUAL(event_decode(&odd[i], sizeof(odd[i]), &event), -EBADMSG);
}

/* An answer's end that is told when the connection moves on was over before. */
static void late_news_have_their_time(void)
{
	static const struct {
		__u32 flags;
		__u64 over;
	} cases[] = {
		{0, 5000},
		{EXCHANGE_FINAL, 5000},
		{EXCHANGE_ENDED, 5000},
		{EXCHANGE_FINAL | EXCHANGE_ENDED, 4000},
	};
	struct event_process process = {EVENT_EXIT, 77, 5000};
	struct exchange e = good();

	e.t_last = 4000;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct slice sent;

		e.flags = cases[i].flags;
		sent = packed(&e);
		CU_ASSERT_EQUAL(event_over(sent.p, sent.n, 5000), cases[i].over);
		CU_ASSERT_EQUAL(event_over(sent.p, sent.n, 3000), 3000);
		for (size_t n = 0; n < EXCHANGE_FIXED; n++) {
			struct slice part = guard_copy((struct slice){sent.p, n});

			CU_ASSERT_EQUAL(event_over(part.p, part.n, 5000), 5000);
		}
	}
	CU_ASSERT_EQUAL(event_over(&process, sizeof(process), 5000), 5000);
}

/* Perf records are padded to 8 bytes, so more than the event is fine and less
 * is not; nothing is read behind what there is. */
static void short_events_are_refused(void)
{
	struct event_process process = {EVENT_EXIT, 77, 5000};
	struct exchange e = good();
	struct slice whole = packed(&e);
	static char padded[sizeof(e) + 4];
	static struct event event;

	for (size_t n = 0; n < whole.n; n++) {
		struct slice part = guard_copy((struct slice){whole.p, n});
		__u64 time;

		CU_ASSERT_EQUAL(event_time(part.p, part.n, &time),
				n < offsetof(struct exchange, t_emit) + 8 ? -EBADMSG : 0);
		CU_ASSERT_EQUAL(event_decode(part.p, part.n, &event), -EBADMSG);
	}
	for (size_t n = 0; n < sizeof(process); n++) {
		struct slice part = guard_copy((struct slice){(char *)&process, n});
		__u64 time;

		CU_ASSERT_EQUAL(event_time(part.p, part.n, &time), -EBADMSG);
		CU_ASSERT_EQUAL(event_decode(part.p, part.n, &event), -EBADMSG);
	}
	memcpy(padded, whole.p, whole.n);
	CU_ASSERT_EQUAL(event_decode(padded, whole.n + 4, &event), 0);
}

#define FIELD(name) offsetof(struct exchange, name), sizeof(((struct exchange *)0)->name)

static void what_cannot_be_is_refused(void)
{
	static const struct {
		size_t at, size;
		__u64 value;
	} wrong[] = {
		{FIELD(kind), 0},
		{FIELD(kind), 4},
		{FIELD(req_len), EXCHANGE_REQ_CAP + 1},
		{FIELD(req_len), 0xffffffff},
		{FIELD(req_len), 101}, /* more than was sent */
		{FIELD(resp_len), EXCHANGE_RESP_CAP + 1},
		{FIELD(resp_len), 301},
		{FIELD(more_len), EXCHANGE_MORE_CAP + 1},
		{FIELD(tail_len), EXCHANGE_TAIL_CAP + 1},
		{FIELD(sent), 1ULL << 63},
		{FIELD(received), 1ULL << 63},
		{FIELD(head_sent), 1ULL << 63},
		{FIELD(t_start), 1ULL << 63}, /* in 292 years */
		{FIELD(t_head), ~0ULL},
		{FIELD(t_body), ~0ULL},
		{FIELD(t_sent), ~0ULL},
		{FIELD(t_interim), ~0ULL},
		{FIELD(t_first), ~0ULL},
		{FIELD(t_last), ~0ULL},
		{FIELD(t_end), ~0ULL},
		{FIELD(t_emit), ~0ULL},
		{FIELD(stall_ns), ~0ULL},
		{FIELD(connection), 1ULL << 63},
		{FIELD(t_before), ~0ULL},
		{FIELD(connect_ns), ~0ULL},
		{FIELD(tls_ns), ~0ULL},
		{FIELD(t_setup), ~0ULL},
		{FIELD(t_read), ~0ULL},
		{FIELD(received_before), 1ULL << 63},
	};

	for (size_t i = 0; i < N_OF(wrong); i++) {
		struct exchange e = good();
		static struct event event;

		memcpy((char *)&e + wrong[i].at, &wrong[i].value, wrong[i].size);
		CU_ASSERT_EQUAL(event_decode(&e, sizeof(e), &event), -EBADMSG);
		CU_ASSERT_EQUAL(event_check(&e), -EBADMSG);
	}
}

CU_TestInfo event_tests[] = {
	{"a record comes through", a_record_comes_through},
	{"processes come through", processes_come_through},
	{"look-ups come through", lookups_come_through},
	{"long heads come through", long_heads_come_through},
	{"odd look-ups are refused", odd_lookups_are_refused},
	{"late news have their time", late_news_have_their_time},
	{"short events are refused", short_events_are_refused},
	{"what cannot be is refused", what_cannot_be_is_refused},
	CU_TEST_INFO_NULL,
};
