/* SPDX-License-Identifier: Apache-2.0 */
#include "output/sink.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "parsers/extra.h"

static struct request request;

/* 12:00:01.123456789 UTC on 31 January 2026. */
static void make_request(void)
{
	request = (struct request){
		.state = REQUEST_COMPLETE,
		.time_ns = INT64_C(1769860801123456789),
		.pid = 4242,
		.tid = 4243,
		.uid = 1000,
		.fd = 7,
		.ends = {.peer = {0, 0x0700000affff0000},
			 .local = {0x20, 0x0100000000000000},
			 .peer_port = 443,
			 .local_port = 50000},
		.connection_id = INT64_C(9007199254740991),
		.number = 2,
		.reused = 1,
		.idle_ns = 1000001,
		.dns_ns = 4000001,
		.connect_ns = 2000003,
		.tls_ns = 3000000,
		.resumed = 1,
		.comm = "boto3",
		.via = "openssl",
		.http_version = "1.1",
		.stream_id = -1,
		.is_s3 = true,
		.method = "PUT",
		.operation = "PutObject",
		.log_operation = "REST.PUT.OBJECT",
		.bucket = "logs",
		.key = "2026/a.gz",
		.endpoint = "s3.amazonaws.com",
		.region = "us-east-1",
		.path = "/logs/2026/a.gz?x-id=PutObject",
		.client_type = "boto3",
		.client_version = "1.26.27",
		.request_id = "TX01",
		.host_id = "h/1=",
		.attempt = 2,
		.max_attempts = 3,
		.invocation_id = "aa-11",
		.backoff_ns = 250000001,
		.status = 200,
		.request_size = INT64_C(5000000000),
		.response_size = 0,
		.latency_ns = 12345678,
		.ttfb_ns = 12000001,
		.send_ns = 10000000,
		.expect_ns = 0,
		.wait_ns = 2000001,
		.recv_ns = 345670,
		.stall_ns = 7,
		.why = "upload",
		.why_ns = 10000000,
		.why_share = 576,
		.felt_ns = 17345681,
		.retransmits = 1,
		.retransmit_ns = 4000000,
		.throttled_ns = 260000000,
	};
}

/* Nothing is known but the request itself. */
static void make_unknown(void)
{
	request = (struct request){
		.state = REQUEST_NO_RESPONSE,
		.time_ns = INT64_C(1769860801123456789),
		.pid = 1,
		.tid = 1,
		.fd = -1,
		.connection_id = -1,
		.number = -1,
		.reused = -1,
		.idle_ns = -1,
		.dns_ns = -1,
		.connect_ns = -1,
		.tls_ns = -1,
		.resumed = -1,
		.comm = "curl",
		.via = "http",
		.http_version = "2",
		.stream_id = 7,
		.method = "GET",
		.status = -1,
		.is_error = true,
		.attempt = -1,
		.max_attempts = -1,
		.backoff_ns = -1,
		.request_size = -1,
		.response_size = -1,
		.latency_ns = 5000000000,
		.ttfb_ns = -1,
		.send_ns = 1,
		.wait_ns = 4999999999,
		.why_ns = -1,
		.why_share = -1,
		.felt_ns = -1,
		.retransmits = -1,
		.retransmit_ns = -1,
	};
}

static uint64_t lost;
static unsigned extras; /* EXTRA_* that the next are printed with */
static char *text;	/* what was printed last, to be freed by the test */

/* Opens the sink, prints n times what request holds, and returns the text. */
static char *printed(const char *name, bool wide, int n)
{
	struct output output = {.wide = wide, .extras = extras, .lost = &lost};
	size_t size;
	FILE *file = open_memstream(&text, &size);

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL_FATAL(sink_open(&output, sink_find(name), file), 0);
	for (int i = 0; i < n; i++)
		CU_ASSERT_EQUAL(sink_emit(&output, &request), 0);
	CU_ASSERT_EQUAL(sink_flush(&output), 0);
	sink_close(&output);
	fclose(file);
	return text;
}

/* The i-th line, cut off in place. */
static char *line(int i)
{
	char *p = text;

	while (i-- && p)
		p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL;
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	p[strcspn(p, "\n")] = '\0';
	return p;
}

static void in_utc(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
}

/* --- the table of sinks ---------------------------------------------------- */

static void test_find(void)
{
	const struct sink *sink;
	size_t n = 0;

	for (; (sink = sink_at(n)); n++) {
		CU_ASSERT_PTR_EQUAL(sink_find(sink->name), sink);
		CU_ASSERT_PTR_NOT_NULL(sink->emit);
		CU_ASSERT(strlen(sink->help) > 10);
	}
	CU_ASSERT_EQUAL(n, 4);
	CU_ASSERT_PTR_NULL(sink_find("xml"));
	CU_ASSERT_PTR_NULL(sink_find(""));
}

