/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 from the bytes of calls to rows: through the kernel side's logic and all of
 * the rest, as a program's calls would go. */
#include "parsers/streams.h"

#include <CUnit/CUnit.h>

#include "parsers/fields.h"
#include "parsers/http2.h"
#include "tests/host/host.c"
#include "tests/host/rows.h"
#include "tests/host/wire2.h"

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))
#define ALL 100000

static const struct wire_field length_5[] = {{"content-length", "5"}, {0}};

static void begin(size_t cut)
{
	host_reset();
	host.call_ns = 100;
	rows_reset();
	wire_begin(cut);
}

static void end(void)
{
	wire_free();
	CU_ASSERT_EQUAL(follow_opaque(rows.follow), 0);
	CU_ASSERT_EQUAL(follow_evicted(rows.follow), 0);
	CU_ASSERT_EQUAL(follow_lost(rows.follow), 0);
}

static const struct request *row_of(u32 stream)
{
	for (size_t i = 0; i < rows.n; i++)
		if (rows.row[i].stream_id == stream)
			return &rows.row[i];
	CU_FAIL_FATAL("the stream has no row");
	return NULL;
}

static void phases_add_up(const struct request *row)
{
	CU_ASSERT(row->send_ns >= 0 && row->expect_ns >= 0 && row->wait_ns >= 0 &&
		  row->recv_ns >= 0 && row->stall_ns >= 0);
	CU_ASSERT_EQUAL(row->send_ns + row->expect_ns + row->wait_ns + row->recv_ns + row->stall_ns,
			row->latency_ns);
}

/* --- streams side by side ------------------------------------------------------ */

/* Eight requests, asked for at once and answered the other way round, in pieces. */
static void eight(size_t cut)
{
	char path[32], size[16];

	begin(cut);
	for (u32 i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "/bucket/key%u", i);
		wire_request(2 * i + 1, "GET", path, NULL, true);
	}
	wire_flush(FLOW_SENT);
	for (u32 i = 8; i-- > 0;) {
		struct wire_field length[] = {
			{"content-length", size}, {"x-amz-request-id", path}, {0}};

		snprintf(size, sizeof(size), "%u", 1000 * (i + 1));
		snprintf(path, sizeof(path), "ID%u", i);
		wire_answer(2 * i + 1, i == 3 ? "206" : "200", length, false);
	}
	wire_flush(FLOW_RECEIVED);
	for (u32 i = 0; i < 8; i++)
		wire_data(FLOW_RECEIVED, 2 * i + 1, 500, 500, false);
	wire_flush(FLOW_RECEIVED);
	for (u32 i = 0; i < 8; i++)
		wire_data(FLOW_RECEIVED, 2 * i + 1, 1000 * (i + 1) - 500, 16384, true);
	wire_flush(FLOW_RECEIVED);
	CU_ASSERT_EQUAL(rows.n, 8);
	for (u32 i = 0; i < 8 && rows.n == 8; i++) {
		const struct request *row = row_of(2 * i + 1);

		snprintf(path, sizeof(path), "key%u", i);
		CU_ASSERT_STRING_EQUAL(row->key, path);
		CU_ASSERT_STRING_EQUAL(row->bucket, "bucket");
		CU_ASSERT_STRING_EQUAL(row->operation, "GetObject");
		CU_ASSERT_STRING_EQUAL(row->endpoint, "s3.eu-west-1.amazonaws.com");
		CU_ASSERT_STRING_EQUAL(row->region, "eu-west-1");
		CU_ASSERT_STRING_EQUAL(row->client_type, "aws-cli");
		CU_ASSERT_STRING_EQUAL(row->http_version, "2");
		snprintf(path, sizeof(path), "ID%u", i);
		CU_ASSERT_STRING_EQUAL(row->request_id, path);
		CU_ASSERT_EQUAL(row->status, i == 3 ? 206 : 200);
		CU_ASSERT_EQUAL(row->state, REQUEST_COMPLETE);
		CU_ASSERT_EQUAL(row->request_size, 0);
		CU_ASSERT_EQUAL(row->response_size, 1000 * (i + 1));
		CU_ASSERT_EQUAL(row->number, (int)i + 1);
		CU_ASSERT_EQUAL(row->pid, HOST_TGID);
		CU_ASSERT_STRING_EQUAL(row->comm, "boto");
		CU_ASSERT_EQUAL(row->connection_id, rows.row[0].connection_id);
		phases_add_up(row);
	}
	end();
}

static void eight_streams_eight_rows(void)
{
	static const size_t cuts[] = {1, 2, 3, 5, 8, 9, 10, 13, 64, 255, 256, 257, 1000, 4096};

	for (size_t i = 0; i < N_OF(cuts); i++)
		eight(cuts[i]);
}

/* Whatever one call moves. */
static void many_frames_in_one_call(void)
{
	begin(ALL);
	for (u32 i = 0; i < 60; i++)
		wire_request(2 * i + 1, "HEAD", "/b/k", NULL, true);
	wire_flush(FLOW_SENT);
	for (u32 i = 0; i < 60; i++)
		wire_answer(2 * i + 1, "200", length_5, true);
	for (u32 i = 0; i < 500; i++)
		wire_frame(FLOW_RECEIVED, NGHTTP2_WINDOW_UPDATE, 0, 0, "\0\0\0\1", 4);
	wire_flush(FLOW_RECEIVED);
	CU_ASSERT_EQUAL(rows.n, 60);
	end();
}

