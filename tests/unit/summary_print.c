/* SPDX-License-Identifier: Apache-2.0 */
#include "output/summary_print.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)
#define SECOND INT64_C(1000000000)

static struct summary *summary;
static struct counters counters;
static char *text;

static void begin(const char *first, const char *second)
{
	struct summary_options options = {.prefix_levels = 3, .n_by = second ? 2 : 1};

	options.by[0] = grouping_find(first);
	options.by[1] = second ? grouping_find(second) : NULL;
	summary = summary_new(&options);
	CU_ASSERT_PTR_NOT_NULL_FATAL(summary);
	memset(&counters, 0, sizeof(counters));
	/* The day is UTC's everywhere where this runs. */
	setenv("TZ", "UTC", 1);
}

static void end(void)
{
	summary_free(summary);
	free(text);
	text = NULL;
}

static int write_to(FILE *file, const char *format, bool interval)
{
	struct summary_report report = {summary, &counters, 1000 * SECOND, 1010 * SECOND, interval};
	const struct summary_format *f = summary_format_find(format);

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	return f->write(&report, file);
}

static const char *written(const char *format, bool interval)
{
	size_t size;
	FILE *file;

	free(text);
	file = open_memstream(&text, &size);
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL(write_to(file, format, interval), 0);
	fclose(file);
	return text;
}

static void add(const char *operation, const char *bucket, double ms, bool is_error)
{
	static struct request r;

	r = (struct request){.state = REQUEST_COMPLETE,
			     .is_s3 = operation != NULL,
			     .via = "openssl",
			     .method = "GET",
			     .operation = operation,
			     .bucket = bucket,
			     .key = "k",
			     .status = is_error ? 503 : 200,
			     .is_error = is_error,
			     .attempt = is_error ? 2 : 1,
			     .backoff_ns = is_error ? 100 * MS : -1,
			     .latency_ns = (int64_t)(ms * 1e6),
			     .request_size = 100,
			     .response_size = 23,
			     .number = is_error ? 1 : 2,
			     .dns_ns = -1,
			     .connect_ns = is_error ? 2 * MS : -1,
			     .tls_ns = is_error ? 3 * MS : -1};
	r.wait_ns = r.latency_ns;
	summary_add(summary, &r);
}

