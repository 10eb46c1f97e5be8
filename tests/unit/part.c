/* SPDX-License-Identifier: Apache-2.0 */
/* Which piece of a bigger job a request is. */
#include "parsers/part.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

#include "guard.h"

/* Parses a request line with one header, and an answer; "" is none. */
static struct slice parsed(const char *line, const char *header, const char *answer,
			   struct part *out)
{
	static const struct s3_endpoints none;
	char head[1024], response_head[512];
	struct http1_response response;
	struct http1_request request;
	struct s3_request s3;

	snprintf(head, sizeof(head),
		 "%s HTTP/1.1\r\nHost: s3.amazonaws.com\r\n%s%sx-amz-content-sha256: x\r\n\r\n",
		 line, header, *header ? "\r\n" : "");
	snprintf(response_head, sizeof(response_head), "HTTP/1.1 %s\r\n\r\n", answer);
	CU_ASSERT_FATAL(http1_request(guard_copy((struct slice){head, strlen(head)}), &request) >
			0);
	if (*answer)
		CU_ASSERT_FATAL(http1_response((struct slice){response_head, strlen(response_head)},
					       &response) > 0);
	s3_classify(&request, *answer ? &response : NULL, &none, &s3);
	return part_parse(&request, *answer ? &response : NULL, &s3, out);
}

static struct part part_of(const char *line, const char *header, const char *answer)
{
	struct part part;

	parsed(line, header, answer, &part);
	return part;
}

static void roles(void)
{
	static const struct {
		const char *line, *header;
		enum part_role role;
		int number;
	} rows[] = {
		{"PUT /b/k?partNumber=17&uploadId=A", "", PART_UPLOADED, 17},
		{"PUT /b/k?partNumber=3&uploadId=A", "x-amz-copy-source: /b/o", PART_COPIED, 3},
		{"POST /b/k?uploadId=A", "", PART_COMPLETES, -1},
		{"DELETE /b/k?uploadId=A", "", PART_ABORTS, -1},
		{"GET /b/k?partNumber=2", "", PART_DOWNLOADED, 2},
		{"GET /b/k", "Range: bytes=0-99", PART_DOWNLOADED, -1},
		{"GET /b/k", "", PART_NONE, -1},
		{"GET /b/k?uploadId=A", "", PART_NONE, -1}, /* ListParts */
		{"POST /b/k?uploads", "", PART_NONE, -1},
		{"PUT /b/k", "", PART_NONE, -1},
		{"PUT /b/k?partNumber=x&uploadId=A", "", PART_UPLOADED, -1},
		{"PUT /b/k?partNumber=99999999999999999999&uploadId=A", "", PART_UPLOADED, -1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct part part = part_of(rows[i].line, rows[i].header, "");

		CU_ASSERT_EQUAL(part.role, rows[i].role);
		CU_ASSERT_EQUAL(part.number, rows[i].number);
	}
}

static void ranges(void)
{
	static const struct {
		const char *asked, *answer;
		int64_t first, last, size;
		bool is_part;
	} rows[] = {
		{"bytes=0-99", "", 0, 99, -1, true},
		{"Bytes=8388608-", "", 8388608, -1, -1, true},
		{"bytes=0-99", "503 Slow Down", 0, 99, -1, true},
		{"bytes=0-99", "200 OK", -1, -1, -1, false}, /* all of it came */
		{"bytes=0-99", "304 Not Modified", -1, -1, -1, false},
		{"bytes=0-99", "206 P\r\nContent-Range: bytes 0-49/50", 0, 49, 50, true},
		{"bytes=0-99", "206 P\r\nContent-Range: bytes 0-49/*", 0, 49, -1, true},
		{"bytes=0-99", "206 P", 0, 99, -1, true},
		{"bytes=-5", "206 P", -1, -1, -1, true},
		{"bytes=-5", "206 P\r\ncontent-range: bytes 45-49/50", 45, 49, 50, true},
		{"bytes=-5", "", -1, -1, -1, false},
		{"bytes=0-9,20-29", "", -1, -1, -1, false},
		{"bytes=9-0", "", -1, -1, -1, false},
		{"bytes=", "", -1, -1, -1, false},
		{"bytes", "", -1, -1, -1, false},
		{"lines=0-9", "", -1, -1, -1, false},
		{"bytes=0-9x", "", -1, -1, -1, false},
		{"bytes=9999999999999999999-", "", -1, -1, -1, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char header[128];

		snprintf(header, sizeof(header), "Range: %s", rows[i].asked);
		struct part part = part_of("GET /b/k", header, rows[i].answer);
		CU_ASSERT_EQUAL(part.role, rows[i].is_part ? PART_DOWNLOADED : PART_NONE);
		CU_ASSERT_EQUAL(part.first, rows[i].first);
		CU_ASSERT_EQUAL(part.last, rows[i].last);
		CU_ASSERT_EQUAL(part.object_size, rows[i].size);
	}
	CU_ASSERT_EQUAL(part_of("PUT /b/k?partNumber=3&uploadId=A",
				"x-amz-copy-source: /b/o\r\nx-amz-copy-source-range: bytes=5-9", "")
				.last,
			9);
}

/* What makes two requests parts of one job, and what does not. */
static void jobs(void)
{
	uint64_t a = part_of("PUT /b/k?partNumber=1&uploadId=A", "", "").job;

	CU_ASSERT_EQUAL(a, part_of("PUT /b/k?x-id=UploadPart&uploadId=A&partNumber=2", "", "").job);
	CU_ASSERT_EQUAL(a, part_of("POST /b/k?uploadId=A", "", "").job);
	CU_ASSERT_NOT_EQUAL(a, part_of("PUT /b/k?partNumber=1&uploadId=B", "", "").job);
	CU_ASSERT_NOT_EQUAL(a, part_of("PUT /b/l?partNumber=1&uploadId=A", "", "").job);
	CU_ASSERT_NOT_EQUAL(a, part_of("PUT /c/k?partNumber=1&uploadId=A", "", "").job);
	a = part_of("GET /b/k", "Range: bytes=0-9", "").job;
	CU_ASSERT_EQUAL(a, part_of("GET /b/k?x-id=GetObject", "Range: bytes=10-19", "").job);
	CU_ASSERT_EQUAL(a, part_of("GET /b/k?partNumber=1", "", "").job);
	CU_ASSERT_NOT_EQUAL(a, part_of("GET /b/k?versionId=1", "Range: bytes=0-9", "").job);
	CU_ASSERT_NOT_EQUAL(a, part_of("GET /b/kk", "Range: bytes=0-9", "").job);
}

static void upload_ids(void)
{
	struct part part;
	struct slice id = parsed("PUT /b/k?partNumber=1&uploadId=A%0aB", "", "", &part);

	CU_ASSERT(slice_is(id, SLICE("A%0aB")));
	CU_ASSERT_PTR_NULL(parsed("GET /b/k", "Range: bytes=0-9", "", &part).p);
	CU_ASSERT_PTR_NULL(parsed("GET /b/k", "", "", &part).p);
}

CU_TestInfo part_tests[] = {
	{"roles", roles},	    {"ranges", ranges}, {"jobs", jobs},
	{"upload ids", upload_ids}, CU_TEST_INFO_NULL,
};
