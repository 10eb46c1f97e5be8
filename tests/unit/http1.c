/* SPDX-License-Identifier: Apache-2.0 */
#include "parsers/http1.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>

#include "guard.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct slice text(const char *s)
{
	return s ? (struct slice){s, strlen(s)} : SLICE_NONE;
}

static const char boto_put[] =
	"PUT /bucket/a%2Fb+c?x-id=PutObject HTTP/1.1\r\nHost: 127.0.0.1:9000\r\n"
	"Accept-Encoding: identity\r\nUser-Agent: Boto3/1.26.27 Python/3.11.2\r\n"
	"Expect: 100-continue\r\nX-Amz-Date: 20240101T000000Z\r\nContent-Length: 5\r\n\r\n";

static const struct {
	const char *head, *method, *target;
	int minor;
} good_requests[] = {
	{boto_put, "PUT", "/bucket/a%2Fb+c?x-id=PutObject", 1},
	{"GET / HTTP/1.1\r\n\r\n", "GET", "/", 1},
	{"GET / HTTP/1.0\r\nHost:x\r\n\r\n", "GET", "/", 0},
	{"HEAD /k HTTP/1.1\r\nhOsT: b.s3.amazonaws.com\r\n\r\n", "HEAD", "/k", 1},
	{"DELETE /b/\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", "DELETE", "/b/\xc3\xa9", 1},
	{"POST http://h:1/b?delete HTTP/1.1\r\nHost: h\r\n\r\n", "POST", "http://h:1/b?delete", 1},
	{"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS", "*", 1},
	{"CONNECT s3.amazonaws.com:443 HTTP/1.1\r\nHost: h\r\n\r\n", "CONNECT",
	 "s3.amazonaws.com:443", 1},
	{"PATCH /b HTTP/1.1\r\nodd line\r\n folded\r\nA : b\r\n: c\r\nX: \x01\n\r\xff\r\n\r\n",
	 "PATCH", "/b", 1},
};

static void good_heads_are_read(void)
{
	for (size_t i = 0; i < COUNT(good_requests); i++) {
		struct slice in = text(good_requests[i].head);
		struct http1_request r;

		CU_ASSERT_EQUAL(http1_request(guard_copy(in), &r), (long)in.n);
		CU_ASSERT(slice_is(r.method, text(good_requests[i].method)));
		CU_ASSERT(slice_is(r.target, text(good_requests[i].target)));
		CU_ASSERT_EQUAL(r.minor, good_requests[i].minor);
		CU_ASSERT(r.whole);
	}
}

