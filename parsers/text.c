/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <ctype.h>
#include <stdint.h>

#include "url.h"

/* Characters that move the cursor, break a line, reorder what stands around
 * them or cannot be seen at all. */
static const struct {
	unsigned first, last;
} unshowable[] = {
	{0x00, 0x1f},	    /* C0 */
	{0x7f, 0x9f},	    /* DEL, C1 */
	{0xad, 0xad},	    /* soft hyphen */
	{0x61c, 0x61c},	    /* Arabic letter mark */
	{0x180e, 0x180e},   /* Mongolian vowel separator */
	{0x200b, 0x200f},   /* zero width, left-to-right and right-to-left marks */
	{0x2028, 0x202e},   /* line and paragraph separators, bidirectional overrides */
	{0x2060, 0x206f},   /* invisible operators, bidirectional isolates */
	{0xfeff, 0xfeff},   /* byte order mark */
	{0xfff9, 0xfffb},   /* interlinear annotation */
	{0xe0000, 0xe007f}, /* tags */
};

static bool showable(unsigned c)
{
	for (size_t i = 0; i < sizeof(unshowable) / sizeof(unshowable[0]); i++)
		if (c >= unshowable[i].first && c <= unshowable[i].last)
			return false;
	return true;
}

/* The well-formed byte sequences of UTF-8: lead bytes, and what the second
 * byte may be so that nothing is overlong, a surrogate or beyond U+10FFFF. */
