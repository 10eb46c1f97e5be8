/* SPDX-License-Identifier: Apache-2.0 */
#include "http1.h"

#include <ctype.h>

static const struct slice crlf = {"\r\n", 2};

static const struct slice methods[] = {
	SLICE("GET"),	SLICE("PUT"),	  SLICE("POST"),  SLICE("HEAD"),    SLICE("DELETE"),
	SLICE("PATCH"), SLICE("OPTIONS"), SLICE("TRACE"), SLICE("CONNECT"),
};

/* Where CRLF first stands at or after at; in.n when nowhere. */
static size_t find_crlf(struct slice in, size_t at)
{
	for (size_t begin = at; at < in.n; at++) {
		const char *found = memchr(in.p + at, '\n', in.n - at);

		if (!found)
			break;
		at = (size_t)(found - in.p);
		if (at > begin && in.p[at - 1] == '\r')
			return at - 1;
	}
	return in.n;
}

/* Walks lines from at until an empty one, and remembers where they are. What a
 * line says is not judged: odd headers are no reason to lose a row. */
static long walk_lines(struct slice in, size_t at, struct http1_headers *out)
{
	out->all = (struct slice){in.p + at, 0};
	out->n = 0;
	for (;;) {
		size_t end = find_crlf(in, at);

		if (end == in.n)
			return HTTP1_PARTIAL;
		if (end == at)
			return (long)(end + crlf.n);
		if (out->n < HTTP1_LINES)
			out->line[out->n++] = (struct slice){in.p + at, end - at};
		at = end + crlf.n;
		out->all.n = (size_t)(in.p + at - out->all.p);
	}
}

/* No lines yet; clearing them all would cost as much as reading some. */
static void no_lines(struct http1_headers *out)
{
	out->all = SLICE_NONE;
	out->n = 0;
}

/* Takes word from *rest. 1 when it was there, HTTP1_PARTIAL when the input
 * ends inside it, else HTTP1_BAD. */
static int take(struct slice *rest, struct slice word)
{
	size_t n = rest->n < word.n ? rest->n : word.n;

	if (n && memcmp(rest->p, word.p, n) != 0)
		return HTTP1_BAD;
	*rest = slice_from(*rest, n);
	return n == word.n ? 1 : HTTP1_PARTIAL;
}

static int take_version(struct slice *rest, int *minor)
{
	int taken = take(rest, SLICE("HTTP/1."));

	if (taken <= 0)
		return taken;
	if (!rest->n)
		return HTTP1_PARTIAL;
	if (!isdigit((unsigned char)rest->p[0]))
		return HTTP1_BAD;
	*minor = rest->p[0] - '0';
	*rest = slice_from(*rest, 1);
	return 1;
}

static int take_method(struct slice *rest, struct slice *method)
{
	int taken = HTTP1_BAD;

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		struct slice after = *rest;
		int word = take(&after, methods[i]);

		if (word == 1)
			word = take(&after, SLICE(" "));
		if (word == 1) {
			*method = (struct slice){rest->p, methods[i].n};
			*rest = after;
			return 1;
		}
		if (word == HTTP1_PARTIAL)
			taken = HTTP1_PARTIAL;
	}
	return taken;
}

/* A target is any run of bytes up to the next space on the line: clients do send
 * raw UTF-8 and worse, and what a server thinks of it is the server's business.
 * But a run with control characters that does not end is some other protocol. */
static int take_target(struct slice *rest, struct slice *target)
{
	bool control = false;
	size_t n = 0;

	for (; n < rest->n; n++) {
		char c = rest->p[n];

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0')
			break;
		control |= (unsigned char)c < ' ' || c == 0x7f;
	}
	*target = (struct slice){rest->p, n};
	if (n == rest->n)
		return control ? HTTP1_BAD : HTTP1_PARTIAL;
	if (n == 0 || rest->p[n] != ' ')
		return HTTP1_BAD;
	*rest = slice_from(*rest, n + 1);
	return 1;
}

