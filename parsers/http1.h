/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.x heads and body framing (RFC 9112), on bytes that may stop anywhere.
 * Pure: no allocation, no I/O, no globals; every slice points into the input.
 */
#ifndef S3SLOWER_HTTP1_H
#define S3SLOWER_HTTP1_H

#include <stdint.h>

#include "slice.h"

#define HTTP1_PARTIAL 0 /* a good beginning; what was seen so far is filled in */
#define HTTP1_BAD (-1)	/* not an HTTP/1.x head */

#define HTTP1_LINES 32 /* more than clients and servers send; those behind are found, too */

/* Header lines, and where they begin: a head is cut into lines once, and asked
 * for many names. */
struct http1_headers {
	struct slice all; /* whole lines seen so far, each with its CRLF */
	size_t n;
	struct slice line[HTTP1_LINES]; /* the first n, without it */
};

struct http1_request {
	struct slice method; /* "GET" */
	struct slice target; /* "/bucket/key?versionId=1", as sent */
	int minor;	     /* HTTP/1.minor, -1 while unknown */
	bool whole;	     /* the empty line after the headers was seen */
	struct http1_headers headers;
};

struct http1_response {
	int status; /* 100-599, 0 while unknown */
	int minor;
	bool whole;
	struct http1_headers headers;
};

/* Parses a request head. Returns its length in bytes (> 0) when it is whole,
 * else HTTP1_PARTIAL or HTTP1_BAD. The method is filled in once the blank after
 * it was seen; the target also as far as it goes (it is whole once minor is
 * known). Lines end with CRLF only; odd header lines are never a reason for BAD. */
long http1_request(struct slice in, struct http1_request *out);

/* Parses one response head, interim or final. Returns as http1_request(). */
long http1_response(struct slice in, struct http1_response *out);

/* The value of the first header of that name (any case), without surrounding
 * white space, or SLICE_NONE. Malformed lines are passed over. */
struct slice http1_header(const struct http1_headers *headers, struct slice name);

enum http1_framing {
	HTTP1_NO_BODY,
	HTTP1_LENGTH,  /* length bytes follow */
	HTTP1_CHUNKED, /* until the last chunk and its trailers */
	HTTP1_CLOSE,   /* until the connection closes */
};

struct http1_body {
	enum http1_framing framing;
	uint64_t length; /* HTTP1_LENGTH only */
};

/* How the body is framed. A response's framing depends on the method of the
 * request: HEAD has none, whatever Content-Length says; 1xx, 204, 304 neither,
 * nor a 2xx to CONNECT. Chunked wins over Content-Length. A length that is
 * malformed, beyond 2^63-1 or said twice with different values, and a transfer
 * coding other than chunked, is HTTP1_CLOSE: the head does not tell where the
 * body ends. Judged from the headers in hand: with a partial head the framing
 * header may be yet to come. */
struct http1_body http1_request_body(const struct http1_request *request);
struct http1_body http1_response_body(const struct http1_response *response, struct slice method);

/* Takes the next chunk of a chunked body from *rest: its data, as far as it is
 * in hand. False after the data of the last one, and where the framing is not
 * that of chunks. */
bool http1_next_chunk(struct slice *rest, struct slice *data);

/* Walks a chunked body whose first bytes are all in hand (in). Returns the
 * bytes it takes including trailers when it ends within, else HTTP1_PARTIAL or
 * HTTP1_BAD. *payload counts the chunk data seen. */
long http1_chunked(struct slice in, uint64_t *payload);

/* Whether a chunked body ends exactly where tail (its last bytes) ends: a last
 * chunk "0" with optional extensions, then trailers, then an empty line.
 * tail may begin in the middle of data; its first byte is taken for the
 * beginning of a line. When the trailers are longer than tail the answer is
 * false. */
bool http1_chunked_ends(struct slice tail);

#endif