/* --- times --------------------------------------------------------------------- */

static void times_are_those_of_the_calls(void)
{
	const struct request *row;
	u64 start, body, sent, first;

	begin(ALL);
	host.call_ns = 1000;
	start = host.now;
	wire_request(1, "PUT", "/b/k", length_5, false);
	wire_flush(FLOW_SENT);
	wire_request(3, "GET", "/b/other", NULL, true);
	wire_flush(FLOW_SENT);
	host.now += 20 * MS;
	body = host.now;
	wire_data(FLOW_SENT, 1, 5, 5, true);
	wire_flush(FLOW_SENT);
	sent = body + host.call_ns;
	host.now += 30 * MS;
	wire_answer(3, "200", length_5, false);
	wire_flush(FLOW_RECEIVED);
	CU_ASSERT_EQUAL(rows.n, 0);
	host.now += 10 * MS;
	first = host.now + host.call_ns;
	wire_answer(1, "200", NULL, true);
	wire_data(FLOW_RECEIVED, 3, 5, 5, false);
	wire_flush(FLOW_RECEIVED);
	CU_ASSERT_EQUAL_FATAL(rows.n, 1);
	row = row_of(1);
	CU_ASSERT_EQUAL(row->time_ns, (int64_t)start);
	CU_ASSERT_EQUAL(row->latency_ns, (int64_t)(first - start));
	CU_ASSERT_EQUAL(row->ttfb_ns, (int64_t)(first - start));
	CU_ASSERT_EQUAL(row->send_ns, (int64_t)(sent - start));
	CU_ASSERT_EQUAL(row->wait_ns, (int64_t)(first - sent));
	CU_ASSERT_EQUAL(row->request_size, 5);
	host.now += 40 * MS;
	wire_data(FLOW_RECEIVED, 3, 0, 1, true);
	wire_flush(FLOW_RECEIVED);
	row = row_of(3);
	CU_ASSERT(row->recv_ns >= (int64_t)(50 * MS));
	CU_ASSERT(row->wait_ns >= (int64_t)(50 * MS));
	CU_ASSERT_EQUAL(row->response_size, 5);
	phases_add_up(row);
	end();
}

static void waiting_for_100_continue(void)
{
	static const struct wire_field expect[] = {
		{"content-length", "5"}, {"expect", "100-continue"}, {0}};
	const struct request *row;

	begin(ALL);
	wire_request(1, "PUT", "/b/k", expect, false);
	wire_flush(FLOW_SENT);
	host.now += 300 * MS;
	wire_head(FLOW_RECEIVED, 1, (struct wire_field[]){{":status", "100"}, {0}}, false);
	wire_flush(FLOW_RECEIVED);
	wire_data(FLOW_SENT, 1, 5, 5, true);
	wire_flush(FLOW_SENT);
	wire_answer(1, "200", NULL, true);
	wire_flush(FLOW_RECEIVED);
	CU_ASSERT_EQUAL(rows.n, 1);
	row = row_of(1);
	CU_ASSERT_EQUAL(row->status, 200);
	CU_ASSERT(row->expect_ns >= (int64_t)(300 * MS));
	phases_add_up(row);
	end();
}

static void one_behind_the_other(void)
{
	begin(ALL);
	for (u32 i = 0; i < 3; i++) {
		wire_request(2 * i + 1, "GET", "/b/k", NULL, true);
		wire_flush(FLOW_SENT);
		wire_answer(2 * i + 1, "204", NULL, true);
		wire_flush(FLOW_RECEIVED);
		host.now += 70 * MS;
	}
	CU_ASSERT_EQUAL_FATAL(rows.n, 3);
	for (int i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(rows.row[i].number, i + 1);
		CU_ASSERT_EQUAL(rows.row[i].reused, i > 0);
		CU_ASSERT(i ? rows.row[i].idle_ns >= (int64_t)(70 * MS)
			    : rows.row[i].idle_ns == -1);
	}
	end();
}

