/* SPDX-License-Identifier: Apache-2.0 */
#include "output/bundle.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "parsers/kept.h"

#define NOON INT64_C(1767268800000000000) /* 2026-01-01T12:00:00Z */
#define MS INT64_C(1000000)

static struct output output;
static struct request request;
static char *text;
static size_t size;
static FILE *file;

static void begin(const struct sink *sink, uint64_t slowest)
{
	file = open_memstream(&text, &size);
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	output = (struct output){.slowest = slowest};
	CU_ASSERT_EQUAL_FATAL(sink_open(&output, sink, file), 0);
}

static const char *end(void)
{
	CU_ASSERT_EQUAL(sink_finish(&output), 0);
	sink_close(&output);
	fclose(file);
	return text;
}

/* Its texts are gone when the next one is made: the bundle has to have its own. */
static struct request *make(unsigned i, int64_t latency_ms, int status)
{
	memset(request.text, 'x', sizeof(request.text));
	request = (struct request){
		.state = REQUEST_COMPLETE,
		.time_ns = NOON + i * 1000 * MS,
		.status = status,
		.is_error = status >= 400,
		.latency_ns = latency_ms * MS,
		.ttfb_ns = -1,
		.request_size = -1,
		.response_size = 5368709120,
		.attempt = -1,
		.max_attempts = -1,
		.operation = "GetObject",
		.is_s3 = true,
	};
	request.key = request.text;
	request.text_used = (size_t)sprintf(request.text, "key-%u", i) + 1;
	request.request_id = request.text + request.text_used;
	request.text_used += (size_t)sprintf(request.text + request.text_used, "RID%u", i) + 1;
	return &request;
}

static void add(unsigned i, int64_t latency_ms, int status)
{
	CU_ASSERT_EQUAL(sink_emit(&output, make(i, latency_ms, status)), 0);
}

/* "slowest 1: key-3" and so on, in the order in which they are told. */
static const char *told(void)
{
	static char list[4096];
	char head[64] = "", key[64];
	size_t n = 0;

	list[0] = '\0';
	for (const char *p = text; *p; p = strchr(p, '\n') + 1) {
		if (sscanf(p, "slowest %63s", key) == 1 || sscanf(p, "failed %63s", key) == 1)
			snprintf(head, sizeof(head), "%.7s %.20s", p, key);
		if (sscanf(p, "  key %63s", key) == 1 && n < sizeof(list) - 200)
			n += (size_t)sprintf(list + n, "%s%.1s %s", n ? ", " : "", head, key);
	}
	return list;
}

static void the_slowest_and_the_failed(void)
{
	begin(&bundle_text_sink, 3);
	add(1, 10, 200);
	add(2, 30, 404);
	add(3, 20, 200);
	add(4, 30, 200);
	add(5, 5, 503);
	add(6, 40, 200);
	add(7, 6, 403);
	add(8, 30, 200);
	end();
	CU_ASSERT_STRING_EQUAL(told(), "s key-6, s key-2, s key-4, f key-5, f key-7");
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "requests: 8, failed: 3; the first began at "
					    "2026-01-01T12:00:01.000000Z, the last at "
					    "2026-01-01T12:00:08.000000Z\n"
					    "below: 3 slowest, 2 more that failed\n"));
	free(text);
}

static void fewer_than_asked_for(void)
{
	begin(&bundle_text_sink, 1000);
	add(1, 10, 200);
	add(2, 30, 500);
	end();
	CU_ASSERT_STRING_EQUAL(told(), "s key-2, s key-1");
	free(text);
	begin(&bundle_text_sink, 5);
	end();
	CU_ASSERT_STRING_EQUAL(told(), "");
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nrequests: 0, failed: 0\nbelow: 0 slowest, "));
	free(text);
}

/* Beyond the bound the latest are kept, and the others counted. */
static void failures_are_bounded(void)
{
	const char *list, *last;

	begin(&bundle_text_sink, 2);
	for (unsigned i = 1; i <= 2 * KEPT_MAX + 7; i++)
		add(i, i == 3 ? 1000 : 1, 503);
	end();
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "below: 2 slowest, 1000 more that failed; "
					    "not kept: 1005 earlier ones\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nslowest 1\n"));
	list = told();
	CU_ASSERT_EQUAL(strncmp(list, "s key-3, s key-1, f key-1008, f key-1009, ", 42), 0);
	last = strstr(text, "\nfailed 1000\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(last);
	CU_ASSERT_PTR_NOT_NULL(strstr(last, "key-2007"));
	free(text);
}

static void what_hangs_is_told_when_it_has_ended(void)
{
	begin(&bundle_text_sink, 3);
	make(1, 2000, -1)->state = REQUEST_PENDING;
	CU_ASSERT_EQUAL(sink_emit(&output, &request), 0);
	make(1, 5000, -1)->state = REQUEST_NO_RESPONSE;
	request.is_error = true;
	CU_ASSERT_EQUAL(sink_emit(&output, &request), 0);
	end();
	CU_ASSERT_STRING_EQUAL(told(), "s key-1");
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nrequests: 1, failed: 1;"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "  state             no_response\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "  HTTP status       -\n"));
	free(text);
}

