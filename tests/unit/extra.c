/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown only when asked for, in every output. */
#include "parsers/extra.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>

#include "output/sink.h"
#include "parsers/filter.h"
#include "parsers/targets.h"

#define ALL (EXTRA_UID | EXTRA_USER | EXTRA_PROCESS)

static const struct target target = {
	.id = "backup",
	.label = {{"team", "storage"}, {"tier", "a,\"b"}},
	.n_labels = 2,
	.labels = "team=storage;tier=a,\"b",
};

static const struct target bare = {.id = "bare"};

static struct request known = {
	.state = REQUEST_COMPLETE,
	.pid = 12,
	.tid = 12,
	.uid = 1000,
	.comm = "restic",
	.method = "GET",
	.via = "http",
	.status = 200,
	.user = "joe",
	.exe = "/usr/bin/restic",
	.cmdline = "restic backup --password ***",
	.cgroup = "/docker/0123456789ab",
	.container = "0123456789ab",
	.ppid = 7,
	.target = &target,
};

static struct request unknown = {
	.state = REQUEST_COMPLETE, .pid = 12, .comm = "x", .method = "GET", .via = "http"};

static char *text;

static const char *printed(const char *sink, unsigned extras, const struct request *request)
{
	struct output output = {.extras = extras};
	size_t size;
	FILE *file = open_memstream(&text, &size);

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL_FATAL(sink_open(&output, sink_find(sink), file), 0);
	CU_ASSERT_EQUAL(sink_emit(&output, request), 0);
	CU_ASSERT_EQUAL(sink_flush(&output), 0);
	sink_close(&output);
	fclose(file);
	return text;
}

static bool has(const char *sink, unsigned extras, const struct request *request, const char *piece)
{
	bool found = strstr(printed(sink, extras, request), piece) != NULL;

	if (!found)
		fprintf(stderr, "\n%s\n  lacks %s\n", text, piece);
	free(text);
	return found;
}

static void json_shows_what_is_asked_for(void)
{
	CU_ASSERT(
		has("json", ALL, &known,
		    "\"uid\":1000,\"target\":\"backup\",\"labels\":{\"team\":\"storage\",\"tier\":"
		    "\"a,\\\"b\"},\"user\":\"joe\",\"ppid\":7,\"exe\":\"/usr/bin/restic\","
		    "\"cmdline\":\"restic backup --password ***\",\"cgroup\":\"/docker/"
		    "0123456789ab\",\"container\":\"0123456789ab\",\"method\""));
	CU_ASSERT(has("json", ALL, &unknown,
		      "\"target\":null,\"labels\":null,\"user\":null,\"ppid\":null,\"exe\":null,"
		      "\"cmdline\":null,\"cgroup\":null,\"container\":null,\"method\""));
	CU_ASSERT(
		has("json", EXTRA_PPID | EXTRA_UID, &known, "\"uid\":1000,\"ppid\":7,\"method\""));
	CU_ASSERT(has("json", 0, &known, "\"uid\":1000,\"method\""));
}

/* Nothing of one row's labels shows in the next. */
static void labels_change_from_row_to_row(void)
{
	struct output output = {.extras = EXTRA_TARGET};
	size_t size;
	FILE *file = open_memstream(&text, &size);
	struct request row = known;
	const struct target *targets[] = {&target, &bare, NULL, &target};

	CU_ASSERT_EQUAL_FATAL(sink_open(&output, sink_find("json"), file), 0);
	for (size_t i = 0; i < 4; i++) {
		row.target = targets[i];
		CU_ASSERT_EQUAL(sink_emit(&output, &row), 0);
	}
	sink_flush(&output);
	sink_close(&output);
	fclose(file);
	const char *p = text;
	static const char *const pieces[] = {"\"labels\":{\"team\"", "\"labels\":{},",
					     "\"labels\":null,", "\"labels\":{\"team\""};
	for (size_t i = 0; i < 4; i++) {
		const char *next = strstr(p, pieces[i]);
		CU_ASSERT_FATAL(next && next < strchr(p, '\n'));
		p = strchr(p, '\n') + 1;
	}
	free(text);
}

static void texts_show_what_is_asked_for(void)
{
	static const char plain[] = "TIME         PID     COMM            OP   ";

	CU_ASSERT(has("table", 0, &known, plain));
	CU_ASSERT(has("table", EXTRA_TARGET, &known,
		      "TIME         PID     COMM            TARGET       OP   "));
	CU_ASSERT(has("table", EXTRA_TARGET, &known, " restic          backup       GET "));
	CU_ASSERT(has("table", EXTRA_TARGET, &unknown, " x               -            GET "));
	CU_ASSERT(has("table", ALL, &known, " 1000   joe      7       GET "));
	CU_ASSERT(has("table", ALL, &known, " restic backup --password *** "));
	CU_ASSERT(has("csv", EXTRA_TARGET, &known, "comm,uid,target,labels,method,"));
	CU_ASSERT(has("csv", EXTRA_TARGET, &known,
		      ",restic,1000,backup,\"team=storage;tier=a,\"\"b\",GET,"));
	CU_ASSERT(has("csv", EXTRA_UID | EXTRA_CONTAINER, &known, "comm,uid,container,method,"));
	CU_ASSERT(has("simple", EXTRA_TARGET, &known, " ms target=backup\n"));
	CU_ASSERT(has("simple", EXTRA_TARGET, &unknown, " ms target=-\n"));
	CU_ASSERT(has("simple", 0, &known, " ms\n"));
}

static bool is_key(const char *name)
{
	const char *key;

	for (size_t i = 0; (key = json_key(i)); i++)
		if (strcmp(key, name) == 0)
			return true;
	return false;
}

/* The list that labels must not collide with is the list of keys. */
static void json_keys_are_told(void)
{
	static const char *const names[] = {"timestamp", "latency_ms", "phases", "stall_ms",
					    "lost",	 "target",     "labels"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CU_ASSERT(is_key(names[i]));
	for (size_t i = 0; extra_name(i); i++)
		CU_ASSERT(is_key(extra_name(i)));
	CU_ASSERT(!is_key("team"));
}

static void only_targets_is_a_filter(void)
{
	static struct settings settings = {.all_http = true};

	CU_ASSERT(filter_match(&settings, &unknown));
	settings.only_targets = true;
	CU_ASSERT(!filter_match(&settings, &unknown));
	CU_ASSERT(filter_match(&settings, &known));
}

CU_TestInfo extra_tests[] = {
	{"JSON shows what is asked for", json_shows_what_is_asked_for},
	{"labels change from row to row", labels_change_from_row_to_row},
	{"texts show what is asked for", texts_show_what_is_asked_for},
	{"JSON keys are told", json_keys_are_told},
	{"--only-targets is a filter", only_targets_is_a_filter},
	CU_TEST_INFO_NULL,
};