/* --- the same meaning ------------------------------------------------------------ */

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* What is said of a request does not depend on how it travelled. */
static void as_over_http1(void)
{
	static const struct {
		const char *method, *path, *host, *status, *body;
		struct wire_field asks, says;
	} cases[] = {
		{"GET", "/b/a%20b?versionId=7", "s3.amazonaws.com", "200", "data", {0}, {0}},
		{"PUT", "/k", "b.s3.eu-central-1.amazonaws.com", "200", "", {0}, {0}},
		{"PUT",
		 "/b/k?partNumber=2&uploadId=u",
		 "s3.amazonaws.com",
		 "200",
		 "",
		 {"x-amz-copy-source", "/a/b"},
		 {0}},
		{"GET",
		 "/b?list-type=2&prefix=p",
		 "s3.amazonaws.com",
		 "503",
		 "<Error><Code>SlowDown</Code></Error>",
		 {0},
		 {"x-amz-id-2", "abc"}},
		{"POST",
		 "/b/k?uploadId=u",
		 "s3.amazonaws.com",
		 "200",
		 "<Error><Code>InternalError</Code></Error>",
		 {0},
		 {0}},
		{"HEAD",
		 "/b",
		 "s3.amazonaws.com",
		 "301",
		 "",
		 {"amz-sdk-request", "attempt=2; max=3"},
		 {"content-length", "77"}},
		{"DELETE",
		 "/b/k?X-Amz-Signature=secret&X-Amz-Credential=A/20260101/r/s3/aws4_request",
		 "s3.amazonaws.com",
		 "204",
		 "",
		 {"amz-sdk-invocation-id", "id-1"},
		 {0}},
		{"GET", "/x", "example.com", "404", "", {0}, {0}},
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		struct wire_field asked[] = {{":method", cases[i].method},
					     {":path", cases[i].path},
					     {":authority", cases[i].host},
					     cases[i].asks,
					     {0}};
		struct wire_field said[] = {{":status", cases[i].status}, cases[i].says, {0}};
		static struct request first;
		const struct request *row;
		char text[1024];

		host_reset();
		rows_reset();
		snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: %s\r\n%s%s%s%s\r\n",
			 cases[i].method, cases[i].path, cases[i].host,
			 cases[i].asks.name ? cases[i].asks.name : "",
			 cases[i].asks.name ? ": " : "",
			 cases[i].asks.name ? cases[i].asks.value : "",
			 cases[i].asks.name ? "\r\n" : "");
		host_send(1, (struct slice){text, strlen(text)});
		snprintf(text, sizeof(text), "HTTP/1.1 %s X\r\n%s%s%s%s\r\n%s", cases[i].status,
			 cases[i].says.name ? cases[i].says.name : "",
			 cases[i].says.name ? ": " : "",
			 cases[i].says.name ? cases[i].says.value : "",
			 cases[i].says.name ? "\r\n" : "", cases[i].body);
		host_receive(1, (struct slice){text, strlen(text)});
		host_eof(1);
		rows_take();
		CU_ASSERT_EQUAL_FATAL(rows.n, 1);
		first = rows.row[0];
		/* Its texts stay where they were: another row goes elsewhere. */
		rows.n = 1;
		wire_begin(ALL);
		wire_head(FLOW_SENT, 1, asked, true);
		wire_flush(FLOW_SENT);
		wire_head(FLOW_RECEIVED, 1, said, false);
		wire_frame(FLOW_RECEIVED, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 1, cases[i].body,
			   strlen(cases[i].body));
		wire_flush(FLOW_RECEIVED);
		CU_ASSERT_EQUAL_FATAL(rows.n, 2);
		row = &rows.row[1];
		CU_ASSERT(same_text(row->operation, first.operation));
		CU_ASSERT(same_text(row->log_operation, first.log_operation));
		CU_ASSERT(same_text(row->method, rows.row[0].method));
		CU_ASSERT(same_text(row->bucket, rows.row[0].bucket));
		CU_ASSERT(same_text(row->key, rows.row[0].key));
		CU_ASSERT(same_text(row->endpoint, rows.row[0].endpoint));
		CU_ASSERT(same_text(row->region, rows.row[0].region));
		CU_ASSERT(same_text(row->path, rows.row[0].path));
		CU_ASSERT(same_text(row->error_code, rows.row[0].error_code));
		CU_ASSERT(same_text(row->host_id, rows.row[0].host_id));
		CU_ASSERT(same_text(row->invocation_id, rows.row[0].invocation_id));
		CU_ASSERT_EQUAL(row->is_s3, first.is_s3);
		CU_ASSERT_EQUAL(row->status, first.status);
		CU_ASSERT_EQUAL(row->is_error, first.is_error);
		CU_ASSERT_EQUAL(row->attempt, first.attempt);
		CU_ASSERT_EQUAL(row->request_size, first.request_size);
		CU_ASSERT_EQUAL(row->response_size, first.response_size);
		CU_ASSERT_EQUAL(row->state, first.state);
		CU_ASSERT_EQUAL(row->likeness, first.likeness);
		CU_ASSERT_STRING_EQUAL(first.http_version, "1.1");
		CU_ASSERT_EQUAL(first.stream_id, -1);
		end();
	}
}

/* What would end a line, or a head, does not get into it. */
static void fields_are_hostile(void)
{
	struct fields *f = fields_new();
	char head[512];
	size_t n;

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fields_add(f, SLICE(":method"), SLICE("PUT"));
	fields_add(f, SLICE(":path"), SLICE("/a b\r\nx: y"));
	fields_add(f, SLICE(":authority"), SLICE("h\r\n"));
	fields_add(f, SLICE("host"), SLICE("good"));
	fields_add(f, SLICE("a"), SLICE("b\nc: d"));
	fields_add(f, SLICE("Upper"), SLICE("1"));
	fields_add(f, SLICE("na me"), SLICE("1"));
	fields_add(f, SLICE(""), SLICE("1"));
	fields_add(f, SLICE("transfer-encoding"), SLICE("gzip"));
	fields_add(f, SLICE(":unknown"), SLICE("1"));
	fields_add(f, SLICE("x"), SLICE("1"));
	n = fields_request(f, true, head, sizeof(head));
	CU_ASSERT(slice_is((struct slice){head, n},
			   SLICE("PUT /a%20b%0D%0Ax:%20y HTTP/1.1\r\n"
				 "transfer-encoding: chunked\r\nhost: good\r\nx: 1\r\n\r\n")));
	/* Too small for all: whole lines, and still a head. */
	for (size_t size = 0; size < n; size++) {
		char *small = malloc(size + 1);
		size_t said = fields_request(f, true, small, size);

		CU_ASSERT(said <= size || said > 60);
		free(small);
	}
	fields_free(f);
	f = fields_new();
	CU_ASSERT_EQUAL(fields_request(f, false, head, sizeof(head)), 0);
	CU_ASSERT_EQUAL(fields_status(f), 0);
	fields_add(f, SLICE(":method"), SLICE("GET / X"));
	fields_add(f, SLICE(":path"), SLICE("/"));
	fields_add(f, SLICE(":status"), SLICE("2x0"));
	CU_ASSERT_EQUAL(fields_request(f, false, head, sizeof(head)), 0);
	CU_ASSERT_EQUAL(fields_status(f), 0);
	fields_free(f);
}

