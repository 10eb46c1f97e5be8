/* SPDX-License-Identifier: Apache-2.0 */
#include "cmdline.h"

#include <ctype.h>

#include "text.h"
#include "url.h"

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

/* Options of aws, mc, curl and rclone whose names are no parameter's or header's. */
static const struct slice options[] = {
	SLICE("sse-c-key"),	SLICE("sse-c-copy-source-key"),
	SLICE("encrypt-key"),	SLICE("enc-c"),
	SLICE("token-code"),	SLICE("mfa"),
	SLICE("oauth2-bearer"),
};

/* How such names end. */
static const struct slice ends[] = {SLICE("token"), SLICE("-pass"), SLICE("_pass")};

/* Names that are no more than words[] or its like, and not secret: who asked. */
static const struct slice open[] = {SLICE("x-amz-credential"), SLICE("credential"),
				    SLICE("upload-id")};

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
	while (name.n && *name.p == '-')
		name = slice_from(name, 1);
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		if (slice_is_nocase(name, open[i]))
			return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (contains(name, words[i]))
			return true;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (slice_is_nocase(name, options[i]))
			return true;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (slice_ends_nocase(name, ends[i]))
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

static bool has_parts(struct slice name)
{
	return name.n && (memchr(name.p, '_', name.n) || memchr(name.p, '-', name.n));
}

/* The value of the name before at, as far as it has one: what "=", ":", quotes or,
 * for an option, a blank sets apart. What is an argument of its own, or the rest of
 * one that begins with the option, is taken whole. An option's value may begin
 * like an option; a name of several words ("aws configure set aws_secret_access_key
 * VALUE") need be none. */
static struct slice value_of(struct slice s, struct slice name, size_t at)
{
	bool option = *name.p == '-', first = name.p == s.p || !name.p[-1];

	if (at < s.n &&
	    (option ? !s.p[at] || (first && s.p[at] == '=') : !s.p[at] && first && has_parts(name)))
		return value_at(s, at + 1, "", false);
	while (at < s.n && (is_quote(s.p[at]) || s.p[at] == '\\'))
		at++;
	if (option && at < s.n && is_blank(s.p[at])) {
		while (at < s.n && is_blank(s.p[at]))
			at++;
		return value_at(s, at, "'\"", true);
	}
	size_t behind = at;
	while (at < s.n && (s.p[at] == ' ' || s.p[at] == '\t'))
		at++;
	/* SQL: "SECRET 'value'". */
	if (at < s.n && at > behind && is_quote(s.p[at]))
		return value_at(s, at, "", true);
	if (at == s.n || (s.p[at] != '=' && s.p[at] != ':'))
		return SLICE_NONE;
	if (s.p[at++] == '=')
		return value_at(s, at, "&'\"", true);
	while (at < s.n && (s.p[at] == ' ' || s.p[at] == '\t'))
		at++;
	return value_at(s, at, "'\"", false); /* a header: all of it */
}

/* "-u user:password" of curl and its like. With a host, "user:password@host:port": the
 * colon of that is another one. */
static const struct {
	struct slice name;
	bool host;
} user_options[] = {
	{SLICE("-u"), false},	     {SLICE("--user"), false},	     {SLICE("-U"), false},
	{SLICE("--cert"), false},    {SLICE("--proxy-user"), false}, {SLICE("-E"), false},
	{SLICE("-x"), true},	     {SLICE("--proxy-cert"), false}, {SLICE("--proxy"), true},
	{SLICE("--preproxy"), true},
};

/* The password of "user:password" or "user:password@host". */
static struct slice password_of(struct slice value, bool host)
{
	const char *colon = value.n ? memchr(value.p, ':', value.n) : NULL;
	const char *at = host && value.n ? memrchr(value.p, '@', value.n) : NULL;
	struct slice password;

