/* SPDX-License-Identifier: Apache-2.0 */
/* What sinks show of a job, and the list of those that took longest. */
#include "output/job_column.h"

#include <CUnit/CUnit.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "output/jobs.h"
#include "output/sink.h"
#include "parsers/extra.h"

static struct job job;
static char *text; /* what was printed last, to be freed by the test */

/* 12:00:01.123456789 UTC on 31 January 2026. */
static void make_job(void)
{
	job = (struct job){
		.kind = JOB_MULTIPART_UPLOAD,
		.state = JOB_COMPLETE,
		.time_ns = INT64_C(1769860801123456789),
		.duration_ns = 2000000001,
		.busy_ns = 1700000000,
		.gap_ns = 200000001,
		.longest_gap_ns = 150000000,
		.complete_ns = 100000000,
		.parts = 37,
		.requests = 39,
		.retried = 2,
		.failed = 1,
		.errors = 3,
		.bytes = 82345678,
		.throughput = 41172839,
		.concurrency = 3.9876,
		.max_concurrency = 5,
		.median_ns = 100000000,
		.times_median = 9.0004,
		.slowest = {.time_ns = INT64_C(1769860802123456789),
			    .latency_ns = 900040000,
			    .number = 17,
			    .first = -1,
			    .last = -1,
			    .status = 200,
			    .request_id = "RID17",
			    .ends = {.peer = {0, 0x0700000affff0000}, .peer_port = 443}},
		.pid = 4242,
		.tid = 4243,
		.uid = 1000,
		.processes = 1,
		.client_type = "boto3",
		.comm = "python3",
		.bucket = "logs",
		.key = "2026/\"a\",.gz",
		.endpoint = "s3.lan",
		.upload_id = "A1",
	};
	setenv("TZ", "UTC", 1);
	tzset();
}

static char *printed(const char *name, bool wide, unsigned extras)
{
	static const uint64_t lost = 5;
	struct output output = {.jobs = true, .wide = wide, .extras = extras, .lost = &lost};
	size_t size;
	FILE *file = open_memstream(&text, &size);

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL_FATAL(sink_open(&output, sink_find(name), file), 0);
	CU_ASSERT_EQUAL(sink_emit_job(&output, &job), 0);
	CU_ASSERT_EQUAL(sink_flush(&output), 0);
	sink_close(&output);
	fclose(file);
	return text;
}

static void every_sink_shows_jobs(void)
{
	for (size_t i = 0; sink_at(i); i++)
		CU_ASSERT_PTR_NOT_NULL(sink_at(i)->emit_job);
}

static void in_a_table(void)
{
	make_job();
	CU_ASSERT_STRING_EQUAL(
		printed("table", false, 0),
		"TIME         PID     COMM            JOB              STATE      TIME(ms) PARTS "
		"RETRIED FAILED      MB/s  AT_ONCE      GAPS SLOWEST                   PART(ms)  "
		"xMEDIAN BUCKET           KEY\n"
		"12:00:01.123 4242    python3         multipart_upload complete   2000.000    37 "
		"      2      1     41.17    3.988   200.000 part 17                    900.040    "
		"9.000 logs             2026/\"a\",.gz\n");
	free(text);
	printed("table", true, EXTRA_UID);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, " UID "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, " 10.0.0.7:443 "));
	free(text);
	job.slowest.number = -1;
	CU_ASSERT_PTR_NOT_NULL(strstr(printed("table", false, 0), "  200.000 -     "));
	free(text);
	job.slowest.first = 8388608;
	CU_ASSERT_PTR_NOT_NULL(strstr(printed("table", false, 0), " bytes 8388608-  "));
	free(text);
	job.slowest.last = 16777215;
	CU_ASSERT_PTR_NOT_NULL(strstr(printed("table", false, 0), " bytes 8388608-16777215 "));
	free(text);
}

static void in_words(void)
{
	make_job();
	CU_ASSERT_STRING_EQUAL(printed("simple", false, 0),
			       "12:00:01.123 python3 multipart_upload logs/2026/\"a\",.gz complete "
			       "2000.000 ms parts=37 mb_s=41.17 slowest: part 17 900.040 ms\n");
	free(text);
}

static void in_json(void)
{
	make_job();
	CU_ASSERT_STRING_EQUAL(
		printed("json", false, 0),
		"{\"timestamp\":\"2026-01-31T12:00:01.123456Z\",\"pid\":4242,\"tid\":4243,"
		"\"comm\":\"python3\",\"uid\":1000,\"operation\":\"multipart_upload\","
		"\"state\":\"complete\",\"bucket\":\"logs\",\"key\":\"2026/\\\"a\\\",.gz\","
		"\"endpoint\":\"s3.lan\",\"region\":null,\"upload_id\":\"A1\","
		"\"client_type\":\"boto3\",\"several_processes\":false,"
		"\"duration_ms\":2000.000001,\"busy_ms\":1700.000000,\"gap_ms\":200.000001,"
		"\"complete_ms\":100.000000,\"longest_gap_ms\":150.000000,\"parts\":37,"
		"\"retried_parts\":2,\"failed_parts\":1,\"part_requests\":39,"
		"\"failed_requests\":3,\"bytes\":82345678,\"throughput_mb_s\":41.172839,"
		"\"concurrency\":3.988,\"max_concurrency\":5,\"median_part_ms\":100.000000,"
		"\"slowest_part\":{\"number\":17,\"first_byte\":null,\"last_byte\":null,"
		"\"timestamp\":\"2026-01-31T12:00:02.123456Z\",\"latency_ms\":900.040000,"
		"\"times_median\":9.000,\"status_code\":200,\"request_id\":\"RID17\","
		"\"host_id\":null,\"peer_address\":\"10.0.0.7\",\"peer_port\":443},"
		"\"truncated\":false,\"lost\":5}\n");
	free(text);
	job.kind = JOB_RANGED_DOWNLOAD;
	job.state = JOB_OPEN;
	job.complete_ns = job.throughput = job.slowest.number = job.slowest.status = -1;
	job.slowest.first = 0;
	job.slowest.last = 99;
	job.times_median = -1;
	job.processes = 2;
	json_t *object = json_loads(printed("json", false, 0), JSON_REJECT_DUPLICATES, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(object);
	json_t *slowest = json_object_get(object, "slowest_part");
	CU_ASSERT(json_is_null(json_object_get(object, "complete_ms")));
	CU_ASSERT(json_is_null(json_object_get(object, "throughput_mb_s")));
	CU_ASSERT(json_is_true(json_object_get(object, "several_processes")));
	CU_ASSERT(json_is_null(json_object_get(slowest, "number")));
	CU_ASSERT(json_is_null(json_object_get(slowest, "status_code")));
	CU_ASSERT(json_is_null(json_object_get(slowest, "times_median")));
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(slowest, "last_byte")), 99);
	json_decref(object);
	free(text);
}

