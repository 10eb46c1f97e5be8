/* SPDX-License-Identifier: Apache-2.0 */
#include "parsers/settings.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "output/sink.h"
#include "parsers/extra.h"
#include "parsers/s3.h"

#define ARGS_MAX 80

static struct settings settings;
static char message[400];

/* Cuts a command line at its blanks ("~" is an empty argument) and parses it. */
static int parse(const char *line)
{
	static char text[4096];
	char *argv[ARGS_MAX + 1] = {"s3slower"}, *rest = text;
	int argc = 1;

	snprintf(text, sizeof(text), "%s", line);
	for (char *word; (word = strsep(&rest, " ")) && argc < ARGS_MAX;)
		if (*word)
			argv[argc++] = strcmp(word, "~") == 0 ? "" : word;
	argv[argc] = NULL;
	memset(message, 0, sizeof(message));
	return settings_parse(&settings, argc, argv, message, sizeof(message));
}

/* The items with '|' between them. */
static const char *joined(const struct settings_list *list)
{
	static char text[4096];
	size_t used = 0;

	*text = '\0';
	for (size_t i = 0; i < list->n; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? "|" : "",
					 list->item[i]);
	return text;
}

static void test_defaults(void)
{
	CU_ASSERT_EQUAL(parse(""), 0);
	CU_ASSERT_EQUAL(settings.modes, MODE_AUTO);
	CU_ASSERT_STRING_EQUAL(settings.output, "table");
	CU_ASSERT_EQUAL(settings.min_latency_ms, 0);
	CU_ASSERT_EQUAL(settings.count, 0);
	CU_ASSERT_PTR_NULL(settings.file);
	CU_ASSERT_PTR_NULL(settings.command);
	CU_ASSERT_EQUAL(settings.max_connections, 4096);
	CU_ASSERT_EQUAL(settings.perf_pages, 512);
	CU_ASSERT_STRING_EQUAL(settings.event_buffer, "auto");
	CU_ASSERT_FALSE(settings.wide || settings.errors_only || settings.all_http ||
			settings.no_dns || settings.ebpf || settings.help || settings.version);
}

#define LIST(name) offsetof(struct settings, name)

