/* SPDX-License-Identifier: Apache-2.0 */
#include "parsers/grouping.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>

#include "parsers/settings.h"
#include "parsers/targets.h"

static char room[GROUPING_ROOM];

static const char *text_of(const char *name, const struct request *row)
{
	const struct grouping *grouping = grouping_find(name);

	CU_ASSERT_PTR_NOT_NULL_FATAL(grouping);
	return grouping_text(grouping, row, room);
}

static void test_texts(void)
{
	static const struct target target = {.id = "backup-job"};
	static const struct request row = {
		.pid = 4711,
		.uid = 1000,
		.ends = {.peer = {0, 0}, .peer_port = 443},
		.comm = "python3",
		.via = "openssl",
		.is_s3 = true,
		.method = "PUT",
		.operation = "PutObject",
		.bucket = "logs",
		.endpoint = "s3.lan:9000",
		.region = "us-east-1",
		.client_type = "boto3",
		.error_code = "SlowDown",
		.status = 503,
		.user = "backup",
		.exe = "/usr/bin/python3.11",
		.container = "0123abcd",
		.target = &target,
	};
	static const struct {
		const char *name, *text;
	} cases[] = {
		{"operation", "PutObject"},
		{"bucket", "logs"},
		{"endpoint", "s3.lan:9000"},
		{"region", "us-east-1"},
		{"client", "boto3"},
		{"comm", "python3"},
		{"pid", "4711"},
		{"uid", "1000"},
		{"method", "PUT"},
		{"status", "503"},
		{"error", "SlowDown"},
		{"via", "openssl"},
		{"user", "backup"},
		{"exe", "/usr/bin/python3.11"},
		{"container", "0123abcd"},
		{"target", "backup-job"},
		{"peer", "[::]:443"},
		{"BUCKET", "logs"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CU_ASSERT_STRING_EQUAL(text_of(cases[i].name, &row), cases[i].text);
	CU_ASSERT_PTR_NULL(grouping_find("nonsense"));
	CU_ASSERT_PTR_NULL(grouping_find(""));
}

static void test_unknown(void)
{
	static const struct request row = {.status = -1};
	const struct grouping *grouping;

	/* Numbers that every row has, and what takes the place of an operation. */
	for (size_t i = 0; (grouping = grouping_at(i)); i++)
		if (strcmp(grouping->name, "pid") != 0 && strcmp(grouping->name, "uid") != 0 &&
		    strcmp(grouping->name, "operation") != 0)
			CU_ASSERT_PTR_NULL(grouping_text(grouping, &row, room));
	CU_ASSERT_STRING_EQUAL(text_of("operation", &row), "? (not S3)");
	CU_ASSERT_STRING_EQUAL(
		text_of("operation", &(struct request){.is_s3 = true, .method = "POST"}),
		"POST (S3, unknown)");
	/* A method of any length is the traced program's to choose. */
	CU_ASSERT_STRING_EQUAL(
		text_of("operation",
			&(struct request){.method = "AMETHODOFMORETHANTHIRTYTWOLETTERS"}),
		"AMETHODOFMORETHANTHIRTYTWOLETTER (not S3)");
}

/* What --by says that it takes is what there is. */
static void test_names_are_said(void)
{
	char message[512], *argv[] = {"s3slower", "--by", "nonsense", NULL};
	static struct settings settings;
	const char *name, *at;

	CU_ASSERT(settings_parse(&settings, 3, argv, message, sizeof(message)) < 0);
	at = message;
	for (size_t i = 0; (name = grouping_name(i)); i++) {
		at = strstr(at, name);
		CU_ASSERT_PTR_NOT_NULL_FATAL(at);
		at += strlen(name);
		CU_ASSERT(*at == ',' || *at == ' ');
	}
}

CU_TestInfo grouping_tests[] = {
	{"texts", test_texts},
	{"unknown", test_unknown},
	{"every name is said", test_names_are_said},
	CU_TEST_INFO_NULL,
};