/* A name of CSV is the way to the value in JSON, and each value is in both. */
static void csv_names_are_ways(void)
{
	make_job();
	json_t *object = json_loads(printed("json", false, ~0u), 0, NULL);
	size_t names = 0, keys;
	char *rest;

	free(text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(object);
	rest = printed("csv", false, ~0u);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, ",logs,\"2026/\"\"a\"\",.gz\",s3.lan,"));
	*strchr(text, '\n') = '\0';
	for (char *name; (name = strsep(&rest, ",")); names++) {
		const json_t *in = object;
		char *dot = strchr(name, '.');

		if (dot) {
			*dot = '\0';
			in = json_object_get(object, name);
			name = dot + 1;
		}
		CU_ASSERT_PTR_NOT_NULL(json_object_get(in, name));
	}
	keys = json_object_size(object) + json_object_size(json_object_get(object, "slowest_part"));
	CU_ASSERT_EQUAL(names, keys - 2); /* slowest_part itself, and lost */
	json_decref(object);
	free(text);
}

static bool has_entry(const char *manual, const char *key)
{
	char entry[64];

	snprintf(entry, sizeof(entry), "\n.It Va %s\n", key);
	return strstr(manual, entry) != NULL;
}

/* Keys of the object that are explained under JOBS; the others are above. */
static size_t explained(json_t *object, const char *above, const char *jobs)
{
	const char *key;
	json_t *value;
	size_t n = 0;

	json_object_foreach (object, key, value) {
		if (!has_entry(above, key) && !has_entry(jobs, key))
			printf("\n  not in s3slower-json(5): %s\n", key);
		CU_ASSERT(has_entry(above, key) || has_entry(jobs, key));
		n += has_entry(jobs, key);
		n += json_is_object(value) ? explained(value, above, jobs) : 0;
	}
	return n;
}

static void keys_are_in_the_manual(void)
{
	static char manual[65536];
	size_t entries = 0;
	FILE *file = fopen("man/s3slower-json.5", "r");
	char *jobs, *summaries;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	manual[fread(manual, 1, sizeof(manual) - 1, file)] = '\0';
	fclose(file);
	jobs = strstr(manual, "\n.Sh JOBS\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(jobs);
	*jobs++ = '\0';
	summaries = strstr(jobs, "\n.Sh SUMMARIES\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(summaries);
	*summaries = '\0';
	for (const char *p = jobs; (p = strstr(p, "\n.It Va ")); p++)
		entries++;
	make_job();
	json_t *object = json_loads(printed("json", false, ~0u), 0, NULL);
	CU_ASSERT_EQUAL(explained(object, manual, jobs), entries);
	json_decref(object);
	free(text);
}

static char *listed(const struct longest *longest)
{
	size_t size;
	FILE *file = open_memstream(&text, &size);

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL(longest_print(longest, file), 0);
	fclose(file);
	return text;
}

static void the_longest_are_listed(void)
{
	struct longest *longest = longest_new();
	char *at;

	CU_ASSERT_STRING_EQUAL(listed(longest), "");
	free(text);
	CU_ASSERT_STRING_EQUAL(listed(NULL), "");
	free(text);
	make_job();
	for (int i = 0; i < 50; i++) {
		job.kind = i % 5 ? JOB_MULTIPART_UPLOAD : JOB_RANGED_DOWNLOAD;
		job.duration_ns = i * 17 % 50 * INT64_C(1000000);
		snprintf(job.key, sizeof(job.key), "took-%d", i * 17 % 50);
		longest_add(longest, &job);
	}
	at = listed(longest);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "Multipart uploads: 40, ranged downloads: 10; "));
	for (int i = 49; i >= 40 && at; i--) {
		char key[32];

		snprintf(key, sizeof(key), " took-%d\n", i);
		at = strstr(at, key);
		CU_ASSERT_PTR_NOT_NULL(at);
	}
	CU_ASSERT_PTR_NULL(strstr(text, " took-39\n"));
	free(text);
	longest_free(longest);
}

CU_TestInfo job_column_tests[] = {
	{"every sink shows jobs", every_sink_shows_jobs},
	{"in a table", in_a_table},
	{"in words", in_words},
	{"in json", in_json},
	{"csv names are ways", csv_names_are_ways},
	{"keys are in the manual", keys_are_in_the_manual},
	{"the longest are listed", the_longest_are_listed},
	CU_TEST_INFO_NULL,
};
