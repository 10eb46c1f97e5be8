/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that make up an upload in parts, or a download by ranges. */
#include "parsers/jobs.h"

#include <CUnit/CUnit.h>
#include <string.h>

#include "parsers/throughput.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define MB INT64_C(1000000)

static struct request row;
static struct job job;

/* A request that began then and took so long. */
static struct request *request(enum part_role role, uint64_t name, int64_t at_ms, int64_t took_ms)
{
	row = (struct request){
		.state = REQUEST_COMPLETE,
		.time_ns = SECOND + at_ms * MS,
		.latency_ns = took_ms * MS,
		.pid = 7,
		.comm = "boto3",
		.bucket = "b",
		.key = "k",
		.endpoint = "s3.lan",
		.status = role == PART_ABORTS ? 204 : 200,
		.request_size = role == PART_UPLOADED ? 8 * MB : 0,
		.part = {.role = role,
			 .number = -1,
			 .first = -1,
			 .last = -1,
			 .object_size = -1,
			 .job = name},
	};
	return &row;
}

static void part(struct jobs *jobs, uint64_t name, int number, int64_t at_ms, int64_t took_ms)
{
	request(PART_UPLOADED, name, at_ms, took_ms)->part.number = number;
	jobs_add(jobs, &row);
}

static void ends(struct jobs *jobs, enum part_role role, uint64_t name, int64_t at_ms)
{
	jobs_add(jobs, request(role, name, at_ms, 10));
}

/* A range of an object of 80 MB. */
static struct request *range(uint64_t name, int64_t first, int64_t last, int64_t at_ms)
{
	request(PART_DOWNLOADED, name, at_ms, 100)->status = 206;
	row.part.first = first;
	row.part.last = last;
	row.part.object_size = 80 * MB;
	row.response_size = last - first + 1;
	return &row;
}

static bool took(struct jobs *jobs, int64_t at_ms)
{
	memset(&job, 0x55, sizeof(job));
	return jobs_take(jobs, at_ms == INT64_MIN ? at_ms : SECOND + at_ms * MS, &job);
}

static bool ended(struct jobs *jobs)
{
	return took(jobs, INT64_MIN);
}

static void check_sum(void)
{
	CU_ASSERT_EQUAL(job.busy_ns + job.gap_ns + (job.complete_ns < 0 ? 0 : job.complete_ns),
			job.duration_ns);
	CU_ASSERT(job.busy_ns >= 0 && job.gap_ns >= job.longest_gap_ns && job.longest_gap_ns >= 0);
}

/* --- uploads ------------------------------------------------------------------ */

/* 37 parts of 100 ms on four connections, and part 17 that took 900. */
static void a_straggler_is_named(void)
{
	struct jobs *jobs = jobs_new(8, 64);

	for (int i = 1; i <= 37; i++) {
		request(PART_UPLOADED, 1, (i - 1) / 4 * 100, i == 17 ? 900 : 100)->part.number = i;
		row.request_id = i == 17 ? "RID17" : "RID";
		row.ends.peer_port = i == 17 ? 443 : 80;
		CU_ASSERT_FALSE(ended(jobs));
		jobs_add(jobs, &row);
	}
	ends(jobs, PART_COMPLETES, 1, 1330);
	CU_ASSERT_FATAL(ended(jobs));
	CU_ASSERT_EQUAL(job.kind, JOB_MULTIPART_UPLOAD);
	CU_ASSERT_EQUAL(job.state, JOB_COMPLETE);
	CU_ASSERT_EQUAL(job.parts, 37);
	CU_ASSERT_EQUAL(job.requests, 37);
	CU_ASSERT_EQUAL(job.retried, 0);
	CU_ASSERT_EQUAL(job.failed, 0);
	CU_ASSERT_EQUAL(job.slowest.number, 17);
	CU_ASSERT_EQUAL(job.slowest.latency_ns, 900 * MS);
	CU_ASSERT_STRING_EQUAL(job.slowest.request_id, "RID17");
	CU_ASSERT_EQUAL(job.slowest.ends.peer_port, 443);
	CU_ASSERT_EQUAL(job.median_ns, 100 * MS);
	CU_ASSERT_DOUBLE_EQUAL(job.times_median, 9, 1e-9);
	CU_ASSERT_EQUAL(job.max_concurrency, 5);
	CU_ASSERT_DOUBLE_EQUAL(job.concurrency, (36 * 100 + 900) / 1300.0, 1e-9);
	CU_ASSERT_EQUAL(job.time_ns, SECOND);
	CU_ASSERT_EQUAL(job.duration_ns, 1340 * MS);
	CU_ASSERT_EQUAL(job.busy_ns, 1300 * MS);
	CU_ASSERT_EQUAL(job.gap_ns, 30 * MS);
	CU_ASSERT_EQUAL(job.complete_ns, 10 * MS);
	CU_ASSERT_EQUAL(job.bytes, 37 * 8 * MB);
	CU_ASSERT_EQUAL(job.throughput, (int64_t)(37 * 8 * MB / 1.34));
	CU_ASSERT_STRING_EQUAL(job.bucket, "b");
	CU_ASSERT_STRING_EQUAL(job.key, "k");
	CU_ASSERT_STRING_EQUAL(job.upload_id, "");
	check_sum();
	CU_ASSERT_FALSE(took(jobs, 1000000));
	CU_ASSERT_EQUAL(jobs_evicted(jobs), 0);
	jobs_free(jobs);
	jobs_free(NULL);
}

