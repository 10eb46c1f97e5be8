/* SPDX-License-Identifier: Apache-2.0 */
/* Which S3 operation a request is: one table, from the public API reference. */
#ifndef S3SLOWER_S3_OPERATION_H
#define S3SLOWER_S3_OPERATION_H

#include "http1.h"

/* What the address names. */
enum s3_level {
	S3_UNKNOWN,	/* cannot be told: no Host seen, or a target cut short */
	S3_SERVICE,	/* no bucket */
	S3_DIRECTORIES, /* no bucket, at the control endpoint of S3 Express */
	S3_BUCKET,
	S3_KEY,
	S3_WEBSITE, /* a key, or an index document, of a website */
	S3_ROUTE,   /* the answer of an Object Lambda function */
};

/* What an operation is called. */
struct s3_operation {
	const char *name;     /* by the SDKs */
	const char *log_name; /* in Amazon's server access log; NULL unknown */
};

/* The operation, static storage; NULL when the table has none, or when a header
 * that was not read may decide. */
const struct s3_operation *s3_operation(const struct http1_request *request, enum s3_level level,
					struct slice query);

/* The operation that an SDK wrote into the query itself ("x-id=GetObject"),
 * when the table knows it with this method; else NULL. level: what it is about. */
const struct s3_operation *s3_operation_hint(struct slice method, struct slice query,
					     enum s3_level *level);

#endif
