/* SPDX-License-Identifier: Apache-2.0 */
/* From a record to the rows that users see. Records come from the exchange
 * logic itself, driven through a script of sends and receives. */
#include "parsers/request.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>

#include "parsers/kept.h"
#include "tests/host/host.c"
#include "tests/host/rows.h"

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))
#define CONN 9
#define STEP_MS 10

#define HOST "Host: s3.eu-west-1.amazonaws.com\r\n"
#define GET ">GET /bucket/key HTTP/1.1\r\n" HOST "\r\n"
#define HEAD ">HEAD /bucket/key HTTP/1.1\r\n" HOST "\r\n"
#define PUT ">PUT /bucket/key HTTP/1.1\r\n" HOST "Content-Length: 5\r\n"
#define EXPECT PUT "Expect: 100-continue\r\n\r\n"
#define UPLOAD PUT "\r\n"
#define PUT_IN_CHUNKS ">PUT /b/k HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
#define GO_ON "HTTP/1.1 100 Continue\r\n\r\n"

/* Checked for every row of every test: the phases are one partition of time. */
static void phases_add_up(const struct request *row)
{
	const int64_t phase[] = {row->send_ns, row->expect_ns, row->wait_ns, row->recv_ns,
				 row->stall_ns};
	int64_t sum = 0;

	for (size_t i = 0; i < N_OF(phase); i++) {
		CU_ASSERT(phase[i] >= 0);
		sum += phase[i];
	}
	CU_ASSERT_EQUAL(sum, row->latency_ns);
	CU_ASSERT(row->ttfb_ns <= row->latency_ns);
}

/* ">bytes" is sent, "<bytes" received, "." the peer's end of file, "x" the end
 * of the connection, "-" is waited. A step every 10 ms, calls of at most `cut`
 * bytes. */
static void play(const char *const *step, size_t n, size_t cut)
{
	for (size_t i = 0; i < n && step[i]; i++) {
		struct slice bytes = {step[i] + 1, strlen(step[i] + 1)};

		switch (step[i][0]) {
		case '>':
			host_send_in(CONN, bytes, cut);
			break;
		case '<':
			host_receive_in(CONN, bytes, cut);
			break;
		case '.':
			host_eof(CONN);
			break;
		case 'x':
			host_end(CONN);
			break;
		}
		host.now += STEP_MS * MS;
		rows_take();
	}
}

static void begin(void)
{
	host_reset();
	host.call_ns = 1;
	rows_reset();
}