/* --- for people ------------------------------------------------------------ */

static void test_table(void)
{
	in_utc();
	make_request();
	printed("table", false, 1);
	CU_ASSERT_STRING_EQUAL(
		text,
		"TIME         PID     COMM            OP                         LAT(ms) STATUS "
		"WHY            BUCKET           ENDPOINT                 PATH\n"
		"12:00:01.123 4242    boto3           PutObject                   12.346    200 "
		"upload         logs             s3.amazonaws.com         "
		"/logs/2026/a.gz?x-id=PutObject\n");
	free(text);
	make_unknown();
	printed("table", false, 1);
	CU_ASSERT_STRING_EQUAL(
		line(1),
		"12:00:01.123 1       curl            GET                       5000.000      - "
		"-              -                -                        -");
	free(text);
	/* The headings come once. */
	printed("table", false, 100);
	CU_ASSERT_PTR_NULL(strstr(text + 4, "TIME"));
	free(text);
}

static void test_table_wide(void)
{
	static const char *const headings[] = {
		"SHARE",      "DNS",   "CONN",	 "TLS",	  "TTFB",   "SEND",
		"EXPECT",     "WAIT",  "RECV",	 "STALL", "RESENT", "REQ_BYTES",
		"RESP_BYTES", "STATE", "CLIENT", "VIA",	  "PEER"};
	char word[20][40];

	make_request();
	printed("table", true, 1);
	const char *at = text;
	for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++) {
		at = strstr(at, headings[i]);
		CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	}
	/* Values stand under their headings. */
	CU_ASSERT_EQUAL(sscanf(line(1) + (strstr(text, "ENDPOINT") - text),
			       "%39s %39s %39s %39s %39s %39s %39s %39s %39s %39s %39s %39s "
			       "%39s %39s %39s %39s %39s %39s",
			       word[0], word[1], word[2], word[3], word[4], word[5], word[6],
			       word[7], word[8], word[9], word[10], word[11], word[12], word[13],
			       word[14], word[15], word[16], word[17]),
			18);
	static const char *const want[] = {
		"s3.amazonaws.com", "0.576", "4.000",	 "2.000", "3.000",   "12.000",
		"10.000",	    "0.000", "2.000",	 "0.346", "0.000",   "1",
		"5000000000",	    "0",     "complete", "boto3", "openssl", "10.0.0.7:443"};
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		CU_ASSERT_STRING_EQUAL(word[i], want[i]);
	free(text);
}

/* A long or a wide value moves its own row, whole, and no other. */
static void test_table_long_values(void)
{
	static char path[20000];

	memset(path, 'p', sizeof(path) - 1);
	make_request();
	request.bucket = "a-bucket-with-a-name-of-more-than-thirty-characters";
	request.path = path;
	printed("table", false, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, " a-bucket-with-a-name-of-more-than-thirty-characters "
					    "s3.amazonaws.com         ppp"));
	CU_ASSERT_EQUAL(strlen(strrchr(text, ' ') + 1), sizeof(path));
	free(text);
	make_request();
	request.comm = "d\303\244m\303\266n";
	printed("table", false, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, " d\303\244m\303\266n           PutObject "));
	free(text);
}

static void test_simple(void)
{
	in_utc();
	make_request();
	CU_ASSERT_STRING_EQUAL(printed("simple", false, 1),
			       "12:00:01.123 boto3 PutObject logs/2026/a.gz 200 12.346 ms\n");
	free(text);
	request.status = 503;
	request.error_code = "SlowDown";
	request.key = NULL;
	CU_ASSERT_STRING_EQUAL(printed("simple", false, 1),
			       "12:00:01.123 boto3 PutObject logs 503 12.346 ms SlowDown\n");
	free(text);
	/* To the nearest microsecond. */
	request.latency_ns = 12345499;
	CU_ASSERT_PTR_NOT_NULL(strstr(printed("simple", false, 1), " 12.345 ms"));
	free(text);
	request.latency_ns = 12345500;
	CU_ASSERT_PTR_NOT_NULL(strstr(printed("simple", false, 1), " 12.346 ms"));
	free(text);
	make_unknown();
	CU_ASSERT_STRING_EQUAL(printed("simple", false, 1),
			       "12:00:01.123 curl GET - - 5000.000 ms no_response\n");
	free(text);
	request.endpoint = "host:81";
	request.path = "/metrics";
	CU_ASSERT_STRING_EQUAL(printed("simple", false, 1),
			       "12:00:01.123 curl GET host:81/metrics - 5000.000 ms no_response\n");
	free(text);
}