long http1_request(struct slice in, struct http1_request *out)
{
	struct slice rest = in;
	int taken;

	out->method = out->target = SLICE_NONE;
	out->minor = -1;
	out->whole = false;
	no_lines(&out->headers);
	if ((taken = take_method(&rest, &out->method)) <= 0 ||
	    (taken = take_target(&rest, &out->target)) <= 0 ||
	    (taken = take_version(&rest, &out->minor)) <= 0 || (taken = take(&rest, crlf)) <= 0)
		return taken;

	long head = walk_lines(in, in.n - rest.n, &out->headers);
	out->whole = head > 0;
	return head;
}

long http1_response(struct slice in, struct http1_response *out)
{
	struct slice rest = in;
	int taken, status = 0;

	out->status = 0;
	out->minor = -1;
	out->whole = false;
	no_lines(&out->headers);
	if ((taken = take_version(&rest, &out->minor)) <= 0 ||
	    (taken = take(&rest, SLICE(" "))) <= 0)
		return taken;
	for (int i = 0; i < 3; i++) {
		if (!rest.n)
			return HTTP1_PARTIAL;
		int digit = rest.p[0] - '0';
		if (digit < 0 || digit > 9 || (i == 0 && (digit < 1 || digit > 5)))
			return HTTP1_BAD;
		status = status * 10 + digit;
		rest = slice_from(rest, 1);
	}
	/* The reason phrase is free text, and some servers leave out the blank before it. */
	if (rest.n && rest.p[0] != ' ' && rest.p[0] != '\r')
		return HTTP1_BAD;
	out->status = status;

	size_t end = find_crlf(in, in.n - rest.n);
	if (end == in.n)
		return HTTP1_PARTIAL;
	long head = walk_lines(in, end + crlf.n, &out->headers);
	out->whole = head > 0;
	return head;
}