/* The i-th line that begins with name, in words with single blanks. */
static const char *row(const char *name, int i)
{
	static char out[256];
	const char *line = text;
	size_t n = 0;

	for (; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (strncmp(line, name, strlen(name)) == 0 && i-- == 0)
			break;
	for (; line && *line && *line != '\n' && n + 1 < sizeof(out); line++)
		if (*line != ' ' || (n && out[n - 1] != ' '))
			out[n++] = *line;
	out[n] = '\0';
	return out;
}

static void test_text(void)
{
	begin("operation", NULL);
	for (int i = 0; i < 100; i++)
		add("PutObject", "logs", i < 90 ? 10 : 1000, i % 50 == 0);
	add(NULL, NULL, 0.5, false);
	add("GetObject", "media", 2, false);
	add("GetObject", "media", 4, false);
	written("text", false);
	CU_ASSERT_STRING_EQUAL(row("Summary", 0),
			       "Summary of 10.0 s until 00:16:50, percentiles within 0.8 %:");
	CU_ASSERT_STRING_EQUAL(row("OPERATION", 0), "OPERATION COUNT ERRORS RETRIES AVG(ms) "
						    "P50(ms) P90(ms) P99(ms) MAX(ms) BYTES");
	double p50, p90, p99;
	CU_ASSERT_EQUAL(sscanf(row("PutObject", 0),
			       "PutObject 100 2 2 109.000 %lf %lf %lf 1000.000 12.3k", &p50, &p90,
			       &p99),
			3);
	CU_ASSERT_DOUBLE_EQUAL(p50, 10, 0.08);
	CU_ASSERT_DOUBLE_EQUAL(p90, 10, 0.08);
	CU_ASSERT_DOUBLE_EQUAL(p99, 1000, 8);
	CU_ASSERT_STRING_EQUAL(row("GET (not S3)", 0),
			       "GET (not S3) 1 0 0 0.500 0.500 0.500 0.500 0.500 123");
	CU_ASSERT_EQUAL(strncmp(row("(all)", 0), "(all) 103 2 2 ", 14), 0);
	/* The busiest first, all of them last. */
	CU_ASSERT(strstr(text, "PutObject") < strstr(text, "GetObject"));
	CU_ASSERT(strstr(text, "GetObject") < strstr(text, "GET (not S3)"));
	CU_ASSERT(strstr(text, "GET (not S3)") < strstr(text, "(all)"));
	/* 10.9 s, and 10 ms of set-up; no phase but one, and no column without data. */
	CU_ASSERT_STRING_EQUAL(row("OPERATION", 1), "OPERATION TIME(s) SEND% WAIT% RECV% CONNS "
						    "REQ/CONN SETUP(s) HANDSHAKE%");
	CU_ASSERT_STRING_EQUAL(row("PutObject", 1),
			       "PutObject 10.900 0.0 100.0 0.0 2 50.0 0.010 0.1");
	CU_ASSERT_STRING_EQUAL(row("GetObject", 1), "GetObject 0.006 0.0 100.0 0.0 0 - 0.000 0.0");
	CU_ASSERT_STRING_EQUAL(row("2 retries", 0), "2 retries, after 0.200 s of back-off.");
	CU_ASSERT_STRING_EQUAL(row("logs/", 0), "logs/ 10.900 99.9");
	CU_ASSERT_STRING_EQUAL(row("logs/", 1), "logs/ 2 100.0");
	/* Every line of a table is as long as its heading. */
	size_t width = strcspn(strstr(text, "OPERATION"), "\n");
	for (const char *line = strstr(text, "OPERATION"); *line != '\n'; line += width + 1)
		CU_ASSERT_EQUAL(strcspn(line, "\n"), width);
	CU_ASSERT(width <= 120);
	end();
}

static void test_without_data(void)
{
	begin("operation", NULL);
	/* At the end, only what was left out; of an interval, that there was nothing. */
	written("text", false);
	CU_ASSERT_EQUAL(strncmp(text, "0 shown, ", 9), 0);
	written("text", true);
	CU_ASSERT_STRING_EQUAL(row("Summary", 0),
			       "Summary of the last 10.0 s until 00:16:50: no requests.");
	CU_ASSERT_PTR_NULL(strstr(text, "OPERATION"));
	/* One group is all there is; nothing that was tried again, no 503. */
	add("GetObject", "media", 2, false);
	written("text", true);
	CU_ASSERT_STRING_EQUAL(row("OPERATION", 0), "OPERATION COUNT ERRORS AVG(ms) P50(ms) "
						    "P90(ms) P99(ms) MAX(ms) BYTES");
	CU_ASSERT_STRING_EQUAL(row("OPERATION", 1), "OPERATION TIME(s) SEND% WAIT% RECV% CONNS");
	CU_ASSERT_PTR_NULL(strstr(text, "(all)"));
	CU_ASSERT_PTR_NULL(strstr(text, "PREFIX"));
	CU_ASSERT_PTR_NULL(strstr(text, "retries"));
	end();
}

static void test_two_names(void)
{
	begin("bucket", "client");
	add("GetObject",
	    "m\xc3\xa9"
	    "dia",
	    2, false);
	add("GetObject", NULL, 2, false);
	written("text", false);
	CU_ASSERT_STRING_EQUAL(row("BUCKET", 0), "BUCKET CLIENT COUNT ERRORS AVG(ms) P50(ms) "
						 "P90(ms) P99(ms) MAX(ms) BYTES");
	CU_ASSERT_STRING_EQUAL(row("- ", 0), "- - 1 0 2.000 2.000 2.000 2.000 2.000 123");
	/* A character of two bytes is one wide. */
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nm\xc3\xa9"
					    "dia  -       "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n-      -       "));
	end();
}

static void test_more_than_there_is_room_for(void)
{
	char name[24];

	begin("operation", NULL);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "Op%d", i);
		add(name, name, 1, true);
		add("GetObject", "media", 1, false);
	}
	written("text", false);
	CU_ASSERT_STRING_EQUAL(row("(other) is", 0), "(other) is what was smallest when it made "
						     "room, 937 times; of others, a part may be "
						     "in it.");
	CU_ASSERT_EQUAL(strncmp(row("(other)", 0), "(other) 937 937 ", 16), 0);
	CU_ASSERT_EQUAL(strncmp(row("GetObject", 0), "GetObject 1000 0 ", 17), 0);
	/* Prefixes that took others' places: what they have for certain, too. */
	CU_ASSERT_STRING_EQUAL(row("MOST TIME", 0), "MOST TIME BY PREFIX TIME(s) SHARE% AT LEAST");
	CU_ASSERT_STRING_EQUAL(row("media/", 0), "media/ 1.000 50.0 1.000");
	end();
}

