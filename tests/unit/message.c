/* SPDX-License-Identifier: Apache-2.0 */
#include "parsers/message.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

#include "guard.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define SIGNATURE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TOKEN "FwoGZXIvYXdzEJr//////////wEaDEXAMPLE=="
#define SSE "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static const char head[] =
	"GET /b/k?X-Amz-Security-Token=Fwo%2Fquery%2Btoken%3D&X-Amz-Signature=f00dfacef00dface"
	"&prefix=visible-prefix HTTP/1.1\r\n"
	"Host: s3.amazonaws.com\r\n"
	"Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/s3/"
	"aws4_request, SignedHeaders=host;x-amz-date, Signature=" SIGNATURE "\r\n"
	"X-Amz-Security-Token:  " TOKEN " \r\n"
	"x-amz-server-side-encryption-customer-key: " SSE "\r\n"
	"Cookie: sid=5e55ionval; b=0therc00kie==\r\n"
	"Proxy-Authorization: Basic YTpodXNoaHVzaA==\r\n"
	"Range: bytes=0-12345678\r\n\r\n";

static struct slice text(const char *s)
{
	return s ? (struct slice){s, strlen(s)} : SLICE_NONE;
}

static const char *shown(struct slice message, const char *of, size_t room)
{
	static struct http1_request request;
	static char buf[8192];
	struct text_arena arena = {buf, room < sizeof(buf) ? room : sizeof(buf), 0, false};

	http1_request(text(of), &request);
	return message_text(&arena, guard_copy(message), &request);
}

static const struct {
	const char *sent, *shown;
} rows[] = {
	{"Please reduce your request rate.", "Please reduce your request rate."},
	{"a &lt;b&gt; &amp;amp; &quot;c&quot; &apos;d&apos;", "a <b> &amp; \"c\" 'd'"},
	{"&#65;&#x42;&#x20AC;&#x1F600;", "AB\xe2\x82\xac\xf0\x9f\x98\x80"},
	/* What cannot be shown comes out escaped, however it came in. */
	{"&#27;[31m\x1b]0;x&#x202e;", "\\x1b[31m\\x1b]0;x\\xe2\\x80\\xae"},
	{"\xff&#0;&#xd800;&#x110000;&#99999999999;&#xg;&#;&;&nbsp;& &amp",
	 "\\xff&#0;&#xd800;&#x110000;&#99999999999;&#xg;&#;&;&nbsp;& &amp"},
	{"back\\slash", "back\\\\slash"},
	/* What the request said in confidence, wherever the server repeats it. */
	{"The signature " SIGNATURE " is not what we calculated, " SIGNATURE,
	 "The signature *** is not what we calculated, ***"},
	{"token (" TOKEN ") has expired", "token (***) has expired"},
	{"key " SSE, "key ***"},
	{"Fwo/query+token= and Fwo%2Fquery%2Btoken%3D", "*** and ***"},
	{"f00dfacef00dface", "***"},
	{"session 5e55ionval and 0therc00kie==, YTpodXNoaHVzaA==", "session *** and ***, ***"},
	{"no answer from https://me:hu@sh@h:9000/b?x, ftp://me:hush@h",
	 "no answer from https://me:***@h:9000/b?x, ftp://me:***@h"},
	{"http://h:9000/me@x http://me@h:1 a://b:c@ ://",
	 "http://h:9000/me@x http://me@h:1 a://b:c@ ://"},
	/* What anybody may know. */
	{"AKIDEXAMPLE/20260101/us-east-1 signed host;x-amz-date by AWS4-HMAC-SHA256",
	 "AKIDEXAMPLE/20260101/us-east-1 signed host;x-amz-date by AWS4-HMAC-SHA256"},
	{"visible-prefix, bytes=0-12345678", "visible-prefix, bytes=0-12345678"},
	/* What is named like a secret, whosever it is. */
	{"GET /?X-Amz-Signature=abc&amp;x-id=1&amp;X%2DAmz-Security-Token=d,e",
	 "GET /?X-Amz-Signature=***&x-id=1&X%2DAmz-Security-Token=***,e"},
	{"{\"secretKey\" : \"abc def\", \"n\": 1}", "{\"secretKey\" : \"***"},
	{"{'password'='a'}", "{'password'='***'}"},
	{"Authorization: Basic YWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Authorization: ***"},
	{"sig=", "sig="},
	{"The authorization header is malformed; the region 'us-east-1' is wrong",
	 "The authorization header is malformed; the region 'us-east-1' is wrong"},
	{"", ""},
};

static void messages_are_clean_and_keep_secrets(void)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *got = shown(text(rows[i].sent), head, 8192);

		CU_ASSERT(got && strcmp(got, rows[i].shown) == 0);
		if (!got || strcmp(got, rows[i].shown) != 0)
			fprintf(stderr, "\n  %s: %s, not %s\n", rows[i].sent, got ? got : "(none)",
				rows[i].shown);
	}
	CU_ASSERT_PTR_NULL(shown(SLICE_NONE, head, 8192));
}

/* The signature of version 2 stands behind a colon, a bearer's token alone. */
static void other_signatures(void)
{
	CU_ASSERT_STRING_EQUAL(shown(SLICE("not frJIUN8DYpKDtOLCwo//yllqDzg= but AKID"),
				     "GET /b/k HTTP/1.1\r\nauthorization: AWS "
				     "AKID:frJIUN8DYpKDtOLCwo//yllqDzg=\r\n\r\n",
				     8192),
			       "not *** but AKID");
	CU_ASSERT_STRING_EQUAL(shown(SLICE("bad secret-bearer!"),
				     "GET /b/k HTTP/1.1\r\nAuthorization: Bearer "
				     "secret-bearer\r\n\r\n",
				     8192),
			       "bad ***!");
	/* Nothing may be known of the request but that there was one. */
	CU_ASSERT_STRING_EQUAL(shown(SLICE("x"), "", 8192), "x");
	CU_ASSERT_STRING_EQUAL(shown(SLICE("x"), "GET /b?", 8192), "x");
	CU_ASSERT_STRING_EQUAL(shown(SLICE("x"), "GET / HTTP/1.1\r\nCookie", 8192), "x");
}

/* However long, and however little room there is. */
static void messages_are_bounded(void)
{
	static char most[MESSAGE_MAX + 1];

	for (size_t i = 0; i < sizeof(most); i++)
		most[i] = "sig=x "[i % 6];
	const char *got = shown((struct slice){most, MESSAGE_MAX}, head, 8192);
	CU_ASSERT_PTR_NOT_NULL_FATAL(got);
	CU_ASSERT(strlen(got) < 2 * MESSAGE_MAX && strncmp(got, "sig=*** sig=*** ", 16) == 0);
	CU_ASSERT_PTR_NULL(shown((struct slice){most, MESSAGE_MAX + 1}, head, 8192));
	CU_ASSERT_STRING_EQUAL(shown(SLICE("Please"), head, 4), "Ple");
	CU_ASSERT_PTR_NULL(shown(SLICE("Please"), head, 1));
}

CU_TestInfo message_tests[] = {
	{"messages are clean and keep secrets", messages_are_clean_and_keep_secrets},
	{"other signatures", other_signatures},
	{"messages are bounded", messages_are_bounded},
	CU_TEST_INFO_NULL,
};
