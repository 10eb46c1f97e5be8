/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

#include "url.h"

#define SECRET_MIN 8 /* shorter ones are words that a message may need */
#define MASK SLICE("***")

/* A text that is worked on in place. It only becomes shorter until the last step. */
struct message {
	size_t n;
	char bytes[MESSAGE_MAX];
};

/* --- entities ------------------------------------------------------------- */

/* As UTF-8; whether it can be shown is for text.h to say. */
static size_t put_character(char *to, unsigned c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = n; i-- > 1; c >>= 6)
		to[i] = (char)(0x80 | (c & 0x3f));
	to[0] = (char)(lead[n] | c);
	return n;
}

/* "#65" or "#x41": the character, 0 when it is none. */
static unsigned numbered(struct slice digits)
{
	unsigned base = digits.n > 1 && digits.p[1] == 'x' ? 16 : 10, c = 0;

	for (size_t i = base == 16 ? 2 : 1; i < digits.n; i++) {
		static const char all[] = "0123456789abcdef";
		char lower = (char)(digits.p[i] | ' ');
		const char *digit = digits.p[i] ? memchr(all, lower, base) : NULL;

		if (!digit || c > 0x10ffff)
			return 0;
		c = c * base + (unsigned)(digit - all);
	}
	return c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? c : 0;
}

/* The character of the entity that s begins with, and its length; 0 when it is none. */
static unsigned entity(struct slice s, size_t *length)
{
	static const struct {
		struct slice name;
		unsigned c;
	} named[] = {{SLICE("amp"), '&'},
		     {SLICE("lt"), '<'},
		     {SLICE("gt"), '>'},
		     {SLICE("quot"), '"'},
		     {SLICE("apos"), '\''}};
	const char *end = memchr(s.p, ';', s.n < 12 ? s.n : 12);
	struct slice name = {s.p + 1, end ? (size_t)(end - s.p) - 1 : 0};

	*length = name.n + 2;
	if (!name.n)
		return 0;
	if (name.p[0] == '#')
		return numbered(name);
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		if (slice_is(name, named[i].name))
			return named[i].c;
	return 0;
}

/* No entity is shorter than the character it stands for. */
static void resolve(struct message *text, struct slice s)
{
	text->n = 0;
	while (s.n) {
		size_t length;
		unsigned c = s.p[0] == '&' ? entity(s, &length) : 0;

		if (c) {
			text->n += put_character(text->bytes + text->n, c);
			s = slice_from(s, length);
		} else {
			text->bytes[text->n++] = s.p[0];
			s = slice_from(s, 1);
		}
	}
}

/* --- the request's own secrets --------------------------------------------- */

/* Masks n bytes at a place of a text of *length, which are no fewer than the mask has. */
static void mask(char *text, size_t *length, size_t at, size_t n)
{
	memcpy(text + at, MASK.p, MASK.n);
	memmove(text + at + MASK.n, text + at + n, *length - at - n);
	*length -= n - MASK.n;
}

static void hide(struct message *text, struct slice secret)
{
	size_t at = 0;
	char *found;

	if (secret.n < SECRET_MIN)
		return;
	while ((found = memmem(text->bytes + at, text->n - at, secret.p, secret.n))) {
		at = (size_t)(found - text->bytes);
		mask(text->bytes, &text->n, at, secret.n);
		at += MASK.n;
	}
}

/* As it was sent, and as it was meant. */
static void hide_encoded(struct message *text, struct slice secret)
{
	char decoded[MESSAGE_MAX];
	struct slice rest = secret;
	size_t n = 0;
	int byte;

	while (n < sizeof(decoded) && (byte = url_next_byte(&rest)) >= 0)
		decoded[n++] = (char)byte;
	hide(text, (struct slice){decoded, n});
	hide(text, secret);
}

/* Of an Authorization header: who signed is no secret, the signature is. */
static struct slice signature_of(struct slice value)
{
	struct slice mark = SLICE("Signature=");
	const char *found = value.n ? memmem(value.p, value.n, mark.p, mark.n) : NULL;
	size_t n = 0;

	if (found) {
		value = slice_from(value, (size_t)(found - value.p) + mark.n);
		while (n < value.n && value.p[n] != ',' && value.p[n] != ' ')
			n++;
		return (struct slice){value.p, n};
	}
	for (n = value.n; n && value.p[n - 1] != ':' && value.p[n - 1] != ' ';)
		n--;
	return slice_from(value, n);
}

/* Of "a=1; b=2" each value, which a server may repeat alone. */
static void hide_cookies(struct message *text, struct slice value)
{
	while (value.n) {
		const char *end = memchr(value.p, ';', value.n);
		struct slice cookie = {value.p, end ? (size_t)(end - value.p) : value.n};
		const char *equals = cookie.n ? memchr(cookie.p, '=', cookie.n) : NULL;

		value = slice_from(value, cookie.n + 1);
		if (equals)
			hide(text, slice_from(cookie, (size_t)(equals - cookie.p) + 1));
	}
}

