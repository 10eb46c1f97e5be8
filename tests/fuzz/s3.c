/* SPDX-License-Identifier: Apache-2.0 */
/* Meaning of hostile heads: whatever is said of a request is a part of it. */
#include "parsers/s3.h"

#include <stdlib.h>

#include "parsers/part.h"
#include "parsers/useragent.h"

#define CHECK(truth) ((truth) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void inside(struct slice part, struct slice in)
{
	CHECK(!part.p || (part.p >= in.p && part.p + part.n <= in.p + in.n));
	CHECK(part.p || !part.n);
}

/* Which piece of a job: its numbers, if any, make sense. */
static void piece(const struct http1_request *request, const struct http1_response *response,
		  const struct s3_request *s3, struct slice in)
{
	struct part part;
	struct slice id = part_parse(request, response, s3, &part);

	inside(id, in);
	CHECK(part.number >= -1 && part.first >= -1 && part.last >= -1 && part.object_size >= -1);
	CHECK(part.last < 0 || part.first <= part.last);
	CHECK(part.first >= 0 || part.last < 0);
}

static bool is_listed(const char *operation)
{
	for (size_t i = 0; s3_operation_name(i); i++)
		if (s3_operation_name(i) == operation)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static const char *const pattern[] = {"minio.local:9000", "*.ceph.lan", "http://web:80/"};
	static const struct s3_endpoints endpoints = {pattern, 3};
	struct slice in = {(const char *)data, size};
	struct http1_request request;
	struct http1_response response;
	struct s3_request alone, answered;
	struct s3_error error;
	struct slice version;

	CHECK(s3_error(in, &error) || (!error.code.p && !error.message.p));
	inside(error.code, in);
	inside(error.message, in);
	CHECK(!error.code.p || (error.code.n && !memchr(error.code.p, '<', error.code.n)));
	CHECK(!error.message.p || !memchr(error.message.p, '<', error.message.n));
	CHECK(!s3_error_ends(in) || in.n >= 8);
	CHECK(useragent_client(in, &version) || !version.p);
	inside(version, in);

	/* A response may follow the request, as in a recorded exchange. */
	long n = http1_request(in, &request);
	struct slice after = n > 0 ? slice_from(in, (size_t)n) : SLICE_NONE;
	http1_response(after, &response);
	if (n == HTTP1_BAD)
		return 0;
	s3_classify(&request, NULL, NULL, &alone);
	s3_classify(&request, &response, &endpoints, &answered);
	piece(&request, NULL, &alone, in);
	piece(&request, &response, &answered, in);
	inside(answered.bucket, in);
	inside(answered.key, in);
	inside(answered.endpoint, in);
	inside(answered.region, in);
	inside(answered.path, in);
	inside(answered.query, in);
	CHECK(slice_is(alone.path, answered.path) && slice_is(alone.query, answered.query));
	CHECK(!answered.operation || is_listed(answered.operation));
	CHECK(answered.operation || !answered.log_operation);
	CHECK(answered.is_s3 ||
	      (!answered.operation && !answered.bucket.p && !answered.key.p && !answered.region.p));
	CHECK(!answered.bucket.p || answered.bucket.n);
	/* A key without a bucket is one that an SDK told by its operation. */
	CHECK(!answered.key.p || (answered.key.n && (answered.bucket.n || answered.operation)));
	CHECK(!memchr(answered.path.p ? answered.path.p : "", '?', answered.path.n));
	return 0;
}