/* --calls: the attempts and their back-off, in words and in columns. */
static void test_calls(void)
{
	in_utc();
	make_request();
	extras = EXTRA_CALLS;
	request.attempts = 3;
	request.status = 503;
	strcpy(request.first_error, "503 SlowDown");
	CU_ASSERT_STRING_EQUAL(printed("simple", false, 1),
			       "12:00:01.123 boto3 PutObject logs/2026/a.gz 503 12.346 ms "
			       "attempts=3 backoff=250.000\n");
	free(text);
	CU_ASSERT_PTR_NOT_NULL(strstr(printed("json", false, 1),
				      ",\"backoff_ms\":250.000001,\"attempts\":3,"
				      "\"first_error\":\"503 SlowDown\","
				      "\"throttled_ms\":260.000000,\"state\":"));
	free(text);
	printed("table", false, 1);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, " STATUS WHY            ATTEMPTS   BACKOFF FIRST_ERROR  BUCKET "));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "    503 upload                3   250.000 503 SlowDown logs "));
	free(text);
	request.first_error[0] = '\0';
	request.attempts = 1;
	CU_ASSERT_PTR_NULL(strstr(printed("simple", false, 1), "attempts"));
	free(text);
	CU_ASSERT_PTR_NOT_NULL(strstr(printed("json", false, 1), ",\"first_error\":null,"));
	free(text);
	extras = 0;
	CU_ASSERT_PTR_NULL(strstr(printed("json", false, 1), "first_error"));
	free(text);
}

/* --pending: what is waited for. */
static void test_pending(void)
{
	in_utc();
	make_unknown();
	extras = EXTRA_PENDING;
	request.state = REQUEST_PENDING;
	request.waiting_for = "response";
	CU_ASSERT_STRING_EQUAL(printed("simple", false, 1),
			       "12:00:01.123 curl GET - - 5000.000 ms pending for response\n");
	free(text);
	CU_ASSERT_PTR_NOT_NULL(strstr(printed("json", false, 1),
				      ",\"state\":\"pending\",\"waiting_for\":\"response\","));
	free(text);
	printed("table", false, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, " STATUS WHY            WAITS_FOR BUCKET "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "      - -              response  - "));
	free(text);
	extras = 0;
}

static void test_local_time(void)
{
	setenv("TZ", "XXX-5:30", 1);
	tzset();
	make_request();
	CU_ASSERT_EQUAL(strncmp(printed("simple", false, 1), "17:30:01.123 ", 13), 0);
	free(text);
	in_utc();
}

/* The words of the last second are kept: every row still has its own. */
static void test_seconds(void)
{
	static const struct {
		int64_t time_ns;
		const char *local, *utc;
	} rows[] = {
		{INT64_C(1769860801999999999), "17:30:01.999", "2026-01-31T12:00:01.999999Z"},
		{INT64_C(1769860802000000000), "17:30:02.000", "2026-01-31T12:00:02.000000Z"},
		{INT64_C(1769860801000001000), "17:30:01.000", "2026-01-31T12:00:01.000001Z"},
		{0, "05:30:00.000", "1970-01-01T00:00:00.000000Z"},
		{-1, "05:29:59.999", "1969-12-31T23:59:59.999999Z"},
		{INT64_C(1769904000000000000), "05:30:00.000", "2026-02-01T00:00:00.000000Z"},
	};
	struct cell cell = {0};

	setenv("TZ", "XXX-5:30", 1);
	tzset();
	for (int i = 0; i < 40; i++) {
		int k = i * 7 % 20 / 2 % 6; /* some twice in a row */

		CU_ASSERT_STRING_EQUAL(column_clock(&rows[k].time_ns, &cell), rows[k].local);
		CU_ASSERT_STRING_EQUAL(column_timestamp(&rows[k].time_ns, &cell), rows[k].utc);
	}
	in_utc();
}

/* Around the size of the buffer that a line is put together in: nothing is
 * lost, doubled or moved. */
static void test_long_lines(void)
{
	static const char *const names[] = {"table", "simple", "csv"};
	static char path[9000];

	for (size_t s = 0; s < sizeof(names) / sizeof(names[0]); s++) {
		for (size_t n = 3800; n<sizeof(path) - 1; n += n> 4200 && n < 8000 ? 900 : 1) {
			memset(path, 'p', n);
			strcpy(path + n, "\"");
			make_unknown();
			request.path = path;
			printed(names[s], false, 1);
			CU_ASSERT_EQUAL(strspn(strstr(text, "ppp"), "p"), n);
			char *end = strstr(text, "ppp") + n;
			CU_ASSERT(s == 2 ? strncmp(end, "\"\"\",", 4) == 0 : *end == '"');
			CU_ASSERT_PTR_NULL(strstr(end, "pp"));
			CU_ASSERT_EQUAL(text[strlen(text) - 1], '\n');
			free(text);
		}
	}
}