static void uploads_of_one_key_are_two(void)
{
	struct jobs *jobs = jobs_new(8, 64);

	for (int i = 1; i <= 10; i++) {
		part(jobs, 1, i, i * 10, 100);
		part(jobs, 2, i, i * 10 + 1, 200);
	}
	part(jobs, 2, 11, 500, 200);
	ends(jobs, PART_COMPLETES, 1, 700);
	ends(jobs, PART_ABORTS, 2, 701);
	CU_ASSERT_FATAL(ended(jobs));
	CU_ASSERT_EQUAL(job.state, JOB_COMPLETE);
	CU_ASSERT_EQUAL(job.parts, 10);
	check_sum();
	CU_ASSERT_FATAL(ended(jobs));
	CU_ASSERT_EQUAL(job.state, JOB_ABORTED);
	CU_ASSERT_EQUAL(job.parts, 11);
	check_sum();
	CU_ASSERT_FALSE(ended(jobs));
	jobs_free(jobs);
}

/* Rows come when they end, or later: the numbers are the same in any order. */
static void the_order_does_not_matter(void)
{
	static const int orders[][5] = {{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 0, 4, 1, 3}};
	static const int64_t begin[] = {0, 50, 200, 210, 400}, lasts[] = {100, 60, 10, 300, 1};

	for (size_t k = 0; k < 3; k++) {
		struct jobs *jobs = jobs_new(8, 64);

		for (int i = 0; i < 5; i++)
			part(jobs, 1, orders[k][i] + 1, begin[orders[k][i]], lasts[orders[k][i]]);
		ends(jobs, PART_COMPLETES, 1, 520);
		CU_ASSERT_FATAL(ended(jobs));
		CU_ASSERT_EQUAL(job.max_concurrency, 2);
		CU_ASSERT_EQUAL(job.busy_ns, (110 + 10 + 300) * MS);
		CU_ASSERT_EQUAL(job.gap_ns, (90 + 10) * MS);
		CU_ASSERT_EQUAL(job.longest_gap_ns, 90 * MS);
		CU_ASSERT_EQUAL(job.median_ns, 60 * MS);
		CU_ASSERT_EQUAL(job.slowest.number, 4);
		check_sum();
		jobs_free(jobs);
	}
}