/* A key as long as S3 allows, all escaped, and a signed query: beyond the record. */
static void long_heads(void)
{
	static char path[9000];
	struct wire_field token[] = {{"x-amz-security-token", path + 1}, {0}};

	for (size_t size = 1000; size < sizeof(path); size += 2000) {
		begin(300);
		memset(path, 'a', size);
		memcpy(path, "/b/", 3);
		path[size] = '\0';
		wire_request(1, "GET", path, NULL, true);
		wire_request(3, "GET", "/b/k", size < 4000 ? token : NULL, true);
		wire_flush(FLOW_SENT);
		wire_answer(1, "200", NULL, true);
		wire_answer(3, "200", NULL, true);
		wire_flush(FLOW_RECEIVED);
		CU_ASSERT_EQUAL_FATAL(rows.n, 2);
		CU_ASSERT_EQUAL(strlen(row_of(1)->key), size - 3);
		CU_ASSERT(!row_of(1)->truncated);
		CU_ASSERT_STRING_EQUAL(row_of(3)->key, "k");
		end();
	}
}

/* --- everything else that frames can be -------------------------------------------- */

static void padded_split_and_pushed(size_t cut)
{
	static const struct wire_field asks[] = {
		{":method", "PUT"}, {":path", "/b/k"}, {":authority", "s3.amazonaws.com"}, {0}};
	static const struct wire_field says[] = {
		{":status", "200"}, {"content-length", "3"}, {"x-amz-request-id", "R1"}};
	static const struct wire_field pushed[] = {
		{":method", "GET"}, {":path", "/pushed"}, {"x-remembered", "yes"}};
	u8 block[512], payload[1024] = {0};
	size_t n;

	begin(cut);
	/* PADDED | PRIORITY, and the block goes on in two more frames */
	n = wire_block(FLOW_SENT, asks, 3, block, sizeof(block));
	payload[0] = 7;
	memcpy(payload + 6, block, 5);
	wire_frame(FLOW_SENT, NGHTTP2_HEADERS, 0x08 | 0x20, 1, payload, 6 + 5 + 7);
	wire_frame(FLOW_SENT, NGHTTP2_CONTINUATION, 0, 1, block + 5, 1);
	wire_frame(FLOW_SENT, NGHTTP2_CONTINUATION, 4, 1, block + 6, n - 6);
	memset(payload, 0, sizeof(payload));
	payload[0] = 200;
	wire_frame(FLOW_SENT, NGHTTP2_DATA, 0x08, 1, payload, 1 + 10 + 200);
	payload[0] = 255;
	wire_frame(FLOW_SENT, NGHTTP2_DATA, 0x08, 1, payload, 1 + 600 + 255);
	payload[0] = 4;
	wire_frame(FLOW_SENT, NGHTTP2_DATA, 0x08 | 1, 1, payload, 1 + 0 + 4);
	wire_frame(FLOW_SENT, NGHTTP2_PRIORITY, 0, 9, payload, 5);
	wire_frame(FLOW_SENT, 0xbe, 0xff, 1, "any", 3);
	wire_flush(FLOW_SENT);
	/* What a promise says is remembered by the decoder, too. */
	memcpy(payload, "\0\0\0\2", 4);
	n = wire_block(FLOW_RECEIVED, pushed, 3, payload + 4, sizeof(payload) - 4);
	wire_frame(FLOW_RECEIVED, NGHTTP2_PUSH_PROMISE, 4, 1, payload, 4 + n);
	wire_answer(2, "200", NULL, false);
	wire_data(FLOW_RECEIVED, 2, 100, 100, true);
	wire_frame(FLOW_RECEIVED, NGHTTP2_PING, 0, 0, payload, 8);
	n = wire_block(FLOW_RECEIVED, says, 3, payload + 1, sizeof(payload) - 1);
	payload[0] = 0;
	wire_frame(FLOW_RECEIVED, NGHTTP2_HEADERS, 4 | 8, 1, payload, 1 + n);
	wire_data(FLOW_RECEIVED, 1, 3, 3, false);
	n = wire_block(FLOW_RECEIVED, (struct wire_field[]){{"x-remembered", "yes"}}, 1, payload,
		       sizeof(payload));
	wire_frame(FLOW_RECEIVED, NGHTTP2_HEADERS, 4 | 1, 1, payload, n); /* trailers */
	wire_flush(FLOW_RECEIVED);
	CU_ASSERT_EQUAL_FATAL(rows.n, 1);
	CU_ASSERT_EQUAL(rows.row[0].request_size, 610);
	CU_ASSERT_EQUAL(rows.row[0].response_size, 3);
	CU_ASSERT_EQUAL(rows.row[0].status, 200);
	CU_ASSERT_STRING_EQUAL(rows.row[0].request_id, "R1");
	CU_ASSERT_STRING_EQUAL(rows.row[0].operation, "PutObject");
	CU_ASSERT_EQUAL(rows.row[0].state, REQUEST_COMPLETE);
	end();
}