static void what_follows_a_head_is_not_its_part(void)
{
	struct slice in = SLICE("GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
	struct http1_request r;
	long n = http1_request(in, &r);

	CU_ASSERT_EQUAL(n, 28);
	CU_ASSERT_EQUAL(http1_request(slice_from(in, (size_t)n), &r), (long)in.n - n);
	CU_ASSERT(slice_is(r.target, SLICE("/b")));
}

/* A read may end anywhere: every beginning of a good head is one, and says no
 * more than it has seen. */
static void every_beginning_is_partial(void)
{
	for (size_t i = 0; i < COUNT(good_requests); i++) {
		struct slice in = text(good_requests[i].head);
		struct slice target = text(good_requests[i].target);

		for (size_t n = 0; n < in.n; n++) {
			struct http1_request r;
			struct slice head = guard_copy((struct slice){in.p, n});

			CU_ASSERT_EQUAL(http1_request(head, &r), HTTP1_PARTIAL);
			CU_ASSERT(!r.whole);
			CU_ASSERT(!r.method.p || slice_is(r.method, text(good_requests[i].method)));
			CU_ASSERT(slice_begins(target, r.target));
			CU_ASSERT(r.minor == -1 || slice_is(r.target, target));
			CU_ASSERT(!r.headers.all.n ||
				  slice_is(slice_from(r.headers.all, r.headers.all.n - 2),
					   SLICE("\r\n")));
		}
	}
}

static void what_is_no_request_is_bad(void)
{
	static const char *const bad[] = {
		"\x16\x03\x01\x02",
		"GETX / HTTP/1.1\r\n",
		"get / HTTP/1.1\r\n",
		"G3T",
		" GET / HTTP/1.1",
		"\r\nGET / HTTP/1.1",
		"GET  / HTTP/1.1\r\n",
		"GET /\r\n",
		"GET / HTTP/2.0",
		"GET / HTTP/1.x",
		"GET / HTTP/1.1\n",
		"GET / HTTP/1.1 \r\n",
		"GET /a b HTTP/1.",
		"GET /\x7f",
		"GET /a\tb ",
		"PRI * HTTP/2.0\r\n",
		"HTTP/1.1 200 OK",
		"GET / http/1.1",
		"GETTING",
		"POSTGRES",
		"GET / HTTP/1.1\" 200 12 \"-\"",
		"GET / HTTP/1.11\r\n",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct http1_request r;

		CU_ASSERT_EQUAL(http1_request(guard_copy(text(bad[i])), &r), HTTP1_BAD);
	}
}

static void an_8_kb_host_and_500_headers_are_read(void)
{
	size_t size = 8192 + 500 * 40 + 64, n = 0;
	char *head = malloc(size);
	struct http1_request r;
	struct slice host;

	n += (size_t)sprintf(head, "GET / HTTP/1.1\r\n");
	for (int i = 0; i < 500; i++)
		n += (size_t)sprintf(head + n, "X-Header-%d: %d\r\n", i, i);
	n += (size_t)sprintf(head + n, "Host: ");
	memset(head + n, 'h', 8192);
	n += 8192;
	n += (size_t)sprintf(head + n, "\r\n\r\n");
	CU_ASSERT_EQUAL(http1_request(guard_copy((struct slice){head, n}), &r), (long)n);
	host = http1_header(&r.headers, SLICE("host"));
	CU_ASSERT_EQUAL(host.n, 8192);
	CU_ASSERT(slice_is(http1_header(&r.headers, SLICE("x-header-499")), SLICE("499")));
	free(head);
}

/* A response with these header lines, at the end of a page. */
static struct http1_response with_headers(const char *headers)
{
	static char head[4096];
	struct http1_response r;
	int n = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\n%s", headers);

	CU_ASSERT_FATAL(n > 0 && (size_t)n < sizeof(head));
	CU_ASSERT_EQUAL(http1_response(guard_copy((struct slice){head, (size_t)n}), &r),
			HTTP1_PARTIAL);
	return r;
}

static void headers_are_found_in_any_case_and_trimmed(void)
{
	static const struct {
		const char *name, *value;
	} rows[] = {
		{"host", "a b"},	 {"HOST", "a b"},	  {"empty", ""},
		{"twice", "1"},		 {"bad name", NULL},	  {"space", NULL},
		{"folded", "one"},	 {"url", "http://h:80/"}, {"ho", NULL},
		{"hostname", NULL},	 {"last", "9"},		  {"", NULL},
		{"odd", "\x01\xff\n\r"}, {"nocolon", NULL},	  {"x-a", "2"},
		{"x-a-b", "1"},		 {"\xc3\xa9", NULL},
	};
	struct http1_response r = with_headers(
		"Host: \t a b \t\r\nEmpty:\r\nTwice: 1\r\nTWICE: 2\r\nbad name: 1\r\n"
		"space : 1\r\nFolded: one\r\n two\r\n: none\r\nUrl:http://h:80/\r\n"
		"Odd: \x01\xff\n\r\r\nnocolon\r\nX-A-B: 1\r\nX-A: 2\r\n\xc3\xa9: 1\r\nLast: 9\r\n");

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct slice value = http1_header(&r.headers, text(rows[i].name));

		CU_ASSERT_EQUAL(value.p == NULL, rows[i].value == NULL);
		CU_ASSERT(slice_is(value, text(rows[i].value)));
	}
	CU_ASSERT_PTR_NULL(http1_header(&(struct http1_headers){0}, SLICE("Host")).p);
}

/* Around the number of lines that are remembered: nothing is forgotten, the
 * first of a name counts, and a line that is not whole is none. */
static void more_headers_than_lines_remembered(void)
{
	char headers[4096], name[16];

	for (int lines = HTTP1_LINES - 2; lines <= HTTP1_LINES + 2; lines++) {
		size_t n = 0;

		for (int i = 0; i < lines; i++)
			n += (size_t)sprintf(headers + n, "H%d: %d\r\n", i, i);
		sprintf(headers + n,
			"h0: again\r\nContent-Length: 7\r\nContent-Length: 8\r\nCut: 1");
		struct http1_response r = with_headers(headers);

		CU_ASSERT_EQUAL(r.headers.n, HTTP1_LINES);
		for (int i = 0; i < lines; i++) {
			int k = sprintf(name, "h%d", i);

			CU_ASSERT(
				slice_is(http1_header(&r.headers, (struct slice){name, (size_t)k}),
					 (struct slice){name + 1, (size_t)k - 1}));
		}
		CU_ASSERT(slice_is(http1_header(&r.headers, SLICE("content-length")), SLICE("7")));
		CU_ASSERT_PTR_NULL(http1_header(&r.headers, SLICE("cut")).p);
		/* Two lengths that differ: both are seen. */
		CU_ASSERT_EQUAL(http1_response_body(&r, SLICE("GET")).framing, HTTP1_CLOSE);
	}
}