static void parts_are_retried_and_fail(void)
{
	struct jobs *jobs = jobs_new(8, 64);

	part(jobs, 1, 1, 0, 10);
	request(PART_UPLOADED, 1, 0, 20)->part.number = 2;
	row.status = 503;
	row.is_error = true;
	jobs_add(jobs, &row);
	part(jobs, 1, 2, 120, 10);
	request(PART_UPLOADED, 1, 0, 3000)->part.number = 3;
	row.state = REQUEST_NO_RESPONSE;
	row.is_error = true;
	row.status = -1;
	jobs_add(jobs, &row);
	/* Not all that begins to end it does. */
	request(PART_COMPLETES, 1, 3100, 50)->is_error = true;
	row.error_code = "InternalError";
	jobs_add(jobs, &row);
	CU_ASSERT_FALSE(ended(jobs));
	ends(jobs, PART_COMPLETES, 1, 3300);
	CU_ASSERT_FATAL(ended(jobs));
	CU_ASSERT_EQUAL(job.parts, 3);
	CU_ASSERT_EQUAL(job.requests, 4);
	CU_ASSERT_EQUAL(job.retried, 1);
	CU_ASSERT_EQUAL(job.failed, 1);
	CU_ASSERT_EQUAL(job.bytes, 16 * MB);
	CU_ASSERT_EQUAL(job.slowest.number, 3);
	CU_ASSERT_EQUAL(job.slowest.status, -1);
	CU_ASSERT_EQUAL(job.complete_ns, 210 * MS); /* both, and what lay between */
	check_sum();
	jobs_free(jobs);
}

/* A part's row can come behind that of the request that ended the job. */
static void late_parts_belong_to_their_job(void)
{
	struct jobs *jobs = jobs_new(8, 64);

	part(jobs, 1, 1, 0, 100);
	ends(jobs, PART_COMPLETES, 1, 400);
	part(jobs, 1, 2, 10, 300);
	CU_ASSERT_FATAL(ended(jobs));
	CU_ASSERT_EQUAL(job.parts, 2);
	CU_ASSERT_EQUAL(job.slowest.number, 2);
	check_sum();
	/* So late that the job was told: no other job, either. */
	part(jobs, 1, 3, 20, 400);
	CU_ASSERT_FALSE(took(jobs, 1000000));
	/* Servers that begin anew with their ids. */
	part(jobs, 1, 1, 500, 100);
	part(jobs, 1, 2, 500, 100);
	ends(jobs, PART_COMPLETES, 1, 600);
	CU_ASSERT_FATAL(ended(jobs));
	CU_ASSERT_EQUAL(job.parts, 2);
	CU_ASSERT_EQUAL(job.time_ns, SECOND + 500 * MS);
	part(jobs, 1, 1, 700, 100);
	ends(jobs, PART_COMPLETES, 1, 800);
	part(jobs, 1, 1, 900, 100); /* before that one was asked for */
	ends(jobs, PART_ABORTS, 1, 1000);
	CU_ASSERT(ended(jobs));
	CU_ASSERT_EQUAL(job.state, JOB_COMPLETE);
	CU_ASSERT(ended(jobs));
	CU_ASSERT_EQUAL(job.state, JOB_ABORTED);
	CU_ASSERT_FALSE(ended(jobs));
	/* What ends something that nobody saw is no job. */
	ends(jobs, PART_COMPLETES, 9, 0);
	CU_ASSERT_FALSE(took(jobs, 1000000));
	jobs_free(jobs);
}

