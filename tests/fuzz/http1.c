/* SPDX-License-Identifier: Apache-2.0 */
/* Heads and chunks: what the parser says about the beginning of an input must
 * agree with what it says about the whole. The first byte is where it is cut. */
#include "parsers/http1.h"

#include <stdlib.h>

#define CHECK(truth) ((truth) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void inside(struct slice part, struct slice in)
{
	CHECK(!part.p || (part.p >= in.p && part.p + part.n <= in.p + in.n));
	CHECK(part.p || !part.n);
}

static void walk(struct slice headers)
{
	struct slice rest = headers;
	struct http1_header header;

	CHECK(!headers.n || slice_is(slice_from(headers, headers.n - 2), SLICE("\r\n")));
	while (http1_next_header(&rest, &header)) {
		CHECK(header.name.n);
		inside(header.name, headers);
		inside(header.value, headers);
		CHECK(http1_header(headers, header.name).p);
	}
}

static void requests(struct slice in, struct slice part)
{
	struct http1_request whole, begun;
	long n = http1_request(in, &whole), m = http1_request(part, &begun);

	CHECK(n >= HTTP1_BAD && n <= (long)in.n);
	CHECK(whole.whole == (n > 0));
	inside(whole.method, in);
	inside(whole.target, in);
	inside(whole.headers, in);
	walk(whole.headers);
	http1_request_body(&whole);
	/* Bad stays bad, whole stays whole, and what was seen stays as it was. */
	if (m == HTTP1_BAD || m > 0)
		CHECK(n == m);
	CHECK(!begun.method.p || slice_is(begun.method, whole.method));
	CHECK(slice_begins(whole.target, begun.target));
	CHECK(begun.minor == -1 || begun.minor == whole.minor);
	CHECK(slice_begins(whole.headers, begun.headers));
}

static void responses(struct slice in, struct slice part)
{
	struct http1_response whole, begun;
	long n = http1_response(in, &whole), m = http1_response(part, &begun);

	CHECK(n >= HTTP1_BAD && n <= (long)in.n);
	CHECK(whole.whole == (n > 0));
	CHECK(whole.status == 0 || (whole.status >= 100 && whole.status < 600));
	walk(whole.headers);
	CHECK(http1_response_body(&whole, SLICE("GET")).length <= INT64_MAX);
	CHECK(http1_response_body(&whole, SLICE("HEAD")).framing == HTTP1_NO_BODY);
	if (m == HTTP1_BAD || m > 0)
		CHECK(n == m);
	CHECK(slice_begins(whole.headers, begun.headers));
}

static void chunks(struct slice in, struct slice part)
{
	uint64_t payload, before, sum = 0;
	long n = http1_chunked(in, &payload), m = http1_chunked(part, &before);
	struct slice rest = in, data;

	CHECK(n >= HTTP1_BAD && n <= (long)in.n);
	CHECK(payload <= in.n && before <= payload);
	if (m == HTTP1_BAD || m > 0)
		CHECK(n == m);
	while (http1_next_chunk(&rest, &data)) {
		inside(data, in);
		sum += data.n;
	}
	CHECK(sum == payload);
	http1_chunked_ends(in);
	http1_chunked_ends(slice_from(in, part.n));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	if (size < 1)
		return 0;
	struct slice in = {(const char *)data + 1, size - 1};
	/* A copy of its own, so that the sanitizer sees its end. */
	size_t cut = in.n * data[0] / 256;
	char *copy = malloc(cut + 1);
	struct slice part = {copy, cut};

	memcpy(copy, in.p, cut);
	requests(in, part);
	responses(in, part);
	chunks(in, part);
	free(copy);
	return 0;
}
