/* SPDX-License-Identifier: Apache-2.0 */
/* What one job can show of itself: the columns and JSON keys of --jobs. */
#ifndef S3SLOWER_JOB_COLUMN_H
#define S3SLOWER_JOB_COLUMN_H

#include "field.h"
#include "parsers/job.h"

/* The i-th column, NULL after the last. */
const struct column *job_column_at(size_t i);
/* How many keys there are; and which, unless fields is NULL. */
size_t job_fields(const struct field **fields);

/* "multipart_upload"; field: enum job_kind. */
const char *job_kind_text(const void *field, struct cell *cell);
/* "complete"; field: enum job_state. */
const char *job_state_text(const void *field, struct cell *cell);
/* "part 17", or "bytes 8388608-16777215"; field: struct job_part. */
const char *job_part_text(const void *field, struct cell *cell);

#endif