static void an_upload_without_end_is_open(void)
{
	struct jobs *jobs = jobs_new(8, 64);
	int64_t idle_ms = 100 + JOBS_UPLOAD_IDLE_NS / MS;

	part(jobs, 1, 1, 0, 100);
	CU_ASSERT_FALSE(jobs_due(jobs, SECOND + (idle_ms - 1) * MS));
	CU_ASSERT_FALSE(took(jobs, idle_ms - 1));
	CU_ASSERT(jobs_due(jobs, SECOND + idle_ms * MS));
	/* Its next part is under way. */
	request(PART_UPLOADED, 1, 200, idle_ms);
	row.state = REQUEST_OPEN;
	jobs_touch(jobs, &row, SECOND + idle_ms * MS);
	CU_ASSERT_FALSE(jobs_due(jobs, SECOND + idle_ms * MS));
	CU_ASSERT_FALSE(took(jobs, idle_ms));
	CU_ASSERT_FATAL(took(jobs, idle_ms + 60000));
	CU_ASSERT_EQUAL(job.state, JOB_OPEN);
	CU_ASSERT_EQUAL(job.complete_ns, -1);
	CU_ASSERT_EQUAL(job.duration_ns, 100 * MS);
	check_sum();
	/* The process has gone: a script may go on with another one, for some seconds. */
	part(jobs, 2, 1, 0, 100);
	part(jobs, 3, 1, 0, 100);
	jobs_gone(jobs, 7);
	CU_ASSERT_FALSE(ended(jobs));
	request(PART_UPLOADED, 3, 200, 100)->part.number = 2;
	row.pid = 8;
	jobs_add(jobs, &row);
	CU_ASSERT(took(jobs, 60000));
	CU_ASSERT_EQUAL(job.parts, 1);
	CU_ASSERT_FALSE(took(jobs, 60000));
	jobs_gone(jobs, 7);
	CU_ASSERT_FALSE(took(jobs, 60000));
	jobs_gone(jobs, 8);
	CU_ASSERT_FATAL(took(jobs, 60000));
	CU_ASSERT_EQUAL(job.parts, 2);
	CU_ASSERT_EQUAL(job.processes, 2);
	CU_ASSERT_EQUAL(job.pid, 7);
	jobs_free(jobs);
}

/* A proxy on this machine sends each request on: that is another job, while it lives. */
static void a_proxy_is_no_second_client(void)
{
	struct jobs *jobs = jobs_new(8, 64);

	for (int i = 1; i <= 3; i++) {
		request(PART_UPLOADED, 1, i * 100 + 1, 90)->part.number = i;
		row.pid = 8;
		jobs_add(jobs, &row);
		part(jobs, 1, i, i * 100, 95);
	}
	request(PART_COMPLETES, 1, 500, 10)->pid = 8;
	jobs_add(jobs, &row);
	ends(jobs, PART_COMPLETES, 1, 500);
	for (uint32_t pid = 8; pid >= 7; pid--) {
		CU_ASSERT_FATAL(ended(jobs));
		CU_ASSERT_EQUAL(job.pid, pid);
		CU_ASSERT_EQUAL(job.parts, 3);
		CU_ASSERT_EQUAL(job.requests, 3);
		CU_ASSERT_EQUAL(job.processes, 1);
		CU_ASSERT_EQUAL(job.max_concurrency, 1);
	}
	CU_ASSERT_FALSE(ended(jobs));
	jobs_free(jobs);
}

/* A script: each request is that of a program of its own. */
static void programs_one_after_the_other(void)
{
	struct jobs *jobs = jobs_new(8, 64);

	for (int i = 1; i <= 3; i++) {
		request(PART_UPLOADED, 1, i * 100, 50 + i)->part.number = i;
		row.pid = (uint32_t)(100 + i);
		jobs_add(jobs, &row);
		jobs_gone(jobs, row.pid);
	}
	/* One that lives on is left alone. */
	part(jobs, 1, 4, 350, 10);
	request(PART_UPLOADED, 1, 400, 50)->part.number = 5;
	row.pid = 105;
	jobs_add(jobs, &row);
	jobs_gone(jobs, 105);
	jobs_gone(jobs, 7);
	request(PART_COMPLETES, 1, 500, 10)->pid = 106;
	jobs_add(jobs, &row);
	CU_ASSERT_FATAL(ended(jobs));
	CU_ASSERT_EQUAL(job.parts, 5);
	CU_ASSERT_EQUAL(job.pid, 101);
	CU_ASSERT_EQUAL(job.processes, 2);
	CU_ASSERT_EQUAL(job.bytes, 5 * 8 * MB);
	CU_ASSERT_EQUAL(job.slowest.number, 3);
	CU_ASSERT_EQUAL(job.state, JOB_COMPLETE);
	check_sum();
	CU_ASSERT_FALSE(took(jobs, 1000000));
	jobs_free(jobs);
}

