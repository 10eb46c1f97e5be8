/* SPDX-License-Identifier: Apache-2.0 */
/* Any rows in any order: jobs stay bounded, and their numbers make sense. Eight bytes
 * are a row, or something that happens between rows. */
#include "parsers/jobs.h"

#include <stdlib.h>

#define CHECK(truth) ((truth) ? (void)0 : abort())
#define JOBS 4
#define PARTS 16

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static int64_t now = 1000000000;

static void check(const struct job *job)
{
	int64_t complete = job->complete_ns < 0 ? 0 : job->complete_ns;

	CHECK(job->parts >= 1 && job->parts <= job->requests && job->requests <= PARTS);
	CHECK(job->kind == JOB_MULTIPART_UPLOAD || job->parts >= 2);
	CHECK(job->retried <= job->parts && job->failed <= job->parts);
	CHECK(job->errors >= job->failed && job->errors <= job->requests);
	CHECK(job->max_concurrency >= 1 && job->max_concurrency <= job->requests);
	CHECK(job->concurrency >= 0 && job->concurrency <= job->max_concurrency + 1e-6);
	CHECK(job->busy_ns >= 0 && job->gap_ns >= 0 && job->longest_gap_ns <= job->gap_ns);
	CHECK(job->busy_ns + job->gap_ns + complete == job->duration_ns);
	CHECK(job->median_ns >= 0 && job->median_ns <= job->slowest.latency_ns);
	CHECK(job->slowest.latency_ns <= job->busy_ns);
	CHECK(job->bytes >= 0 && job->throughput >= -1);
	CHECK(job->kind == JOB_MULTIPART_UPLOAD || job->state != JOB_ABORTED);
}

static void take(struct jobs *jobs, int64_t when)
{
	struct job job;

	while (jobs_take(jobs, when, &job))
		check(&job);
	CHECK(!jobs_due(jobs, when));
}

static void row_of(const unsigned char *d, struct request *row)
{
	*row = (struct request){
		.state = d[1] & 1 ? REQUEST_NO_RESPONSE : REQUEST_COMPLETE,
		.is_error = d[1] & 3,
		.status = d[1] & 1 ? -1 : 200,
		.time_ns = now - d[2] * 1000,
		.latency_ns = d[3] * 500,
		.pid = (d[1] >> 6) + 1,
		.request_size = d[4],
		.response_size = d[4] * 3 - 1,
		.part = {.role = d[0] % 6,
			 .number = d[5] % 20 - 1,
			 .first = d[6] - 1,
			 .last = d[6] ? d[6] - 1 + d[7] % 32 : -1,
			 .object_size = d[1] & 4 ? 64 : -1,
			 .job = d[0] / 6 % 8},
	};
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static struct request row;
	struct jobs *jobs = jobs_new(JOBS, PARTS);

	CHECK(jobs);
	for (; size > 8; data += 8, size -= 8, now += data[-1] * 100) {
		switch (data[0] >= 240 ? data[0] - 240 : -1) {
		case 0:
			take(jobs, INT64_MIN);
			break;
		case 1:
			now += data[1] * INT64_C(2000000000);
			take(jobs, now);
			break;
		case 2:
			jobs_gone(jobs, (data[1] >> 6) + 1);
			break;
		case 3:
			row_of(data + 1, &row);
			jobs_touch(jobs, &row, now);
			break;
		default:
			row_of(data, &row);
			jobs_add(jobs, &row);
		}
	}
	take(jobs, INT64_MAX);
	jobs_free(jobs);
	return 0;
}
