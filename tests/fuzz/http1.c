/* SPDX-License-Identifier: Apache-2.0 */
/* Heads and chunks: what the parser says about the beginning of an input must
 * agree with what it says about the whole. The first byte is where it is cut. */
#include "parsers/http1.h"

#include <ctype.h>
#include <stdlib.h>

#define CHECK(truth) ((truth) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void inside(struct slice part, struct slice in)
{
	CHECK(!part.p || (part.p >= in.p && part.p + part.n <= in.p + in.n));
	CHECK(part.p || !part.n);
}

/* The first of that name by the plainest search there is. */
static struct slice searched(struct slice lines, struct slice name)
{
	while (lines.n) {
		const char *end = memmem(lines.p, lines.n, "\r\n", 2);
		struct slice line = {lines.p, (size_t)(end - lines.p)};

		if (line.n > name.n && line.p[name.n] == ':' &&
		    slice_is_nocase((struct slice){line.p, name.n}, name))
			return slice_from(line, name.n + 1);
		lines = slice_from(lines, line.n + 2);
	}
	return SLICE_NONE;
}

/* What begins a line is found, however many lines there are. */
static void walk(const struct http1_headers *headers)
{
	struct slice rest = headers->all;
	size_t lines = 0;

	CHECK(!rest.n || slice_is(slice_from(rest, rest.n - 2), SLICE("\r\n")));
	CHECK(headers->n <= HTTP1_LINES);
	for (; rest.n; lines++) {
		const char *end = memmem(rest.p, rest.n, "\r\n", 2);
		struct slice line = {rest.p, (size_t)(end - rest.p)}, name = {rest.p, 0};

		CHECK(lines >= HTTP1_LINES ||
		      (headers->line[lines].p == line.p && headers->line[lines].n == line.n));
		while (name.n < line.n &&
		       (isalnum((unsigned char)name.p[name.n]) || name.p[name.n] == '-'))
			name.n++;
		if (name.n && name.n < line.n && name.p[name.n] == ':') {
			struct slice value = http1_header(headers, name);
			struct slice all = searched(headers->all, name);

			CHECK(value.p >= all.p && value.p + value.n <= all.p + all.n);
		}
		rest = slice_from(rest, line.n + 2);
	}
	CHECK(headers->n == (lines < HTTP1_LINES ? lines : HTTP1_LINES));
}

static void requests(struct slice in, struct slice part)
{
	struct http1_request whole, begun;
	long n = http1_request(in, &whole), m = http1_request(part, &begun);

	CHECK(n >= HTTP1_BAD && n <= (long)in.n);
	CHECK(whole.whole == (n > 0));
	inside(whole.method, in);
	inside(whole.target, in);
	inside(whole.headers.all, in);
	walk(&whole.headers);
	http1_request_body(&whole);
	/* Bad stays bad, whole stays whole, and what was seen stays as it was. Only
	 * a target with control characters is bad for as long as it has no end. */
	bool open = begun.target.p && begun.target.p + begun.target.n == part.p + part.n;
	if ((m == HTTP1_BAD && !open) || m > 0)
		CHECK(n == m);
	CHECK(!begun.method.p || slice_is(begun.method, whole.method));
	CHECK(slice_begins(whole.target, begun.target));
	CHECK(begun.minor == -1 || begun.minor == whole.minor);
	CHECK(slice_begins(whole.headers.all, begun.headers.all));
}

static void responses(struct slice in, struct slice part)
{
	struct http1_response whole, begun;
	long n = http1_response(in, &whole), m = http1_response(part, &begun);

	CHECK(n >= HTTP1_BAD && n <= (long)in.n);
	CHECK(whole.whole == (n > 0));
	CHECK(whole.status == 0 || (whole.status >= 100 && whole.status < 600));
	walk(&whole.headers);
	CHECK(http1_response_body(&whole, SLICE("GET")).length <= INT64_MAX);
	CHECK(http1_response_body(&whole, SLICE("HEAD")).framing == HTTP1_NO_BODY);
	if (m == HTTP1_BAD || m > 0)
		CHECK(n == m);
	CHECK(slice_begins(whole.headers.all, begun.headers.all));
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