static void copies_move_no_bytes_here(void)
{
	struct jobs *jobs = jobs_new(8, 64);

	request(PART_COPIED, 1, 0, 100)->part.number = 1;
	row.part.first = 0;
	row.part.last = 8 * MB - 1;
	row.response_size = 300; /* of XML */
	jobs_add(jobs, &row);
	ends(jobs, PART_COMPLETES, 1, 100);
	CU_ASSERT_FATAL(ended(jobs));
	CU_ASSERT_EQUAL(job.bytes, 0);
	CU_ASSERT_EQUAL(job.throughput, -1);
	CU_ASSERT_EQUAL(job.slowest.last, 8 * MB - 1);
	jobs_free(jobs);
}

/* --- downloads ------------------------------------------------------------------ */

static void a_download_is_complete_with_its_last_byte(void)
{
	struct jobs *jobs = jobs_new(8, 64);

	for (int i = 9; i >= 0; i--) {
		CU_ASSERT_FALSE(ended(jobs));
		jobs_add(jobs, range(1, i * 8 * MB, (i + 1) * 8 * MB - 1, i * 50));
	}
	CU_ASSERT_FATAL(ended(jobs));
	CU_ASSERT_EQUAL(job.kind, JOB_RANGED_DOWNLOAD);
	CU_ASSERT_EQUAL(job.state, JOB_COMPLETE);
	CU_ASSERT_EQUAL(job.parts, 10);
	CU_ASSERT_EQUAL(job.bytes, 80 * MB);
	CU_ASSERT_EQUAL(job.duration_ns, 550 * MS);
	CU_ASSERT_EQUAL(job.max_concurrency, 2);
	CU_ASSERT_EQUAL(job.complete_ns, -1);
	check_sum();
	/* Once more. */
	jobs_add(jobs, range(1, 0, 40 * MB - 1, 1000));
	jobs_add(jobs, range(1, 40 * MB, 80 * MB - 1, 1000));
	CU_ASSERT_FATAL(ended(jobs));
	CU_ASSERT_EQUAL(job.parts, 2);
	CU_ASSERT_FALSE(took(jobs, 1000000));
	jobs_free(jobs);
}

/* Bytes that come twice do not stand for others. */
static void a_range_that_comes_twice(void)
{
	struct jobs *jobs = jobs_new(8, 64);

	jobs_add(jobs, range(1, 0, 40 * MB - 1, 0));
	jobs_add(jobs, range(1, 0, 40 * MB - 1, 200));
	jobs_add(jobs, range(1, 39 * MB, 80 * MB - 2, 400));
	CU_ASSERT_FALSE(ended(jobs));
	range(1, 80 * MB - 1, 80 * MB - 1, 600)->is_error = true;
	row.status = 503;
	jobs_add(jobs, &row);
	CU_ASSERT_FALSE(ended(jobs));
	jobs_add(jobs, range(1, 80 * MB - 1, 80 * MB - 1, 700));
	CU_ASSERT_FATAL(ended(jobs));
	CU_ASSERT_EQUAL(job.parts, 3);
	CU_ASSERT_EQUAL(job.requests, 5);
	CU_ASSERT_EQUAL(job.retried, 2);
	CU_ASSERT_EQUAL(job.failed, 0);
	jobs_free(jobs);
}

