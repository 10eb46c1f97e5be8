/* SPDX-License-Identifier: Apache-2.0 */
#include "parsers/filter.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <string.h>

static struct settings settings;
static struct filter_flags flags;
static struct request request;

static int parse(const char *line)
{
	static char text[4096];
	char *argv[80] = {"s3slower"}, *rest = text, message[300];
	int argc = 1;

	snprintf(text, sizeof(text), "%s", line);
	for (char *word; (word = strsep(&rest, " ")) && argc < 79;)
		if (*word)
			argv[argc++] = word;
	argv[argc] = NULL;
	return settings_parse(&settings, argc, argv, message, sizeof(message));
}

/* A request that took 12.5 ms, as rows below change it. */
static void make_request(void)
{
	request = (struct request){
		.state = REQUEST_COMPLETE,
		.uid = 33,
		.comm = "python3",
		.via = "openssl",
		.is_s3 = true,
		.method = "PUT",
		.operation = "PutObject",
		.bucket = "logs-eu",
		.key = "2026/01/a\\\\b.gz",
		.endpoint = "minio.lan:9000",
		.status = 200,
		.request_size = 5000,
		.response_size = 0,
		.latency_ns = 12500000,
		.ttfb_ns = 2500000,
		.why = "download",
	};
}

enum change { AS_IS, NO_RESPONSE, NOT_S3, NOT_FOUND, ERROR_IN_200, UNKNOWN, BIG };

static void change_request(enum change change)
{
	make_request();
	switch (change) {
	case AS_IS:
		break;
	case NO_RESPONSE:
		request.state = REQUEST_NO_RESPONSE;
		request.status = -1;
		request.ttfb_ns = request.response_size = -1;
		request.is_error = true;
		break;
	case NOT_S3:
		request.is_s3 = false;
		request.operation = request.bucket = request.key = NULL;
		break;
	case NOT_FOUND:
		request.status = 404;
		request.is_error = true;
		break;
	case ERROR_IN_200:
		request.is_error = true;
		request.error_code = "InternalError";
		break;
	case UNKNOWN:
		request.operation = request.bucket = request.key = request.endpoint = NULL;
		request.request_size = request.response_size = -1;
		request.why = NULL;
		break;
	case BIG: /* 2 MB in 2 ms */
		request.request_size = 2000000;
		request.send_ns = 500000;
		request.wait_ns = 1500000;
		break;
	}
}

static void test_match(void)
{
	static const struct {
		const char *line;
		enum change change;
		bool shown;
	} cases[] = {
		{"", AS_IS, true},
		{"", NO_RESPONSE, true},
		{"", UNKNOWN, true},
		{"", NOT_S3, false},
		{"--all-http", NOT_S3, true},
		{"--all-http", AS_IS, true},
		{"12.5", AS_IS, true},
		{"12.500001", AS_IS, false},
		{"12", NO_RESPONSE, true},
		{"13", NO_RESPONSE, false},
		{"--min-ttfb 2.5", AS_IS, true},
		{"--min-ttfb 2.6", AS_IS, false},
		{"--min-ttfb 0.1", NO_RESPONSE, false},
		{"--min-size 5000", AS_IS, true},
		{"--min-size 5001", AS_IS, false},
		{"--min-size 1", UNKNOWN, false},
		{"--max-mbps 2000", AS_IS, false}, /* too small to be called slow */
		{"--max-mbps 2000", UNKNOWN, false},
		{"--max-mbps 1000", BIG, false},
		{"--max-mbps 1000.1", BIG, true},
		{"--max-mbps 0", AS_IS, true},
		{"--bucket logs-eu", AS_IS, true},
		{"--bucket logs", AS_IS, false},
		{"--bucket logs*", AS_IS, true},
		{"--bucket a,*-eu", AS_IS, true},
		{"--bucket l*s-*u", AS_IS, true},
		{"--bucket l*s-*x", AS_IS, false},
		{"--bucket *", UNKNOWN, false},
		{"--key-prefix 2026/", AS_IS, true},
		{"--key-prefix 2025/,2026/01/a\\b", AS_IS, true},
		{"--key-prefix 2026/01/a\\\\b", AS_IS, false},
		{"--key-prefix 026", AS_IS, false},
		{"--key-prefix 2", UNKNOWN, false},
		{"--op PutObject", AS_IS, true},
		{"--op GetObject,PutObject", AS_IS, true},
		{"--op GetObject", AS_IS, false},
		{"--op PutObject", UNKNOWN, false},
		{"--all-http --op PutObject", NOT_S3, false},
		{"--method put", AS_IS, true},
		{"--method GET,HEAD", AS_IS, false},
		{"--status 200", AS_IS, true},
		{"--status 2xx", AS_IS, true},
		{"--status 404,5xx", AS_IS, false},
		{"--status 404,5xx", NOT_FOUND, true},
		{"--status 4xx", NOT_FOUND, true},
		{"--status 3xx,5xx", NOT_FOUND, false},
		{"--status 2xx,4xx,5xx", NO_RESPONSE, false},
		{"-x", AS_IS, false},
		{"-x", NOT_FOUND, true},
		{"-x", ERROR_IN_200, true},
		{"-x", NO_RESPONSE, true},
		{"-x --status 200", ERROR_IN_200, true},
		{"--host minio.lan", AS_IS, true},
		{"--host MINIO.lan:9000", AS_IS, true},
		{"--host minio.lan:9001", AS_IS, false},
		{"--host *.lan", AS_IS, true},
		{"--host logs-eu.minio.lan", AS_IS, true},
		{"--host logs-eu.minio.lan:9000", AS_IS, true},
		{"--host minio", AS_IS, false},
		{"--host *", UNKNOWN, false},
		{"--uid 33", AS_IS, true},
		{"--uid 0,033", AS_IS, true},
		{"--uid 0", AS_IS, false},
		{"--why download", AS_IS, true},
		{"--why server,download", AS_IS, true},
		{"--why server", AS_IS, false},
		{"--why unknown", AS_IS, false},
		{"--why unknown", UNKNOWN, false},
		{"--bucket logs-eu --op GetObject", AS_IS, false},
		{"-p 1 --comm java", AS_IS, true}, /* the kernel's business */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_EQUAL_FATAL(parse(cases[i].line), 0);
		change_request(cases[i].change);
		bool shown = filter_match(&settings, &request);
		if (shown != cases[i].shown)
			printf("\n  case %zu: %s\n", i, cases[i].line);
		CU_ASSERT_EQUAL(shown, cases[i].shown);
	}
}

