/* SPDX-License-Identifier: Apache-2.0 */
#include "output/diagnosis.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static struct diagnosis d;
static char *text;

/* A machine without one right, two libraries, and somebody with Java. */
static void make_diagnosis(void)
{
	d = (struct diagnosis){
		.finding = {{.name = "kernel", .state = FINDING_FACT, .detail = "Linux 6.1"},
			    {.name = "uprobes",
			     .use = "TLS libraries",
			     .needed = true,
			     .state = FINDING_NO,
			     .error = -EPERM},
			    {.name = "BTF", .use = "not used", .state = FINDING_YES}},
		.n_findings = 3,
		.file = {{.library = "openssl",
			  .path = "/lib/libssl.so.3",
			  .build_id = "a939",
			  .n_points = 6,
			  .n_emulated = 5,
			  .points = "send +0x355e0, receive +0x352d0",
			  .descriptor = "as its accessors tell",
			  .cost_us = 1.25,
			  .users = 3},
			 {.library = "gnutls",
			  .path = "/lib/libgnutls.so.30",
			  .error = -ENOENT,
			  .cost_us = -1},
			 {.library = "nss",
			  .path = "/lib/libssl3.so",
			  .refused = "ssl_SetupIOMethods",
			  .cost_us = -1}},
		.n_files = 3,
		.user = {{4, "curl", 0}, {5, "python3", 0}, {5, "python3", 1}, {7, "aws", 0}},
		.n_users = 4,
		.unseen = {{1234, "java", "JSSE", "Java has TLS of its own"},
			   {88, "app", "rustls", "no symbols"}},
		.n_unseen = 2,
		.probed_files = 1,
		.probed_processes = 3,
		.emulated_us = -1,
		.stepped_us = -1,
		.verdict = "Tracing does not work.",
	};
}

static const char *printed(int (*print)(const struct diagnosis *, FILE *))
{
	size_t size;
	FILE *file;

	free(text);
	file = open_memstream(&text, &size);
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL(print(&d, file), 0);
	fclose(file);
	return text;
}

static int whole(const struct diagnosis *diagnosis, FILE *file)
{
	diagnosis_coverage(diagnosis, false, file);
	return 0;
}

static int part(const struct diagnosis *diagnosis, FILE *file)
{
	diagnosis_coverage(diagnosis, true, file);
	return 0;
}

static void one_line_of_coverage(void)
{
	make_diagnosis();
	CU_ASSERT_STRING_EQUAL(printed(whole),
			       "probing 1 library in 3 processes; 2 cannot be seen: "
			       "java 1234 (JSSE), app 88 (rustls)\n");
	CU_ASSERT_PTR_NOT_NULL(
		strstr(printed(part), "in 3 processes; at least 2 cannot be seen: "));
	d.probed_processes = 1;
	d.probed_files = 2;
	d.n_unseen = 0;
	CU_ASSERT_STRING_EQUAL(printed(whole), "probing 2 libraries in 1 process\n");
	/* However many there are, it stays one line that can be read. */
	d.n_unseen = DIAGNOSIS_UNSEEN_MAX;
	for (size_t i = 0; i < d.n_unseen; i++)
		d.unseen[i] = (struct diagnosis_unseen){4000000, "a-long-name-of-", "rustls", ""};
	CU_ASSERT(strlen(printed(whole)) < 400);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "256 cannot be seen"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, " ...\n"));
}

static void a_report_for_people(void)
{
	static const char *const lines[] = {
		"\n  kernel                        Linux 6.1\n",
		"\n  uprobes                  no   Operation not permitted  [needed: TLS "
		"libraries]\n",
		"\n  /lib/libssl.so.3 (openssl)\n    build id a939, with exported symbols only\n"
		"    probed at send +0x355e0, receive +0x352d0: about 1.2 us a call\n"
		"    descriptors read from its objects, as its accessors tell\n"
		"    used by 3 processes: curl 4, python3 5, aws 7\n",
		"    cannot be probed: none of its functions is there\n",
		"    cannot be probed: its function ssl_SetupIOMethods cannot be decoded whole\n",
		"\n  java 1234 (JSSE): Java has TLS of its own\n",
	};

	make_diagnosis();
	printed(diagnosis_print);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		CU_ASSERT_PTR_NOT_NULL(strstr(text, lines[i]));
	CU_ASSERT_PTR_NULL(strstr(text, "Self-test"));
	CU_ASSERT_STRING_EQUAL(strrchr(text, 'T'), "Tracing does not work.\n");
}

static void a_self_test_is_told(void)
{
	static const struct {
		struct diagnosis_test test;
		const char *line;
	} rows[] = {
		{{"http", "sockets", "", true, 23, 23, 1.04, 2.5, 8, 10, 4},
		 "  http (sockets): 23 of 23 requests seen; the client's clock says 1.0 us more "
		 "(median; 2.5 at most); 8.0 us a request without probes, 10.0 with: 0.50 us a "
		 "call\n"},
		{{"openssl", "libssl.so.3", "", true, 23, 23, 1, 2, 20, 19, 4},
		 "; 20.0 us a request, with probes or without\n"},
		{{"gnutls", "libgnutls.so.30", "it cannot be loaded here", false, 0, 0, 0, 0, 0, 0,
		  0},
		 "  gnutls (libgnutls.so.30): it cannot be loaded here\n"},
		{{"http", "sockets", "23 requests were not seen", true, 23, 0, 0, 0, 8, 0, 4},
		 "  http (sockets): 0 of 23 requests seen; 23 requests were not seen\n"},
	};

	make_diagnosis();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		d.test[0] = rows[i].test;
		d.n_tests = 1;
		CU_ASSERT_PTR_NOT_NULL(strstr(printed(diagnosis_print), rows[i].line));
	}
}

static void a_report_for_programs(void)
{
	json_error_t error;
	json_t *all, *files;

	make_diagnosis();
	d.n_tests = 1;
	d.test[0] = (struct diagnosis_test){.library = "http", .name = "-", .sent = 23, .seen = 23};
	all = json_loads(printed(diagnosis_json), JSON_REJECT_DUPLICATES, &error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(all);
	CU_ASSERT_EQUAL(strcspn(text, "\n") + 1, strlen(text));
	CU_ASSERT_EQUAL(json_array_size(json_object_get(all, "machine")), 3);
	files = json_object_get(all, "libraries");
	CU_ASSERT_EQUAL(json_array_size(files), 3);
	CU_ASSERT(json_is_null(json_object_get(json_array_get(files, 0), "refused")));
	CU_ASSERT_STRING_EQUAL(
		json_string_value(json_object_get(json_array_get(files, 2), "refused")),
		"ssl_SetupIOMethods");
	CU_ASSERT_EQUAL(json_array_size(json_object_get(all, "unseen")), 2);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(all, "self_test")), 1);
	CU_ASSERT(json_is_null(json_object_get(all, "probe_us_stepped")));
	CU_ASSERT(json_is_false(json_object_get(all, "works")));
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(all, "verdict")),
			       "Tracing does not work.");
	json_decref(all);
	free(text);
	text = NULL;
}

CU_TestInfo diagnosis_tests[] = {
	{"one line of coverage", one_line_of_coverage},
	{"a report for people", a_report_for_people},
	{"a self-test is told", a_self_test_is_told},
	{"a report for programs", a_report_for_programs},
	CU_TEST_INFO_NULL,
};