static void test_lists(void)
{
	static const struct {
		const char *line;
		size_t list;
		const char *items;
	} cases[] = {
		{"-p 12", LIST(process), "12"},
		{"-p12 -p python3,java", LIST(process), "12|python3|java"},
		{"--pid=12,13", LIST(process), "12|13"},
		{"--comm a --comm b,c", LIST(comm), "a|b|c"},
		{"--uid 0,4294967295", LIST(uid), "0|4294967295"},
		{"--bucket logs-*,b", LIST(bucket), "logs-*|b"},
		{"--key-prefix a\\,b,c", LIST(key_prefix), "a,b|c"},
		{"--key-prefix=-x", LIST(key_prefix), "-x"},
		{"--op putobject,GETOBJECT", LIST(op), "PutObject|GetObject"},
		{"--method get,Delete", LIST(method), "GET|DELETE"},
		{"--status 404,5XX", LIST(status), "404|5xx"},
		{"--why Server,client-stall --why unknown", LIST(why),
		 "server|client-stall|unknown"},
		{"--host *.lan,[::1]:9000", LIST(host), "*.lan|[::1]:9000"},
		{"--endpoint minio:9000 --endpoint *.lan", LIST(endpoint), "minio:9000|*.lan"},
		{"--by BUCKET,client --by comm", LIST(by), "bucket|client|comm"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_EQUAL(parse(cases[i].line), 0);
		CU_ASSERT_STRING_EQUAL(joined((const void *)((char *)&settings + cases[i].list)),
				       cases[i].items);
	}
}

static void test_summaries(void)
{
	CU_ASSERT_EQUAL(parse(""), 0);
	CU_ASSERT_STRING_EQUAL(settings.summary, "text");
	CU_ASSERT(settings.by.n == 0 && settings.interval_s == 0 && settings.prefix_levels == 3);
	CU_ASSERT_EQUAL(parse("--summary JSON --interval 2.5 --prefix-levels 1"), 0);
	CU_ASSERT_STRING_EQUAL(settings.summary, "json");
	CU_ASSERT(settings.interval_s == 2.5 && settings.prefix_levels == 1);
	CU_ASSERT_EQUAL(parse("--no-summary"), 0);
	CU_ASSERT_STRING_EQUAL(settings.summary, "none");
	/* What is known only if asked for, and is. */
	CU_ASSERT_EQUAL(parse("--by exe,container --fields container,exe"), 0);
	CU_ASSERT_EQUAL(parse("--by target --targets t.yml"), 0);
}

static void test_extras(void)
{
	CU_ASSERT_EQUAL(parse("--fields uid,CMDLINE --fields container --targets t.yml"), 0);
	CU_ASSERT_STRING_EQUAL(joined(&settings.fields), "uid|CMDLINE|container");
	CU_ASSERT_STRING_EQUAL(settings.targets, "t.yml");
	CU_ASSERT_EQUAL(settings_extras(&settings),
			EXTRA_UID | EXTRA_CMDLINE | EXTRA_CONTAINER | EXTRA_TARGET);
	CU_ASSERT_EQUAL(parse("--only-targets --targets t.yml"), 0);
	CU_ASSERT(settings.only_targets);
	CU_ASSERT_EQUAL(parse(""), 0);
	CU_ASSERT_EQUAL(settings_extras(&settings), 0);
	/* How fast a body moved: where it is asked for, and where there is room. */
	CU_ASSERT_EQUAL(parse("--max-mbps 12.5"), 0);
	CU_ASSERT_EQUAL(settings.max_mbps, 12.5);
	CU_ASSERT_EQUAL(settings_extras(&settings), EXTRA_THROUGHPUT);
	CU_ASSERT_EQUAL(parse("--wide"), 0);
	CU_ASSERT_EQUAL(settings_extras(&settings), EXTRA_THROUGHPUT);
}

static void test_numbers(void)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} sizes[] = {
		{"0", 0},	    {"4096", 4096},	  {"1B", 1},
		{"64k", 64000},	    {"64K", 64000},	  {"64KB", 64000},
		{"64KiB", 65536},   {"10M", 10000000},	  {"10MiB", 10485760},
		{"2G", 2000000000}, {"1GiB", 1073741824}, {"1TiB", 1ull << 40},
	};
	char line[64];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		snprintf(line, sizeof(line), "--min-size %s", sizes[i].text);
		CU_ASSERT_EQUAL(parse(line), 0);
		CU_ASSERT_EQUAL(settings.min_size, sizes[i].bytes);
	}
	CU_ASSERT_EQUAL(parse("12.5 --min-ttfb .25 -d 1.5 -n 23 --perf-pages 64"), 0);
	CU_ASSERT_EQUAL(settings.min_latency_ms, 12.5);
	CU_ASSERT_EQUAL(settings.min_ttfb_ms, 0.25);
	CU_ASSERT_EQUAL(settings.duration_s, 1.5);
	CU_ASSERT_EQUAL(settings.count, 23);
	CU_ASSERT_EQUAL(settings.perf_pages, 64);
	CU_ASSERT_EQUAL(parse("--min-latency 5 --min-latency=7"), 0);
	CU_ASSERT_EQUAL(settings.min_latency_ms, 7);
	CU_ASSERT_EQUAL(parse("--json 10"), 0);
	CU_ASSERT_EQUAL(settings.min_latency_ms, 10);
}

