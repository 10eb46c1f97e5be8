/* SPDX-License-Identifier: Apache-2.0 */
/* The error document of S3: <Error><Code>NoSuchKey</Code><Message>...</Message>...</Error>. */
#include "s3.h"

#define CODE_MAX 64 /* the longest that is known has 43 */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice skip_space(struct slice s)
{
	size_t n = 0;

	while (n < s.n && is_space(s.p[n]))
		n++;
	return slice_from(s, n);
}

/* What follows the first mark in s; SLICE_NONE when it is not there. */
static struct slice after(struct slice s, struct slice mark)
{
	const char *found = s.n ? memmem(s.p, s.n, mark.p, mark.n) : NULL;

	return found ? slice_from(s, (size_t)(found - s.p) + mark.n) : SLICE_NONE;
}

/* What may stand before an element or between two: a byte order mark,
 * declarations and comments, quoted text, and the blanks that keep a
 * connection alive. */
static struct slice skip_prolog(struct slice s)
{
	static const struct {
		struct slice open, close;
	} rows[] = {
		{SLICE("\xef\xbb\xbf"), SLICE("")},
		{SLICE("<?"), SLICE("?>")},
		{SLICE("<!--"), SLICE("-->")},
		{SLICE("<![CDATA["), SLICE("]]>")},
	};
	bool skipped;

	do {
		skipped = false;
		s = skip_space(s);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			if (!s.p || !slice_begins(s, rows[i].open))
				continue;
			s = slice_from(s, rows[i].open.n);
			if (rows[i].close.n)
				s = after(s, rows[i].close);
			skipped = true;
		}
	} while (skipped && s.n);
	return s;
}

enum tag_kind {
	TAG_NONE, /* no tag here, or it is not whole */
	TAG_OPEN,
	TAG_EMPTY, /* <Name/> */
	TAG_CLOSE,
};

/* Takes the tag that *s begins with. A '>' inside an attribute's value does
 * not end it. */
static enum tag_kind take_tag(struct slice *s, struct slice *name)
{
	size_t n = 1, end;
	char quote = 0;

	if (s->n < 2 || s->p[0] != '<')
		return TAG_NONE;
	bool close = s->p[1] == '/';
	n += close;
	end = n;
	while (end < s->n && !is_space(s->p[end]) && s->p[end] != '/' && s->p[end] != '>')
		end++;
	*name = (struct slice){s->p + n, end - n};
	for (; end < s->n && (quote || s->p[end] != '>'); end++) {
		if (quote && s->p[end] == quote)
			quote = 0;
		else if (!quote && (s->p[end] == '"' || s->p[end] == '\''))
			quote = s->p[end];
	}
	if (end == s->n || !name->n)
		return TAG_NONE;
	bool empty = s->p[end - 1] == '/';
	*s = slice_from(*s, end + 1);
	return close ? TAG_CLOSE : empty ? TAG_EMPTY : TAG_OPEN;
}

/* The text that rest begins with, without blanks around it; SLICE_NONE when a tag
 * that ends it was not seen. */
static struct slice text_before_tag(struct slice rest)
{
	rest = skip_space(rest);
	const char *end = rest.n ? memchr(rest.p, '<', rest.n) : NULL;
	if (!end)
		return SLICE_NONE;
	struct slice text = {rest.p, (size_t)(end - rest.p)};
	while (text.n && is_space(text.p[text.n - 1]))
		text.n--;
	return text.n ? text : SLICE_NONE;
}

/* Other elements, of which some repeat what was asked, are nobody's business. */
static void take_element(struct slice name, struct slice rest, struct s3_error *out)
{
	if (!out->code.p && slice_is(name, SLICE("Code"))) {
		out->code = text_before_tag(rest);
		if (out->code.n > CODE_MAX)
			out->code = SLICE_NONE;
	} else if (!out->message.p && slice_is(name, SLICE("Message"))) {
		out->message = text_before_tag(rest);
	}
}

bool s3_error(struct slice body, struct s3_error *out)
{
	struct slice rest = skip_prolog(body), name;
	unsigned depth = 1;

	*out = (struct s3_error){SLICE_NONE, SLICE_NONE};
	if (take_tag(&rest, &name) != TAG_OPEN)
		return false;
	/* The control API wraps it, as other services do. */
	if (slice_is(name, SLICE("ErrorResponse"))) {
		rest = skip_prolog(rest);
		if (take_tag(&rest, &name) != TAG_OPEN)
			return false;
	}
	if (!slice_is(name, SLICE("Error")))
		return false;
	while (depth && !(out->code.p && out->message.p)) {
		const char *tag = rest.n ? memchr(rest.p, '<', rest.n) : NULL;
		if (!tag)
			break;
		rest = skip_prolog(slice_from(rest, (size_t)(tag - rest.p)));
		if (rest.n && rest.p[0] != '<')
			continue;

		switch (take_tag(&rest, &name)) {
		case TAG_NONE:
			return true;
		case TAG_EMPTY:
			break;
		case TAG_CLOSE:
			depth--;
			break;
		case TAG_OPEN:
			if (depth++ == 1)
				take_element(name, rest, out);
		}
	}
	return true;
}

bool s3_is_blank(struct slice body)
{
	return skip_prolog(body).n == 0;
}

/* An end cut out of the middle of a body: whose end tag is the last. */
bool s3_error_ends(struct slice end)
{
	struct slice mark = SLICE("</Error>");

	/* Behind it are blanks, and the last chunk of a chunked body. */
	while (end.n && (is_space(end.p[end.n - 1]) || end.p[end.n - 1] == '0'))
		end.n--;
	return end.n >= mark.n && slice_begins(slice_from(end, end.n - mark.n), mark);
}
