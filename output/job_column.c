/* SPDX-License-Identifier: Apache-2.0 */
#include "job_column.h"

#include <inttypes.h>
#include <stdio.h>

#include "parsers/extra.h"

const char *job_kind_text(const void *field, struct cell *cell)
{
	(void)cell;
	return *(const enum job_kind *)field == JOB_MULTIPART_UPLOAD ? "multipart_upload"
								     : "ranged_download";
}

const char *job_state_text(const void *field, struct cell *cell)
{
	static const char *const names[] = {
		[JOB_OPEN] = "open", [JOB_COMPLETE] = "complete", [JOB_ABORTED] = "aborted"};

	(void)cell;
	return names[*(const enum job_state *)field];
}

const char *job_part_text(const void *field, struct cell *cell)
{
	const struct job_part *part = field;

	if (part->number >= 0)
		snprintf(cell->buf, sizeof(cell->buf), "part %d", part->number);
	else if (part->first >= 0 && part->last >= 0)
		snprintf(cell->buf, sizeof(cell->buf), "bytes %" PRId64 "-%" PRId64, part->first,
			 part->last);
	else if (part->first >= 0)
		snprintf(cell->buf, sizeof(cell->buf), "bytes %" PRId64 "-", part->first);
	else
		return NULL;
	return cell->buf;
}

static const char *several(const void *field, struct cell *cell)
{
	(void)cell;
	return *(const int *)field > 1 ? "true" : "false";
}

#define AT(field) offsetof(struct job, field)

/* As in column.c. */
static const struct column columns[] = {
	COLUMNS_OF_PROCESS(column_word),
	{"JOB", "operation", -16, false, job_kind_text, AT(kind), 0},
	{"STATE", "state", -8, false, job_state_text, AT(state), 0},
	{NULL, "bucket", 0, false, column_word, AT(bucket), 0},
	{NULL, "key", 0, false, column_word, AT(key), 0},
	{NULL, "endpoint", 0, false, column_word, AT(endpoint), 0},
	{NULL, "region", 0, false, column_word, AT(region), 0},
	{NULL, "upload_id", 0, false, column_word, AT(upload_id), 0},
	{NULL, "client_type", 0, false, column_string, AT(client_type), 0},
	{NULL, "several_processes", 0, false, several, AT(processes), 0},
	{"TIME(ms)", NULL, 10, false, column_ms, AT(duration_ns), 0},
	{NULL, "duration_ms", 0, false, column_exact_ms, AT(duration_ns), 0},
	{NULL, "busy_ms", 0, false, column_exact_ms, AT(busy_ns), 0},
	{NULL, "gap_ms", 0, false, column_exact_ms, AT(gap_ns), 0},
	{NULL, "complete_ms", 0, false, column_exact_ms, AT(complete_ns), 0},
	{NULL, "longest_gap_ms", 0, false, column_exact_ms, AT(longest_gap_ns), 0},
	{"PARTS", "parts", 5, false, column_int, AT(parts), 0},
	{"RETRIED", "retried_parts", 7, false, column_int, AT(retried), 0},
	{"FAILED", "failed_parts", 6, false, column_int, AT(failed), 0},
	{NULL, "part_requests", 0, false, column_int, AT(requests), 0},
	{NULL, "failed_requests", 0, false, column_int, AT(errors), 0},
	{"BYTES", "bytes", 12, true, column_size, AT(bytes), 0},
	{"MB/s", NULL, 9, false, column_speed, AT(throughput), 0},
	{NULL, "throughput_mb_s", 0, false, column_exact_speed, AT(throughput), 0},
	{"AT_ONCE", "concurrency", 8, false, column_ratio, AT(concurrency), 0},
	{"MOST", "max_concurrency", 5, true, column_int, AT(max_concurrency), 0},
	{"BUSY", NULL, 10, true, column_ms, AT(busy_ns), 0},
	{"GAPS", NULL, 9, false, column_ms, AT(gap_ns), 0},
	{"COMPLETE", NULL, 9, true, column_ms, AT(complete_ns), 0},
	{"SLOWEST", NULL, -23, false, job_part_text, AT(slowest), 0},
	{NULL, "slowest_part.number", 0, false, column_int, AT(slowest.number), 0},
	{NULL, "slowest_part.first_byte", 0, false, column_size, AT(slowest.first), 0},
	{NULL, "slowest_part.last_byte", 0, false, column_size, AT(slowest.last), 0},
	{"PART(ms)", NULL, 10, false, column_ms, AT(slowest.latency_ns), 0},
	{NULL, "slowest_part.timestamp", 0, false, column_timestamp, AT(slowest.time_ns), 0},
	{NULL, "slowest_part.latency_ms", 0, false, column_exact_ms, AT(slowest.latency_ns), 0},
	{"xMEDIAN", "slowest_part.times_median", 8, false, column_ratio, AT(times_median), 0},
	{NULL, "slowest_part.status_code", 0, false, column_int, AT(slowest.status), 0},
	{NULL, "slowest_part.request_id", 0, false, column_word, AT(slowest.request_id), 0},
	{NULL, "slowest_part.host_id", 0, false, column_word, AT(slowest.host_id), 0},
	{NULL, "slowest_part.peer_address", 0, false, column_peer_address, AT(slowest.ends), 0},
	{NULL, "slowest_part.peer_port", 0, false, column_port, AT(slowest.ends.peer_port), 0},
	{"PART_PEER", NULL, -21, true, column_peer, AT(slowest.ends), 0},
	{NULL, "median_part_ms", 0, false, column_exact_ms, AT(median_ns), 0},
	{NULL, "truncated", 0, false, column_truth, AT(truncated), 0},
	{"BUCKET", NULL, -16, false, column_word, AT(bucket), 0},
	{"ENDPOINT", NULL, -24, true, column_word, AT(endpoint), 0},
	COLUMNS_OF_PROCESS_WIDE,
	{"KEY", NULL, 0, false, column_word, AT(key), 0},
};