/* --- CSV ------------------------------------------------------------------- */

/* Reads one cell of RFC 4180 at *p and moves on; false at the line's end. */
static bool next_cell(const char **p, char *out)
{
	bool quoted = **p == '"';

	if (!**p)
		return false;
	for (*p += quoted; **p && (quoted || (**p != ',' && **p != '\n')); (*p)++) {
		if (quoted && **p == '"') {
			if ((*p)[1] != '"')
				break;
			(*p)++;
		}
		*out++ = **p;
	}
	*p += quoted;
	*out = '\0';
	CU_ASSERT(**p == ',' || **p == '\n');
	(*p)++;
	return (*p)[-1] == ',' || *out == '\0';
}

static void test_csv(void)
{
	static const char *const awkward[] = {"plain", "a,b",  "say \"hi\"", "\"",	     ",",
					      " x ",   "=1+1", "\"\"a",	     "\303\244\\\\x"};
	char name[64], cell[256];

	in_utc();
	for (size_t i = 0; i < sizeof(awkward) / sizeof(awkward[0]); i++) {
		make_request();
		request.key = awkward[i];
		printed("csv", false, 1);
		const char *names = text, *cells = strchr(text, '\n') + 1;
		int found = 0;
		while (*cells) {
			next_cell(&names, name);
			next_cell(&cells, cell);
			found += strcmp(name, "key") == 0 && strcmp(cell, awkward[i]) == 0;
			found += strcmp(name, "latency_ms") == 0 && strcmp(cell, "12.345678") == 0;
			found += strcmp(name, "stall_ms") == 0 && strcmp(cell, "0.000007") == 0;
			found += strcmp(name, "error_code") == 0 && strcmp(cell, "") == 0;
			found += strcmp(name, "request_size") == 0 &&
				 strcmp(cell, "5000000000") == 0;
			found += strcmp(name, "timestamp") == 0 &&
				 strcmp(cell, "2026-01-31T12:00:01.123456Z") == 0;
		}
		CU_ASSERT_EQUAL(found, 6);
		free(text);
	}
	make_unknown();
	printed("csv", false, 1);
	CU_ASSERT_STRING_EQUAL(
		line(1), "2026-01-31T12:00:01.123456Z,1,1,curl,0,GET,,,,,,,,5000.000000,,"
			 "0.000001,0.000000,4999.999999,0.000000,0.000000,,,,,,,,,,,true,,,,,,,,,"
			 "no_response,,,http,2,7,,,,,,,,,,,,,,false,false");
	free(text);
}

/* --- JSON ------------------------------------------------------------------ */

static json_t *parsed(void)
{
	json_error_t error;
	json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	CU_ASSERT_PTR_NOT_NULL_FATAL(object);
	CU_ASSERT_EQUAL(strlen(text), strcspn(text, "\n") + 1);
	return object;
}