static void any_frames(void)
{
	for (size_t cut = 1; cut < 300; cut += 1 + cut / 20)
		padded_split_and_pushed(cut);
	padded_split_and_pushed(ALL);
}

/* Most of the data is not told, and counted all the same. */
static void big_bodies(void)
{
	static const size_t cuts[] = {4096, 8192, 10000, 16384, 16393, 30000};

	for (size_t i = 0; i < N_OF(cuts); i++) {
		begin(cuts[i]);
		wire_request(1, "PUT", "/b/big", NULL, false);
		wire_request(3, "GET", "/b/big", NULL, true);
		wire_flush(FLOW_SENT);
		wire_answer(3, "200", NULL, false);
		wire_flush(FLOW_RECEIVED);
		for (int k = 0; k < 10; k++) {
			wire_data(FLOW_SENT, 1, 100000, 16384, false);
			wire_request(5 + 2 * (u32)k, "GET", "/b/small", NULL, true);
			wire_flush(FLOW_SENT);
			wire_data(FLOW_RECEIVED, 3, 50000, 8192, false);
			wire_answer(5 + 2 * (u32)k, "200", length_5, false);
			wire_data(FLOW_RECEIVED, 5 + 2 * (u32)k, 5, 5, true);
			wire_flush(FLOW_RECEIVED);
		}
		wire_data(FLOW_SENT, 1, 0, 1, true);
		wire_flush(FLOW_SENT);
		wire_data(FLOW_RECEIVED, 3, 16384, 16384, true);
		wire_answer(1, "200", NULL, true);
		wire_flush(FLOW_RECEIVED);
		CU_ASSERT_EQUAL_FATAL(rows.n, 12);
		CU_ASSERT_EQUAL(row_of(1)->request_size, 1000000);
		CU_ASSERT_EQUAL(row_of(3)->response_size, 516384);
		end();
	}
}

/* The decoder's table may be larger if the client says so. */
static void a_larger_table(void)
{
	static const u8 setting[] = {0, 1, 0, 0, 0x40, 0};
	char value[2000];
	struct wire_field large[] = {{"x-amz-meta-a", value}, {0}};

	begin(ALL);
	wire_frame(FLOW_SENT, NGHTTP2_SETTINGS, 0, 0, setting, sizeof(setting));
	nghttp2_hd_deflate_change_table_size(wire.encoder[FLOW_RECEIVED], 16384);
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (u32 i = 0; i < 12; i++) {
		wire_request(2 * i + 1, "GET", "/b/k", NULL, true);
		wire_flush(FLOW_SENT);
		value[0] = (char)('a' + i % 6); /* six of them fit only into the larger one */
		wire_answer(2 * i + 1, "200", large, true);
		wire_flush(FLOW_RECEIVED);
	}
	CU_ASSERT_EQUAL(rows.n, 12);
	end();
}

/* --- ends -------------------------------------------------------------------------- */

static void given_up(void)
{
	static const u8 away[] = {0, 0, 0, 5, 0, 0, 0, 0};

	begin(ALL);
	for (u32 i = 1; i < 10; i += 2)
		wire_request(i, "GET", "/b/k", NULL, true);
	wire_flush(FLOW_SENT);
	wire_answer(1, "200", length_5, false);
	wire_data(FLOW_RECEIVED, 1, 2, 2, false);
	wire_reset_stream(FLOW_RECEIVED, 1, NGHTTP2_INTERNAL_ERROR);
	wire_flush(FLOW_RECEIVED);
	wire_reset_stream(FLOW_SENT, 3, NGHTTP2_CANCEL);
	wire_flush(FLOW_SENT);
	wire_frame(FLOW_RECEIVED, NGHTTP2_GOAWAY, 0, 0, away, sizeof(away));
	wire_flush(FLOW_RECEIVED);
	CU_ASSERT_EQUAL_FATAL(rows.n, 4);
	CU_ASSERT_EQUAL(row_of(1)->state, REQUEST_PARTIAL);
	CU_ASSERT_EQUAL(row_of(1)->status, 200);
	CU_ASSERT_EQUAL(row_of(1)->response_size, 2);
	CU_ASSERT_EQUAL(row_of(3)->state, REQUEST_NO_RESPONSE);
	CU_ASSERT_EQUAL(row_of(3)->status, -1);
	CU_ASSERT_EQUAL(row_of(7)->state, REQUEST_NO_RESPONSE);
	CU_ASSERT_EQUAL(row_of(9)->state, REQUEST_NO_RESPONSE);
	/* 5 is answered all the same */
	wire_answer(5, "200", NULL, true);
	wire_flush(FLOW_RECEIVED);
	CU_ASSERT_EQUAL_FATAL(rows.n, 5);
	CU_ASSERT_EQUAL(row_of(5)->state, REQUEST_COMPLETE);
	end();
}

