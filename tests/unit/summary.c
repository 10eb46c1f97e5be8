/* SPDX-License-Identifier: Apache-2.0 */
#include "output/summary.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char *text;

/* What the summary prints; the caller frees it. */
static char *printed(const struct summary *summary, const struct counters *counters)
{
	size_t size;
	FILE *file = open_memstream(&text, &size);

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL(summary_print(summary, counters, file), 0);
	fclose(file);
	return text;
}

static void add(struct summary *summary, const char *operation, double ms, bool is_error)
{
	static struct request request;

	request = (struct request){.state = REQUEST_COMPLETE,
				   .is_s3 = true,
				   .method = "GET",
				   .operation = operation,
				   .latency_ns = (int64_t)(ms * 1e6),
				   .is_error = is_error,
				   .request_size = 100,
				   .response_size = 23};
	if (!operation)
		request.is_s3 = false;
	summary_add(summary, &request);
}

/* The line that begins with name, in words with single blanks. */
static const char *row(const char *name)
{
	static char out[256];
	const char *line = text;
	size_t n = 0;

	while (line && strncmp(line, name, strlen(name)) != 0)
		line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL;
	for (; line && *line && *line != '\n' && n + 1 < sizeof(out); line++)
		if (*line != ' ' || (n && out[n - 1] != ' '))
			out[n++] = *line;
	out[n] = '\0';
	return out;
}

static void test_rows(void)
{
	struct summary *summary = summary_new();
	struct counters counters = {.shown = 103};

	CU_ASSERT_PTR_NOT_NULL_FATAL(summary);
	for (int i = 0; i < 100; i++)
		add(summary, "PutObject", i < 90 ? 10 : 1000, i % 50 == 0);
	add(summary, NULL, 0.5, false);
	add(summary, "GetObject", 2, false);
	add(summary, "GetObject", 4, true);
	printed(summary, &counters);
	CU_ASSERT_STRING_EQUAL(row("OPERATION"), "OPERATION COUNT ERRORS AVG(ms) P50(ms) P90(ms) "
						 "P99(ms) MAX(ms) BYTES");
	CU_ASSERT_EQUAL(strncmp(row("PutObject"), "PutObject 100 2 109.000 ", 24), 0);
	double p50, p90, p99, max;
	unsigned long bytes;
	CU_ASSERT_EQUAL(sscanf(row("PutObject"), "PutObject 100 2 109.000 %lf %lf %lf %lf %lu",
			       &p50, &p90, &p99, &max, &bytes),
			5);
	CU_ASSERT_DOUBLE_EQUAL(p50, 10, 0.16);
	CU_ASSERT_DOUBLE_EQUAL(p90, 10, 0.16);
	CU_ASSERT_DOUBLE_EQUAL(p99, 1000, 16);
	CU_ASSERT_EQUAL(max, 1000);
	CU_ASSERT_EQUAL(bytes, 12300);
	CU_ASSERT_STRING_EQUAL(row("GET (not S3)"),
			       "GET (not S3) 1 0 0.500 0.500 0.500 0.500 0.500 123");
	/* The busiest first. */
	CU_ASSERT(strstr(text, "PutObject") < strstr(text, "GetObject"));
	CU_ASSERT(strstr(text, "GetObject") < strstr(text, "GET (not S3)"));
	free(text);
	summary_free(summary);
}

static void test_counters(void)
{
	struct summary *summary = summary_new();
	struct counters zero = {0};
	struct counters some = {.shown = 23,
				.filtered = 1,
				.not_s3 = 4,
				.lost = 5,
				.evicted = 6,
				.truncated = 7,
				.unfollowed = 8,
				.misread = 11,
				.calls_evicted = 10,
				.output_errors = 9};

	CU_ASSERT_PTR_NOT_NULL_FATAL(summary);
	CU_ASSERT_STRING_EQUAL(printed(summary, &zero),
			       "0 shown, 0 filtered out, 0 not S3, 0 lost, 0 evicted, 0 truncated, "
			       "0 not followed, 0 calls evicted, 0 output errors\n");
	free(text);
	CU_ASSERT_STRING_EQUAL(
		printed(summary, &some),
		"23 shown, 1 filtered out, 4 not S3, 5 lost, 6 evicted, 7 truncated, "
		"8 not followed, 10 calls evicted, 9 output errors, 11 descriptors misread\n");
	free(text);
	summary_free(summary);
}

/* A traced program may invent methods for ever; rows stay bounded, and none is
 * left out of the count. */
/* --no-summary: what was left out is said all the same. */
static void test_counters_alone(void)
{
	struct counters counters = {.shown = 3, .lost = 2};

	printed(NULL, &counters);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "3 shown"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "2 lost"));
	CU_ASSERT_PTR_NULL(strstr(text, "OPERATION"));
	free(text);
}

static void test_bounded(void)
{
	struct summary *summary = summary_new();
	struct counters counters = {0};
	unsigned long total = 0, lines = 0, n;
	char name[600];

	CU_ASSERT_PTR_NOT_NULL_FATAL(summary);
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	add(summary, name, 1, false);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "Operation%d", i);
		add(summary, name, 1, false);
	}
	printed(summary, &counters);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n(other)"));
	CU_ASSERT_EQUAL(strncmp(strchr(text, '\n'), "\n(other)", 8), 0);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++)
		if (sscanf(line, "%*s %lu 0 1.000", &n) == 1)
			total += n;
	CU_ASSERT_EQUAL(total, 1001);
	CU_ASSERT(lines < 150);
	free(text);
	summary_free(summary);
	summary_free(NULL);
}

static void test_unknown_values(void)
{
	static const struct request no_response = {.state = REQUEST_NO_RESPONSE,
						   .is_s3 = true,
						   .method = "POST",
						   .is_error = true,
						   .request_size = -1,
						   .response_size = -1,
						   .latency_ns = 5000000};
	struct summary *summary = summary_new();
	struct counters counters = {0};

	CU_ASSERT_PTR_NOT_NULL_FATAL(summary);
	summary_add(summary, &no_response);
	printed(summary, &counters);
	CU_ASSERT_STRING_EQUAL(row("POST"),
			       "POST (S3, unknown) 1 1 5.000 5.000 5.000 5.000 5.000 0");
	free(text);
	summary_free(summary);
}

static void test_full_disk(void)
{
	struct summary *summary = summary_new();
	struct counters counters = {0};
	FILE *file = fopen("/dev/full", "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_PTR_NOT_NULL_FATAL(summary);
	CU_ASSERT_EQUAL(summary_print(summary, &counters, file), -ENOSPC);
	fclose(file);
	summary_free(summary);
}

CU_TestInfo summary_tests[] = {
	{"rows", test_rows},
	{"counters, zeros too", test_counters},
	{"counters alone", test_counters_alone},
	{"bounded", test_bounded},
	{"unknown values", test_unknown_values},
	{"a full disk", test_full_disk},
	CU_TEST_INFO_NULL,
};
