/* SPDX-License-Identifier: Apache-2.0 */
#include "parsers/targets.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "guard.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct targets targets;
static char message[400];

static const char *reserved(size_t i)
{
	static const char *const names[] = {"pid", "bucket", NULL};

	return names[i < 2 ? i : 2];
}

static int load(const char *text)
{
	memset(message, 0, sizeof(message));
	return targets_load(&targets, "t.yml", guard_copy((struct slice){text, strlen(text)}),
			    reserved, message, sizeof(message));
}

static const char whole[] =
	"targets:\n"
	"  - id: backup-job\n"
	"    match:\n"
	"      - {type: comm, value: restic}\n"
	"      - {type: exe_basename, value: python3.11}\n"
	"      - {type: cmdline_substring, value: \"nightly run\"}\n"
	"    labels: {team: storage, tier: \"batch; \\e[31m\"}\n"
	"  - id: flat\n"
	"    match_type: comm\n"
	"    match_value: a-name-of-more-than-15-bytes\n"
	"  - id: older\n"
	"    match:\n"
	"      type: exe_basename\n"
	"      value: aws\n"
	"    mode: openssl\n"
	"    prom_labels:\n"
	"      client: aws-cli\n"
	"  - {id: last, match: [{type: cmdline_substring, value: n}], labels: }\n";

static void a_file_is_read(void)
{
	CU_ASSERT_EQUAL_FATAL(load(whole), 0);
	CU_ASSERT_EQUAL_FATAL(targets.n, 4);
	CU_ASSERT_STRING_EQUAL(targets.target[0].id, "backup-job");
	CU_ASSERT_EQUAL(targets.target[0].n_rules, 3);
	CU_ASSERT_EQUAL_FATAL(targets.target[0].n_labels, 2);
	CU_ASSERT_STRING_EQUAL(targets.target[0].label[0].name, "team");
	CU_ASSERT_STRING_EQUAL(targets.target[0].label[1].value, "batch; \\x1b[31m");
	CU_ASSERT_STRING_EQUAL(targets.target[0].labels, "team=storage;tier=batch; \\x1b[31m");
	CU_ASSERT_STRING_EQUAL(targets.target[2].labels, "client=aws-cli");
	CU_ASSERT_EQUAL(targets.target[3].n_labels, 0);
	CU_ASSERT_PTR_NULL(targets.target[3].labels);
	CU_ASSERT_EQUAL(load("targets: []"), 0);
	CU_ASSERT_EQUAL(targets.n, 0);
}

static void the_first_match_wins(void)
{
	static const struct {
		const char *thread, *comm, *exe, *cmdline, *id;
	} rows[] = {
		{"restic", NULL, NULL, NULL, "backup-job"},
		{"worker", "restic", "/usr/bin/aws", "aws", "backup-job"},
		{"restic2", "esti", NULL, NULL, NULL},
		{"python3", "python3", "/usr/bin/python3.11", "python3 x", "backup-job"},
		{"python3", "python3", "python3.11", NULL, "backup-job"},
		{"python3", "python3", "/opt/xpython3.11", "python3", "last"},
		{"sh", "sh", "/bin/dash", "sh -c nightly run now", "backup-job"},
		{"a-name-of-more-", NULL, NULL, NULL, "flat"},
		{"aws", "aws", "/usr/bin/aws", "aws s3 sync", "older"},
		{"x", "x", "/python3.11/x", "x", NULL},
		{NULL, NULL, NULL, NULL, NULL},
	};

	CU_ASSERT_EQUAL_FATAL(load(whole), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct process process = {
			.comm = rows[i].comm, .exe = rows[i].exe, .cmdline = rows[i].cmdline};
		const struct target *target = targets_match(&targets, rows[i].thread, &process);

		CU_ASSERT_EQUAL(target == NULL, rows[i].id == NULL);
		if (target && rows[i].id)
			CU_ASSERT_STRING_EQUAL(target->id, rows[i].id);
	}
	CU_ASSERT_PTR_NOT_NULL(targets_match(&targets, "restic", NULL));
	CU_ASSERT_PTR_NULL(targets_match(&targets, NULL, NULL));
}

#define T "targets:\n  - "
#define M "match_type: comm\n    match_value: x\n"