static void test_modes_and_output(void)
{
	static const struct {
		const char *line;
		unsigned modes;
	} cases[] = {
		{"--mode auto", MODE_AUTO},
		{"--mode openssl", MODE_OPENSSL},
		{"--mode HTTP", MODE_HTTP},
		{"--mode openssl,http", MODE_OPENSSL | MODE_HTTP},
		{"--mode openssl --mode http,nss", MODE_OPENSSL | MODE_HTTP | MODE_NSS},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_EQUAL(parse(cases[i].line), 0);
		CU_ASSERT_EQUAL(settings.modes, cases[i].modes);
	}
	CU_ASSERT_EQUAL(parse("--json --wide -o out.json --no-summary --no-dns"), 0);
	CU_ASSERT_STRING_EQUAL(settings.output, "json");
	CU_ASSERT_STRING_EQUAL(settings.file, "out.json");
	CU_ASSERT(settings.wide && settings.no_dns && strcmp(settings.summary, "none") == 0);
	CU_ASSERT_EQUAL(parse("--json --output json -o -"), 0);
	CU_ASSERT_PTR_NULL(settings.file);
	CU_ASSERT_EQUAL(parse("--output csv --output simple"), 0);
	CU_ASSERT_STRING_EQUAL(settings.output, "simple");
}

/* What --output takes and what sinks there are is one list. */
static void test_outputs_are_sinks(void)
{
	const struct sink *sink;
	struct settings_name name;
	char line[64];
	size_t bars = 0, n = 0;

	for (; (sink = sink_at(n)); n++) {
		snprintf(line, sizeof(line), "--output %s", sink->name);
		CU_ASSERT_EQUAL(parse(line), 0);
		CU_ASSERT_PTR_EQUAL(sink_find(settings.output), sink);
	}
	for (size_t i = 0; settings_at(i, &name); i++)
		if (name.flag && strcmp(name.flag, "output") == 0)
			for (const char *p = name.argument; (p = strchr(p, '|')); p++)
				bars++;
	CU_ASSERT_EQUAL(bars + 1, n);
}