static void test_counters(void)
{
	struct counters before = {.shown = 3, .lost = 5, .evicted = 9}, since;

	begin("operation", NULL);
	CU_ASSERT_STRING_EQUAL(
		written("none", true),
		"0 shown, 0 filtered out, 0 not S3, 0 lost, 0 evicted, 0 truncated, "
		"0 not followed, 0 opaque, 0 calls evicted, 0 jobs evicted, 0 output errors\n");
	counters = (struct counters){.shown = 23,
				     .filtered = 1,
				     .not_s3 = 4,
				     .lost = 5,
				     .evicted = 6,
				     .truncated = 7,
				     .unfollowed = 8,
				     .opaque = 12,
				     .calls_evicted = 10,
				     .jobs_evicted = 11,
				     .output_errors = 9,
				     .misread = 13};
	add("GetObject", "media", 2, false);
	CU_ASSERT_STRING_EQUAL(
		written("none", false),
		"23 shown, 1 filtered out, 4 not S3, 5 lost, 6 evicted, 7 truncated, "
		"8 not followed, 12 opaque, 10 calls evicted, 11 jobs evicted, 9 output errors, "
		"13 descriptors misread\n");
	written("text", false);
	CU_ASSERT_STRING_EQUAL(
		row("23 shown", 0),
		"23 shown, 1 filtered out, 4 not S3, 5 lost, 6 evicted, 7 truncated, "
		"8 not followed, 12 opaque, 10 calls evicted, 11 jobs evicted, 9 output errors, "
		"13 descriptors misread");
	/* An estimate may have become smaller since. */
	since = counters_since(&counters, &before);
	CU_ASSERT(since.shown == 20 && since.lost == 0 && since.evicted == 0 &&
		  since.output_errors == 9);
	end();
}

static double real(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	CU_ASSERT(json_is_number(value));
	return json_number_value(value);
}

static const char *word(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "(no text)";
}

static void test_json(void)
{
	json_t *all, *groups, *group, *part;

	begin("bucket", "client");
	add("PutObject", "lo\"gs", 10.123456, true);
	add("PutObject", "lo\"gs", 20, false);
	add("GetObject", NULL, 5, false);
	counters.calls_evicted = 7;
	written("json", true);
	CU_ASSERT_PTR_EQUAL(strchr(text, '\n'), text + strlen(text) - 1);
	all = json_loads(text, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(all);
	CU_ASSERT_STRING_EQUAL(word(all, "summary"), "interval");
	CU_ASSERT_STRING_EQUAL(word(all, "begin"), "1970-01-01T00:16:40.000000Z");
	CU_ASSERT_STRING_EQUAL(word(all, "end"), "1970-01-01T00:16:50.000000Z");
	CU_ASSERT_EQUAL(real(all, "percentile_error"), 1.0 / 128);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(all, "by")), 2);
	CU_ASSERT(json_is_null(json_object_get(all, "other")));
	groups = json_object_get(all, "groups");
	CU_ASSERT_EQUAL(json_array_size(groups), 2);
	group = json_array_get(groups, 0);
	CU_ASSERT_STRING_EQUAL(word(group, "bucket"), "lo\"gs");
	CU_ASSERT(json_is_null(json_object_get(group, "client")));
	CU_ASSERT(real(group, "count") == 2 && real(group, "errors") == 1);
	CU_ASSERT(real(group, "retries") == 1 && real(group, "backoff_ms") == 100);
	CU_ASSERT_EQUAL(real(group, "bytes"), 246);
	part = json_object_get(group, "latency_ms");
	CU_ASSERT_EQUAL(real(part, "total"), 30.123456);
	CU_ASSERT_EQUAL(real(part, "min"), 10.123456);
	CU_ASSERT_EQUAL(real(part, "max"), 20);
	CU_ASSERT_EQUAL(real(json_object_get(group, "phases"), "wait_ms"), 30.123456);
	part = json_object_get(group, "connections");
	CU_ASSERT(real(part, "opened") == 1 && real(part, "reused") == 1);
	CU_ASSERT(real(json_object_get(part, "setup"), "tls_ms") == 3);
	CU_ASSERT_DOUBLE_EQUAL(real(part, "handshake_share"), 5 / 35.123456, 1e-14);
	CU_ASSERT(json_is_false(json_object_get(part, "setup_partial")));
	CU_ASSERT(json_is_null(json_object_get(json_array_get(groups, 1), "bucket")));
	CU_ASSERT_EQUAL(real(json_object_get(all, "all"), "count"), 3);
	CU_ASSERT_EQUAL(real(json_object_get(all, "counters"), "calls_evicted"), 7);
	part = json_array_get(json_object_get(json_object_get(all, "prefixes"), "by_503"), 0);
	CU_ASSERT_STRING_EQUAL(word(part, "prefix"), "lo\"gs/");
	CU_ASSERT_EQUAL(real(part, "count"), 1);
	part = json_array_get(json_object_get(json_object_get(all, "prefixes"), "by_time"), 0);
	CU_ASSERT_EQUAL(real(part, "at_least"), 30.123456);
	json_decref(all);

	/* Nothing at all: whole all the same, and no number is made up. */
	summary_clear(summary);
	all = json_loads(written("json", false), 0, NULL);
	CU_ASSERT_STRING_EQUAL(word(all, "summary"), "run");
	part = json_object_get(all, "all");
	CU_ASSERT(json_is_null(json_object_get(json_object_get(part, "latency_ms"), "p50")));
	CU_ASSERT(json_is_null(json_object_get(json_object_get(part, "latency_ms"), "avg")));
	CU_ASSERT(json_is_null(
		json_object_get(json_object_get(part, "connections"), "handshake_share")));
	json_decref(all);
	end();
}