/* As in json.c. */
static const struct field fields[] = {
	FIELDS_OF_PROCESS(column_word),
	{KEY(",", "operation"), QUOTED, job_kind_text, AT(kind), 0},
	{KEY(",", "state"), QUOTED, job_state_text, AT(state), 0},
	{KEY(",", "bucket"), TEXT, column_word, AT(bucket), 0},
	{KEY(",", "key"), TEXT, column_word, AT(key), 0},
	{KEY(",", "endpoint"), TEXT, column_word, AT(endpoint), 0},
	{KEY(",", "region"), TEXT, column_word, AT(region), 0},
	{KEY(",", "upload_id"), TEXT, column_word, AT(upload_id), 0},
	{KEY(",", "client_type"), TEXT, column_string, AT(client_type), 0},
	{KEY(",", "several_processes"), BARE, several, AT(processes), 0},
	{KEY(",", "duration_ms"), BARE, column_exact_ms, AT(duration_ns), 0},
	{KEY(",", "busy_ms"), BARE, column_exact_ms, AT(busy_ns), 0},
	{KEY(",", "gap_ms"), BARE, column_exact_ms, AT(gap_ns), 0},
	{KEY(",", "complete_ms"), BARE, column_exact_ms, AT(complete_ns), 0},
	{KEY(",", "longest_gap_ms"), BARE, column_exact_ms, AT(longest_gap_ns), 0},
	{KEY(",", "parts"), BARE, column_int, AT(parts), 0},
	{KEY(",", "retried_parts"), BARE, column_int, AT(retried), 0},
	{KEY(",", "failed_parts"), BARE, column_int, AT(failed), 0},
	{KEY(",", "part_requests"), BARE, column_int, AT(requests), 0},
	{KEY(",", "failed_requests"), BARE, column_int, AT(errors), 0},
	{KEY(",", "bytes"), BARE, column_size, AT(bytes), 0},
	{KEY(",", "throughput_mb_s"), BARE, column_exact_speed, AT(throughput), 0},
	{KEY(",", "concurrency"), BARE, column_ratio, AT(concurrency), 0},
	{KEY(",", "max_concurrency"), BARE, column_int, AT(max_concurrency), 0},
	{KEY(",", "median_part_ms"), BARE, column_exact_ms, AT(median_ns), 0},
	{KEY(",\"slowest_part\":{", "number"), BARE, column_int, AT(slowest.number), 0},
	{KEY(",", "first_byte"), BARE, column_size, AT(slowest.first), 0},
	{KEY(",", "last_byte"), BARE, column_size, AT(slowest.last), 0},
	{KEY(",", "timestamp"), QUOTED, column_timestamp, AT(slowest.time_ns), 0},
	{KEY(",", "latency_ms"), BARE, column_exact_ms, AT(slowest.latency_ns), 0},
	{KEY(",", "times_median"), BARE, column_ratio, AT(times_median), 0},
	{KEY(",", "status_code"), BARE, column_int, AT(slowest.status), 0},
	{KEY(",", "request_id"), TEXT, column_word, AT(slowest.request_id), 0},
	{KEY(",", "host_id"), TEXT, column_word, AT(slowest.host_id), 0},
	{KEY(",", "peer_address"), QUOTED, column_peer_address, AT(slowest.ends), 0},
	{KEY(",", "peer_port"), BARE, column_port, AT(slowest.ends.peer_port), 0},
	{KEY("},", "truncated"), BARE, column_truth, AT(truncated), 0},
};

const struct column *job_column_at(size_t i)
{
	return i < sizeof(columns) / sizeof(columns[0]) ? &columns[i] : NULL;
}

size_t job_fields(const struct field **out)
{
	if (out)
		*out = fields;
	return sizeof(fields) / sizeof(fields[0]);
}