static void one_range_is_no_job(void)
{
	struct jobs *jobs = jobs_new(8, 64);

	jobs_add(jobs, range(1, 0, 80 * MB - 1, 0));
	jobs_add(jobs, range(2, 5, 10, 0));
	jobs_add(jobs, range(2, 5, 10, 200));
	CU_ASSERT_FALSE(ended(jobs));
	CU_ASSERT_FALSE(took(jobs, 1000000));
	/* Two are, of one process and within the window. */
	jobs_add(jobs, range(3, 0, 9, 0));
	jobs_add(jobs, range(3, 10, 19, 100 + JOBS_DOWNLOAD_IDLE_NS / MS - 1));
	CU_ASSERT(took(jobs, 1000000));
	CU_ASSERT_EQUAL(job.state, JOB_OPEN);
	CU_ASSERT_EQUAL(job.bytes, 20);
	CU_ASSERT_EQUAL(job.gap_ns, JOBS_DOWNLOAD_IDLE_NS - MS);
	check_sum();
	jobs_add(jobs, range(4, 0, 9, 0));
	range(4, 10, 19, 0)->pid = 8;
	jobs_add(jobs, &row);
	CU_ASSERT_FALSE(took(jobs, 1000000));
	/* A download goes with its process. */
	jobs_add(jobs, range(5, 0, 9, 0));
	jobs_add(jobs, range(5, 10, 19, 0));
	jobs_gone(jobs, 8);
	CU_ASSERT_FALSE(ended(jobs));
	jobs_gone(jobs, 7);
	CU_ASSERT(ended(jobs));
	jobs_free(jobs);
}

/* --- bounds ------------------------------------------------------------------------ */

static void jobs_are_bounded(void)
{
	struct jobs *jobs = jobs_new(4, 64);

	for (uint64_t i = 0; i < 100; i++)
		part(jobs, i, 1, (int64_t)i, 1);
	CU_ASSERT_EQUAL(jobs_evicted(jobs), 96);
	part(jobs, 96, 2, 200, 1);
	part(jobs, 100, 1, 201, 1); /* pushes out 97 */
	CU_ASSERT_EQUAL(jobs_evicted(jobs), 97);
	for (uint64_t i = 98; i < 101; i++) {
		CU_ASSERT_FATAL(took(jobs, 1000000));
		CU_ASSERT_EQUAL(job.parts,
				i == 100 ? 2 : 1); /* the oldest first: 98, 99, 96, 100 */
	}
	jobs_free(jobs);

	/* Lone ranges were no jobs: nobody misses them. */
	jobs = jobs_new(4, 64);
	for (uint64_t i = 0; i < 1000; i++)
		jobs_add(jobs, range(i, 0, 9, (int64_t)i));
	CU_ASSERT_EQUAL(jobs_evicted(jobs), 0);
	jobs_free(jobs);
}

static void parts_are_bounded(void)
{
	struct jobs *jobs = jobs_new(16, 64);

	part(jobs, 1, 1, 0, 10);
	for (int i = 1; i <= 63; i++)
		part(jobs, 2, i, i, 10);
	CU_ASSERT_EQUAL(jobs_evicted(jobs), 0);
	part(jobs, 2, 64, 64, 10);
	CU_ASSERT_EQUAL(jobs_evicted(jobs), 1); /* the other one makes room */
	for (int i = 65; i <= 1000; i++)
		part(jobs, 2, i, i, 10);
	ends(jobs, PART_COMPLETES, 2, 2000);
	CU_ASSERT_FATAL(ended(jobs));
	CU_ASSERT_EQUAL(jobs_evicted(jobs), 1 + 936 / 64 + 1 - (936 % 64 == 0));
	CU_ASSERT(job.parts <= 64);
	/* Room that was given back is there again. */
	for (int i = 1; i <= 64; i++)
		part(jobs, 3, i, 3000 + i, 10);
	ends(jobs, PART_COMPLETES, 3, 4000);
	CU_ASSERT_FATAL(ended(jobs));
	CU_ASSERT_EQUAL(job.parts, 64);
	jobs_free(jobs);
}

/* Texts of strangers: what does not fit is unknown, and the job says so. */
static void texts_are_bounded(void)
{
	static char key[6000];
	struct jobs *jobs = jobs_new(4, 64);

	memset(key, 'x', sizeof(key) - 1);
	request(PART_UPLOADED, 1, 0, 10)->key = key;
	row.upload_id = key;
	row.request_id = key;
	row.bucket = NULL;
	jobs_add(jobs, &row);
	CU_ASSERT_FATAL(took(jobs, 1000000));
	CU_ASSERT(job.truncated);
	CU_ASSERT_STRING_EQUAL(job.key, "");
	CU_ASSERT_STRING_EQUAL(job.upload_id, "");
	CU_ASSERT_STRING_EQUAL(job.slowest.request_id, "");
	CU_ASSERT_STRING_EQUAL(job.endpoint, "s3.lan");
	jobs_free(jobs);
}