static void test_command(void)
{
	CU_ASSERT_EQUAL(parse("5 --json -- curl -x --output json -- y"), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(settings.command);
	CU_ASSERT_STRING_EQUAL(settings.command[0], "curl");
	CU_ASSERT_STRING_EQUAL(settings.command[1], "-x");
	CU_ASSERT_STRING_EQUAL(settings.command[5], "y");
	CU_ASSERT_PTR_NULL(settings.command[6]);
	CU_ASSERT_FALSE(settings.errors_only);
	CU_ASSERT_EQUAL(parse("-- --help"), 0);
	CU_ASSERT_FALSE(settings.help);
	CU_ASSERT_STRING_EQUAL(settings.command[0], "--help");
	CU_ASSERT_EQUAL(parse("-x 3"), 0);
	CU_ASSERT_PTR_NULL(settings.command);
}

/* A mistake is named, and what the sentence must say to be of use. */
static void test_mistakes(void)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{"--bukcet x", "--bucket"},
		{"--frobnicate", "--frobnicate"},
		{"-Z", "-Z"},
		{"-xZ", "-Z"},
		{"-5", "-5"},
		{"-\303\244", "--help"},
		{"--min 3", "--min-latency, --min-ttfb, --min-size"},
		{"--bucket", "--bucket needs"},
		{"-xp", "--pid needs"},
		{"--bucket --json", "--bucket=--json"},
		{"--bucket -- ls", "--bucket needs"},
		{"--json=1", "takes no value"},
		{"--json --output csv", "--json and --output contradict"},
		{"--output csv --json", "--output and --json contradict"},
		{"5 --min-latency 6", "contradict"},
		{"1 2", "'2' is one value too many"},
		{"curl", "after --"},
		{"10 curl x", "'curl'"},
		{"--", "A command is missing"},
		{"--min-latency nan", "not 'nan'"},
		{"--min-latency inf", "not 'inf'"},
		{"--min-latency -1", "not '-1'"},
		{"--min-latency 0x10", "not '0x10'"},
		{"--min-latency 1e3", "not '1e3'"},
		{"--min-latency 1.2.3", "not '1.2.3'"},
		{"--min-latency .", "not '.'"},
		{"--min-latency ~", "not ''"},
		{"--min-latency 86400001", "from 0 to 86400000"},
		{"--duration 99999999999", "seconds"},
		{"--count 1.5", "whole number"},
		{"--count -1", "whole number"},
		{"--count 18446744073709551617", "whole number"},
		{"--min-size 10X", "10M"},
		{"--min-size k", "10M"},
		{"--min-size 18446744073709551616", "10M"},
		{"--min-size 99999999TiB", "10M"},
		{"--min-size 9223372036854775808", "10M"},
		{"--perf-pages 3", "power of two"},
		{"--event-buffer ringo", "auto, ring or perf"},
		{"--perf-pages 0", "power of two"},
		{"--max-connections 1", "from 16"},
		{"-p 0", "process id"},
		{"-p 99999999", "process id"},
		{"--uid root", "digits"},
		{"--uid 4294967296", "digits"},
		{"--op putobjct", "did you mean PutObject"},
		{"--op GetObject,Nonsense", "not 'Nonsense'"},
		{"--method GTE", "GET"},
		{"--status 9", "404"},
		{"--status 600", "404"},
		{"--status 4x4", "404"},
		{"--why handshke", "did you mean handshake"},
		{"--why slow", "not 'slow'"},
		{"--bucket a,,b", "empty item"},
		{"--bucket ~", "empty item"},
		{"--mode tls", "auto, openssl, gnutls, nss, s2n, gotls or http"},
		{"--mode ~", "auto, openssl, gnutls, nss, s2n, gotls or http"},
		{"--output xml", "table, json, simple or csv"},
		{"-o ~", "file"},
		{"--fields cgroup,cmdlin", "not 'cmdlin': did you mean cmdline?"},
		{"--fields all", "not 'all'"},
		{"--by operatoin", "not 'operatoin': did you mean operation?"},
		{"--by nonsense",
		 "--by needs operation, bucket, endpoint, region, peer, client, comm, pid, uid, "
		 "method, status, error, via, user, exe, container or target, not 'nonsense'."},
		{"--by bucket --by comm,bucket", "--by has bucket twice."},
		{"--by operation,bucket,comm,pid,uid",
		 "--by lists too much: give 4 items at most."},
		{"--by target", "add --targets FILE."},
		{"--by exe", "add --fields exe."},
		{"--cache programs", "whole path"},
		{"--support-bundle 0", "from 1 to"},
		{"--self-test", "doctor --self-test"},
		{"doctor 5", "leave MIN_MS out"},
		{"doctor --bucket b --pid 1", "leave --bucket out"},
		{"doctor --json -o report", "leave --output-file out"},
		{"doctor --output csv", "leave --output out"},
		{"doctor -- ls", "no command"},
		{"--by container --fields exe", "add --fields container."},
		{"--interval 0", "--interval needs seconds from 1 to 86400, not '0'."},
		{"--interval soon", "seconds"},
		{"--prefix-levels 0", "from 1 to 32"},
		{"--summary xml", "text, json or none"},
		{"--summary json --no-summary", "contradict"},
		{"--targets ~", "--targets needs a file's name"},
		{"--only-targets", "add --targets FILE"},
		{"--jobs --calls", "--jobs and --calls"},
		{"--pending=3 --jobs", "--jobs and --pending"},
		{"--jobs --status 503", "--jobs and --status"},
		{"--jobs --support-bundle 3", "--jobs and --support-bundle"},
		{"--jobs --min-ttfb 3", "--jobs and --min-ttfb"},
		{"--max-mbps fast", "megabytes a second"},
		{"--bucket \033[31m --nope\033", "--nope?"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_EQUAL(parse(cases[i].line), -EINVAL);
		size_t n = strlen(message);
		bool good = strstr(message, cases[i].says) && n && strchr(".?", message[n - 1]) &&
			    !strpbrk(message, "\n\033");
		if (!good)
			printf("\n  %s: \"%s\" lacks \"%s\"\n", cases[i].line, message,
			       cases[i].says);
		CU_ASSERT(good);
	}
}

static void test_message_is_bounded(void)
{
	char *argv[] = {"s3slower", "--output", "xml", NULL};

	for (size_t size = 0; size < 32; size++) {
		char *small = malloc(size + 1);
		CU_ASSERT_PTR_NOT_NULL_FATAL(small);
		memset(small, '#', size + 1);
		CU_ASSERT_EQUAL(settings_parse(&settings, 3, argv, small, size), -EINVAL);
		CU_ASSERT_EQUAL(small[size], '#');
		free(small);
	}
}

