/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of a process put together to jobs. An upload ends when it is completed or
 * aborted, a download when every byte of the object has come. Both end, too, when
 * their process has gone, or nothing of them was under way for so long.
 *
 * Programs that run one after the other can share an upload: who comes takes over
 * from those that have gone. Two that live at the same time do not: a proxy on this
 * machine passes each request of its client on, and its parts are not the client's.
 *
 * A bounded number of jobs and of parts, the least recently used job out first; one
 * range alone is no job. All memory is taken at the beginning. Pure: times are those
 * of the rows.
 */
#ifndef S3SLOWER_JOBS_H
#define S3SLOWER_JOBS_H

#include "job.h"
#include "request.h"

#define JOBS_UPLOAD_IDLE_NS INT64_C(300000000000)
#define JOBS_DOWNLOAD_IDLE_NS INT64_C(10000000000)

struct jobs;

/* For up to max jobs that go on, and max_parts requests of all of them. The caller
 * owns it; NULL when memory is short. */
struct jobs *jobs_new(size_t max, size_t max_parts);
void jobs_free(struct jobs *jobs);

/* Takes any row that has ended. What is not part of a job is passed over. */
void jobs_add(struct jobs *jobs, const struct request *row);

/* A request that is under way: its job is not given up for a while. now_ns is the
 * time of day, as time_ns. */
void jobs_touch(struct jobs *jobs, const struct request *row, int64_t now_ns);

/* The process has gone: nothing will follow. */
void jobs_gone(struct jobs *jobs, uint32_t pid);

/* Whether nothing has come of a job for too long: before it is given up, somebody
 * should look for requests that are under way, and touch. */
bool jobs_due(struct jobs *jobs, int64_t now_ns);

/* Fills out with a job that is over: it ended, or nothing came for too long (at
 * INT64_MAX all are over, at INT64_MIN only those that ended). False if there is none.
 * To be called when all rows that could belong to it have been added: requests are
 * not told in the order in which they end. */
bool jobs_take(struct jobs *jobs, int64_t now_ns, struct job *out);

/* Jobs that were pushed out by newer ones. */
uint64_t jobs_evicted(const struct jobs *jobs);

#endif