/* The connection ends in one way or another while two streams are open. */
static void the_connection_ends(void)
{
	static const struct {
		const char *how;
		enum request_state asked, answered;
	} ends[] = {
		{"close", REQUEST_NO_RESPONSE, REQUEST_PARTIAL},
		{"eof", REQUEST_NO_RESPONSE, REQUEST_PARTIAL},
		{"exec", REQUEST_NO_RESPONSE, REQUEST_PARTIAL},
		{"anew", REQUEST_NO_RESPONSE, REQUEST_PARTIAL},
		{"stop", REQUEST_PARTIAL, REQUEST_PARTIAL},
	};

	for (size_t i = 0; i < N_OF(ends); i++) {
		begin(ALL);
		wire_request(1, "GET", "/b/1", NULL, true);
		wire_request(3, "GET", "/b/3", NULL, true);
		wire_flush(FLOW_SENT);
		wire_answer(3, "200", length_5, false);
		wire_flush(FLOW_RECEIVED);
		host.now += 20 * MS;
		switch (i) {
		case 0:
			host_end(WIRE_CONN);
			break;
		case 1:
			host_eof(WIRE_CONN);
			break;
		case 2: {
			struct event_process gone = {EVENT_EXIT, HOST_TGID, host.now};

			follow_begin(rows.follow, UINT64_MAX);
			follow_take(rows.follow, &gone, sizeof(gone));
			follow_events(rows.follow);
			follow_bury(rows.follow, true);
			break;
		}
		case 3:
			host_send(WIRE_CONN, SLICE("GET /b/k HTTP/1.1\r\n\r\n"));
			break;
		case 4:
			rows_finish();
			break;
		}
		rows_take();
		CU_ASSERT_EQUAL_FATAL(rows.n, 2);
		CU_ASSERT_EQUAL(row_of(1)->state, ends[i].asked);
		CU_ASSERT_EQUAL(row_of(1)->status, -1);
		CU_ASSERT(row_of(1)->latency_ns >= (int64_t)(20 * MS));
		CU_ASSERT_EQUAL(row_of(3)->state, ends[i].answered);
		CU_ASSERT_EQUAL(row_of(3)->status, 200);
		end();
	}
}

/* The answer may be read while the call that sent its request is not over yet. */
static void answered_before_it_was_sent(void)
{
	begin(ALL);
	wire_flush(FLOW_SENT);
	wire_answer(1, "200", length_5, false);
	wire_data(FLOW_RECEIVED, 1, 5, 5, true);
	wire_flush(FLOW_RECEIVED);
	CU_ASSERT_EQUAL(rows.n, 0);
	wire_request(1, "GET", "/b/k", NULL, true);
	wire_flush(FLOW_SENT);
	CU_ASSERT_EQUAL_FATAL(rows.n, 1);
	CU_ASSERT_EQUAL(rows.row[0].status, 200);
	CU_ASSERT_EQUAL(rows.row[0].state, REQUEST_COMPLETE);
	phases_add_up(&rows.row[0]);
	end();
}

static void what_hangs_is_pending(void)
{
	begin(ALL);
	wire_request(1, "GET", "/b/k", NULL, true);
	wire_flush(FLOW_SENT);
	host.now += 3000 * MS;
	follow_look(rows.follow, host.now, 1000 * MS);
	CU_ASSERT_EQUAL(rows.open, 1);
	CU_ASSERT_EQUAL(rows.n, 0);
	/* whether it still hangs, the record has to say */
	for (u64 conn = 100; conn < 100 + MAX_EXCHANGES - 1; conn++)
		host_send(conn, SLICE("GET / HTTP/1.1\r\n\r\n"));
	follow_look(rows.follow, host.now, 0);
	CU_ASSERT_EQUAL(rows.open, 1 + MAX_EXCHANGES);
	for (u64 conn = 200; conn < 200 + MAX_EXCHANGES; conn++)
		host_send(conn, SLICE("GET / HTTP/1.1\r\n\r\n"));
	CU_ASSERT_PTR_NULL(host_record(WIRE_CONN));
	rows.open = 0;
	follow_look(rows.follow, host.now, 0);
	CU_ASSERT_EQUAL(rows.open, MAX_EXCHANGES);
	wire_free();
}

static void what_hung_is_answered(void)
{
	begin(ALL);
	wire_request(1, "GET", "/b/k", NULL, true);
	wire_flush(FLOW_SENT);
	host.now += 3000 * MS;
	wire_answer(1, "200", NULL, true);
	wire_flush(FLOW_RECEIVED);
	CU_ASSERT_EQUAL(rows.n, 1);
	follow_look(rows.follow, host.now, 1000 * MS);
	CU_ASSERT_EQUAL(rows.open, 0);
	end();
}

/* --- never guessed -------------------------------------------------------------------- */

/* Nothing more is said of the connection, and what was open is not known. */
static void is_opaque(const char *why)
{
	size_t n = rows.n;

	CU_ASSERT_EQUAL(follow_opaque(rows.follow), 1);
	for (size_t i = 0; i < n; i++)
		CU_ASSERT(rows.row[i].state == REQUEST_PARTIAL && rows.row[i].status == -1);
	wire_request(21, "GET", "/b/k", NULL, true);
	wire_flush(FLOW_SENT);
	wire_answer(21, "200", NULL, true);
	wire_flush(FLOW_RECEIVED);
	CU_ASSERT_EQUAL(rows.n, n);
	if (rows.n != n)
		printf("  %s: more was said\n", why);
	host_end(WIRE_CONN);
	rows_take();
	CU_ASSERT_EQUAL(rows.n, n);
	CU_ASSERT_EQUAL(follow_opaque(rows.follow), 1);
	wire_free();
}