	if (!colon || (host && (!at || at < colon)))
		return SLICE_NONE;
	password = slice_from(value, (size_t)(colon - value.p) + 1);
	if (host && slice_begins(password, SLICE("//")))
		return SLICE_NONE; /* an URL: url_password() */
	if (host)
		password.n = (size_t)(at - password.p);
	return password;
}

/* Letters that share one dash with the last of them, as in "-sSu". */
#define FLAGS_MAX 6

static bool is_user_flag(char c)
{
	return c == 'u' || c == 'U';
}

/* "-uuser:password", and not "-url=http://host". */
static struct slice attached_password(struct slice s, struct slice name)
{
	size_t begin = (size_t)(name.p - s.p);
	struct slice value = value_at(s, begin + 2, "'\"", true);
	struct slice password = password_of(value, false);

	if (!password.n || slice_begins(password, SLICE("//")))
		return SLICE_NONE;
	for (const char *p = value.p; p < password.p; p++)
		if (*p == '=' || *p == '/')
			return SLICE_NONE;
	return password;
}

static struct slice user_password(struct slice s, struct slice name, size_t end)
{
	bool host = false, known = false, flags = false;
	struct slice password;

	if (name.p > s.p && !is_blank(name.p[-1]) && !is_quote(name.p[-1]))
		return SLICE_NONE;
	for (size_t i = 0; i < sizeof(user_options) / sizeof(user_options[0]) && !known; i++) {
		known = slice_is(name, user_options[i].name);
		host = user_options[i].host;
	}
	if (!known && name.n > 2 && name.p[0] == '-' && name.p[1] != '-') {
		if (is_user_flag(name.p[1]))
			return attached_password(s, name);
		known = flags = name.n <= FLAGS_MAX && is_user_flag(name.p[name.n - 1]);
		host = false;
	}
	if (!known || end >= s.n || (!is_blank(s.p[end]) && s.p[end] != '='))
		return SLICE_NONE;
	password = password_of(value_at(s, end + 1, "'\"", true), host);
	/* "-avu host:/path" */
	return flags && slice_begins(password, SLICE("/")) ? SLICE_NONE : password;
}

/* Commands that take a secret by its place: so many arguments behind these. */
static const struct {
	const char *word[3];
	unsigned place;
} commands[] = {
	{{"alias", "set"}, 4}, /* mc: name, URL, access key, secret key */
	{{"alias", "s"}, 4},
	{{"config", "host", "add"}, 4},
};

/* Takes the next argument; false at the end. */
static bool next_argument(struct slice *rest, struct slice *argument)
{
	const char *nul = rest->n ? memchr(rest->p, '\0', rest->n) : NULL;

	if (!rest->n)
		return false;
	*argument = (struct slice){rest->p, nul ? (size_t)(nul - rest->p) : rest->n};
	*rest = slice_from(*rest, argument->n + 1);
	return true;
}

static struct slice secret_by_place(struct slice s)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct slice rest = s, argument;
		unsigned n = 0, place = 0;

		while (next_argument(&rest, &argument)) {
			const char *word = n < 3 ? commands[i].word[n] : NULL;

			if (argument.n && argument.p[0] == '-')
				continue;
			if (word)
				n = slice_is(argument, (struct slice){word, strlen(word)}) ? n + 1
											   : 0;
			else if (++place == commands[i].place)
				return argument;
		}
	}
	return SLICE_NONE;
}

size_t cmdline_masked(struct slice raw, char *p, size_t size)
{
	struct out out = {p, size, 0};
	struct slice s = without_end(raw), placed = secret_by_place(s);
	size_t shown = 0, searched = 0;

	for (size_t i = 0; i < s.n;) {
		struct slice name, secret = SLICE_NONE;
		size_t begin = i;

		while (i < s.n && is_name(s.p[i]))
			i++;
		name = (struct slice){s.p + begin, i - begin};
		if (placed.n && placed.p == s.p + begin) {
			secret = placed;
			placed = SLICE_NONE;
		} else if (name.n && is_secret(name)) {
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
			secret = url_password(slice_from(s, i + 3), "/?#'\" \t\n\r");
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
