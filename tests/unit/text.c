/* SPDX-License-Identifier: Apache-2.0 */
#include "parsers/text.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>

#include "guard.h"
#include "parsers/url.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static char buf[16384];

static struct text_arena arena_of(size_t size)
{
	memset(buf, 'Z', sizeof(buf));
	return (struct text_arena){.buf = buf, .size = size};
}

static struct slice text(const char *s)
{
	return s ? (struct slice){s, strlen(s)} : SLICE_NONE;
}

static void check(const char *got, const char *wanted)
{
	bool ok = got && strcmp(got, wanted) == 0;

	CU_ASSERT(ok);
	if (!ok)
		fprintf(stderr, "\n  got %s\n  not %s\n", got ? got : "(null)", wanted);
}

static const struct {
	const char *in, *out;
} cleaned[] = {
	{"", ""},
	{"a/b+c%20", "a/b+c%20"},
	{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
	{"\x1b[2J\a\r\n\t\x7f", "\\x1b[2J\\x07\\x0d\\x0a\\x09\\x7f"},
	{"a\\x41\\", "a\\\\x41\\\\"},
	{"\xc2\x85\xc2\x9b", "\\xc2\\x85\\xc2\\x9b"},			/* C1: NEL, CSI */
	{"\xe2\x80\xa8\xe2\x80\xa9", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9"}, /* line separators */
	{"\xe2\x80\xae"
	 "a",
	 "\\xe2\\x80\\xae"
	 "a"},				     /* right-to-left override */
	{"\xe2\x81\xa6", "\\xe2\\x81\\xa6"}, /* isolate */
	{"\xe2\x80\x8e\xe2\x80\x8b", "\\xe2\\x80\\x8e\\xe2\\x80\\x8b"},
	{"\xef\xbb\xbf", "\\xef\\xbb\\xbf"},
	{"\xc0\x80\xc1\xbf", "\\xc0\\x80\\xc1\\xbf"}, /* overlong */
	{"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},
	{"\xed\xa0\x80", "\\xed\\xa0\\x80"},		       /* surrogate */
	{"\xf4\x90\x80\x80\xff", "\\xf4\\x90\\x80\\x80\\xff"}, /* beyond Unicode */
	{"\xc3", "\\xc3"},
	{"\xe2\x82"
	 "a",
	 "\\xe2\\x82"
	 "a"},
	{"\x80\xc3\xa9", "\\x80\xc3\xa9"},
};

static void hostile_bytes_become_text(void)
{
	for (size_t i = 0; i < COUNT(cleaned); i++) {
		struct text_arena arena = arena_of(sizeof(buf));

		check(text_clean(&arena, guard_copy(text(cleaned[i].in))), cleaned[i].out);
		CU_ASSERT(!arena.truncated);
		CU_ASSERT_EQUAL(arena.used, strlen(cleaned[i].out) + 1);
	}
	struct text_arena arena = arena_of(sizeof(buf));
	check(text_clean(&arena, (struct slice){"a\0b", 3}), "a\\x00b");
	CU_ASSERT_PTR_NULL(text_clean(&arena, SLICE_NONE));
	CU_ASSERT(!arena.truncated);
}

/* Plain text is found many bytes at a time: the one that is none is seen
 * wherever it stands, whatever it is. */
static void any_byte_in_any_place(void)
{
	for (int c = 0; c < 256; c++) {
		for (size_t at = 0; at < 17; at++) {
			char in[] = "~ aA~ ~~$&]^[}~ !", byte = (char)c, wanted[64];
			struct text_arena alone = arena_of(sizeof(buf));
			const char *escape = text_clean(&alone, (struct slice){&byte, 1});

			snprintf(wanted, sizeof(wanted), "%.*s%s%s", (int)at, in, escape,
				 in + at + 1);
			in[at] = byte;
			struct text_arena arena = arena_of(sizeof(buf));
			check(text_clean(&arena, guard_copy((struct slice){in, 17})), wanted);
			if (c == '%')
				continue; /* an escape is not seen for what it is */
			arena = arena_of(sizeof(buf));
			check(text_decoded(&arena, guard_copy((struct slice){in, 17})), wanted);
		}
	}
}

static void percent_escapes_are_decoded_once(void)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"k%3FX-Amz-Signature%3Dab&x=%41", "k?X-Amz-Signature=***&x=A"},
		{"%41%2f%2F", "A//"},
		{"aaaaaaa%41aaaaaaaaaaaa%41", "aaaaaaaAaaaaaaaaaaaaA"},
		{"a+b%2Bc", "a+b+c"},
		{"%2541", "%41"},
		{"%c3%A9", "\xc3\xa9"},
		{"%c3x", "\\xc3x"},
		{"%0d%0A%00%1b", "\\x0d\\x0a\\x00\\x1b"},
		{"%", "%"},
		{"%4", "%4"},
		{"%zz%4g", "%zz%4g"},
		{"%5C", "\\\\"},
		{"\xc3%a9", "\xc3\xa9"},
		{"%e2%80%ae", "\\xe2\\x80\\xae"},
		{"%C3\xa9%", "\xc3\xa9%"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct text_arena arena = arena_of(sizeof(buf));

		check(text_decoded(&arena, guard_copy(text(rows[i].in))), rows[i].out);
	}
}

static void text_never_leaves_its_buffer(void)
{
	static const char in[] = "a\x01\xc3\xa9\\b\xff";
	static const char whole[] = "a\\x01\xc3\xa9\\\\b\\xff";

	for (size_t size = 0; size <= sizeof(whole) + 1; size++) {
		struct text_arena arena = arena_of(size);
		const char *out = text_clean(&arena, text(in));

		CU_ASSERT_EQUAL(arena.truncated, size < sizeof(whole));
		CU_ASSERT(arena.used <= size);
		CU_ASSERT_EQUAL(buf[size], 'Z');
		CU_ASSERT_EQUAL(out == NULL, size < 2);
		CU_ASSERT(!out || strncmp(out, whole, strlen(out)) == 0);
		/* never half a character, never half an escape */
		CU_ASSERT(!out || strlen(out) != 2);
		CU_ASSERT(!out || strlen(out) != 6);
	}
	struct text_arena arena = arena_of(5);
	check(text_clean(&arena, SLICE("abcd")), "abcd");
	CU_ASSERT_PTR_NULL(text_clean(&arena, SLICE("")));
	CU_ASSERT(arena.truncated);
}

static void secrets_in_urls_are_masked(void)
{
	static const struct {
		const char *path, *query, *out;
	} rows[] = {
		{"/b/k", NULL, "/b/k"},
		{"/b/k", "", "/b/k?"},
		{"/b/k", "acl", "/b/k?acl"},
		{"/b\n", "a=b=c&&d=&e", "/b\\x0a?a=b=c&d=&e"},
		{"/k",
		 "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F2024&X-Amz-Signature=00ff",
		 "/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F2024&X-Amz-Signature=**"
		 "*"},
		{"/k", "x-amz-SECURITY-token=FwoG%2F&x=1", "/k?x-amz-SECURITY-token=***&x=1"},
		{"/k", "X%2DAmz%2dSignatur%65=1", "/k?X%2DAmz%2dSignatur%65=***"},
		{"/k", "AWSAccessKeyId=AK&Signature=a%3D=&Expires=1",
		 "/k?AWSAccessKeyId=AK&Signature=***&Expires=1"},
		{"/k", "X-Goog-Signature=1&sig=2&token=3&password=4&access_token=5",
		 "/k?X-Goog-Signature=***&sig=***&token=***&password=***&access_token=***"},
		{"/k", "X-Amz-S3session-Token=1&x-amz-server-side-encryption-customer-key=2",
		 "/k?X-Amz-S3session-Token=***&x-amz-server-side-encryption-customer-key=***"},
		{"/", "Action=A&WebIdentityToken=a&LDAPPassword=b",
		 "/?Action=A&WebIdentityToken=***&LDAPPassword=***"},
		{"/b", "list-type=2&continuation-token=1&prefix=token=5/&X-Amz-SignedHeaders=host",
		 "/b?list-type=2&continuation-token=1&prefix=token=5/&X-Amz-SignedHeaders=host"},
		{"/k", "Signature=", "/k?Signature="},
		{"/k", "Signature", "/k?Signature"},
		{"/go", "url=https%3A%2F%2Fb.s3%2Fk%3FX-Amz-Date%3D1%26X-Amz-Signature%3Dab&x=1",
		 "/go?url=***&x=1"},
		{"/k", "a=1;Signature=2", "/k?a=***"},
		{"/k", "upload_id=1&uploadId=2", "/k?upload_id=***&uploadId=2"},
		{"/k", "session.token=1&secret_key=2", "/k?session.token=***&secret_key=***"},
		{"/k%3FX-Amz-Date=1&X-Amz-Signature=ab%26x=1", "a=b",
		 "/k%3FX-Amz-Date=1&X-Amz-Signature=***%26x=1?a=b"},
		{"/k%3fsig%3Dab;token=c%2F", NULL, "/k%3fsig%3D***;token=***"},
		{"/k%3Fsig=&a=sig=1", NULL, "/k%3Fsig=&a=sig=1"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct text_arena arena = arena_of(sizeof(buf));

		check(text_target(&arena, guard_copy(text(rows[i].path)), text(rows[i].query)),
		      rows[i].out);
		arena = arena_of(sizeof(buf));
		check(text_target(&arena, text(rows[i].path), guard_copy(text(rows[i].query))),
		      rows[i].out);
	}
	struct text_arena arena = arena_of(sizeof(buf));
	CU_ASSERT_PTR_NULL(text_target(&arena, SLICE_NONE, SLICE_NONE));
}

static void a_secret_cut_short_is_masked_too(void)
{
	struct slice query = SLICE("x=1&X-Amz-Signature=0123456789abcdef");

	for (size_t n = 0; n <= query.n; n++) {
		struct text_arena arena = arena_of(sizeof(buf));
		const char *out = text_target(&arena, SLICE("/"), (struct slice){query.p, n});

		CU_ASSERT(out && !strstr(out, "012"));
	}
	for (size_t size = 0; size < 64; size++) {
		struct text_arena arena = arena_of(size);
		const char *out = text_target(&arena, SLICE("/"), query);

		CU_ASSERT(!out || !strstr(out, "01"));
	}
}

static void secret_headers(void)
{
	static const struct {
		const char *name;
		bool secret;
	} rows[] = {
		{"Authorization", true},
		{"proxy-authorization", true},
		{"Cookie", true},
		{"SET-COOKIE", true},
		{"x-amz-security-token", true},
		{"X-Amz-S3session-Token", true},
		{"X-aws-ec2-metadata-token", true},
		{"x-amz-server-side-encryption-customer-key", true},
		{"x-amz-copy-source-server-side-encryption-customer-key", true},
		{"x-amz-server-side-encryption-customer-key-MD5", true},
		{"x-amz-server-side-encryption-customer-algorithm", false},
		{"x-amz-server-side-encryption", false},
		{"x-amz-mfa", true},
		{"X-Api-Key", true},
		{"x-amz-request-id", false},
		{"Host", false},
		{"User-Agent", false},
		{"", false},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		CU_ASSERT_EQUAL(text_secret_header(guard_copy(text(rows[i].name))), rows[i].secret);
}

static void queries_are_walked(void)
{
	struct slice query = SLICE("&a=1&&b&=c&d=e=f&");
	static const struct {
		const char *name, *value;
	} rows[] = {{"a", "1"}, {"b", NULL}, {"", "c"}, {"d", "e=f"}};
	struct url_param param;

	for (size_t i = 0; i < COUNT(rows); i++) {
		CU_ASSERT(url_next_param(&query, &param));
		CU_ASSERT(slice_is(param.name, text(rows[i].name)));
		CU_ASSERT_EQUAL(param.value.p == NULL, rows[i].value == NULL);
		CU_ASSERT(slice_is(param.value, text(rows[i].value)));
	}
	CU_ASSERT(!url_next_param(&query, &param));
	CU_ASSERT(url_is(SLICE("upl%6Fads"), SLICE("uploads")));
	CU_ASSERT(!url_is(SLICE("uploads"), SLICE("upload")));
	CU_ASSERT(!url_is(SLICE("upload"), SLICE("uploads")));
	CU_ASSERT(url_is(SLICE_NONE, SLICE("")));
}

CU_TestInfo text_tests[] = {
	{"hostile bytes become text", hostile_bytes_become_text},
	{"any byte in any place", any_byte_in_any_place},
	{"percent escapes are decoded once", percent_escapes_are_decoded_once},
	{"text never leaves its buffer", text_never_leaves_its_buffer},
	{"secrets in URLs are masked", secrets_in_urls_are_masked},
	{"a secret cut short is masked too", a_secret_cut_short_is_masked_too},
	{"secret headers", secret_headers},
	{"queries are walked", queries_are_walked},
	CU_TEST_INFO_NULL,
};