/* Jobs are made of requests that are about the right thing, and judged as a whole. */
static void test_jobs(void)
{
	static const struct {
		const char *line;
		bool concerns, matches, holes;
	} cases[] = {
		{"", true, true, false},
		{"--jobs 2000", true, true, false},
		{"--jobs 2000.1", true, false, false},
		{"--jobs --min-size 80M", true, true, false},
		{"--jobs --min-size 81M", true, false, false},
		{"--jobs --max-mbps 40", true, false, false},
		{"--jobs --max-mbps 41", true, true, false},
		{"--jobs -x", true, false, false},
		{"--jobs --bucket b", false, true, false},
		{"--jobs --key-prefix 2026/", true, true, false},
		{"--jobs --op GetObject", false, true, false},
		{"--jobs --method GET", false, true, false},
		{"--jobs --uid 1", false, true, false},
		{"--jobs --host x", false, true, false},
		{"--min-latency 1", true, true, true},
		{"--min-ttfb 1", true, true, true},
		{"--status 5xx", true, true, true},
		{"--calls --status 5xx", true, true, false},
	};
	struct job job = {.duration_ns = 2000000000, .bytes = 80000000, .throughput = 40000000};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_EQUAL_FATAL(parse(cases[i].line), 0);
		make_request();
		if (filter_concerns(&settings, &request) != cases[i].concerns ||
		    filter_match_job(&settings, &job) != cases[i].matches ||
		    filter_has_holes(&settings) != cases[i].holes)
			printf("\n  case %zu: %s\n", i, cases[i].line);
		CU_ASSERT_EQUAL(filter_concerns(&settings, &request), cases[i].concerns);
		CU_ASSERT_EQUAL(filter_match_job(&settings, &job), cases[i].matches);
		CU_ASSERT_EQUAL(filter_has_holes(&settings), cases[i].holes);
	}
	CU_ASSERT_EQUAL(parse("--jobs -x"), 0);
	job.errors = 1;
	CU_ASSERT(filter_match_job(&settings, &job));
	job.errors = 0;
	job.state = JOB_ABORTED;
	CU_ASSERT(filter_match_job(&settings, &job));
	CU_ASSERT_EQUAL(parse("--jobs --max-mbps 5"), 0);
	job.throughput = -1; /* a copy: nothing passed here */
	CU_ASSERT_FALSE(filter_match_job(&settings, &job));
}

static void test_ipv6_host(void)
{
	make_request();
	request.endpoint = "[::1]:9000";
	request.bucket = NULL;
	CU_ASSERT_EQUAL(parse("--host [::1]"), 0);
	CU_ASSERT(filter_match(&settings, &request));
	CU_ASSERT_EQUAL(parse("--host [::1]:9000"), 0);
	CU_ASSERT(filter_match(&settings, &request));
	CU_ASSERT_EQUAL(parse("--host [::2]:9000"), 0);
	CU_ASSERT_FALSE(filter_match(&settings, &request));
}

