/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program does with many requests for one object: an upload in parts, by its
 * upload id, or a download by ranges. This is what users see of it; jobs.h makes it.
 * "" , NULL and -1 are "unknown". A job is whole in itself: it can be copied.
 */
#ifndef S3SLOWER_JOB_H
#define S3SLOWER_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "probes/exchange.h"

struct target;

enum job_kind {
	JOB_MULTIPART_UPLOAD,
	JOB_RANGED_DOWNLOAD,
};

enum job_state {
	JOB_OPEN,     /* its end was not seen */
	JOB_COMPLETE, /* completed by the client, or every byte of the object was fetched */
	JOB_ABORTED,
};

/* One request of it. */
struct job_part {
	int64_t time_ns; /* as in struct request */
	int64_t latency_ns;
	int number;	     /* -1: none */
	int64_t first, last; /* bytes of the object, both included */
	int status;	     /* -1: none was read */
	char request_id[64], host_id[128];
	struct endpoints ends;
};

/* Times add up: busy, gap and complete are duration. */
struct job {
	enum job_kind kind;
	enum job_state state;
	int64_t time_ns;     /* wall clock of the first byte of its first part */
	int64_t duration_ns; /* until the last byte of its last answer */
	int64_t busy_ns;     /* with a part under way */
	int64_t gap_ns;	     /* from its begin to the request that ends it, without one */
	int64_t longest_gap_ns;
	int64_t complete_ns; /* from the first request to end it; -1: there was none */
	int parts;	     /* different ones */
	int requests;	     /* ... which took so many */
	int errors;	     /* ... of which so many did not succeed */
	int retried;	     /* parts with more than one */
	int failed;	     /* parts of which none succeeded */
	int64_t bytes;	     /* of parts that succeeded, as far as they passed here */
	int64_t throughput;  /* bytes a second of the duration; -1: none passed */
	double concurrency;  /* parts' times, added up, over the time from first to last */
	int max_concurrency;
	int64_t median_ns;   /* of parts' requests */
	double times_median; /* the slowest is so many times the median; -1: that is 0 */
	struct job_part slowest;
	uint32_t pid, tid, uid; /* of its first part */
	int processes;		/* 1, or 2 for more than one */
	const char *client_type;
	bool truncated; /* a text did not fit, or its request's did not */
	char comm[64], bucket[256], key[4100], endpoint[320], region[64], upload_id[520];
	/* Of the process; unknown unless somebody asks (extra.h). Borrowed: NULL in jobs.h. */
	const char *user, *exe, *cmdline, *cgroup, *container;
	uint32_t ppid;
	const struct target *target;
};

#endif