/* Whether it stands there as a word of its own. */
static bool has_word(const char *manual, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = manual; (p = strstr(p, key)); p++)
		if (strchr(" \n", p[-1]) && strchr(" \n", p[n]))
			return true;
	return false;
}

/* That the manual has every key, but for those that it says are elsewhere. */
static void check_manual(const json_t *value, const char *manual)
{
	static const char *const elsewhere[] = {"phases", "setup", "counters"};
	const char *key;
	json_t *child;

	if (json_is_array(value) && json_is_object(json_array_get(value, 0)))
		check_manual(json_array_get(value, 0), manual);
	json_object_foreach ((json_t *)value, key, child) {
		bool skip = false;

		if (!grouping_find(key) && !has_word(manual, key)) {
			printf("\n  not in s3slower-json(5): %s\n", key);
			CU_FAIL("a key that the manual does not explain");
		}
		for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
			skip |= strcmp(key, elsewhere[i]) == 0;
		if (!skip)
			check_manual(child, manual);
	}
}

static void test_json_manual(void)
{
	static char manual[65536];
	FILE *file = fopen("man/s3slower-json.5", "r");
	const char *section;
	json_t *all;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	manual[fread(manual, 1, sizeof(manual) - 1, file)] = '\0';
	fclose(file);
	section = strstr(manual, "\n.Sh SUMMARIES");
	CU_ASSERT_PTR_NOT_NULL_FATAL(section);
	begin("bucket", NULL);
	add("GetObject", "media", 2, true);
	all = json_loads(written("json", false), 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(all);
	check_manual(all, section);
	json_decref(all);
	end();
}

static void test_full_disk(void)
{
	const struct summary_format *format;

	begin("operation", NULL);
	add("GetObject", "media", 2, false);
	for (size_t i = 0; (format = summary_format_at(i)); i++) {
		FILE *file = fopen("/dev/full", "w");

		CU_ASSERT_PTR_NOT_NULL_FATAL(file);
		CU_ASSERT_EQUAL(write_to(file, format->name, false), -ENOSPC);
		fclose(file);
	}
	end();
}

/* What --summary takes is what there is. */
static void test_formats(void)
{
	char *argv[] = {"s3slower", "--summary", NULL, NULL}, message[200];
	static struct settings settings;
	const struct summary_format *format;

	for (size_t i = 0; (format = summary_format_at(i)); i++) {
		argv[2] = (char *)format->name;
		CU_ASSERT_EQUAL(settings_parse(&settings, 3, argv, message, sizeof(message)), 0);
		CU_ASSERT_STRING_EQUAL(settings.summary, format->name);
	}
	CU_ASSERT_PTR_NULL(summary_format_find("xml"));
}

CU_TestInfo summary_print_tests[] = {
	{"text", test_text},
	{"without data", test_without_data},
	{"two names", test_two_names},
	{"more than there is room for", test_more_than_there_is_room_for},
	{"counters, zeros too", test_counters},
	{"json", test_json},
	{"json: every key is in the manual", test_json_manual},
	{"a full disk", test_full_disk},
	{"every format", test_formats},
	CU_TEST_INFO_NULL,
};