static void test_macros(void)
{
	static const struct {
		const char *line;
		const char *flag[4];
	} cases[] = {
		{"", {NULL}},
		{"-x --bucket b --op PutObject --host h --all-http --min-size 1k --key-prefix k "
		 "--json -n 5",
		 {NULL}},
		{"100", {"-DMIN_LATENCY_NS=100000000ULL"}},
		{"0.0005 --min-ttfb 20", {"-DMIN_LATENCY_NS=500ULL", "-DMIN_TTFB_NS=20000000ULL"}},
		{"--uid 0,033", {"-DUID_FILTER(u)=((u)==0||(u)==33)"}},
		{"-p 012", {"-DPROCESS_FILTER(tgid,c0,c1)=((tgid)==12)"}},
		{"-p 7,python3",
		 {"-DPROCESS_FILTER(tgid,c0,c1)=((tgid)==7||"
		  "((c0)==0x00336e6f68747970ULL&&(c1)==0x0000000000000000ULL))"}},
		{"--comm abcdefghijklmnopq",
		 {"-DCOMM_FILTER(c0,c1)=(((c0)==0x6867666564636261ULL&&"
		  "(c1)==0x006f6e6d6c6b6a69ULL))"}},
		{"--method GET,DELETE,OPTIONS",
		 {"-DMETHOD_FILTER(w)=(((w)&0x00000000ffffffffULL)==0x0000000020544547ULL||"
		  "((w)&0x00ffffffffffffffULL)==0x00204554454c4544ULL||"
		  "((w)&0xffffffffffffffffULL)==0x20534e4f4954504fULL)"}},
		{"--status 404,5xx", {"-DSTATUS_FILTER(s)=((s)==404||(s)/100==5)"}},
		{"--calls --min-latency 5 --min-ttfb 3 --status 503", {NULL}},
		{"--jobs --min-latency 5", {NULL}},
		{"--jobs --uid 7 --method PUT",
		 {"-DUID_FILTER(u)=((u)==7)",
		  "-DMETHOD_FILTER(w)=(((w)&0x00000000ffffffffULL)==0x0000000020545550ULL)"}},
		{"--max-mbps 5 --calls", {NULL}},
		{"--calls --uid 7", {"-DUID_FILTER(u)=((u)==7)"}},
		{"-x --status 503", {"-DSTATUS_FILTER(s)=((s)==503)"}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = 0;
		CU_ASSERT_EQUAL_FATAL(parse(cases[i].line), 0);
		CU_ASSERT_EQUAL(filter_macros(&settings, &flags), 0);
		while (n < 4 && cases[i].flag[n])
			n++;
		CU_ASSERT_EQUAL_FATAL(flags.n, n);
		for (size_t j = 0; j < n; j++)
			CU_ASSERT_STRING_EQUAL(flags.flag[j], cases[i].flag[j]);
	}
}

/* As many names as settings keep fit; whatever else there is, is refused whole. */
static void test_full_lists(void)
{
	memset(&settings, 0, sizeof(settings));
	for (size_t i = 0; i < SETTINGS_LIST_MAX; i++) {
		settings.process.item[i] = settings.comm.item[i] = "a-very-long-name-of-a-program";
		settings.uid.item[i] = "4294967295";
		settings.method.item[i] = "OPTIONS";
		settings.status.item[i] = "5xx";
	}
	settings.process.n = settings.comm.n = settings.uid.n = SETTINGS_LIST_MAX;
	settings.method.n = settings.status.n = SETTINGS_LIST_MAX;
	settings.min_latency_ms = settings.min_ttfb_ms = 86400e3;
	CU_ASSERT_EQUAL(filter_macros(&settings, &flags), 0);
	CU_ASSERT_EQUAL(flags.n, 7);
	for (size_t i = 0; i < flags.n; i++) {
		size_t length = strnlen(flags.flag[i], FILTER_FLAG_SIZE);
		CU_ASSERT(length < FILTER_FLAG_SIZE);
		if (strchr(flags.flag[i], '('))
			CU_ASSERT_EQUAL(flags.flag[i][length - 1], ')');
	}
}

CU_TestInfo filter_tests[] = {
	{"which requests are shown", test_match}, {"jobs", test_jobs},
	{"IPv6 hosts", test_ipv6_host},		  {"macros", test_macros},
	{"full lists fit", test_full_lists},	  CU_TEST_INFO_NULL,
};