static void test_too_many(void)
{
	static char line[SETTINGS_TEXT_SIZE + 64];
	char *argv[] = {"s3slower", "--bucket", line, NULL};

	for (int i = 0; i < SETTINGS_LIST_MAX; i++)
		strcat(line, i ? ",b" : "b");
	CU_ASSERT_EQUAL(settings_parse(&settings, 3, argv, message, sizeof(message)), 0);
	CU_ASSERT_EQUAL(settings.bucket.n, SETTINGS_LIST_MAX);
	strcat(line, ",b");
	CU_ASSERT_EQUAL(settings_parse(&settings, 3, argv, message, sizeof(message)), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(message, "too much"));
	memset(line, 'x', SETTINGS_TEXT_SIZE + 8);
	CU_ASSERT_EQUAL(settings_parse(&settings, 3, argv, message, sizeof(message)), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(message, "too long"));
}

static void test_environment(void)
{
	setenv("S3SLOWER_MIN_LATENCY", "20", 1);
	setenv("S3SLOWER_BUCKET", "a,b", 1);
	setenv("S3SLOWER_ERRORS", "yes", 1);
	setenv("S3SLOWER_OUTPUT", "csv", 1);
	setenv("S3SLOWER_COUNT", "", 1);
	CU_ASSERT_EQUAL(parse(""), 0);
	CU_ASSERT_EQUAL(settings.min_latency_ms, 20);
	CU_ASSERT_STRING_EQUAL(joined(&settings.bucket), "a|b");
	CU_ASSERT(settings.errors_only);
	CU_ASSERT_STRING_EQUAL(settings.output, "csv");
	/* The command line has the last word; it replaces lists. */
	CU_ASSERT_EQUAL(parse("5 --bucket c --bucket d --json"), 0);
	CU_ASSERT_EQUAL(settings.min_latency_ms, 5);
	CU_ASSERT_STRING_EQUAL(joined(&settings.bucket), "c|d");
	CU_ASSERT_STRING_EQUAL(settings.output, "json");
	/* What it says of tracing does not keep doctor from its work. */
	setenv("S3SLOWER_FOLLOW", "yes", 1);
	CU_ASSERT_EQUAL(parse("doctor"), 0);
	unsetenv("S3SLOWER_FOLLOW");
	setenv("S3SLOWER_MODE", "nss", 1);
	CU_ASSERT_EQUAL(parse("--mode openssl --mode http"), 0);
	CU_ASSERT_EQUAL(settings.modes, MODE_OPENSSL | MODE_HTTP);
	unsetenv("S3SLOWER_MODE");
	setenv("S3SLOWER_ERRORS", "perhaps", 1);
	CU_ASSERT_EQUAL(parse(""), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(message, "S3SLOWER_ERRORS needs yes or no"));
	CU_ASSERT_EQUAL(parse("--help"), 0);
	CU_ASSERT(settings.help);
	unsetenv("S3SLOWER_MIN_LATENCY");
	unsetenv("S3SLOWER_BUCKET");
	unsetenv("S3SLOWER_ERRORS");
	unsetenv("S3SLOWER_OUTPUT");
	unsetenv("S3SLOWER_COUNT");
}

/* Every flag and argument of the table is in the usage text, and environment
 * names follow from flags. */
static void test_usage(void)
{
	char *text = NULL, want[80];
	size_t size;
	FILE *file = open_memstream(&text, &size);
	struct settings_name name;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	settings_usage(file);
	fclose(file);
	for (size_t i = 0; settings_at(i, &name); i++) {
		snprintf(want, sizeof(want), "%s%s%s%s", name.flag ? "--" : "",
			 name.flag ? name.flag : "", name.flag && name.argument ? " " : "",
			 name.argument ? name.argument : "");
		CU_ASSERT_PTR_NOT_NULL(strstr(text, want));
		if (name.letter) {
			snprintf(want, sizeof(want), "  -%c, --%s", name.letter, name.flag);
			CU_ASSERT_PTR_NOT_NULL(strstr(text, want));
		}
		if (!name.environment)
			continue;
		snprintf(want, sizeof(want), "S3SLOWER_%s", name.flag);
		for (char *c = want; *c; c++)
			*c = *c == '-' ? '_' : *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c;
		CU_ASSERT_STRING_EQUAL(name.environment, want);
	}
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		CU_ASSERT(strlen(line) <= 100);
	free(text);
}