static void test_json_text(void)
{
	make_request();
	lost = 5;
	CU_ASSERT_STRING_EQUAL(
		printed("json", false, 1),
		"{\"timestamp\":\"2026-01-31T12:00:01.123456Z\",\"pid\":4242,\"tid\":4243,"
		"\"comm\":\"boto3\",\"uid\":1000,\"method\":\"PUT\",\"operation\":\"PutObject\","
		"\"log_operation\":\"REST.PUT.OBJECT\","
		"\"bucket\":\"logs\",\"key\":\"2026/a.gz\",\"endpoint\":\"s3.amazonaws.com\","
		"\"region\":\"us-east-1\","
		"\"path\":\"/logs/2026/a.gz?x-id=PutObject\",\"latency_ms\":12.345678,"
		"\"ttfb_ms\":12.000001,\"phases\":{\"send_ms\":10.000000,\"expect_ms\":0.000000,"
		"\"wait_ms\":2.000001,\"recv_ms\":0.345670,\"stall_ms\":0.000007},"
		"\"why\":\"upload\",\"why_ms\":10.000000,\"why_share\":0.576,"
		"\"felt_ms\":17.345681,\"retransmits\":1,\"retransmit_ms\":4.000000,"
		"\"request_size\":5000000000,\"response_size\":0,"
		"\"throughput_mb_s\":416666.631944,\"status_code\":200,"
		"\"is_error\":false,\"error_code\":null,\"error_message\":null,\"request_id\":"
		"\"TX01\",\"host_id\":\"h/"
		"1=\","
		"\"attempt\":2,\"max_attempts\":3,\"invocation_id\":\"aa-11\","
		"\"backoff_ms\":250.000001,"
		"\"state\":\"complete\",\"client_type\":\"boto3\","
		"\"client_version\":\"1.26.27\",\"via\":\"openssl\",\"http_version\":\"1.1\","
		"\"stream_id\":null,\"fd\":7,"
		"\"local_address\":\"2000::1\",\"local_port\":50000,"
		"\"peer_address\":\"10.0.0.7\",\"peer_port\":443,"
		"\"connection\":{\"id\":9007199254740991,\"request_number\":2,"
		"\"reused\":true,\"idle_ms\":1.000001,\"dns_ms\":4.000001,"
		"\"connect_ms\":2.000003,\"tls_ms\":3.000000,\"tls_resumed\":true},"
		"\"is_s3\":true,\"truncated\":false,\"lost\":5}\n");
	free(text);
	make_unknown();
	CU_ASSERT_STRING_EQUAL(
		printed("json", false, 1),
		"{\"timestamp\":\"2026-01-31T12:00:01.123456Z\",\"pid\":1,\"tid\":1,"
		"\"comm\":\"curl\",\"uid\":0,\"method\":\"GET\",\"operation\":null,"
		"\"log_operation\":null,\"bucket\":null,\"key\":null,\"endpoint\":null,"
		"\"region\":null,\"path\":null,"
		"\"latency_ms\":5000.000000,\"ttfb_ms\":null,\"phases\":{\"send_ms\":0.000001,"
		"\"expect_ms\":0.000000,\"wait_ms\":4999.999999,\"recv_ms\":0.000000,"
		"\"stall_ms\":0.000000},\"why\":null,\"why_ms\":null,\"why_share\":null,"
		"\"felt_ms\":null,\"retransmits\":null,\"retransmit_ms\":null,"
		"\"request_size\":null,\"response_size\":null,"
		"\"throughput_mb_s\":null,"
		"\"status_code\":null,\"is_error\":true,\"error_code\":null,\"error_message\":null,"
		"\"request_id\":null,"
		"\"host_id\":null,\"attempt\":null,\"max_attempts\":null,"
		"\"invocation_id\":null,\"backoff_ms\":null,\"state\":\"no_response\",\"client_"
		"type\":null,\"client_version\":null,\"via\":\"http\",\"http_version\":\"2\","
		"\"stream_id\":7,"
		"\"fd\":null,\"local_address\":null,\"local_port\":null,"
		"\"peer_address\":null,\"peer_port\":null,\"connection\":{\"id\":null,"
		"\"request_number\":null,\"reused\":null,\"idle_ms\":null,\"dns_ms\":null,"
		"\"connect_ms\":null,\"tls_ms\":null,\"tls_resumed\":null},\"is_s3\":false,"
		"\"truncated\":false,"
		"\"lost\":5}\n");
	free(text);
	lost = 0;
}

/* A decimal fraction of milliseconds as nanoseconds, without floating point. */
static int64_t ns_of(const char *json, const char *name)
{
	char key[32];
	int64_t ns = 0;
	int decimals = -1;

	snprintf(key, sizeof(key), "\"%s\":", name);
	const char *p = strstr(json, key);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	for (p += strlen(key); (*p >= '0' && *p <= '9') || *p == '.'; p++) {
		if (*p == '.') {
			decimals = 0;
			continue;
		}
		ns = ns * 10 + (*p - '0');
		decimals += decimals >= 0;
	}
	CU_ASSERT_EQUAL(decimals, 6);
	return ns;
}

static void test_json_sums(void)
{
	uint64_t state = 88172645463325252u;

	for (int i = 0; i < 2000; i++) {
		int64_t *phase[] = {&request.send_ns, &request.expect_ns, &request.wait_ns,
				    &request.recv_ns, &request.stall_ns};
		make_request();
		request.latency_ns = 0;
		for (size_t j = 0; j < 5; j++) {
			state ^= state << 13, state ^= state >> 7, state ^= state << 17;
			/* From nothing to three months. */
			*phase[j] = (int64_t)(state >> (11 + (state & 63) % 53));
			request.latency_ns += *phase[j];
		}
		printed("json", false, 1);
		CU_ASSERT_EQUAL(ns_of(text, "latency_ms"), request.latency_ns);
		CU_ASSERT_EQUAL(ns_of(text, "send_ms") + ns_of(text, "expect_ms") +
					ns_of(text, "wait_ms") + ns_of(text, "recv_ms") +
					ns_of(text, "stall_ms"),
				request.latency_ns);
		/* What a reader's double makes of it is the nearest there is. */
		if (request.latency_ns < INT64_C(1000000000000000)) {
			json_t *object = parsed();
			CU_ASSERT_EQUAL(json_real_value(json_object_get(object, "latency_ms")),
					(double)request.latency_ns / 1e6);
			json_decref(object);
		}
		free(text);
	}
}

