/* SPDX-License-Identifier: Apache-2.0 */
/* The door: bytes that claim to be an event of the kernel side. What comes
 * through it must be safe to make rows of, whatever it says. */
#include "parsers/event.h"

#include <stdlib.h>
#include <string.h>

#include "parsers/lookup.h"
#include "parsers/request.h"
#include "parsers/why.h"

#define CHECK(truth) ((truth) ? (void)0 : abort())
#define ROWS 4

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void text(const struct request *row, const char *s)
{
	if (s >= row->text && s < row->text + sizeof(row->text))
		CHECK(memchr(s, '\0', (size_t)(row->text + sizeof(row->text) - s)));
}

static void build(const struct exchange *e, struct slice more, bool final)
{
	static const struct request_context context = {1700000000000000000, {NULL, 0}};
	static struct request rows[ROWS];
	int n = request_build(e, more, &context, final, rows, ROWS);

	CHECK(n >= 1 && n <= ROWS);
	for (int i = 0; i < n; i++) {
		struct request *row = &rows[i];

		if (row->state == REQUEST_NOT_HTTP || row->state == REQUEST_OPEN) {
			CHECK(n == 1);
			continue;
		}
		CHECK(row->send_ns >= 0 && row->expect_ns >= 0 && row->wait_ns >= 0);
		CHECK(row->recv_ns >= 0 && row->stall_ns >= 0 && row->latency_ns >= 0);
		CHECK(row->send_ns + row->expect_ns + row->wait_ns + row->recv_ns + row->stall_ns ==
		      row->latency_ns);
		CHECK(row->ttfb_ns >= -1 && row->request_size >= -1 && row->response_size >= -1);
		CHECK(row->status == -1 || (row->status >= 100 && row->status < 600));
		CHECK(request_state_name(row->state) != NULL);
		CHECK(row->number == -1 || row->number > 0);
		CHECK(row->dns_ns == -1 && row->connect_ns >= -1 && row->tls_ns >= -1);
		CHECK(row->idle_ns >= -1 && row->connection_id >= -1);
		CHECK(row->expect_timeout_ns >= 0 && row->expect_timeout_ns <= row->expect_ns);
		why_judge(row);
		CHECK(row->why ? row->felt_ns > 0 : row->felt_ns == -1);
		CHECK(row->why_ns >= -1 && row->why_ns <= row->felt_ns && row->why_share <= 1000);
		text(row, row->comm);
		text(row, row->path);
		text(row, row->key);
		text(row, row->error_code);
		text(row, row->invocation_id);
	}
}

/* A request that may have waited for it. */
static void look(const struct event_lookup *lookup)
{
	static struct lookups *lookups;
	static struct exchange e;
	size_t n = strlen((const char *)lookup->name);
	int64_t took;

	CHECK(n + 1 == lookup->n);
	if (!lookups)
		lookups = lookups_new();
	CHECK(lookups);
	lookups_add(lookups, lookup);
	e.flags = EXCHANGE_NUMBERED;
	e.number = 1;
	e.id++;
	e.key.tgid = lookup->tgid;
	e.t_setup = lookup->time;
	memcpy(e.bytes, "GET / HTTP/1.1\r\nHost: ", 22);
	memcpy(e.bytes + 22, lookup->name, n);
	memcpy(e.bytes + 22 + n, "\r\n\r\n", 4);
	e.req_len = (__u32)(22 + n + 4);
	took = lookups_find(lookups, &e);
	CHECK(took >= -1);
	CHECK(lookups_find(lookups, &e) == took);
}

static void decode(const unsigned char *data, size_t size)
{
	static struct event event;
	struct slice more = SLICE_NONE;
	__u64 time = 0;
	int early = event_time(data, size, &time);

	CHECK(event_over(data, size, time) <= time);

	if (event_decode(data, size, &event))
		return;
	/* Events are put in order by a time that is looked at before they are checked. */
	CHECK(early == 0 && time == event.time);
	CHECK(event.kind == EVENT_EXCHANGE || event.kind == EVENT_EXIT ||
	      event.kind == EVENT_EXEC || event.kind == EVENT_LOOKUP ||
	      event.kind == EVENT_FRAMES || event.kind == EVENT_MORE);
	if (event.kind == EVENT_MORE)
		CHECK((const unsigned char *)event.told + event.more_n <= data + size);
	if (event.kind == EVENT_FRAMES)
		CHECK((const unsigned char *)event.told + event.frames.told_len <= data + size);
	if (event.kind == EVENT_LOOKUP)
		look(&event.lookup);
	if (event.kind != EVENT_EXCHANGE)
		return;
	CHECK(event_check(&event.exchange) == 0);
	if (size > sizeof(event.exchange))
		more = (struct slice){(const char *)data + sizeof(event.exchange),
				      size - sizeof(event.exchange)};
	build(&event.exchange, more, false);
	build(&event.exchange, more, true);
}

/* A record is mostly its two heads; an input of that size is mostly noise. So
 * a short one gives the numbers first, then the heads, split by its first byte. */
static void assemble(const unsigned char *data, size_t size)
{
	static struct exchange e;
	const size_t numbers = EXCHANGE_FIXED - offsetof(struct exchange, key);
	struct slice texts = {(const char *)data + 1, size - 1};
	size_t cut;

	memset(&e, 0, sizeof(e));
	if (texts.n < numbers)
		return;
	memcpy(&e.key, texts.p, numbers);
	texts = slice_from(texts, numbers);
	cut = texts.n * data[0] / 256;
	if (cut > EXCHANGE_REQ_CAP)
		cut = EXCHANGE_REQ_CAP;
	memcpy(e.bytes, texts.p, cut);
	texts = slice_from(texts, cut);
	if (texts.n > EXCHANGE_RESP_CAP)
		texts.n = EXCHANGE_RESP_CAP;
	memcpy(e.bytes + cut, texts.p, texts.n);
	e.kind = EVENT_EXCHANGE;
	e.flags = data[0] * 5u;
	e.req_len = (__u32)cut;
	e.resp_len = (__u32)texts.n;
	e.sent += cut;
	e.received += texts.n;
	decode((const unsigned char *)&e, sizeof(e));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	decode(data, size);
	if (size)
		assemble(data, size);
	return 0;
}