/* A flag whose value may be left out: a number behind it is its own. */
static void test_pending(void)
{
	static const struct {
		const char *line;
		double pending_s, min_ms;
	} lines[] = {
		{"7", 0, 7},
		{"--pending", 2, 0},
		{"--pending 5", 5, 0},
		{"--pending=.5", 0.5, 0},
		{"--pending --json", 2, 0},
		{"7 --pending", 2, 7},
		{"--pending -n 3", 2, 0},
		{"--pending 5 7", 5, 7},
		{"--pending -- 9", 2, 0},
		{"--pending --pending 3", 3, 0},
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		CU_ASSERT_EQUAL(parse(lines[i].line), 0);
		CU_ASSERT_EQUAL(settings.pending_s, lines[i].pending_s);
		CU_ASSERT_EQUAL(settings.min_latency_ms, lines[i].min_ms);
		CU_ASSERT_EQUAL(settings_extras(&settings),
				lines[i].pending_s > 0 ? EXTRA_PENDING : 0);
	}
	CU_ASSERT_EQUAL(parse("--pending=soon"), -EINVAL);
	CU_ASSERT_EQUAL(parse("--pending 99999999"), -EINVAL);
}

/* Parsing leaves getopt as it found it, and a failure leaves nothing behind. */
static void test_again_and_again(void)
{
	for (int i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(parse("-xZ"), -EINVAL);
		CU_ASSERT_EQUAL(parse("-xn 3 --bucket a 7 -- cmd"), 0);
		CU_ASSERT_EQUAL(settings.count, 3);
		CU_ASSERT_EQUAL(settings.min_latency_ms, 7);
		CU_ASSERT_EQUAL(settings.bucket.n, 1);
		CU_ASSERT_EQUAL(optind, 1);
		CU_ASSERT_EQUAL(opterr, 1);
	}
}

/* argv is as long as it says, and may be nothing at all. */
static void test_no_arguments(void)
{
	char *argv[] = {"s3slower", NULL, NULL};

	CU_ASSERT_EQUAL(settings_parse(&settings, 1, argv, message, sizeof(message)), 0);
	CU_ASSERT_EQUAL(settings_parse(&settings, 0, argv + 1, message, sizeof(message)), 0);
}

/* Any operation there is can be asked for, in any case. */
static void test_every_operation(void)
{
	const char *name;
	char line[128];

	for (size_t i = 0; (name = s3_operation_name(i)); i++) {
		snprintf(line, sizeof(line), "--op %s", name);
		for (char *c = line + 5; *c; c++)
			*c |= 0x20;
		CU_ASSERT_EQUAL(parse(line), 0);
		CU_ASSERT_STRING_EQUAL(settings.op.item[0], name);
	}
}

CU_TestInfo settings_tests[] = {
	{"defaults", test_defaults},
	{"lists", test_lists},
	{"numbers and sizes", test_numbers},
	{"modes and output", test_modes_and_output},
	{"outputs are the sinks", test_outputs_are_sinks},
	{"extras", test_extras},
	{"a command after --", test_command},
	{"mistakes are explained", test_mistakes},
	{"messages are bounded", test_message_is_bounded},
	{"too many, too long", test_too_many},
	{"environment", test_environment},
	{"usage shows the table", test_usage},
	{"summaries", test_summaries},
	{"a value that may be left out", test_pending},
	{"again and again", test_again_and_again},
	{"no arguments", test_no_arguments},
	{"every operation", test_every_operation},
	CU_TEST_INFO_NULL,
};