/* One sink, rows of changing shape: nothing of one row shows in the next. */
static void test_json_values(void)
{
	static const char *const texts[] = {NULL,
					    "",
					    "a",
					    "say \"hi\"",
					    "back\\\\slash",
					    "\\x1b[31m",
					    "\303\244\342\202\254\360\237\230\200",
					    "/",
					    "null",
					    "<&>"};
	static const struct {
		const char *key;
		size_t offset;
	} strings[] = {
		{"comm", offsetof(struct request, comm)},
		{"method", offsetof(struct request, method)},
		{"operation", offsetof(struct request, operation)},
		{"log_operation", offsetof(struct request, log_operation)},
		{"bucket", offsetof(struct request, bucket)},
		{"key", offsetof(struct request, key)},
		{"endpoint", offsetof(struct request, endpoint)},
		{"region", offsetof(struct request, region)},
		{"path", offsetof(struct request, path)},
		{"error_code", offsetof(struct request, error_code)},
		{"error_message", offsetof(struct request, error_message)},
		{"request_id", offsetof(struct request, request_id)},
		{"host_id", offsetof(struct request, host_id)},
		{"invocation_id", offsetof(struct request, invocation_id)},
		{"client_type", offsetof(struct request, client_type)},
		{"client_version", offsetof(struct request, client_version)},
		{"via", offsetof(struct request, via)},
		{"http_version", offsetof(struct request, http_version)},
	};
	const size_t n = sizeof(texts) / sizeof(texts[0]);
	struct output output = {.lost = NULL};
	size_t size;
	FILE *file = open_memstream(&text, &size);

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL_FATAL(sink_open(&output, sink_find("json"), file), 0);
	for (size_t i = 0; i < 200; i++) {
		make_request();
		for (size_t j = 0; j < sizeof(strings) / sizeof(strings[0]); j++)
			*(const char **)((char *)&request + strings[j].offset) =
				texts[(i * 7 + j * (i % 3 + 1)) % n];
		request.status = i % 3 ? (int)i : -1;
		request.fd = i % 5 ? (int)i : -1;
		request.request_size = i % 2 ? INT64_MAX : -1;
		request.is_error = i % 2;
		request.truncated = i % 4 == 1;
		rewind(file);
		CU_ASSERT_EQUAL(sink_emit(&output, &request), 0);
		CU_ASSERT_EQUAL(sink_flush(&output), 0);
		text[size] = '\0';
		json_t *object = parsed();
		for (size_t j = 0; j < sizeof(strings) / sizeof(strings[0]); j++) {
			const char *want = *(const char **)((char *)&request + strings[j].offset);
			const char *got =
				json_string_value(json_object_get(object, strings[j].key));
			CU_ASSERT((!want && !got) || (want && got && strcmp(want, got) == 0));
		}
		json_t *status = json_object_get(object, "status_code");
		CU_ASSERT(request.status < 0 ? json_is_null(status)
					     : json_integer_value(status) == request.status);
		json_t *fd = json_object_get(object, "fd");
		CU_ASSERT(request.fd < 0 ? json_is_null(fd) : json_integer_value(fd) == request.fd);
		json_t *bytes = json_object_get(object, "request_size");
		CU_ASSERT(i % 2 ? json_integer_value(bytes) == INT64_MAX : json_is_null(bytes));
		CU_ASSERT_EQUAL(json_is_true(json_object_get(object, "is_error")), i % 2);
		CU_ASSERT_EQUAL(json_is_true(json_object_get(object, "truncated")), i % 4 == 1);
		CU_ASSERT(json_is_null(json_object_get(object, "lost")));
		json_decref(object);
	}
	sink_close(&output);
	fclose(file);
	free(text);
}

static void test_json_long(void)
{
	static char path[24000];

	memset(path, '"', sizeof(path) - 1);
	make_request();
	request.path = path;
	printed("json", false, 1);
	json_t *object = parsed();
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(object, "path")), path);
	json_decref(object);
	free(text);
}

/* A short line, then one longer by any number of bytes: wherever the buffer of
 * the first ends within the second, that one is whole. */
static void test_json_growing(void)
{
	static char path[1500];
	size_t size;

	make_request();
	for (size_t n = 0; n + 1 < sizeof(path); n++) {
		struct output output = {.lost = &lost};
		FILE *file = open_memstream(&text, &size);
		CU_ASSERT_PTR_NOT_NULL_FATAL(file);
		CU_ASSERT_EQUAL_FATAL(sink_open(&output, sink_find("json"), file), 0);
		request.path = "";
		CU_ASSERT_EQUAL(sink_emit(&output, &request), 0);
		rewind(file);
		path[n] = 'p';
		request.path = path;
		CU_ASSERT_EQUAL(sink_emit(&output, &request), 0);
		sink_close(&output);
		fclose(file);
		json_t *object = parsed();
		CU_ASSERT_EQUAL(json_string_length(json_object_get(object, "path")), n + 1);
		CU_ASSERT_EQUAL(json_object_size(object), 50);
		json_decref(object);
		free(text);
	}
}