static const struct {
	unsigned char lead_first, lead_last, second_first, second_last, length;
} sequences[] = {
	{0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
	{0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
	{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

/* Length of the character that b begins with, 0 when it is not valid UTF-8. */
static size_t decode_utf8(const unsigned char *b, size_t n, unsigned *c)
{
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
		size_t length = sequences[i].length;

		if (!n || b[0] < sequences[i].lead_first || b[0] > sequences[i].lead_last)
			continue;
		if (n < length || (length > 1 && (b[1] < sequences[i].second_first ||
						  b[1] > sequences[i].second_last)))
			return 0;
		*c = length == 1 ? b[0] : b[0] & (0x7fu >> length);
		for (size_t k = 1; k < length; k++) {
			if ((b[k] & 0xc0) != 0x80)
				return 0;
			*c = *c << 6 | (b[k] & 0x3f);
		}
		return length;
	}
	return 0;
}

/* Appends n bytes, all or none; a byte is kept for the NUL. */
static bool put(struct text_arena *arena, const void *bytes, size_t n)
{
	if (arena->used >= arena->size || arena->size - arena->used <= n) {
		arena->truncated = true;
		return false;
	}
	if (n)
		memcpy(arena->buf + arena->used, bytes, n);
	arena->used += n;
	return true;
}

static bool put_escape(struct text_arena *arena, unsigned char byte)
{
	static const char digits[] = "0123456789abcdef";
	char escape[4] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};

	return put(arena, escape, sizeof(escape));
}

static int next_byte(struct slice *s, bool percent)
{
	if (percent)
		return url_next_byte(s);
	if (!s->n)
		return -1;
	int byte = (unsigned char)s->p[0];
	*s = slice_from(*s, 1);
	return byte;
}

/* Most characters: shown as they are. */
static bool is_plain(char c, bool percent)
{
	return c >= ' ' && c <= '~' && c != '\\' && !(percent && c == '%');
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether one of eight bytes is zero: only that borrows into a bit 7 which the
 * byte itself did not have. */
static bool has_zero(uint64_t bytes)
{
	return (bytes - EACH(1)) & ~bytes & EACH(0x80);
}

/* is_plain() of eight characters at once. */
static bool are_plain(const char *p, bool percent)
{
	uint64_t bytes, beyond;

	memcpy(&bytes, p, sizeof(bytes));
	beyond = (bytes + EACH(0x7f - '~')) | bytes; /* bit 7: more than '~' */
	beyond |= (bytes - EACH(' ')) & ~bytes;	     /* bit 7 of the lowest: less than ' ' */
	return !(beyond & EACH(0x80)) && !has_zero(bytes ^ EACH('\\')) &&
	       !(percent && has_zero(bytes ^ EACH('%')));
}

/* How many plain characters s begins with. */
static size_t plain_run(struct slice s, bool percent)
{
	size_t n = 0;

	while (s.n - n >= 8 && are_plain(s.p + n, percent))
		n += 8;
	while (n < s.n && is_plain(s.p[n], percent))
		n++;
	return n;
}

/* Appends s a character at a time, so that text cut short is still valid. */
static bool put_clean(struct text_arena *arena, struct slice s, bool percent)
{
	while (s.n) {
		unsigned char b[4] = {0};
		struct slice after = s, one = s;
		size_t n, length;
		unsigned c = 0;
		int byte;

		/* Nearly everything is plain: a run at once, if it fits whole. */
		n = plain_run(s, percent);
		if (n > 1 && put(arena, s.p, n)) {
			s = slice_from(s, n);
			continue;
		}
		if (n) {
			if (!put(arena, s.p, 1))
				return false;
			s = slice_from(s, 1);
			continue;
		}
		while (n < sizeof(b) && (n == 0 || b[0] >= 0x80) &&
		       (byte = next_byte(&after, percent)) >= 0)
			b[n++] = (unsigned char)byte;
		length = decode_utf8(b, n, &c);
		if (length == 0 || !showable(c)) {
			if (!put_escape(arena, b[0]))
				return false;
			length = 1;
		} else if (!(c == '\\' ? put(arena, "\\\\", 2) : put(arena, b, length))) {
			return false;
		}
		for (size_t i = 0; i < length; i++)
			next_byte(&one, percent);
		s = one;
	}
	return true;
}

/* Ends the text that began at start. Nothing of a text that is not empty is as
 * good as no text: NULL. */
static const char *finish(struct text_arena *arena, size_t start, bool whole)
{
	if (arena->used >= arena->size || (!whole && arena->used == start)) {
		arena->truncated = true;
		return NULL;
	}
	arena->buf[arena->used++] = '\0';
	return arena->buf + start;
}

const char *text_clean(struct text_arena *arena, struct slice s)
{
	size_t start = arena->used;

	return s.p ? finish(arena, start, put_clean(arena, s, false)) : NULL;
}

/* Names whose values are secrets, in lower case, '-' standing for '_' and '.' as well; with
 * suffix, also every name that ends so. Access key ids are none: they say who asked. */
enum secret_in {
	IN_QUERY = 1,
	IN_HEADER = 2,
	IN_BOTH = 3,
};

static const struct {
	struct slice name;
	enum secret_in in;
	bool suffix;
} secrets[] = {
	{SLICE("authorization"), IN_BOTH, true}, /* also Proxy- */
	{SLICE("signature"), IN_BOTH, true},	 /* X-Amz-, X-Goog-, V2's own */
	{SLICE("security-token"), IN_BOTH, true},
	{SLICE("securitytoken"), IN_BOTH, true},
	{SLICE("session-token"), IN_BOTH, true},
	{SLICE("sessiontoken"), IN_BOTH, true},
	{SLICE("metadata-token"), IN_BOTH, true},
	{SLICE("authorization-token"), IN_BOTH, true},
	{SLICE("auth-token"), IN_BOTH, true},
	{SLICE("access-token"), IN_BOTH, true},
	{SLICE("accesstoken"), IN_BOTH, true},
	{SLICE("refresh-token"), IN_BOTH, true},
	{SLICE("id-token"), IN_BOTH, true},
	{SLICE("identitytoken"), IN_BOTH, true},
	{SLICE("customer-key"), IN_BOTH, true},
	{SLICE("customer-key-md5"), IN_BOTH, true},
	{SLICE("encryption-key"), IN_BOTH, true},
	{SLICE("password"), IN_BOTH, true},
	{SLICE("passwd"), IN_BOTH, true},
	{SLICE("secret"), IN_BOTH, true},
	{SLICE("secretkey"), IN_BOTH, true},
	{SLICE("secret-key"), IN_BOTH, true},
	{SLICE("secretaccesskey"), IN_BOTH, true},
	{SLICE("secret-access-key"), IN_BOTH, true},
	{SLICE("api-key"), IN_BOTH, true},
	{SLICE("apikey"), IN_BOTH, true},
	{SLICE("samlassertion"), IN_BOTH, true},
	{SLICE("tokencode"), IN_BOTH, true},
	{SLICE("cookie"), IN_HEADER, true}, /* also Set-Cookie */
	{SLICE("cookie2"), IN_HEADER, true},
	{SLICE("x-amz-mfa"), IN_BOTH, false},
	{SLICE("x-amz-request-token"), IN_BOTH, false},
	{SLICE("x-storage-token"), IN_HEADER, false},
	{SLICE("x-vault-token"), IN_HEADER, false},
	{SLICE("token"), IN_BOTH, false},
	{SLICE("upload-id"), IN_QUERY, false}, /* Google's: who knows it may upload. Not uploadId */
	{SLICE("auth"), IN_QUERY, false},
	{SLICE("sig"), IN_QUERY, false},
	{SLICE("jwt"), IN_QUERY, false},
	{SLICE("pwd"), IN_QUERY, false},
	{SLICE("pass"), IN_QUERY, false},
};

/* Whether the name, percent-decoded, is that of a secret. Only its end is
 * looked at, however long it is. */
static bool is_secret(struct slice name, enum secret_in in)
{
	char last[64], end;
	size_t length = 0, kept = 0;
	int byte;

	for (struct slice s = name; url_next_byte(&s) >= 0;)
		length++;
	for (size_t i = 0; (byte = url_next_byte(&name)) >= 0; i++)
		if (length - i <= sizeof(last))
			last[kept++] = byte == '_' || byte == '.' ? '-' : (char)byte;

	if (!kept)
		return false;
	end = (char)tolower((unsigned char)last[kept - 1]);
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		struct slice secret = secrets[i].name;

		if (secret.p[secret.n - 1] == end && (secrets[i].in & in) && kept >= secret.n &&
		    (secrets[i].suffix || length == secret.n) &&
		    strncasecmp(last + kept - secret.n, secret.p, secret.n) == 0)
			return true;
	}
	return false;
}

/* The value of the next parameter with a secret's name in what may be a URL, encoded once
 * more or not; false if there is none. *rest is then what is behind it. */
static bool next_secret(struct slice *rest, struct slice *value)
{
	struct slice name = SLICE_NONE;

	while (rest->n) {
		const char *here = rest->p;
		int byte = url_next_byte(rest);

		if (byte == '?' || byte == '&' || byte == ';') {
			name = (struct slice){rest->p, 0};
		} else if (byte == '=' && name.p) {
			name.n = (size_t)(here - name.p);
			if (is_secret(name, IN_QUERY))
				break;
			name = SLICE_NONE;
		}
	}
	if (!name.n)
		return false;
	*value = (struct slice){rest->p, 0};
	for (struct slice after = *rest; after.n; *rest = after) {
		int byte = url_next_byte(&after);

		if (byte == '&' || byte == ';')
			break;
	}
	value->n = (size_t)(rest->p - value->p);
	return true;
}

bool text_carries_secret(struct slice value)
{
	struct slice secret;

	return next_secret(&value, &secret);
}

/* put_clean() with those values masked. */
static bool put_masked(struct text_arena *arena, struct slice s, bool percent)
{
	struct slice rest = s, secret;
	bool whole = true;

	while (whole && next_secret(&rest, &secret)) {
		size_t n = (size_t)(secret.p - s.p);

		whole = put_clean(arena, (struct slice){s.p, n}, percent) &&
			(!secret.n || put(arena, "***", 3));
		s = rest;
	}
	return whole && put_clean(arena, s, percent);
}

const char *text_decoded(struct text_arena *arena, struct slice s)
{
	size_t start = arena->used;

	return s.p ? finish(arena, start, put_masked(arena, s, true)) : NULL;
}

const char *text_target(struct text_arena *arena, struct slice path, struct slice query)
{
	size_t start = arena->used;
	struct url_param param;
	bool whole = put_masked(arena, path, false);

	if (!path.p && !query.p)
		return NULL;
	if (query.p)
		whole = whole && put(arena, "?", 1);
	for (bool first = true; whole && url_next_param(&query, &param); first = false) {
		whole = (first || put(arena, "&", 1)) && put_clean(arena, param.name, false);
		if (!whole || !param.value.p)
			continue;
		whole = put(arena, "=", 1);
		if (param.value.n &&
		    (is_secret(param.name, IN_QUERY) || text_carries_secret(param.value)))
			whole = whole && put(arena, "***", 3);
		else
			whole = whole && put_clean(arena, param.value, false);
	}
	return finish(arena, start, whole);
}

bool text_secret_header(struct slice name)
{
	return is_secret(name, IN_HEADER);
}

bool text_secret_name(struct slice name)
{
	return is_secret(name, IN_QUERY);
}