static void a_bad_file_is_one_sentence(void)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"", "t.yml, line 1: the key 'targets' is missing."},
		{"{}", "line 1: the key 'targets' is missing."},
		{"\n\ntarget: []",
		 "line 3: there is no key 'target' in this file: did you mean targets?"},
		{"targets: 5", "line 1: 'targets' needs a list of targets."},
		{"targets:\n- 5", "line 2: a target has to be a list of 'key: value'."},
		{"[]", "line 1: this file has to be"},
		{"targets: [", "this is no YAML: "},
		{"targets:\n\t- x", "line 2: this is no YAML: "},
		{"\xff\xfe\xfd", "this is no YAML"},
		{T "id: a\n", "line 2: the target 'a' has no rule in 'match'."},
		{T "id: a\n    match: []\n", "the target 'a' has no rule"},
		{T M, "line 2: a target needs an 'id'."},
		{T "id: a\n    id: b\n    " M, "line 3: the key 'id' is there twice."},
		{T "id: a\n    labels: {}\n    prom_labels: {}\n", "line 4: the key 'prom_labels'"},
		{T "id: [a]\n    " M, "line 2: 'id' needs a text of 1 to 64 bytes."},
		{T "id: ''\n    " M, "'id' needs a text"},
		{T "id: a\n    macth: []\n",
		 "line 3: there is no key 'macth' in a target: did you mean match?"},
		{T "id: a\n    [x]: y\n", "line 3: there is no key '' in a target."},
		{T "id: a\n    match: x\n", "line 3: 'match' needs a list of rules."},
		{T "id: a\n    match:\n      - x\n", "line 4: a rule has to be"},
		{T "id: a\n    match:\n      - {type: comm}\n",
		 "line 4: a rule needs 'type' and 'value'."},
		{T "id: a\n    match_value: x\n",
		 "line 2: a rule needs 'match_type' and 'match_value'."},
		{T "id: a\n    match:\n      - {type: com, value: x}\n",
		 "line 4: 'type' needs comm, exe_basename or cmdline_substring, not 'com': did you "
		 "mean comm?"},
		{T "id: a\n    match:\n      - {type: comm, valeu: x}\n",
		 "line 4: there is no key 'valeu' in a rule: did you mean value?"},
		{T "id: a\n    match:\n      - {type: comm, value: ''}\n",
		 "line 4: 'value' needs a text of 1 to 256 bytes."},
		{T "id: a\n    " M "    labels: x\n", "line 5: 'labels' needs"},
		{T "id: a\n    " M "    labels: {9x: y}\n", "line 5: the label '9x' needs a name"},
		{T "id: a\n    " M "    labels: {a-b: y}\n", "the label 'a-b' needs a name"},
		{T "id: a\n    " M "    labels: {a: y, a: z}\n", "the label 'a' is there twice"},
		{T "id: a\n    " M "    labels:\n      bucket: z\n",
		 "line 6: the label 'bucket' has the name of a field"},
		{T "id: a\n    " M "    labels: {a: {}}\n", "line 5: 'a' needs a text of 1 to 128"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		CU_ASSERT_EQUAL(load(rows[i].text), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(message, rows[i].says));
		if (!strstr(message, rows[i].says))
			fprintf(stderr, "\n%s\n  not %s\n", message, rows[i].says);
		CU_ASSERT(strncmp(message, "t.yml, line ", 12) == 0);
	}
	CU_ASSERT_EQUAL(load(T "\"\\e[31m\": a\n"), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(message, "'?[31m'"));
}

static char *repeated(const char *before, const char *each, size_t n)
{
	size_t room = strlen(before) + n * (strlen(each) + 8) + 1, used;
	char *text = malloc(room);

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	used = (size_t)snprintf(text, room, "%s", before);
	for (size_t i = 0; i < n; i++)
		/* cppcheck-suppress wrongPrintfScanfArgNum ; each has one %zu */
		used += (size_t)snprintf(text + used, room - used, each, i);
	return text;
}

static void everything_is_bounded(void)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	static const struct {
		const char *before, *each;
		size_t most;
		const char *says;
	} rows[] = {
		{"targets:\n", "- {id: t%zu, match_type: comm, match_value: x}\n", TARGETS_MAX,
		 "more than 128 targets"},
		{"targets:\n- id: a\n  match:\n", "  - {type: comm, value: v%zu}\n",
		 TARGETS_RULES_MAX, "more than 512 rules"},
		{"targets:\n- id: a\n  match_type: comm\n  match_value: x\n  labels:\n",
		 "    l%zu: x\n", TARGET_LABELS_MAX, "16 labels at most"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t more = 0; more < 2; more++) {
			char *text = repeated(rows[i].before, rows[i].each, rows[i].most + more);

			CU_ASSERT_EQUAL(load(text), more ? -EINVAL : 0);
			CU_ASSERT(!more || strstr(message, rows[i].says));
			free(text);
		}
	}
#pragma GCC diagnostic pop
	char *big = calloc(1, TARGETS_FILE_MAX + 2);

	CU_ASSERT_PTR_NOT_NULL_FATAL(big);
	memset(big, '\n', TARGETS_FILE_MAX + 1);
	CU_ASSERT_EQUAL(load(big), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(message, "longer than 65536 bytes"));
	free(big);
	/* An anchor that is told again and again is as much text as it says. */
	big = repeated("targets:\n- &a {id: b, match: [{type: comm, value: c}]}\n", "- *a # %zu\n",
		       TARGETS_MAX - 1);
	CU_ASSERT_EQUAL(load(big), 0);
	free(big);
}

static void a_cut_file_is_refused_or_read(void)
{
	for (size_t n = 0; n < sizeof(whole); n++) {
		struct slice cut = guard_copy((struct slice){whole, n});
		int err = targets_load(&targets, "t.yml", cut, NULL, message, sizeof(message));

		CU_ASSERT(err == 0 || (err == -EINVAL && *message));
	}
}

CU_TestInfo targets_tests[] = {
	{"a file is read", a_file_is_read},
	{"the first match wins", the_first_match_wins},
	{"a bad file is one sentence", a_bad_file_is_one_sentence},
	{"everything is bounded", everything_is_bounded},
	{"a cut file is refused or read", a_cut_file_is_refused_or_read},
	CU_TEST_INFO_NULL,
};