/* Whether the manual has an entry for the key. */
static bool in_manual(const char *manual, const char *key)
{
	char entry[64];

	snprintf(entry, sizeof(entry), "\n.It Va %s\n", key);
	return strstr(manual, entry) != NULL;
}

/* Keys of the object that the manual explains, of any depth. */
static size_t explained(const json_t *object, const char *manual)
{
	const char *key;
	json_t *value;
	size_t n = 0;

	json_object_foreach ((json_t *)object, key, value) {
		if (!in_manual(manual, key))
			printf("\n  not in s3slower-json(5): %s\n", key);
		CU_ASSERT(in_manual(manual, key));
		n += 1 + (json_is_object(value) ? explained(value, manual) : 0);
	}
	return n;
}

static void test_json_manual(void)
{
	static char manual[65536];
	size_t entries = 0;
	FILE *file = fopen("man/s3slower-json.5", "r");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	manual[fread(manual, 1, sizeof(manual) - 1, file)] = '\0';
	fclose(file);
	*strstr(manual, "\n.Sh JOBS\n") = '\0'; /* those: job_column.c */
	for (const char *p = manual; (p = strstr(p, "\n.It Va ")); p++)
		entries++;
	make_request();
	extras = ~0u;
	printed("json", false, 1);
	extras = 0;
	json_t *object = parsed();
	CU_ASSERT_EQUAL(explained(object, manual), entries);
	json_decref(object);
	free(text);
}

/* CSV's columns are JSON's keys, objects in line, in the same order; what is called
 * "id" within one has the object's name in front. */
static void test_csv_names_are_json_keys(void)
{
	char name[64];

	make_request();
	extras = ~0u;
	printed("json", false, 1);
	char *json = text;
	printed("csv", false, 0);
	extras = 0;
	const char *at = json;
	for (const char *p = text; *p;) {
		char key[80];
		next_cell(&p, name);
		snprintf(key, sizeof(key),
			 "\"%s\":", strcmp(name, "connection_id") == 0 ? "id" : name);
		const char *found = strstr(at, key);
		CU_ASSERT_PTR_NOT_NULL(found);
		at = found ? found : at;
	}
	free(json);
	free(text);
}

/* --- when things go wrong -------------------------------------------------- */

struct trouble {
	int writes_left; /* then it fails with error */
	int error;
	size_t written;
};

static ssize_t troubled_write(void *cookie, const char *buf, size_t size)
{
	struct trouble *trouble = cookie;

	(void)buf;
	if (trouble->writes_left-- <= 0) {
		if (trouble->error)
			errno = trouble->error;
		return 0;
	}
	trouble->written += size;
	return (ssize_t)size;
}

static FILE *troubled_file(struct trouble *trouble)
{
	FILE *file = fopencookie(trouble, "w", (cookie_io_functions_t){.write = troubled_write});

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	setvbuf(file, NULL, _IONBF, 0);
	return file;
}

/* The reader goes away at each of the first writes: the very call says so. */
static void test_write_errors(void)
{
	static const int errors[] = {EPIPE, ENOSPC, EIO};
	const struct sink *sink;

	make_request();
	for (size_t s = 0; (sink = sink_at(s)); s++) {
		for (int n = 0; n < 20; n++) {
			struct trouble trouble = {n, errors[n % 3], 0};
			struct output output = {.lost = &lost};
			FILE *file = troubled_file(&trouble);
			int error = sink_open(&output, sink, file);
			for (int i = 0; i < 40 && !error; i++)
				error = sink_emit(&output, &request);
			CU_ASSERT_EQUAL(error, -errors[n % 3]);
			/* Once there is room again, rows go on. */
			trouble.writes_left = 10000;
			if (output.sink)
				CU_ASSERT_EQUAL(sink_emit(&output, &request), 0);
			sink_close(&output);
			fclose(file);
		}
	}
}

/* A stream that fails without a reason, after a call that left one behind. */
static void test_error_without_errno(void)
{
	struct trouble trouble = {1, 0, 0};
	struct output output = {.lost = &lost};
	FILE *file = troubled_file(&trouble);

	make_request();
	CU_ASSERT_EQUAL(sink_open(&output, sink_find("json"), file), 0);
	CU_ASSERT_EQUAL(sink_emit(&output, &request), 0);
	errno = ENOENT;
	CU_ASSERT_EQUAL(sink_emit(&output, &request), -EIO);
	sink_close(&output);
	fclose(file);
}

