/* SPDX-License-Identifier: Apache-2.0 */
#include "cmdline.h"

#include <ctype.h>

#include "text.h"

struct out {
	char *p;
	size_t size, used;
};

static void put(struct out *out, struct slice s)
{
	for (size_t i = 0; i < s.n && out->used < out->size; i++)
		out->p[out->used++] = s.p[i] ? s.p[i] : ' ';
}

static struct slice without_end(struct slice raw)
{
	while (raw.n && !raw.p[raw.n - 1])
		raw.n--;
	return raw;
}

size_t cmdline_joined(struct slice raw, char *p, size_t size)
{
	struct out out = {p, size, 0};

	put(&out, without_end(raw));
	return out.used;
}

/* Parts of names that say "secret" wherever they stand; text_secret_name() knows
 * whole names and their ends. */
static const char *const words[] = {"secret",	 "password",   "passwd",      "passphrase",
				    "signature", "credential", "private-key", "private_key"};

/* Names that are no more than words[] or its like, and not secret: who asked. */
static const struct slice open[] = {SLICE("x-amz-credential"), SLICE("credential")};

static bool contains(struct slice s, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= s.n; i++)
		if (strncasecmp(s.p + i, word, n) == 0)
			return true;
	return false;
}

static bool is_secret(struct slice name)
{
	static const struct slice token = SLICE("token");

	while (name.n && *name.p == '-')
		name = slice_from(name, 1);
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		if (slice_is_nocase(name, open[i]))
			return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (contains(name, words[i]))
			return true;
	if (name.n >= token.n && slice_is_nocase(slice_from(name, name.n - token.n), token))
		return true;
	return text_secret_name(name) || text_secret_header(name);
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.' || c == '%';
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\0';
}

/* From at to the first byte of the set, a blank (if it counts) or the end. */
static size_t until(struct slice s, size_t at, const char *set, bool blank)
{
	while (at < s.n && s.p[at] && !(blank && is_blank(s.p[at])) && !strchr(set, s.p[at]))
		at++;
	return at;
}

/* A quoted value without its quotes, or up to where it ends by itself. */
static struct slice value_at(struct slice s, size_t at, const char *set, bool blank)
{
	bool escaped = at + 1 < s.n && s.p[at] == '\\' && is_quote(s.p[at + 1]);
	size_t end;

	at += escaped; /* JSON within a shell's quotes */
	if (at >= s.n || !is_quote(s.p[at])) {
		end = until(s, at, set, blank);
	} else {
		char quote = s.p[at++];

		for (end = at; end < s.n && s.p[end] && s.p[end] != quote; end++) {
			if (s.p[end] != '\\' || end + 1 == s.n || !s.p[end + 1])
				continue;
			if (escaped && s.p[end + 1] == quote)
				break;
			end++;
		}
	}
	return (struct slice){s.p + at, end - at};
}

/* The value of the name before at, as far as it has one: what "=", ":" or, for
 * an option, a blank sets apart. What is an argument of its own, or the rest of
 * one that begins with the option, is taken whole. An option's value may begin
 * like an option. */
static struct slice value_of(struct slice s, struct slice name, size_t at)
{
	bool option = *name.p == '-', first = name.p == s.p || !name.p[-1];

	if (option && at < s.n && (!s.p[at] || (first && s.p[at] == '=')))
		return value_at(s, at + 1, "", false);
	while (at < s.n && (is_quote(s.p[at]) || s.p[at] == '\\'))
		at++;
	if (option && at < s.n && is_blank(s.p[at])) {
		while (at < s.n && is_blank(s.p[at]))
			at++;
		return value_at(s, at, "'\"", true);
	}
	while (at < s.n && (s.p[at] == ' ' || s.p[at] == '\t'))
		at++;
	if (at == s.n || (s.p[at] != '=' && s.p[at] != ':'))
		return SLICE_NONE;
	if (s.p[at++] == '=')
		return value_at(s, at, "&'\"", true);
	while (at < s.n && (s.p[at] == ' ' || s.p[at] == '\t'))
		at++;
	return value_at(s, at, "'\"", false); /* a header: all of it */
}

/* The password of "://user:password@" behind at, where the "://" ends. */
static struct slice url_password(struct slice s, size_t at)
{
	size_t end = until(s, at, "/?#'\"", true), colon = 0;

	for (size_t i = at; i < end; i++) {
		if (s.p[i] == ':' && !colon)
			colon = i + 1;
		if (s.p[i] == '@' && colon) {
			/* The last one ends it. */
			while (end > i && s.p[end - 1] != '@')
				end--;
			return (struct slice){s.p + colon, end - 1 - colon};
		}
	}
	return SLICE_NONE;
}

/* "-u user:password" of curl and its like. */
static const struct slice user_options[] = {SLICE("-u"), SLICE("--user"), SLICE("-U"),
					    SLICE("--proxy-user")};

static struct slice user_password(struct slice s, struct slice name, size_t end)
{
	struct slice value;
	const char *colon;

	for (size_t i = 0; i < sizeof(user_options) / sizeof(user_options[0]); i++) {
		if (!slice_is(name, user_options[i]) || end >= s.n)
			continue;
		if (!is_blank(s.p[end]) && s.p[end] != '=')
			break;
		value = value_at(s, end + 1, "'\"", true);
		colon = value.n ? memchr(value.p, ':', value.n) : NULL;
		if (colon)
			return slice_from(value, (size_t)(colon - value.p) + 1);
	}
	return SLICE_NONE;
}

size_t cmdline_masked(struct slice raw, char *p, size_t size)
{
	struct out out = {p, size, 0};
	struct slice s = without_end(raw);
	size_t shown = 0, searched = 0;

	for (size_t i = 0; i < s.n;) {
		struct slice name, secret = SLICE_NONE;
		size_t begin = i;

		while (i < s.n && is_name(s.p[i]))
			i++;
		name = (struct slice){s.p + begin, i - begin};
		if (name.n && is_secret(name)) {
			secret = value_of(s, name, i);
		} else if (name.n) {
			secret = user_password(s, name, i);
			/* A signed URL in a parameter, encoded once more. */
			if (!secret.n && i < s.n && s.p[i] == '=' && i >= searched) {
				struct slice value = value_at(s, i + 1, "&'\"", true);

				searched = (size_t)(value.p - s.p) + value.n;
				if (text_carries_secret(value))
					secret = value;
			}
		}
		if (!secret.n && i + 2 < s.n && memcmp(s.p + i, "://", 3) == 0)
			secret = url_password(s, i + 3);
		if (!secret.n) {
			i += i == begin;
			continue;
		}
		/* A value can be a name as well: "--password-stdin --token T". */
		i = begin = (size_t)(secret.p - s.p);
		if (begin >= shown) {
			put(&out, (struct slice){s.p + shown, begin - shown});
			put(&out, SLICE("***"));
		}
		if (begin + secret.n > shown)
			shown = begin + secret.n;
	}
	put(&out, slice_from(s, shown));
	return out.used;
}