static const struct exchange_case {
	const char *name;
	const char *step[8];
	enum request_state state;
	int status;
	int64_t request_size, response_size;
	const char *error_code;
	bool is_error;
} cases[] = {
	{"a download",
	 {GET, "<HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
	 REQUEST_COMPLETE,
	 200,
	 0,
	 5,
	 NULL,
	 false},
	{"a download in pieces",
	 {GET, "<HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "<hello"},
	 REQUEST_COMPLETE,
	 200,
	 0,
	 10,
	 NULL,
	 false},
	{"an upload",
	 {UPLOAD, ">hello", "<HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	 REQUEST_COMPLETE,
	 200,
	 5,
	 0,
	 NULL,
	 false},
	{"an upload of what looks like a request",
	 {UPLOAD, ">GET /", "<HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	 REQUEST_COMPLETE,
	 200,
	 5,
	 0,
	 NULL,
	 false},
	{"a download of what looks like an answer",
	 {GET, "<HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", "<HTTP/1.1 404"},
	 REQUEST_COMPLETE,
	 200,
	 0,
	 12,
	 NULL,
	 false},
	{"100-continue",
	 {EXPECT, "<" GO_ON, ">hello", "<HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	 REQUEST_COMPLETE,
	 200,
	 5,
	 0,
	 NULL,
	 false},
	{"100-continue joined with the answer",
	 {EXPECT, ">hello", "<" GO_ON "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	 REQUEST_COMPLETE,
	 200,
	 5,
	 0,
	 NULL,
	 false},
	{"several interim heads",
	 {GET, "<" GO_ON "HTTP/1.1 102 Processing\r\nX: y\r\n\r\n",
	  "<HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", "<HTTP/1.1 204 No Content\r\n\r\n"},
	 REQUEST_COMPLETE,
	 204,
	 0,
	 0,
	 NULL,
	 false},
	{"refused before the body",
	 {EXPECT, "<HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"},
	 REQUEST_COMPLETE,
	 403,
	 0,
	 0,
	 NULL,
	 true},
	{"only the interim head, then the end",
	 {EXPECT, "<" GO_ON, ">hello", "x"},
	 REQUEST_NO_RESPONSE,
	 -1,
	 5,
	 -1,
	 NULL,
	 true},
	{"HEAD says a length and has no body",
	 {HEAD, "<HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n"},
	 REQUEST_COMPLETE,
	 200,
	 0,
	 0,
	 NULL,
	 false},
	{"204",
	 {GET, "<HTTP/1.1 204 No Content\r\n\r\n"},
	 REQUEST_COMPLETE,
	 204,
	 0,
	 0,
	 NULL,
	 false},
	{"304 with a length",
	 {GET, "<HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n"},
	 REQUEST_COMPLETE,
	 304,
	 0,
	 0,
	 NULL,
	 false},
	{"to the end of the connection",
	 {GET, "<HTTP/1.1 200 OK\r\n\r\nhello", "< you", ".", "x"},
	 REQUEST_COMPLETE,
	 200,
	 0,
	 9,
	 NULL,
	 false},
	{"to an end that was not seen",
	 {GET, "<HTTP/1.1 200 OK\r\n\r\nhello", "x"},
	 REQUEST_PARTIAL,
	 200,
	 0,
	 5,
	 NULL,
	 false},
	{"cut short by the peer",
	 {GET, "<HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", ".", "x"},
	 REQUEST_PARTIAL,
	 200,
	 0,
	 5,
	 NULL,
	 false},
	{"chunks",
	 {GET, "<HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n",
	  "<3\r\nyou\r\n", "<0\r\nx-amz-checksum-crc32: AAAAAA==\r\n\r\n"},
	 REQUEST_COMPLETE,
	 200,
	 0,
	 8,
	 NULL,
	 false},
	{"chunks that do not end",
	 {GET, "<HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "x"},
	 REQUEST_PARTIAL,
	 200,
	 0,
	 5,
	 NULL,
	 false},
	{"an upload in chunks",
	 {PUT_IN_CHUNKS, ">5\r\nhello\r\n", ">1;a=b\r\n!\r\n0\r\n\r\n",
	  "<HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	 REQUEST_COMPLETE,
	 200,
	 6,
	 0,
	 NULL,
	 false},
	{"an upload of chunks that are none",
	 {PUT_IN_CHUNKS, ">hello", "<HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"},
	 REQUEST_COMPLETE,
	 400,
	 5,
	 0,
	 NULL,
	 true},
	{"a decoded length that cannot be",
	 {PUT "x-amz-decoded-content-length: 999999999999999999\r\n\r\n", ">hello",
	  "<HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	 REQUEST_COMPLETE,
	 200,
	 5,
	 0,
	 NULL,
	 false},
	{"aws-chunked",
	 {">PUT /b/k HTTP/1.1\r\n" HOST "Content-Length: 48\r\nContent-Encoding: aws-chunked\r\n"
	  "x-amz-decoded-content-length: 5\r\n\r\n",
	  ">5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n\r\n",
	  "<HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	 REQUEST_COMPLETE,
	 200,
	 5,
	 0,
	 NULL,
	 false},
	{"aws-chunked, cut short: what was sent",
	 {">PUT /b/k HTTP/1.1\r\n" HOST
	  "Content-Length: 1048664\r\nContent-Encoding: aws-chunked\r\n"
	  "x-amz-decoded-content-length: 1048576\r\n\r\n",
	  ">100000\r\nhello", "<HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"},
	 REQUEST_COMPLETE,
	 400,
	 13,
	 0,
	 NULL,
	 true},
	{"an error document",
	 {GET, "<HTTP/1.1 404 Not Found\r\nContent-Length: 46\r\n\r\n",
	  "<<?xml?><Error><Code>NoSuchKey</Code></Error>  "},
	 REQUEST_COMPLETE,
	 404,
	 0,
	 46,
	 "NoSuchKey",
	 true},
	{"an error inside a 200",
	 {">POST /b/k?uploadId=1 HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n", ">ab",
	  "<HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n  \r\n2\r\n\n \r\n",
	  "<29\r\n<Error><Code>InternalError</Code></Error>\r\n0\r\n\r\n"},
	 REQUEST_COMPLETE,
	 200,
	 2,
	 45,
	 "InternalError",
	 true},
	{"somebody's data that looks like an error",
	 {GET,
	  "<HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n<Error><Code>NoSuchKey</Code></Error>"},
	 REQUEST_COMPLETE,
	 200,
	 0,
	 36,
	 NULL,
	 false},
	{"no answer", {GET, "x"}, REQUEST_NO_RESPONSE, -1, 0, -1, NULL, true},
	{"no answer, the body half sent",
	 {UPLOAD, ">he", "x"},
	 REQUEST_NO_RESPONSE,
	 -1,
	 2,
	 -1,
	 NULL,
	 true},
	{"the head half sent",
	 {">PUT /bucket/key HTTP/1.1\r\nHos", "x"},
	 REQUEST_NO_RESPONSE,
	 -1,
	 -1,
	 -1,
	 NULL,
	 true},
	{"a status line half read",
	 {GET, "<HTTP/1.1 20", "x"},
	 REQUEST_NO_RESPONSE,
	 -1,
	 0,
	 -1,
	 NULL,
	 true},
	{"a head half read",
	 {GET, "<HTTP/1.1 503 Slow Down\r\nRetry", "x"},
	 REQUEST_PARTIAL,
	 503,
	 0,
	 -1,
	 NULL,
	 true},
	{"what is no HTTP answer",
	 {GET, "<-ERR unknown command 'GET'\r\n", "x"},
	 REQUEST_PARTIAL,
	 -1,
	 0,
	 -1,
	 NULL,
	 false},
};

/* The same row, wherever the program's calls cut the bytes. */
static void rows_say_what_happened(void)
{
	static const size_t cuts[] = {1, 2, 3, 5, 11, 64, 10000};

	for (size_t i = 0; i < N_OF(cases); i++) {
		const struct exchange_case *c = &cases[i];

		for (size_t k = 0; k < N_OF(cuts); k++) {
			const struct request *row = &rows.row[0];
			bool good;

			begin();
			play(c->step, N_OF(c->step), cuts[k]);
			rows_finish();
			CU_ASSERT_EQUAL(rows.n, 1);
			if (rows.n != 1)
				continue;
			phases_add_up(row);
			good = row->state == c->state && row->status == c->status &&
			       row->request_size == c->request_size &&
			       row->response_size == c->response_size &&
			       row->is_error == c->is_error && !row->error_code == !c->error_code &&
			       (!c->error_code || strcmp(row->error_code, c->error_code) == 0);
			CU_ASSERT(good);
			if (!good)
				printf("\n  %s, calls of %zu: %s %d, sizes %lld %lld, %s %d\n",
				       c->name, cuts[k], request_state_name(row->state),
				       row->status, (long long)row->request_size,
				       (long long)row->response_size,
				       row->error_code ? row->error_code : "-", row->is_error);
		}
	}
}

static void a_row_says_who_and_what(void)
{
	static const char *const step[] = {
		">GET /bucket/a%20b?versionId=1 HTTP/1.1\r\n" HOST
		"User-Agent: Boto3/1.26.27\r\n\r\n",
		"<HTTP/1.1 200 OK\r\nContent-Length: 0\r\nx-amz-request-id: RID\r\n"
		"x-amz-id-2: HID\r\n\r\n"};
	const struct request *row = &rows.row[0];

	begin();
	rows.context.wall_minus_mono_ns = 1000000;
	play(step, N_OF(step), 10000);
	rows.context.wall_minus_mono_ns = 0;
	CU_ASSERT_EQUAL_FATAL(rows.n, 1);
	CU_ASSERT_EQUAL(row->time_ns, (int64_t)(5000 * MS + 1000000));
	CU_ASSERT_EQUAL(row->pid, HOST_TGID);
	CU_ASSERT_EQUAL(row->tid, HOST_TID);
	CU_ASSERT_EQUAL(row->uid, 500);
	CU_ASSERT_EQUAL(row->fd, CONN);
	CU_ASSERT_STRING_EQUAL(row->comm, "boto");
	CU_ASSERT_STRING_EQUAL(row->via, "http");
	CU_ASSERT(row->is_s3);
	CU_ASSERT_STRING_EQUAL(row->method, "GET");
	CU_ASSERT_STRING_EQUAL(row->operation, "GetObject");
	CU_ASSERT_STRING_EQUAL(row->log_operation, "REST.GET.OBJECT");
	CU_ASSERT_STRING_EQUAL(row->bucket, "bucket");
	CU_ASSERT_STRING_EQUAL(row->key, "a b");
	CU_ASSERT_STRING_EQUAL(row->endpoint, "s3.eu-west-1.amazonaws.com");
	CU_ASSERT_STRING_EQUAL(row->region, "eu-west-1");
	CU_ASSERT_STRING_EQUAL(row->client_type, "boto3");
	CU_ASSERT_STRING_EQUAL(row->client_version, "1.26.27");
	CU_ASSERT_STRING_EQUAL(row->path, "/bucket/a%20b?versionId=1");
	CU_ASSERT_STRING_EQUAL(row->request_id, "RID");
	CU_ASSERT_STRING_EQUAL(row->host_id, "HID");
	CU_ASSERT(!row->truncated);
}

/* A copy that outlives its row points nowhere into it, and says the same. */
static void kept_rows_have_their_own_texts(void)
{
	static const char *const step[] = {
		">PUT /bucket/key HTTP/1.1\r\n" HOST "User-Agent: Boto3/1.26.27\r\n"
		"amz-sdk-invocation-id: 00-11\r\nContent-Length: 0\r\n\r\n",
		"<HTTP/1.1 503 Slow Down\r\nContent-Length: 70\r\nx-amz-request-id: RID\r\n"
		"x-amz-id-2: HID\r\n\r\n<Error><Code>SlowDown</Code><Message>Not so "
		"fast.</Message></Error>     "};
	const size_t words = offsetof(struct request, text) / sizeof(uintptr_t);
	const struct request *row = &rows.row[0];
	size_t own = 0;

	begin();
	play(step, N_OF(step), 10000);
	rows_finish();
	CU_ASSERT_EQUAL_FATAL(rows.n, 1);
	struct request *copy = kept_row(row);
	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	for (size_t i = 0; i < words; i++) {
		const char *before, *after;

		memcpy(&before, (const char *)row + i * sizeof(before), sizeof(before));
		memcpy(&after, (const char *)copy + i * sizeof(after), sizeof(after));
		CU_ASSERT(after < row->text || after >= row->text + sizeof(row->text));
		if (before < row->text || before >= row->text + row->text_used)
			continue;
		own++;
		CU_ASSERT(after >= copy->text && after < copy->text + copy->text_used);
		CU_ASSERT_STRING_EQUAL(after, before);
	}
	CU_ASSERT(own >= 11); /* all the texts that a request can have */
	free(copy);
}

static void secrets_are_masked(void)
{
	static const char *const step[] = {
		">GET /b/k?X-Amz-Signature=5ecre7&x-id=GetObject&X-Amz-Security-Token=5ecre7 "
		"HTTP/1.1\r\n" HOST "Authorization: 5ecre7\r\n\r\n",
		"<HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
	const struct request *row = &rows.row[0];

	begin();
	play(step, N_OF(step), 10000);
	CU_ASSERT_EQUAL_FATAL(rows.n, 1);
	CU_ASSERT_PTR_NULL(memmem(row->text, sizeof(row->text), "5ecre7", 6));
	CU_ASSERT_STRING_EQUAL(row->path,
			       "/b/k?X-Amz-Signature=***&x-id=GetObject&X-Amz-Security-Token=***");
}

#define MULTIPART ">POST /b/k?uploadId=1 HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n"
#define LATE "<HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define DOCUMENT                                                                                   \
	"<Error><Code>InternalError</Code><Message>Try &apos;again&apos;.</Message></Error>"

/* The document of a late error is cut into chunks, behind the declaration and blanks
 * that kept the connection alive. */
static void late_errors_are_read(void)
{
	static const char *const step[] = {
		MULTIPART, LATE "27\r\n<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\r\n",
		"<1\r\n \r\n", "<1\r\n \r\n",
		"<9\r\n<Error><C\r\n49\r\node>InternalError</Code>"
		"<Message>Try &apos;again&apos;.</Message></Error>\r\n0\r\n\r\n"};
	const struct request *row = &rows.row[0];

	begin();
	play(step, N_OF(step), 10000);
	CU_ASSERT_EQUAL_FATAL(rows.n, 1);
	CU_ASSERT_EQUAL(row->state, REQUEST_COMPLETE);
	CU_ASSERT_EQUAL(row->status, 200);
	CU_ASSERT(row->is_error);
	CU_ASSERT_STRING_EQUAL_FATAL(row->error_code, "InternalError");
	CU_ASSERT_STRING_EQUAL_FATAL(row->error_message, "Try 'again'.");
}

/* More blanks than are kept: that it is an error is seen by its end, which one is not. */
static void errors_beyond_what_is_kept(void)
{
	static char blanks[EXCHANGE_RESP_CAP + 2] = "<", chunk[4200];
	const char *const good = "27\r\n<CompleteMultipartUploadResult></X>    \r\n0\r\n\r\n";
	const struct request *row = &rows.row[0];

	memset(blanks + 1, ' ', EXCHANGE_RESP_CAP);
	snprintf(chunk, sizeof(chunk), "<%x\r\n%s\r\n", EXCHANGE_RESP_CAP, blanks + 1);
	for (int is_error = 0; is_error < 2; is_error++) {
		char last[256];
		const char *const step[] = {MULTIPART, LATE, chunk, last};

		snprintf(last, sizeof(last), "<%zx\r\n%s\r\n0\r\n\r\n", strlen(DOCUMENT), DOCUMENT);
		if (!is_error)
			snprintf(last, sizeof(last), "<%s", good);
		begin();
		play(step, N_OF(step), 10000);
		CU_ASSERT_EQUAL_FATAL(rows.n, 1);
		CU_ASSERT_EQUAL(row->state, REQUEST_COMPLETE);
		CU_ASSERT_EQUAL(row->is_error, is_error);
		CU_ASSERT_PTR_NULL(row->error_code);
		CU_ASSERT_PTR_NULL(row->error_message);
	}
}

static void messages_repeat_no_secret(void)
{
	static const char *const step[] = {
		">GET /b/k HTTP/1.1\r\n" HOST "X-Amz-Security-Token: 5ecre7-5ecre7\r\n\r\n",
		"<HTTP/1.1 403 Forbidden\r\nContent-Length: 142\r\n\r\n<Error><Code>ExpiredToken"
		"</Code><Message>No: 5ecre7-5ecre7&#10;</Message><Token-0>5ecre7-5ecre7</Token-0>"
		"<StringToSign>5ecre7</StringToSign></Error>"};
	const struct request *row = &rows.row[0];

	begin();
	play(step, N_OF(step), 10000);
	rows_finish();
	CU_ASSERT_EQUAL_FATAL(rows.n, 1);
	CU_ASSERT_PTR_NULL(memmem(row->text, sizeof(row->text), "5ecre7", 6));
	CU_ASSERT_STRING_EQUAL_FATAL(row->error_code, "ExpiredToken");
	CU_ASSERT_STRING_EQUAL_FATAL(row->error_message, "No: ***\\x0a");
}

/* Where the time goes, in steps of 10 ms. A step's bytes move at its beginning. */
static void time_goes_into_phases(void)
{
	static const struct {
		const char *name;
		const char *step[8];
		int send, expect, wait, recv, stall; /* steps */
		bool in_vain;			     /* what is expected did not come in time */
	} times[] = {
		{"the server thinks", {GET, "-", "<HTTP/1.1 204 No\r\n\r\n"}, 0, 0, 2, 0, 0, false},
		{"a slow upload",
		 {UPLOAD, ">he", "-", ">llo", "<HTTP/1.1 204 No\r\n\r\n"},
		 3,
		 0,
		 1,
		 0,
		 0,
		 false},
		{"100-continue",
		 {EXPECT, "-", "<" GO_ON, ">he", ">llo", "-", "<HTTP/1.1 204 No\r\n\r\n"},
		 2,
		 2,
		 2,
		 0,
		 0,
		 false},
		{"the program goes on without it",
		 {EXPECT, "-", "-", ">hello", "<HTTP/1.1 204 No\r\n\r\n"},
		 0,
		 3,
		 1,
		 0,
		 0,
		 true},
		{"100 comes later than the body",
		 {EXPECT, "-", ">hello", "<" GO_ON, "<HTTP/1.1 204 No\r\n\r\n"},
		 0,
		 2,
		 2,
		 0,
		 0,
		 true},
		{"refused: nothing was waited for but the answer",
		 {EXPECT, "-", "<HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"},
		 0,
		 0,
		 2,
		 0,
		 0,
		 false},
		{"an answer in the middle of the upload",
		 {UPLOAD, ">he", "<HTTP/1.1 400 No\r\nContent-Length: 2\r\n\r\n", ">l", "<no"},
		 2,
		 0,
		 0,
		 0,
		 2,
		 false},
		{"the program reads slowly",
		 {GET, "<HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", "-", "<cd"},
		 0,
		 0,
		 1,
		 0,
		 2,
		 false},
	};

	for (size_t i = 0; i < N_OF(times); i++) {
		const struct request *row = &rows.row[0];
		const int64_t step = STEP_MS * (int64_t)MS;
		bool good;

		begin();
		play(times[i].step, N_OF(times[i].step), 10000);
		CU_ASSERT_EQUAL_FATAL(rows.n, 1);
		phases_add_up(row);
		good = row->send_ns / step == times[i].send &&
		       row->expect_ns / step == times[i].expect &&
		       row->wait_ns / step == times[i].wait &&
		       row->recv_ns / step == times[i].recv &&
		       row->stall_ns / step == times[i].stall;
		CU_ASSERT(good);
		CU_ASSERT_EQUAL(row->expect_timeout_ns, times[i].in_vain ? row->expect_ns : 0);
		if (!good)
			printf("\n  %s: send %.3f expect %.3f wait %.3f recv %.3f stall %.3f\n",
			       times[i].name, (double)row->send_ns / 1e7,
			       (double)row->expect_ns / 1e7, (double)row->wait_ns / 1e7,
			       (double)row->recv_ns / 1e7, (double)row->stall_ns / 1e7);
	}
}

/* Idle time behind the answer is nobody's latency. */
static void idle_is_no_latency(void)
{
	static const char *const step[] = {GET, "<HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
					   "-", "-", "x"};

	begin();
	play(step, N_OF(step), 10000);
	CU_ASSERT_EQUAL_FATAL(rows.n, 1);
	CU_ASSERT_EQUAL(rows.row[0].state, REQUEST_PARTIAL);
	CU_ASSERT_EQUAL(rows.row[0].latency_ns / (STEP_MS * (int64_t)MS), 1);
}

/* A filter in the kernel lets the record through when an idle connection's server says that
 * it gives up: the answer before that took no longer for it. */
static void what_nobody_asked_for_is_no_latency(void)
{
	static const char *const step[] = {
		GET,	"<HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe",
		"<llo", "-",
		"-",	"<HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n",
		"x"};

	for (size_t threshold = 0; threshold < 6; threshold += 5) {
		begin();
		host.min_latency_ns = threshold * STEP_MS * MS - threshold;
		play(step, N_OF(step), 10000);
		CU_ASSERT_EQUAL_FATAL(rows.n, 1);
		CU_ASSERT_EQUAL(rows.row[0].state, REQUEST_COMPLETE);
		CU_ASSERT_EQUAL(rows.row[0].status, 200);
		CU_ASSERT_EQUAL(rows.row[0].response_size, 5);
		CU_ASSERT_EQUAL(rows.row[0].latency_ns / (STEP_MS * (int64_t)MS), 2);
	}
}

static void every_request_of_a_connection_is_a_row(void)
{
	begin();
	for (int i = 0; i < 23; i++) {
		char answer[80];
		const char *const step[] = {i % 3 ? GET : HEAD, answer};

		snprintf(answer, sizeof(answer), "<HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%.*s",
			 200 + i, i, i % 3 ? i : 0, "abcdefghijklmnopqrstuvwxyz");
		play(step, 2, 7);
	}
	host_end(CONN);
	rows_finish();
	CU_ASSERT_EQUAL_FATAL(rows.n, 23);
	for (int i = 0; i < 23; i++) {
		CU_ASSERT_EQUAL(rows.row[i].status, 200 + i);
		CU_ASSERT_EQUAL(rows.row[i].state, REQUEST_COMPLETE);
	}
}

#define PIPED(key) "GET /b/" key " HTTP/1.1\r\n" HOST "\r\n"

static void pipelined_requests_are_paired_in_order(void)
{
	static const char *const together[] = {
		">" PIPED("1") PIPED("2") PIPED("3"),
		"<HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
		"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
		"HTTP/1.1 204 No\r\n\r\n"};
	static const char *const apart[] = {
		">" PIPED("1"),
		">" PIPED("2") PIPED("3"),
		"<HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
		"<HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
	};
	static const int status[] = {200, 404, 204};
	static const char *const key[] = {"1", "2", "3"};

	begin();
	play(together, N_OF(together), 10000);
	CU_ASSERT_EQUAL_FATAL(rows.n, 3);
	for (int i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(rows.row[i].state, REQUEST_COMPLETE);
		CU_ASSERT_EQUAL(rows.row[i].status, status[i]);
		CU_ASSERT_STRING_EQUAL(rows.row[i].key, key[i]);
		phases_add_up(&rows.row[i]);
	}
	begin();
	play(apart, N_OF(apart), 10000);
	CU_ASSERT_EQUAL_FATAL(rows.n, 3);
	for (int i = 0; i < 3; i++) {
		/* When the earlier ones were whole, and when the later ones were
		 * answered, is not known. */
		CU_ASSERT_EQUAL(rows.row[i].state, REQUEST_PARTIAL);
		CU_ASSERT_EQUAL(rows.row[i].status, status[i]);
		CU_ASSERT_STRING_EQUAL(rows.row[i].key, key[i]);
	}
}

/* Behind an answer that is longer than what is kept, nobody saw the next one's
 * status - but it came. */
static void an_answer_out_of_sight_is_no_missing_one(void)
{
	static char body[5000];
	static const char *const step[] = {">" PIPED("1") PIPED("2"),
					   "<HTTP/1.1 200 OK\r\nContent-Length: 4999\r\n\r\n",
					   body,
					   "<HTTP/1.1 204 No\r\n\r\n",
					   "-",
					   "x"};
	static const char *const unanswered[] = {">" PIPED("1") PIPED("2"),
						 "<HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
						 "-", "x"};

	memset(body, 'b', sizeof(body));
	body[0] = '<';
	begin();
	{
		char text[sizeof(body) + 1];
		const char *all[N_OF(step)];

		memcpy(text, body, sizeof(body));
		text[sizeof(body)] = '\0';
		memcpy(all, step, sizeof(step));
		all[2] = text;
		play(all, N_OF(all), 10000);
	}
	CU_ASSERT_EQUAL_FATAL(rows.n, 2);
	CU_ASSERT_EQUAL(rows.row[0].status, 200);
	CU_ASSERT_EQUAL(rows.row[1].status, -1);
	CU_ASSERT_EQUAL(rows.row[1].state, REQUEST_PARTIAL);
	CU_ASSERT_EQUAL(rows.row[1].response_size, -1);
	CU_ASSERT(!rows.row[1].is_error);
	CU_ASSERT_EQUAL(rows.row[1].latency_ns / (STEP_MS * (int64_t)MS), 3);

	begin();
	play(unanswered, N_OF(unanswered), 10000);
	CU_ASSERT_EQUAL_FATAL(rows.n, 2);
	CU_ASSERT_EQUAL(rows.row[0].state, REQUEST_COMPLETE);
	CU_ASSERT_EQUAL(rows.row[1].state, REQUEST_NO_RESPONSE);
}

/* What the client says about its attempts, as clean and bounded text. */
static void attempts_are_told(void)
{
	static const char *const plain[] = {GET, "<HTTP/1.1 204 No\r\n\r\n"};
	static const char *const told[] = {
		">GET /bucket/key HTTP/1.1\r\n" HOST
		"amz-sdk-invocation-id: 5d2e-\x1b[31m\r\namz-sdk-request: attempt=2; max=3\r\n\r\n",
		"<HTTP/1.1 204 No\r\n\r\n"};
	static const char *const ranged[] = {">GET /bucket/key HTTP/1.1\r\n" HOST
					     "Range: bytes=0-9\r\n\r\n",
					     "<HTTP/1.1 204 No\r\n\r\n"};
	char head[1024], id[501];
	const char *const long_id[] = {head, "<HTTP/1.1 204 No\r\n\r\n"};

	begin();
	play(plain, 2, 10000);
	play(told, 2, 10000);
	play(ranged, 2, 10000);
	memset(id, 'i', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	snprintf(head, sizeof(head),
		 ">GET /bucket/other HTTP/1.1\r\n" HOST "amz-sdk-invocation-id: %s\r\n\r\n", id);
	play(long_id, 2, 10000);
	CU_ASSERT_EQUAL_FATAL(rows.n, 4);
	CU_ASSERT_EQUAL(rows.row[0].attempt, -1);
	CU_ASSERT_EQUAL(rows.row[0].max_attempts, -1);
	CU_ASSERT_PTR_NULL(rows.row[0].invocation_id);
	CU_ASSERT_EQUAL(rows.row[0].backoff_ns, -1);
	CU_ASSERT_EQUAL(rows.row[1].attempt, 2);
	CU_ASSERT_EQUAL(rows.row[1].max_attempts, 3);
	CU_ASSERT_STRING_EQUAL(rows.row[1].invocation_id, "5d2e-\\x1b[31m");
	CU_ASSERT_EQUAL(rows.row[0].likeness, rows.row[1].likeness);
	CU_ASSERT_NOT_EQUAL(rows.row[0].likeness, rows.row[2].likeness);
	CU_ASSERT_NOT_EQUAL(rows.row[0].likeness, rows.row[3].likeness);
	CU_ASSERT_EQUAL(strlen(rows.row[3].invocation_id), 64);
}

static void big_objects_have_big_sizes(void)
{
	static const char upload[] =
		">PUT /b/k HTTP/1.1\r\n" HOST "Content-Length: 5368709120\r\n\r\n";
	static const char download[] = "<HTTP/1.1 200 OK\r\nContent-Length: 5368709120\r\n\r\n";
	static const char *const put[] = {upload}, *const done[] = {"<HTTP/1.1 204 No\r\n\r\n"};
	static const char *const fetched[] = {GET, download};
	struct exchange_key key = host_key(CONN);
	char *gigabyte = calloc(1, 1 << 20);
	struct bytes b;

	begin();
	play(put, 1, 10000);
	for (int i = 0; i < 5; i++)
		exchange_send_unseen(&key, 1 << 30, host.now);
	play(done, 1, 10000);
	CU_ASSERT_EQUAL_FATAL(rows.n, 1);
	CU_ASSERT_EQUAL(rows.row[0].request_size, 5368709120);

	begin();
	play(fetched, 2, 10000);
	CU_ASSERT_EQUAL(rows.n, 0);
	for (int i = 0; i < 5120; i++) {
		bytes_plain(&b, (u64)gigabyte, 1 << 20);
		exchange_receive(NULL, &key, &b, host.now, 0, -1, 0);
	}
	rows_take();
	CU_ASSERT_EQUAL_FATAL(rows.n, 1);
	CU_ASSERT_EQUAL(rows.row[0].state, REQUEST_COMPLETE);
	CU_ASSERT_EQUAL(rows.row[0].response_size, 5368709120);
	free(gigabyte);
}

/* Chunks beyond what is kept: their end is known by the last bytes received. */
static void long_chunked_answers_end(void)
{
	static const size_t cuts[] = {1, 3, 63, 64, 1000, 100000};
	static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	static char in[20000];
	size_t n = sizeof(head) - 1;

	memcpy(in, head, n);
	for (int i = 0; i < 9; i++) {
		n += (size_t)sprintf(in + n, "7d0;ext=1\r\n");
		memset(in + n, 'a', 2000);
		n += 2000;
		n += (size_t)sprintf(in + n, "\r\n");
	}
	n += (size_t)sprintf(in + n, "0\r\nx-amz-checksum-sha1: AAAA\r\n\r\n");
	for (size_t i = 0; i < N_OF(cuts); i++) {
		static const char *const step[] = {GET};

		begin();
		play(step, 1, 10000);
		for (size_t at = 0; at < n; at += cuts[i]) {
			CU_ASSERT_EQUAL_FATAL(rows.n, 0);
			host_receive(CONN,
				     (struct slice){in + at, n - at < cuts[i] ? n - at : cuts[i]});
			rows_take();
		}
		CU_ASSERT_EQUAL_FATAL(rows.n, 1);
		CU_ASSERT_EQUAL(rows.row[0].state, REQUEST_COMPLETE);
		CU_ASSERT_EQUAL(rows.row[0].latency_ns, (int64_t)(host.now - 5000 * MS));
	}
}

/* A target beyond the record is still the whole target; beyond all room it is
 * cut, and the row says so. */
static void long_targets(void)
{
	static const struct {
		size_t key;
		bool truncated, host;
	} lengths[] = {{1024, false, true},
		       {2100, false, true},
		       {9000, false, true},
		       {20000, true, false}};
	static char request[32768];

	for (size_t i = 0; i < N_OF(lengths); i++) {
		const char *const step[] = {request, "<HTTP/1.1 204 No\r\n\r\n", "x"};
		const struct request *row = &rows.row[0];
		size_t n = (size_t)sprintf(request, ">DELETE /bucket/");

		memset(request + n, 'k', lengths[i].key);
		sprintf(request + n + lengths[i].key,
			" HTTP/1.1\r\nHost: s3.amazonaws.com\r\n\r\n");
		begin();
		play(step, 3, 3000);
		CU_ASSERT_EQUAL_FATAL(rows.n, 1);
		CU_ASSERT_EQUAL(row->status, 204);
		CU_ASSERT_EQUAL(row->truncated, lengths[i].truncated);
		CU_ASSERT_EQUAL(row->endpoint != NULL, lengths[i].host);
		if (lengths[i].host)
			CU_ASSERT_EQUAL(strlen(row->key), lengths[i].key);
		phases_add_up(row);
	}
}

/* An answer's head longer than what is kept never shows its end: the next
 * request does. */
static void an_endless_head(void)
{
	static char answer[4000];
	const char *const step[] = {GET, answer, GET, "<HTTP/1.1 204 No\r\n\r\n"};
	size_t n = (size_t)sprintf(answer, "<HTTP/1.1 200 OK\r\nX-Long: ");

	memset(answer + n, 'x', 3000);
	sprintf(answer + n + 3000, "\r\nContent-Length: 2\r\n\r\nab");
	begin();
	play(step, N_OF(step), 10000);
	CU_ASSERT_EQUAL_FATAL(rows.n, 2);
	CU_ASSERT_EQUAL(rows.row[0].status, 200);
	CU_ASSERT_EQUAL(rows.row[0].state, REQUEST_COMPLETE);
	CU_ASSERT_EQUAL(rows.row[0].response_size, -1);
	CU_ASSERT_EQUAL(rows.row[0].latency_ns / (STEP_MS * (int64_t)MS), 1);
	CU_ASSERT_EQUAL(rows.row[1].status, 204);
}

static void other_protocols_give_no_row(void)
{
	static const char *const sent[] = {">GET foo\r\n", ">PUT\tkey value\r\n",
					   ">POST \x01\x02\x03", ">DELETE FROM table;\n",
					   ">HEAD / SPDY/3\r\n\r\n"};

	for (size_t i = 0; i < N_OF(sent); i++) {
		const char *const step[] = {sent[i], "<+OK and so on\r\n", "x"};

		begin();
		play(step, 3, 10000);
		rows_finish();
		CU_ASSERT_EQUAL(rows.n, 0);
	}
}

static void what_is_not_whole_stays_open(void)
{
	static const char *const step[] = {GET, "<HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"};

	begin();
	play(step, 2, 10000);
	CU_ASSERT_EQUAL(rows.n, 0);
	follow_look(rows.follow, host.now, 0);
	CU_ASSERT_EQUAL(rows.open, 1);
	rows_finish(); /* tracing stops: it was under way */
	CU_ASSERT_EQUAL_FATAL(rows.n, 1);
	CU_ASSERT_EQUAL(rows.row[0].state, REQUEST_PARTIAL);
	begin();
	play(step, 1, 10000);
	rows_finish();
	CU_ASSERT_EQUAL_FATAL(rows.n, 1);
	CU_ASSERT_EQUAL(rows.row[0].state, REQUEST_PARTIAL);
	CU_ASSERT_EQUAL(rows.row[0].status, -1);
	CU_ASSERT_EQUAL(rows.row[0].ttfb_ns, -1);
}

/* However late they are read: what the kernel side tells of them comes with them, and
 * what it does not tell any more was kept. */
static void long_heads_are_whole(void)
{
	static char head[8200];
	size_t n = (size_t)sprintf(head, "GET /bucket/key HTTP/1.1\r\nX-Long: ");

	memset(head + n, 'x', 6000);
	n += 6000;
	n += (size_t)sprintf(head + n, "\r\n" HOST "\r\n");
	begin();
	for (int i = 0; i < 5 * MAX_MORE; i++) {
		host_send(CONN, (struct slice){head, n});
		host.now += MS;
		host_receive(CONN, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"));
		host_receive(CONN, SLICE("lo"));
	}
	host_send(CONN, (struct slice){head, n});
	rows_take();
	CU_ASSERT_EQUAL_FATAL(rows.n, 5 * MAX_MORE);
	rows_finish();
	CU_ASSERT_EQUAL_FATAL(rows.n, 5 * MAX_MORE + 1);
	for (size_t i = 0; i < rows.n; i++) {
		CU_ASSERT_STRING_EQUAL(rows.row[i].endpoint, "s3.eu-west-1.amazonaws.com");
		CU_ASSERT_FALSE(rows.row[i].truncated);
	}
}

/* Hands out no more rows than there is room for. */
static void rows_are_bounded(void)
{
	static const char *const step[] = {">" PIPED("1") PIPED("2") PIPED("3") PIPED("4")};
	static struct request built[3];
	int n;

	begin();
	play(step, 1, 10000);
	built[2].status = 77;
	n = request_build(host_record(CONN), SLICE_NONE, &rows.context, true, built, 2);
	CU_ASSERT_EQUAL(n, 2);
	CU_ASSERT_EQUAL(built[2].status, 77);
}

CU_TestInfo request_tests[] = {
	{"rows say what happened", rows_say_what_happened},
	{"a row says who and what", a_row_says_who_and_what},
	{"kept rows have their own texts", kept_rows_have_their_own_texts},
	{"secrets are masked", secrets_are_masked},
	{"late errors are read", late_errors_are_read},
	{"errors beyond what is kept", errors_beyond_what_is_kept},
	{"messages repeat no secret", messages_repeat_no_secret},
	{"time goes into phases", time_goes_into_phases},
	{"idle is no latency", idle_is_no_latency},
	{"what nobody asked for is no latency", what_nobody_asked_for_is_no_latency},
	{"every request of a connection is a row", every_request_of_a_connection_is_a_row},
	{"pipelined requests are paired in order", pipelined_requests_are_paired_in_order},
	{"an answer out of sight is no missing one", an_answer_out_of_sight_is_no_missing_one},
	{"attempts are told", attempts_are_told},
	{"big objects have big sizes", big_objects_have_big_sizes},
	{"long chunked answers end", long_chunked_answers_end},
	{"long targets", long_targets},
	{"an endless head", an_endless_head},
	{"other protocols give no row", other_protocols_give_no_row},
	{"what is not whole stays open", what_is_not_whole_stays_open},
	{"long heads are whole", long_heads_are_whole},
	{"rows are bounded", rows_are_bounded},
	CU_TEST_INFO_NULL,
};
