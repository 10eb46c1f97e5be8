/* SPDX-License-Identifier: Apache-2.0 */
#include "fields.h"

#include <stdlib.h>

#define TARGET_MAX 16384u /* a key of 1024 bytes, all escaped, and a signed query */
#define LINES_MAX 12288u

struct fields {
	char method[16], authority[512], path[TARGET_MAX], line[LINES_MAX];
	size_t method_n, authority_n, path_n, line_n;
	int status;
	bool has_length, path_cut;
};

struct fields *fields_new(void)
{
	struct fields *f = malloc(sizeof(*f));

	if (f) {
		f->method_n = f->authority_n = f->path_n = f->line_n = 0;
		f->status = 0;
		f->has_length = f->path_cut = false;
	}
	return f;
}

void fields_free(struct fields *f)
{
	free(f);
}

static int status_of(struct slice value)
{
	int status = 0;

	if (value.n != 3)
		return 0;
	for (size_t i = 0; i < 3; i++) {
		if (value.p[i] < '0' || value.p[i] > '9')
			return 0;
		status = status * 10 + (value.p[i] - '0');
	}
	return status >= 100 && status < 600 ? status : 0;
}

/* Lower case only, as RFC 9113, 8.2.1 demands. */
static bool is_name(struct slice name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return name.n > 0;
}

static bool is_method(struct slice value)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] < 'A' || value.p[i] > 'Z')
			return false;
	return true;
}

static bool is_value(struct slice value)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] == '\0' || value.p[i] == '\r' || value.p[i] == '\n')
			return false;
	return true;
}

/* About the connection, which is not one of HTTP/1.1. */
static bool is_of_connection(struct slice name)
{
	static const struct slice names[] = {
		SLICE("connection"),	    SLICE("keep-alive"), SLICE("proxy-connection"),
		SLICE("transfer-encoding"), SLICE("upgrade"),
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_is(name, names[i]))
			return true;
	return false;
}

static bool append(char *to, size_t room, size_t *n, struct slice s)
{
	if (s.n > room - *n)
		return false;
	if (s.n)
		memcpy(to + *n, s.p, s.n);
	*n += s.n;
	return true;
}

static void add_line(struct fields *f, struct slice name, struct slice value)
{
	size_t n = f->line_n;

	if (!append(f->line, sizeof(f->line), &n, name) ||
	    !append(f->line, sizeof(f->line), &n, SLICE(": ")) ||
	    !append(f->line, sizeof(f->line), &n, value) ||
	    !append(f->line, sizeof(f->line), &n, SLICE("\r\n")))
		return;
	f->line_n = n;
	f->has_length |= slice_is(name, SLICE("content-length"));
}

/* A byte that would end the target in a request line goes as an escape. */
static void add_path(struct fields *f, struct slice value)
{
	static const char digit[] = "0123456789ABCDEF";

	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];
		char escape[3] = {'%', digit[c >> 4], digit[c & 15]};
		struct slice s = c > ' ' && c != 0x7f ? (struct slice){value.p + i, 1}
						      : (struct slice){escape, sizeof(escape)};

		f->path_cut = !append(f->path, sizeof(f->path), &f->path_n, s);
		if (f->path_cut)
			return;
	}
}

void fields_add(struct fields *f, struct slice name, struct slice value)
{
	if (slice_is(name, SLICE(":method")) && f->method_n == 0 && is_method(value))
		append(f->method, sizeof(f->method), &f->method_n, value);
	else if (slice_is(name, SLICE(":path")) && f->path_n == 0)
		add_path(f, value);
	else if (slice_is(name, SLICE(":authority")) && f->authority_n == 0 && is_value(value))
		append(f->authority, sizeof(f->authority), &f->authority_n, value);
	else if (slice_is(name, SLICE(":status")) && f->status == 0)
		f->status = status_of(value);
	else if (is_name(name) && is_value(value) && !is_of_connection(name))
		add_line(f, name, value);
}

int fields_status(const struct fields *f)
{
	return f->status;
}

/* A head being written: what is beyond size is only counted. */
struct head {
	char *to;
	size_t size, n;
};

static void put(struct head *head, struct slice s)
{
	if (head->n < head->size && s.n)
		memcpy(head->to + head->n, s.p,
		       s.n < head->size - head->n ? s.n : head->size - head->n);
	head->n += s.n;
}

/* Whole lines, as many as leave room for the empty one. */
static void put_lines(struct head *head, struct slice lines, bool without_host)
{
	while (lines.n) {
		size_t n = (size_t)((char *)memchr(lines.p, '\n', lines.n) - lines.p) + 1;
		struct slice line = {lines.p, n};

		lines = slice_from(lines, n);
		if (without_host && slice_begins(line, SLICE("host: ")))
			continue;
		if (head->n + n + 2 <= head->size)
			put(head, line);
	}
}

size_t fields_request(const struct fields *f, bool has_body, char *to, size_t size)
{
	struct head head = {to, size, 0};

	if (!f->method_n || !f->path_n)
		return 0;
	put(&head, (struct slice){f->method, f->method_n});
	put(&head, SLICE(" "));
	put(&head, (struct slice){f->path, f->path_n});
	if (f->path_cut)
		return head.n + 1;
	put(&head, SLICE(" HTTP/1.1\r\n"));
	if (f->authority_n) {
		put(&head, SLICE("host: "));
		put(&head, (struct slice){f->authority, f->authority_n});
		put(&head, SLICE("\r\n"));
	}
	if (has_body && !f->has_length)
		put(&head, SLICE("transfer-encoding: chunked\r\n"));
	put_lines(&head, (struct slice){f->line, f->line_n}, f->authority_n > 0);
	put(&head, SLICE("\r\n"));
	return head.n;
}

size_t fields_response(const struct fields *f, char *to, size_t size)
{
	struct head head = {to, size, 0};
	char status[3] = {(char)('0' + f->status / 100), (char)('0' + f->status / 10 % 10),
			  (char)('0' + f->status % 10)};

	put(&head, SLICE("HTTP/1.1 "));
	put(&head, (struct slice){status, sizeof(status)});
	put(&head, SLICE("\r\n"));
	put_lines(&head, (struct slice){f->line, f->line_n}, false);
	put(&head, SLICE("\r\n"));
	return head.n;
}