static const struct {
	const char *head;
	int status, minor;
} good_responses[] = {
	{"HTTP/1.1 100 Continue\r\n\r\n", 100, 1},
	{"HTTP/1.1 200 OK\r\nx-amz-id-2: a\r\nContent-Length: 3\r\n\r\n", 200, 1},
	{"HTTP/1.0 404 Not Found\r\n\r\n", 404, 0},
	{"HTTP/1.1 503\r\nServer: x\r\n\r\n", 503, 1},
	{"HTTP/1.1 200 \r\n\r\n", 200, 1},
	{"HTTP/1.1 599 \xc3\xa9 \x01\r\nodd\r\n\r\n", 599, 1},
};

static void responses_and_their_beginnings(void)
{
	for (size_t i = 0; i < COUNT(good_responses); i++) {
		struct slice in = text(good_responses[i].head);

		for (size_t n = 0; n <= in.n; n++) {
			struct http1_response r;
			long used = http1_response(guard_copy((struct slice){in.p, n}), &r);

			CU_ASSERT_EQUAL(used, n == in.n ? (long)in.n : HTTP1_PARTIAL);
			CU_ASSERT_EQUAL(r.status, n >= 12 ? good_responses[i].status : 0);
			CU_ASSERT_EQUAL(r.minor, n >= 8 ? good_responses[i].minor : -1);
			CU_ASSERT_EQUAL(r.whole, n == in.n);
		}
	}
}

static void what_is_no_response_is_bad(void)
{
	static const char *const bad[] = {
		"HTTP/2 200\r\n",     "HTTP/1.1 099 x\r\n", "HTTP/1.1 600 x\r\n", "HTTP/1.1 20x",
		"HTTP/1.1  200",      "HTTP/1.1 2000\r\n",  "http/1.1 200 OK",	  "ICY 200 OK\r\n",
		"HTTP/1.1\r\n",	      "HTTP/1.1 200\nOK",   "GET / HTTP/1.1\r\n", "\x15\x03\x03",
		"HTTP/1.1 -20 x\r\n",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct http1_response r;

		CU_ASSERT_EQUAL(http1_response(guard_copy(text(bad[i])), &r), HTTP1_BAD);
		CU_ASSERT_EQUAL(r.status, 0);
	}
}