/* An event finds no room; or its box is another call's, which was preempted. */
static void is_lost(bool full)
{
	struct framebox *box;
	u32 zero = 0;

	begin(ALL);
	wire_request(1, "GET", "/b/k", NULL, true);
	wire_flush(FLOW_SENT);
	box = frameboxes.lookup(&zero);
	host.perf_full = full;
	box->taken = !full;
	wire_answer(1, "200", NULL, true);
	wire_flush(FLOW_RECEIVED);
	CU_ASSERT_EQUAL(box->taken, !full);
	host.perf_full = false;
	box->taken = 0;
	CU_ASSERT_EQUAL(follow_lost(rows.follow), 1);
	CU_ASSERT_EQUAL(rows.n, 0);
	host_end(WIRE_CONN);
	rows_take();
	CU_ASSERT_EQUAL_FATAL(rows.n, 1);
	CU_ASSERT_EQUAL(rows.row[0].state, REQUEST_PARTIAL);
	CU_ASSERT_EQUAL(rows.row[0].status, -1);
	CU_ASSERT_EQUAL(follow_opaque(rows.follow), 1);
}

static void lost_bytes(void)
{
	is_lost(true);
	is_lost(false);
	/* memory that cannot be read */
	begin(ALL);
	wire_request(1, "GET", "/b/k", NULL, true);
	wire_flush(FLOW_SENT);
	host.fault_at = 2;
	wire_answer(1, "200", NULL, true);
	wire_flush(FLOW_RECEIVED);
	CU_ASSERT_EQUAL_FATAL(rows.n, 1);
	is_opaque("fault");
}