static void test_full_disk(void)
{
	const struct sink *sink;

	make_request();
	for (size_t s = 0; (sink = sink_at(s)); s++) {
		struct output output = {.lost = &lost};
		FILE *file = fopen("/dev/full", "w");
		CU_ASSERT_PTR_NOT_NULL_FATAL(file);
		CU_ASSERT_EQUAL(sink_open(&output, sink, file), 0);
		CU_ASSERT_EQUAL(sink_emit(&output, &request), 0);
		CU_ASSERT_EQUAL(sink_flush(&output), -ENOSPC);
		sink_close(&output);
		fclose(file);
	}
}

static int allocations_left;

static void *scarce_malloc(size_t size)
{
	return allocations_left-- > 0 ? malloc(size) : NULL;
}

/* Texts that were shown are kept: another one is never taken for them, of the
 * same length or beginning, nor one that came and went. */
static void test_json_changes(void)
{
	static const char *const keys[] = {"a", "b",  NULL, "b",	"bc", "b", "",	NULL,
					   "",	"\"", "\\", "\303\251", "a",  "a", "aa"};
	struct output output = {.lost = &lost};
	size_t size, n = sizeof(keys) / sizeof(keys[0]);
	FILE *file = open_memstream(&text, &size);

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	make_request();
	CU_ASSERT_EQUAL_FATAL(sink_open(&output, sink_find("json"), file), 0);
	for (size_t i = 0; i < n * n; i++) {
		request.key = keys[i / n];
		request.error_code = keys[i % n];
		rewind(file);
		CU_ASSERT_EQUAL(sink_emit(&output, &request), 0);
		fflush(file);
		strchr(text, '\n')[1] = '\0'; /* of a longer line before */
		json_t *object = parsed();
		const char *key = json_string_value(json_object_get(object, "key"));
		const char *code = json_string_value(json_object_get(object, "error_code"));
		CU_ASSERT(request.key ? key && !strcmp(key, request.key) : !key);
		CU_ASSERT(request.error_code ? code && !strcmp(code, request.error_code) : !code);
		CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(object, "bucket")),
				       "logs");
		json_decref(object);
	}
	sink_close(&output);
	fclose(file);
	free(text);
}

/* Each allocation that jansson asks for fails once: no crash, no leak, no half
 * line, and the sink is as good as new afterwards. */
static void test_short_of_memory(void)
{
	int n = 0, error = -ENOMEM;

	make_request();
	json_set_alloc_funcs(scarce_malloc, free);
	for (; error && n < 2000; n++) {
		struct output output = {.lost = &lost};
		size_t size;
		FILE *file = open_memstream(&text, &size);
		CU_ASSERT_PTR_NOT_NULL_FATAL(file);
		allocations_left = n;
		error = sink_open(&output, sink_find("json"), file);
		if (!error) {
			error = sink_emit(&output, &request);
			allocations_left = 1000;
			CU_ASSERT_EQUAL(sink_emit(&output, &request), 0);
		}
		CU_ASSERT(error == 0 || error == -ENOMEM);
		sink_close(&output);
		fclose(file);
		size_t end = strlen(text);
		CU_ASSERT(end == 0 || (text[0] == '{' && text[end - 1] == '\n'));
		CU_ASSERT(end == 0 || strstr(text, "\"comm\":\"boto3\",\"uid\":1000,"));
		CU_ASSERT(end == 0 || strstr(text, "\"via\":\"openssl\",\"http_version\":\"1.1\","
						   "\"stream_id\":null,\"fd\":7,"));
		free(text);
	}
	json_set_alloc_funcs(malloc, free);
	CU_ASSERT(n > 50);
	CU_ASSERT_EQUAL(error, 0);
}

CU_TestInfo sink_tests[] = {
	{"find", test_find},
	{"table", test_table},
	{"table --wide", test_table_wide},
	{"table with long values", test_table_long_values},
	{"simple", test_simple},
	{"calls", test_calls},
	{"pending", test_pending},
	{"local time", test_local_time},
	{"seconds", test_seconds},
	{"long lines", test_long_lines},
	{"csv", test_csv},
	{"csv has the keys of json", test_csv_names_are_json_keys},
	{"json text", test_json_text},
	{"json phases add up", test_json_sums},
	{"json values read back", test_json_values},
	{"json with long values", test_json_long},
	{"json with growing values", test_json_growing},
	{"json with changing values", test_json_changes},
	{"json keys are in the manual", test_json_manual},
	{"write errors", test_write_errors},
	{"an error without a reason", test_error_without_errno},
	{"a full disk", test_full_disk},
	{"short of memory", test_short_of_memory},
	CU_TEST_INFO_NULL,
};