static const struct {
	const char *method;
	int status;
	const char *headers;
	enum http1_framing framing;
	uint64_t length;
} bodies[] = {
	{"GET", 200, "Content-Length: 5\r\n", HTTP1_LENGTH, 5},
	{"GET", 200, "Content-Length: 0\r\n", HTTP1_LENGTH, 0},
	{"GET", 200, "content-length:\t007 \r\n", HTTP1_LENGTH, 7},
	{"GET", 206, "Content-Length: 5368709120\r\n", HTTP1_LENGTH, 5368709120},
	{"GET", 200, "Content-Length: 9223372036854775807\r\n", HTTP1_LENGTH, INT64_MAX},
	{"GET", 200, "Content-Length: 9223372036854775808\r\n", HTTP1_CLOSE, 0},
	{"GET", 200, "Content-Length: 18446744073709551621\r\n", HTTP1_CLOSE, 0},
	{"GET", 200, "Content-Length: -1\r\n", HTTP1_CLOSE, 0},
	{"GET", 200, "Content-Length: +5\r\n", HTTP1_CLOSE, 0},
	{"GET", 200, "Content-Length: 0x5\r\n", HTTP1_CLOSE, 0},
	{"GET", 200, "Content-Length: 5 5\r\n", HTTP1_CLOSE, 0},
	{"GET", 200, "Content-Length:\r\n", HTTP1_CLOSE, 0},
	{"GET", 200, "Content-Length: 5, 5\r\n", HTTP1_LENGTH, 5},
	{"GET", 200, "Content-Length: 5\r\nContent-Length: 5\r\n", HTTP1_LENGTH, 5},
	{"GET", 200, "Content-Length: 5\r\nContent-Length: 6\r\n", HTTP1_CLOSE, 0},
	{"GET", 200, "Content-Length: 5\r\nContent-Length: x\r\n", HTTP1_CLOSE, 0},
	{"GET", 200, "Transfer-Encoding: chunked\r\n", HTTP1_CHUNKED, 0},
	{"GET", 200, "Content-Length: 5\r\ntransfer-encoding: Chunked\r\n", HTTP1_CHUNKED, 0},
	{"GET", 200, "Transfer-Encoding: chunked\r\nContent-Length: x\r\n", HTTP1_CHUNKED, 0},
	{"GET", 200, "Transfer-Encoding: gzip, chunked\r\n", HTTP1_CHUNKED, 0},
	{"GET", 200, "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", HTTP1_CHUNKED, 0},
	{"GET", 200, "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n", HTTP1_CLOSE, 0},
	{"GET", 200, "Transfer-Encoding: identity\r\nContent-Length: 5\r\n", HTTP1_LENGTH, 5},
	{"GET", 200, "Content-Encoding: aws-chunked\r\nContent-Length: 9\r\n", HTTP1_LENGTH, 9},
	{"GET", 200, "", HTTP1_CLOSE, 0},
	{"HEAD", 200, "Content-Length: 104857600\r\n", HTTP1_NO_BODY, 0},
	{"HEAD", 200, "Transfer-Encoding: chunked\r\n", HTTP1_NO_BODY, 0},
	{"GET", 204, "Content-Length: 5\r\n", HTTP1_NO_BODY, 0},
	{"GET", 304, "Content-Length: 5\r\n", HTTP1_NO_BODY, 0},
	{"PUT", 100, "", HTTP1_NO_BODY, 0},
	{"PUT", 103, "Content-Length: 5\r\n", HTTP1_NO_BODY, 0},
	{"CONNECT", 200, "Content-Length: 5\r\n", HTTP1_NO_BODY, 0},
	{"CONNECT", 407, "Content-Length: 5\r\n", HTTP1_LENGTH, 5},
	{"DELETE", 204, "", HTTP1_NO_BODY, 0},
};

static void response_bodies(void)
{
	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct http1_response r = with_headers(bodies[i].headers);

		r.status = bodies[i].status;
		struct http1_body body = http1_response_body(&r, text(bodies[i].method));

		CU_ASSERT_EQUAL(body.framing, bodies[i].framing);
		CU_ASSERT_EQUAL(body.length, bodies[i].length);
	}
}

