/* SPDX-License-Identifier: Apache-2.0 */
/* The error document of S3: <Error><Code>NoSuchKey</Code>...</Error>. */
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

struct slice s3_error_code(struct slice body)
{
	struct slice rest = skip_prolog(body), name;
	unsigned depth = 1;

	if (take_tag(&rest, &name) != TAG_OPEN || !slice_is(name, SLICE("Error")))
		return SLICE_NONE;
	while (depth) {
		const char *tag = rest.n ? memchr(rest.p, '<', rest.n) : NULL;
		if (!tag)
			return SLICE_NONE;
		rest = skip_prolog(slice_from(rest, (size_t)(tag - rest.p)));
		if (rest.n && rest.p[0] != '<')
			continue;

		switch (take_tag(&rest, &name)) {
		case TAG_NONE:
			return SLICE_NONE;
		case TAG_EMPTY:
			break;
		case TAG_CLOSE:
			depth--;
			break;
		case TAG_OPEN:
			if (depth++ != 1 || !slice_is(name, SLICE("Code")))
				break;
			rest = skip_space(rest);
			const char *end = rest.n ? memchr(rest.p, '<', rest.n) : NULL;
			if (!end)
				return SLICE_NONE;
			struct slice code = {rest.p, (size_t)(end - rest.p)};
			while (code.n && is_space(code.p[code.n - 1]))
				code.n--;
			return code.n && code.n <= CODE_MAX ? code : SLICE_NONE;
		}
	}
	return SLICE_NONE;
}