/* Whatever times and numbers a row has: the sums hold, and nothing overflows. */
static void odd_rows(void)
{
	struct jobs *jobs = jobs_new(4, 64);

	for (int i = 0; i < 20; i++)
		part(jobs, 1, i % 3 - 1, i % 5, 0); /* no time at all */
	ends(jobs, PART_COMPLETES, 1, 0);
	CU_ASSERT_FATAL(ended(jobs));
	CU_ASSERT_EQUAL(job.median_ns, 0);
	CU_ASSERT(job.times_median < 0);
	CU_ASSERT_EQUAL(job.parts, 3);
	check_sum();
	/* It ended before it began. */
	part(jobs, 2, 1, 1000, 10);
	ends(jobs, PART_COMPLETES, 2, 0);
	CU_ASSERT_FATAL(ended(jobs));
	check_sum();
	range(3, 0, INT64_C(999999999999999998), 0)->response_size = INT64_MAX;
	row.part.object_size = INT64_C(999999999999999999);
	jobs_add(jobs, &row);
	jobs_add(jobs, &row);
	range(3, -1, -1, 0)->part.object_size = INT64_MAX;
	jobs_add(jobs, &row);
	(void)took(jobs, 1000000);
	jobs_free(jobs);
}

/* --- how fast ---------------------------------------------------------------------- */

static void throughput_is_of_the_body_that_moved(void)
{
	struct request r = {.request_size = 10 * MB,
			    .response_size = 100,
			    .send_ns = 100 * MS,
			    .expect_ns = 9 * SECOND,
			    .wait_ns = 300 * MS,
			    .recv_ns = 9 * SECOND};

	CU_ASSERT_EQUAL(throughput_of(&r), 25 * MB);
	r = (struct request){.request_size = -1,
			     .response_size = 2 * MB,
			     .wait_ns = 9 * SECOND,
			     .recv_ns = 300 * MS,
			     .stall_ns = 700 * MS};
	CU_ASSERT_EQUAL(throughput_of(&r), 2 * MB);
	r.recv_ns = r.stall_ns = 0; /* in one read: nobody knows how fast it came */
	CU_ASSERT_EQUAL(throughput_of(&r), -1);
	r.recv_ns = SECOND;
	r.response_size = THROUGHPUT_LEAST_BYTES;
	CU_ASSERT_EQUAL(throughput_of(&r), THROUGHPUT_LEAST_BYTES);
	r.response_size--;
	CU_ASSERT_EQUAL(throughput_of(&r), -1);
	CU_ASSERT_EQUAL(throughput(INT64_MAX, 1), INT64_C(1000000000000000000));
	CU_ASSERT_EQUAL(throughput(5, -1), -1);
	CU_ASSERT_EQUAL(throughput(0, 1), -1);
}

CU_TestInfo jobs_tests[] = {
	{"a straggler is named", a_straggler_is_named},
	{"uploads of one key are two", uploads_of_one_key_are_two},
	{"the order does not matter", the_order_does_not_matter},
	{"parts are retried and fail", parts_are_retried_and_fail},
	{"late parts belong to their job", late_parts_belong_to_their_job},
	{"an upload without end is open", an_upload_without_end_is_open},
	{"a proxy is no second client", a_proxy_is_no_second_client},
	{"programs one after the other", programs_one_after_the_other},
	{"copies move no bytes here", copies_move_no_bytes_here},
	{"a download is complete with its last byte", a_download_is_complete_with_its_last_byte},
	{"a range that comes twice", a_range_that_comes_twice},
	{"one range is no job", one_range_is_no_job},
	{"jobs are bounded", jobs_are_bounded},
	{"parts are bounded", parts_are_bounded},
	{"texts are bounded", texts_are_bounded},
	{"odd rows", odd_rows},
	{"throughput is of the body that moved", throughput_is_of_the_body_that_moved},
	CU_TEST_INFO_NULL,
};