static void hide_headers(struct message *text, struct slice lines)
{
	while (lines.n) {
		const char *end = memchr(lines.p, '\n', lines.n);
		struct slice line = {lines.p, end ? (size_t)(end - lines.p) : lines.n}, name;
		const char *colon = line.n ? memchr(line.p, ':', line.n) : NULL;

		lines = slice_from(lines, line.n + 1);
		if (!colon)
			continue;
		name = (struct slice){line.p, (size_t)(colon - line.p)};
		line = slice_from(line, name.n + 1);
		while (line.n && (line.p[0] == ' ' || line.p[0] == '\t'))
			line = slice_from(line, 1);
		while (line.n && (unsigned char)line.p[line.n - 1] <= ' ')
			line.n--;
		if (!text_secret_header(name))
			continue;
		hide(text,
		     slice_ends_nocase(name, SLICE("authorization")) ? signature_of(line) : line);
		if (slice_is_nocase(name, SLICE("cookie")))
			hide_cookies(text, line);
	}
}

static void hide_query(struct message *text, struct slice target)
{
	const char *mark = target.n ? memchr(target.p, '?', target.n) : NULL;
	struct slice query = mark ? slice_from(target, (size_t)(mark - target.p) + 1) : SLICE_NONE;
	struct url_param param;

	while (query.p && url_next_param(&query, &param))
		if (text_secret_name(param.name) || text_carries_secret(param.value))
			hide_encoded(text, param.value);
}

/* --- what is named like a secret ------------------------------------------- */

static bool is_name(char c)
{
	return (c >= '0' && c <= '9') || ((c | ' ') >= 'a' && (c | ' ') <= 'z') || c == '-' ||
	       c == '_' || c == '.' || c == '%';
}

static size_t skip_any(struct slice s, size_t i, const char *what)
{
	while (i < s.n && s.p[i] && strchr(what, s.p[i]))
		i++;
	return i;
}

/* Where the value of the name that ends at i begins, 0 if there is none; and where it
 * ends: a parameter's at its separator, a header's nobody knows. */
static size_t value_at(struct slice s, size_t i, size_t *end)
{
	size_t mark = skip_any(s, i, " \t\"'"), begin;

	if (mark == s.n || (s.p[mark] != '=' && s.p[mark] != ':'))
		return 0;
	begin = *end = skip_any(s, mark + 1, " \t\"'");
	while (*end < s.n && (s.p[mark] == ':' || !s.p[*end] || !strchr(" \t&,;\"'<>)", s.p[*end])))
		(*end)++;
	return *end > begin ? begin : 0;
}

/* A name takes two bytes, its mark and value one each: at worst twice as much comes
 * out of it. */
static size_t hide_named(struct slice s, char to[2 * MESSAGE_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < s.n;) {
		size_t begin = i, value, end;

		while (i < s.n && is_name(s.p[i]))
			i++;
		struct slice name = {s.p + begin, i - begin};
		value = name.n > 2 && (text_secret_header(name) || text_secret_name(name))
				? value_at(s, i, &end)
				: 0;
		if (value)
			i = value;
		else if (!name.n)
			i++;
		memcpy(to + n, s.p + begin, i - begin);
		n += i - begin;
		if (value) {
			memcpy(to + n, MASK.p, MASK.n);
			n += MASK.n;
			i = end;
		}
	}
	return n;
}

/* Comes after hide_named(): where a password is longer than its mask, in place. */
static size_t hide_passwords(char *text, size_t n)
{
	struct slice scheme = SLICE("://");

	for (size_t i = 0; i + scheme.n < n; i++) {
		struct slice rest = {text + i, n - i};
		struct slice password = SLICE_NONE;

		if (slice_begins(rest, scheme))
			password = url_password(slice_from(rest, scheme.n), "/?#<> \t\"'");
		if (password.n >= MASK.n)
			mask(text, &n, (size_t)(password.p - text), password.n);
	}
	return n;
}

const char *message_text(struct text_arena *arena, struct slice message,
			 const struct http1_request *request)
{
	struct message text;
	char shown[2 * MESSAGE_MAX];

	if (!message.p || message.n > sizeof(text.bytes))
		return NULL;
	resolve(&text, message);
	hide_headers(&text, request->headers.all);
	hide_query(&text, request->target);
	size_t n = hide_named((struct slice){text.bytes, text.n}, shown);
	n = hide_passwords(shown, n);
	return text_clean(arena, (struct slice){shown, n});
}