static void request_bodies(void)
{
	static const struct {
		const char *head;
		enum http1_framing framing;
		uint64_t length;
	} rows[] = {
		{"GET / HTTP/1.1\r\n\r\n", HTTP1_NO_BODY, 0},
		{"PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", HTTP1_LENGTH, 5},
		{"PUT / HTTP/1.1\r\nContent-Length: x\r\n\r\n", HTTP1_CLOSE, 0},
		{"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP1_CHUNKED, 0},
		{"CONNECT h:1 HTTP/1.1\r\nContent-Length: 5\r\n\r\n", HTTP1_NO_BODY, 0},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http1_request r;

		CU_ASSERT(http1_request(text(rows[i].head), &r) > 0);
		struct http1_body body = http1_request_body(&r);
		CU_ASSERT_EQUAL(body.framing, rows[i].framing);
		CU_ASSERT_EQUAL(body.length, rows[i].length);
	}
}

static const struct {
	const char *body;
	uint64_t payload;
} chunked[] = {
	{"0\r\n\r\n", 0},
	{"5\r\nhello\r\n0\r\n\r\n", 5},
	{"5;name=value;q=\"a b\"\r\nhello\r\n000\r\n\r\n", 5},
	{"A \t;x\r\n0123456789\r\n00b\r\n0\r\n\r\n0\r\n\r\nx\r\n0;last\r\n\r\n", 21},
	{"1\r\n0\r\n0\r\nx-amz-checksum-crc32: sOO8/Q==\r\nB: c\r\n\r\n", 1},
	{"2\r\n\r\n\r\n0\r\n\r\n", 2},
};

static void chunked_bodies_and_their_beginnings(void)
{
	for (size_t i = 0; i < COUNT(chunked); i++) {
		struct slice in = text(chunked[i].body);
		uint64_t payload, before = 0;

		for (size_t n = 0; n < in.n; n++) {
			struct slice part = guard_copy((struct slice){in.p, n});

			CU_ASSERT_EQUAL(http1_chunked(part, &payload), HTTP1_PARTIAL);
			CU_ASSERT(payload >= before && payload <= chunked[i].payload);
			before = payload;
		}
		CU_ASSERT_EQUAL(http1_chunked(guard_copy(in), &payload), (long)in.n);
		CU_ASSERT_EQUAL(payload, chunked[i].payload);
		CU_ASSERT(http1_chunked_ends(guard_copy(in)));
	}
}

static void bad_chunks_are_refused(void)
{
	static const char *const bad[] = {
		"\r\n",
		"x\r\n",
		"-1\r\n",
		"5\nhello\r\n",
		"5\rhello",
		"5;a\nb\r\n",
		"5;a\rb\r\n",
		"8000000000000000\r\n",
		"ffffffffffffffff1\r\n",
		"1\r\nab\r\n",
		"0x5\r\n",
		"1\r\na\n0\r\n",
		" 5\r\nhello\r\n",
	};
	uint64_t payload;

	for (size_t i = 0; i < COUNT(bad); i++)
		CU_ASSERT_EQUAL(http1_chunked(guard_copy(text(bad[i])), &payload), HTTP1_BAD);
	CU_ASSERT_EQUAL(http1_chunked(SLICE("7fffffffffffffff\r\nabc"), &payload), HTTP1_PARTIAL);
	CU_ASSERT_EQUAL(payload, 3);
}

static void chunks_are_handed_out_one_by_one(void)
{
	struct slice rest = SLICE("1\r\n \r\n7\r\n<Error>\r\nff\r\n<Code>"), data;

	CU_ASSERT(http1_next_chunk(&rest, &data) && slice_is(data, SLICE(" ")));
	CU_ASSERT(http1_next_chunk(&rest, &data) && slice_is(data, SLICE("<Error>")));
	CU_ASSERT(http1_next_chunk(&rest, &data) && slice_is(data, SLICE("<Code>")));
	CU_ASSERT(!http1_next_chunk(&rest, &data));
	rest = SLICE("0\r\nA: b\r\n\r\n");
	CU_ASSERT(!http1_next_chunk(&rest, &data));
	rest = SLICE("oops");
	CU_ASSERT(!http1_next_chunk(&rest, &data));
}

static void the_end_is_seen_in_the_last_bytes(void)
{
	static const struct {
		const char *tail;
		bool ends;
	} rows[] = {
		{"ata\r\n0\r\n\r\n", true},
		{"\r\n0\r\n\r\n", true},
		{"\r\n00;x=y\r\nA: b\r\nC:\r\n\r\n", true},
		{"data\r\n0\r\n", false},
		{"data\r\n0\r\n\r", false},
		{"data\r\n", false},
		{"\r\n\r\n", false},
		{"\r\n10\r\n\r\n", false},
		{"a0\r\n\r\n", false},
		{"\r\n0\r\nnot a trailer\r\n\r\n", false},
		{"lue\r\nA: b\r\n\r\n", false},
		{"A: b\r\n\r\n", false},
		{"0\n\n", false},
		{"", false},
		{"\n", false},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		CU_ASSERT_EQUAL(http1_chunked_ends(guard_copy(text(rows[i].tail))), rows[i].ends);
}

CU_TestInfo http1_tests[] = {
	{"good heads are read", good_heads_are_read},
	{"what follows a head is not its part", what_follows_a_head_is_not_its_part},
	{"every beginning of a request is partial", every_beginning_is_partial},
	{"what is no request is bad", what_is_no_request_is_bad},
	{"an 8 KB Host and 500 headers are read", an_8_kb_host_and_500_headers_are_read},
	{"headers are found in any case, trimmed", headers_are_found_in_any_case_and_trimmed},
	{"more headers than lines remembered", more_headers_than_lines_remembered},
	{"responses and their beginnings", responses_and_their_beginnings},
	{"what is no response is bad", what_is_no_response_is_bad},
	{"response bodies", response_bodies},
	{"request bodies", request_bodies},
	{"chunked bodies and their beginnings", chunked_bodies_and_their_beginnings},
	{"bad chunks are refused", bad_chunks_are_refused},
	{"chunks are handed out one by one", chunks_are_handed_out_one_by_one},
	{"the end is seen in the last bytes", the_end_is_seen_in_the_last_bytes},
	CU_TEST_INFO_NULL,
};