static void facts_that_support_asks_for(void)
{
	begin(&bundle_text_sink, 1);
	make(1, 12, 503);
	request.host_id = "h/1=";
	request.error_code = "SlowDown";
	request.error_message = "Please reduce your request rate.";
	request.log_operation = "REST.GET.OBJECT";
	request.bucket = "logs";
	request.region = "eu-west-1";
	request.endpoint = "s3.eu-west-1.amazonaws.com";
	request.ends.peer[1] = 0x0700000affff0000;
	request.ends.peer_port = 443;
	request.ends.local[0] = 0x20;
	request.ends.local[1] = 0x0100000000000000;
	request.ends.local_port = 50000;
	request.method = "GET";
	request.path = "/logs/key-1?X-Amz-Signature=***";
	request.client_type = "boto3";
	request.client_version = "1.26.27";
	request.attempt = 2;
	request.max_attempts = 3;
	request.invocation_id = "aa-11";
	CU_ASSERT_EQUAL(sink_emit(&output, &request), 0);
	end();
	const char *block = strstr(text, "\nslowest 1\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(block);
	CU_ASSERT_STRING_EQUAL(block, "\nslowest 1\n"
				      "  time (UTC)        2026-01-01T12:00:01.000000Z\n"
				      "  x-amz-request-id  RID1\n"
				      "  x-amz-id-2        h/1=\n"
				      "  HTTP status       503\n"
				      "  error code        SlowDown\n"
				      "  error message     Please reduce your request rate.\n"
				      "  state             complete\n"
				      "  latency (ms)      12.000\n"
				      "  first byte (ms)   -\n"
				      "  operation         GetObject\n"
				      "  in access logs    REST.GET.OBJECT\n"
				      "  bucket            logs\n"
				      "  key               key-1\n"
				      "  region            eu-west-1\n"
				      "  endpoint          s3.eu-west-1.amazonaws.com\n"
				      "  peer              10.0.0.7:443\n"
				      "  source            [2000::1]:50000\n"
				      "  method            GET\n"
				      "  path              /logs/key-1?X-Amz-Signature=***\n"
				      "  bytes sent        -\n"
				      "  bytes received    5368709120\n"
				      "  client            boto3\n"
				      "  client version    1.26.27\n"
				      "  attempt           2 of 3\n"
				      "  invocation id     aa-11\n");
	free(text);
}

static void rows_of_json(void)
{
	static const char *const keys[] = {"key-3", "key-1", "key-2"};
	char *line;

	CU_ASSERT_PTR_EQUAL(bundle_sink(sink_find("json")), &bundle_json_sink);
	CU_ASSERT_PTR_EQUAL(bundle_sink(sink_find("csv")), &bundle_text_sink);
	begin(&bundle_json_sink, 2);
	add(1, 10, 200);
	add(2, 5, 404);
	add(3, 20, 200);
	add(4, 1, 200);
	end();
	line = strtok(text, "\n");
	for (size_t i = 0; i < 3; i++, line = strtok(NULL, "\n")) {
		json_t *row = line ? json_loads(line, 0, NULL) : NULL;
		const char *key = json_string_value(json_object_get(row, "key"));

		CU_ASSERT(key && strcmp(key, keys[i]) == 0);
		json_decref(row);
	}
	CU_ASSERT_PTR_NULL(line);
	free(text);
}

static void a_full_disk_is_said(void)
{
	static const struct sink *const sinks[] = {&bundle_text_sink, &bundle_json_sink};

	for (size_t i = 0; i < 2; i++) {
		FILE *full = fopen("/dev/full", "w");

		CU_ASSERT_PTR_NOT_NULL_FATAL(full);
		output = (struct output){.slowest = 1};
		CU_ASSERT_EQUAL(sink_open(&output, sinks[i], full), 0);
		add(1, 1, 200);
		CU_ASSERT_EQUAL(sink_flush(&output), 0);
		CU_ASSERT_EQUAL(sink_finish(&output), -ENOSPC);
		sink_close(&output);
		fclose(full);
	}
}

CU_TestInfo bundle_tests[] = {
	{"the slowest and the failed", the_slowest_and_the_failed},
	{"fewer than asked for", fewer_than_asked_for},
	{"failures are bounded", failures_are_bounded},
	{"what hangs is told when it has ended", what_hangs_is_told_when_it_has_ended},
	{"facts that support asks for", facts_that_support_asks_for},
	{"rows of JSON", rows_of_json},
	{"a full disk is said", a_full_disk_is_said},
	CU_TEST_INFO_NULL,
};
