/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an HTTP request means to S3: whether it is S3 at all, which operation,
 * on which bucket and key. Pure; slices point into the request head.
 */
#ifndef S3SLOWER_S3_H
#define S3SLOWER_S3_H

#include "http1.h"

/* Endpoints the user named with --endpoint: "minio.local:9000", "*.ceph.lan".
 * A request to one of them is S3; "*." or a bare name also says where the
 * bucket label of a virtual-hosted Host ends. */
struct s3_endpoints {
	const char *const *pattern;
	size_t n;
};

struct s3_request {
	bool is_s3;
	const char *operation;	   /* SDK name ("PutObject"), static storage; NULL unknown */
	const char *log_operation; /* as Amazon's access log has it ("REST.PUT.OBJECT"); likewise */
	struct slice bucket;	   /* as sent, still percent-encoded; SLICE_NONE if none */
	struct slice key;	   /* as sent, still percent-encoded, no query */
	struct slice endpoint;	   /* host[:port] without the bucket label */
	struct slice region;	   /* of the endpoint's name, else of the signature's scope */
	struct slice path;	   /* target without query (and without scheme://host) */
	struct slice query;	   /* without '?'; SLICE_NONE if none */
};

/* request may be partial (a truncated head); response may be NULL when none
 * was read, and helps only to recognise S3 (x-amz-request-id, Server).
 * Never fails: what is not known stays SLICE_NONE or NULL. */
void s3_classify(const struct http1_request *request, const struct http1_response *response,
		 const struct s3_endpoints *endpoints, struct s3_request *out);

struct s3_error {
	struct slice code;    /* "NoSuchKey" */
	struct slice message; /* as sent, with the entities of XML; SLICE_NONE unless whole */
};

/* Whether body is an S3 error document ("<Error><Code>NoSuchKey</Code>..."), behind
 * the blanks that keep a connection alive; and what it says. It may be truncated
 * anywhere. */
bool s3_error(struct slice body, struct s3_error *out);

/* Whether a body is nothing but an XML declaration and blanks, so far. */
bool s3_is_blank(struct slice body);

/* Whether these are the last bytes of a body that ends as an error document does. */
bool s3_error_ends(struct slice end);

/* Every operation name there is, for --op validation and completion; NULL after the last. */
const char *s3_operation_name(size_t i);

#endif