static void impossible_frames(void)
{
	static const struct {
		const char *why;
		int direction;
		u8 type, flags;
		u32 stream;
		const char *payload;
		size_t n;
	} cases[] = {
		{"CONTINUATION of nothing", FLOW_RECEIVED, 9, 4, 1, "\x88", 1},
		{"HEADERS of no stream", FLOW_RECEIVED, 1, 4, 0, "\x88", 1},
		{"SETTINGS of a stream", FLOW_RECEIVED, 4, 0, 1, "", 0},
		{"SETTINGS cut off", FLOW_SENT, 4, 0, 0, "\0\1\0", 3},
		{"PING too short", FLOW_SENT, 6, 0, 0, "1234", 4},
		{"RST_STREAM too long", FLOW_SENT, 3, 0, 1, "12345", 5},
		{"GOAWAY too short", FLOW_RECEIVED, 7, 0, 0, "1234", 4},
		{"padding beyond the frame", FLOW_RECEIVED, 0, 8, 1, "\5abc", 4},
		{"no room for the padding's length", FLOW_RECEIVED, 0, 8, 1, "", 0},
		{"no room for the priority", FLOW_SENT, 1, 0x24, 3, "1234", 4},
		{"an index that nothing has", FLOW_RECEIVED, 1, 4, 1, "\xff\x7f", 2},
		{"a block that ends within a field", FLOW_RECEIVED, 1, 4, 1, "\x40\x05xy", 4},
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		for (size_t cut = 1; cut <= ALL; cut *= ALL) {
			begin(cut);
			wire_request(1, "GET", "/b/k", NULL, true);
			wire_flush(FLOW_SENT);
			wire_frame(cases[i].direction, cases[i].type, cases[i].flags,
				   cases[i].stream, cases[i].payload, cases[i].n);
			wire_flush(cases[i].direction);
			CU_ASSERT_EQUAL(rows.n, 1);
			is_opaque(cases[i].why);
		}
	}
	/* a block is not over, and another frame comes */
	begin(ALL);
	wire_request(1, "GET", "/b/k", NULL, true);
	wire_flush(FLOW_SENT);
	wire_frame(FLOW_RECEIVED, NGHTTP2_HEADERS, 0, 1, "\x88", 1);
	wire_frame(FLOW_RECEIVED, NGHTTP2_PING, 0, 0, "12345678", 8);
	wire_flush(FLOW_RECEIVED);
	is_opaque("a block interrupted");
	/* no SETTINGS to begin with */
	host_reset();
	rows_reset();
	wire_reset(ALL);
	wire_bytes(FLOW_SENT, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", FRAME_PREFACE);
	wire_request(1, "GET", "/b/k", NULL, true);
	wire_flush(FLOW_SENT);
	is_opaque("no settings");
	host_reset();
	rows_reset();
	wire_reset(ALL);
	wire_bytes(FLOW_SENT, "PRI * HTTP/2.0\r\n\r\nSM\r\n\rX", FRAME_PREFACE);
	wire_flush(FLOW_SENT);
	is_opaque("no preface");
}

/* Joined in the middle: only clients count, each connection once. */
static void joined(void)
{
	host_reset();
	rows_reset();
	wire_reset(ALL);
	wire_request(1, "PUT", "/b/k", length_5, false);
	wire_flush(FLOW_SENT);
	wire_data(FLOW_SENT, 1, 5, 5, true);
	wire_flush(FLOW_SENT);
	wire_answer(1, "200", NULL, true);
	wire_flush(FLOW_RECEIVED);
	is_opaque("joined");
	CU_ASSERT_EQUAL(rows.n, 0);
	CU_ASSERT_PTR_NULL(host_record(WIRE_CONN));
	/* a server */
	host_reset();
	rows_reset();
	wire_reset(ALL);
	wire_frame(FLOW_SENT, NGHTTP2_HEADERS, 4, 1,
		   "\x88\x5f\x0a"
		   "text/plain"
		   "\x0f\x0d\x01"
		   "5",
		   17);
	wire_flush(FLOW_SENT);
	wire_frame(FLOW_SENT, NGHTTP2_HEADERS, 4, 3, "\x88\xbe\xbf\xc0 dynamic", 12);
	wire_flush(FLOW_SENT);
	/* and what is none of either */
	host_send(6, SLICE("\0\0\7\1\4\0\0\0\2 an even stream"));
	host_send(7, SLICE("\0\7\7\1\4\0\0\0\1 longer than what was sent"));
	host_send(8, SLICE("\0\0\7\1\x10\0\0\0\1 flags that nobody knows"));
	host_send(9, SLICE("\0\0\7\1\4\0"));
	host_send(10, SLICE("PUR * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
	CU_ASSERT_EQUAL(follow_opaque(rows.follow), 0);
	wire_free();
}

/* Of any beginning of a connection, only what ended is said to have ended. */
static void every_prefix(void)
{
	static struct wire_flow sent, received;

	begin(ALL);
	for (u32 i = 0; i < 4; i++) {
		wire_request(2 * i + 1, i ? "GET" : "PUT", "/b/k", i ? NULL : length_5, i > 0);
		wire_answer(2 * i + 1, "200", length_5, false);
		wire_data(FLOW_RECEIVED, 2 * i + 1, 5, 5, true);
	}
	wire_data(FLOW_SENT, 1, 5, 5, true);
	sent = wire.flow[FLOW_SENT];
	received = wire.flow[FLOW_RECEIVED];
	for (size_t n = 0; n <= received.n; n++) {
		size_t complete = 0;

		begin(ALL);
		wire.flow[FLOW_SENT] = sent;
		wire_flush(FLOW_SENT);
		wire.flow[FLOW_RECEIVED] = received;
		wire.flow[FLOW_RECEIVED].n = n;
		wire_flush(FLOW_RECEIVED);
		host_end(WIRE_CONN);
		rows_take();
		CU_ASSERT_EQUAL(rows.n, 4);
		for (size_t i = 0; i < rows.n; i++) {
			complete += rows.row[i].state == REQUEST_COMPLETE;
			CU_ASSERT(rows.row[i].state != REQUEST_COMPLETE ||
				  rows.row[i].response_size == 5);
			phases_add_up(&rows.row[i]);
		}
		CU_ASSERT(n < received.n ? complete < 4 : complete == 4);
		end();
	}
}

/* --- bounds ------------------------------------------------------------------------------ */

static size_t told;
static struct streams *bounded;

static void pass_on(void)
{
	static struct event event;
	struct streamed out;

	for (size_t i = 0; i < host.n_events; i++)
		if (event_decode(host.sent[i].bytes, host.sent[i].n, &event) == 0 &&
		    event.kind == EVENT_FRAMES)
			streams_take(bounded, &event);
	host.n_events = 0;
	while (streams_next(bounded, &out))
		told++;
}

static void streams_are_bounded(void)
{
	static const u8 setting[] = {0, 0, 0, 4, 0, 0, 0, 0, 0};

	host_reset();
	told = 0;
	bounded = streams_new(3, 5);
	CU_ASSERT_PTR_NOT_NULL_FATAL(bounded);
	for (u64 conn = 1; conn <= 6; conn++) {
		wire_reset(ALL);
		wire_bytes(FLOW_SENT, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", FRAME_PREFACE);
		wire_bytes(FLOW_SENT, setting, sizeof(setting));
		for (u32 i = 0; i < 8; i++)
			wire_request(2 * i + 1, "GET", "/b/k", NULL, true);
		host_send(conn, (struct slice){(char *)wire.flow[FLOW_SENT].bytes,
					       wire.flow[FLOW_SENT].n});
		pass_on();
	}
	CU_ASSERT_EQUAL(streams_evicted(bounded), 6 * 8 - 5);
	CU_ASSERT_EQUAL(streams_opaque(bounded), 3);
	CU_ASSERT_EQUAL(told, 6 * 8 - 5);
	streams_end(bounded, NULL, host.now);
	pass_on();
	CU_ASSERT_EQUAL(told, 6 * 8);
	streams_free(bounded);
	wire_free();
	follow_free(rows.follow);
	rows.follow = NULL;
}

CU_TestInfo http2_tests[] = {
	{"eight streams, eight rows, wherever calls are cut", eight_streams_eight_rows},
	{"many frames in one call", many_frames_in_one_call},
	{"times are those of the calls", times_are_those_of_the_calls},
	{"waiting for 100-continue", waiting_for_100_continue},
	{"one request behind the other", one_behind_the_other},
	{"the same meaning as over HTTP/1.1", as_over_http1},
	{"fields are hostile", fields_are_hostile},
	{"long heads", long_heads},
	{"padding, priority, CONTINUATION, promises, trailers", any_frames},
	{"big bodies", big_bodies},
	{"a larger table", a_larger_table},
	{"streams that are given up", given_up},
	{"the connection ends", the_connection_ends},
	{"answered before it was sent", answered_before_it_was_sent},
	{"what hangs is pending", what_hangs_is_pending},
	{"what hung is answered", what_hung_is_answered},
	{"lost bytes make a connection opaque", lost_bytes},
	{"frames that cannot be make it opaque", impossible_frames},
	{"joined in the middle it is opaque", joined},
	{"every prefix", every_prefix},
	{"streams are bounded", streams_are_bounded},
	CU_TEST_INFO_NULL,
};