/* What a header's name is made of. */
static const bool name_char[256] = {
	['!'] = true,	      ['#' ... '\''] = true, ['*'] = true,	   ['+'] = true,
	['-'] = true,	      ['.'] = true,	     ['0' ... '9'] = true, ['A' ... 'Z'] = true,
	['^' ... 'z'] = true, ['|'] = true,	     ['~'] = true,
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct slice trim(struct slice s)
{
	while (s.n && is_blank(s.p[0]))
		s = slice_from(s, 1);
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

struct header {
	struct slice name;
	struct slice value; /* without surrounding white space */
};

/* Splits "Name: value". A line that begins with a blank (an old-style folded
 * value) or has a blank before the colon is malformed. */
static bool split_header(struct slice line, struct header *out)
{
	size_t n = 0;

	while (n < line.n && name_char[(unsigned char)line.p[n]])
		n++;
	if (n == 0 || n == line.n || line.p[n] != ':')
		return false;
	out->name = (struct slice){line.p, n};
	out->value = trim(slice_from(line, n + 1));
	return true;
}

/* Where a walk over header lines stands. */
struct walk {
	const struct http1_headers *headers;
	size_t i;	   /* the next of the lines that are remembered */
	struct slice rest; /* what is behind them */
};

static struct walk walk_begin(const struct http1_headers *headers)
{
	struct walk walk = {headers, 0, SLICE_NONE};

	if (headers->n == HTTP1_LINES) {
		struct slice last = headers->line[HTTP1_LINES - 1];
		walk.rest = slice_from(headers->all,
				       (size_t)(last.p - headers->all.p) + last.n + crlf.n);
	}
	return walk;
}

static bool next_line(struct walk *walk, struct slice *line)
{
	if (walk->i < walk->headers->n) {
		*line = walk->headers->line[walk->i++];
		return true;
	}
	if (!walk->rest.n)
		return false;
	*line = (struct slice){walk->rest.p, find_crlf(walk->rest, 0)};
	walk->rest = slice_from(walk->rest, line->n + crlf.n);
	return true;
}

/* The next value of that name, SLICE_NONE behind the last. */
static struct slice next_value(struct walk *walk, struct slice name)
{
	struct header header;
	struct slice line;

	if (!name.n)
		return SLICE_NONE;
	/* The cheap questions first: this is asked of every line, often. */
	while (next_line(walk, &line))
		if (line.n > name.n && line.p[name.n] == ':' &&
		    ((line.p[0] ^ name.p[0]) & ~0x20) == 0 &&
		    strncasecmp(line.p, name.p, name.n) == 0 && split_header(line, &header))
			return header.value;
	return SLICE_NONE;
}

struct slice http1_header(const struct http1_headers *headers, struct slice name)
{
	struct walk walk = walk_begin(headers);

	return next_value(&walk, name);
}

/* Takes the next member of a comma-separated list; false at the end. */
static bool next_member(struct slice *list, struct slice *member)
{
	if (!list->p)
		return false;
	const char *comma = list->n ? memchr(list->p, ',', list->n) : NULL;
	size_t n = comma ? (size_t)(comma - list->p) : list->n;

	*member = trim((struct slice){list->p, n});
	*list = comma ? slice_from(*list, n + 1) : SLICE_NONE;
	return true;
}

static bool parse_length(struct slice digits, uint64_t *length)
{
	uint64_t value = 0;

	for (size_t i = 0; i < digits.n; i++) {
		unsigned digit = (unsigned char)digits.p[i] - '0';

		if (digit > 9 || value > ((uint64_t)INT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*length = value;
	return digits.n > 0;
}

/* What the framing headers say. Repeated lengths that agree are one length;
 * any that is malformed, too large or different makes the length unknown, and
 * so does a transfer coding that does not end in chunked. */
static struct http1_body framing(const struct http1_headers *headers, enum http1_framing otherwise)
{
	static const struct http1_body unknown = {HTTP1_CLOSE, 0};
	struct http1_body body = {otherwise, 0};
	struct slice coding = SLICE_NONE, value, member;
	bool bad_length = false, has_length = false;
	struct walk walk = walk_begin(headers);

	while ((value = next_value(&walk, SLICE("Transfer-Encoding"))).p)
		while (next_member(&value, &member))
			if (member.n && !slice_is_nocase(member, SLICE("identity")))
				coding = member;
	if (coding.p)
		return slice_is_nocase(coding, SLICE("chunked"))
			       ? (struct http1_body){HTTP1_CHUNKED, 0}
			       : unknown;

	walk = walk_begin(headers);
	while ((value = next_value(&walk, SLICE("Content-Length"))).p) {
		while (next_member(&value, &member)) {
			uint64_t length = 0;

			bad_length |= !parse_length(member, &length) ||
				      (has_length && length != body.length);
			has_length = true;
			body = (struct http1_body){HTTP1_LENGTH, length};
		}
	}
	return bad_length ? unknown : body;
}

struct http1_body http1_request_body(const struct http1_request *request)
{
	if (slice_is(request->method, SLICE("CONNECT")))
		return (struct http1_body){HTTP1_NO_BODY, 0};
	return framing(&request->headers, HTTP1_NO_BODY);
}

struct http1_body http1_response_body(const struct http1_response *response, struct slice method)
{
	int status = response->status;

	if (slice_is(method, SLICE("HEAD")) || (status >= 100 && status < 200) || status == 204 ||
	    status == 304)
		return (struct http1_body){HTTP1_NO_BODY, 0};
	if (slice_is(method, SLICE("CONNECT")) && status >= 200 && status < 300)
		return (struct http1_body){HTTP1_NO_BODY, 0};
	return framing(&response->headers, HTTP1_CLOSE);
}

/* Parses a chunk's size line with its CRLF; returns its length, or
 * HTTP1_PARTIAL or HTTP1_BAD. */
static long chunk_line(struct slice in, uint64_t *size)
{
	uint64_t value = 0;
	size_t n = 0;

	for (; n < in.n && isxdigit((unsigned char)in.p[n]); n++) {
		int c = tolower((unsigned char)in.p[n]);
		unsigned digit = (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);

		if (value > ((uint64_t)INT64_MAX - digit) / 16)
			return HTTP1_BAD;
		value = value * 16 + digit;
	}
	if (n == in.n)
		return HTTP1_PARTIAL;
	if (n == 0 || (in.p[n] != ';' && in.p[n] != '\r' && !is_blank(in.p[n])))
		return HTTP1_BAD;
	*size = value;

	/* Extensions end at the line's end; a bare CR or LF in them is an attack. */
	while (n < in.n && in.p[n] != '\r' && in.p[n] != '\n')
		n++;
	struct slice rest = slice_from(in, n);
	int taken = take(&rest, crlf);
	return taken <= 0 ? taken : (long)(n + crlf.n);
}

enum chunk_state {
	CHUNK_WHOLE,
	CHUNK_LAST, /* the empty chunk: trailers follow */
	CHUNK_PARTIAL,
	CHUNK_BAD,
};

/* Takes one chunk from *rest, as far as it is in hand. */
static enum chunk_state take_chunk(struct slice *rest, struct slice *data)
{
	uint64_t size = 0;
	long line = chunk_line(*rest, &size);

	*data = SLICE_NONE;
	if (line <= 0)
		return line == HTTP1_BAD ? CHUNK_BAD : CHUNK_PARTIAL;
	*rest = slice_from(*rest, (size_t)line);
	if (size == 0)
		return CHUNK_LAST;
	*data = (struct slice){rest->p, rest->n < size ? rest->n : (size_t)size};
	*rest = slice_from(*rest, data->n);
	if (data->n < size)
		return CHUNK_PARTIAL;
	int taken = take(rest, crlf);
	return taken == 1 ? CHUNK_WHOLE : taken == HTTP1_BAD ? CHUNK_BAD : CHUNK_PARTIAL;
}

bool http1_next_chunk(struct slice *rest, struct slice *data)
{
	enum chunk_state state = take_chunk(rest, data);

	if (state != CHUNK_WHOLE)
		*rest = slice_from(*rest, rest->n);
	return data->n > 0;
}

long http1_chunked(struct slice in, uint64_t *payload)
{
	struct http1_headers trailers;
	struct slice rest = in, data;

	*payload = 0;
	for (;;) {
		enum chunk_state state = take_chunk(&rest, &data);

		*payload += data.n;
		switch (state) {
		case CHUNK_WHOLE:
			continue;
		case CHUNK_LAST:
			return walk_lines(in, in.n - rest.n, &trailers);
		case CHUNK_PARTIAL:
			return HTTP1_PARTIAL;
		case CHUNK_BAD:
			return HTTP1_BAD;
		}
	}
}

/* "0", "000", "0;name=value" */
static bool is_last_chunk(struct slice line)
{
	size_t n = 0;

	while (n < line.n && line.p[n] == '0')
		n++;
	return n > 0 && (n == line.n || line.p[n] == ';' || is_blank(line.p[n]));
}

bool http1_chunked_ends(struct slice tail)
{
	struct slice lines = tail;

	if (lines.n < crlf.n || memcmp(lines.p + lines.n - crlf.n, crlf.p, crlf.n) != 0)
		return false;
	lines.n -= crlf.n;

	/* Backwards, a line at a time: trailers, then the last chunk. */
	while (lines.n >= crlf.n && memcmp(lines.p + lines.n - crlf.n, crlf.p, crlf.n) == 0) {
		size_t end = lines.n - crlf.n, start = end;
		struct header trailer;

		while (start > 0 &&
		       !(start >= crlf.n && memcmp(lines.p + start - crlf.n, crlf.p, crlf.n) == 0))
			start--;
		struct slice line = {lines.p + start, end - start};
		if (is_last_chunk(line))
			return true;
		if (start == 0 || !split_header(line, &trailer))
			return false;
		lines.n = start;
	}
	return false;
}
