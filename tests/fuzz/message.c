/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a server answers, a message shows nothing of what the request said in
 * confidence, and no byte that could drive a terminal. The input up to a NUL is a
 * request's head, the rest the message. */
#include "parsers/message.h"

#include <stdlib.h>

#define CHECK(truth) ((truth) ? (void)0 : abort())
#define SECRET "zrWvFhTZ7s3cr3t"
#define REQUEST                                                                                    \
	"GET /b/k HTTP/1.1\r\nHost: h\r\nX-Amz-Security-Token: " SECRET "\r\nRange: a\r\n\r\n"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check(const char *text, size_t room)
{
	CHECK(!text || strlen(text) < room);
	for (; text && *text; text++)
		CHECK((unsigned char)*text >= ' ' && *text != 0x7f);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static char buf[16384], said[MESSAGE_MAX + 64];
	const unsigned char *nul = size ? memchr(data, 0, size) : NULL;
	struct slice head = {(const char *)data, nul ? (size_t)(nul - data) : size};
	struct slice message = slice_from((struct slice){(const char *)data, size}, head.n + 1);
	struct text_arena arena = {buf, sizeof(buf), 0, false};
	struct http1_request request;

	http1_request(head, &request);
	check(message_text(&arena, message, &request), sizeof(buf));
	check(message_text(&(struct text_arena){buf, 1 + size % 64, 0, false}, message, &request),
	      1 + size % 64);

	/* A secret in the middle of anything. */
	http1_request(SLICE(REQUEST), &request);
	size_t n = message.n < MESSAGE_MAX - sizeof(SECRET) ? message.n : 0, half = n / 2;
	if (n)
		memcpy(said, message.p, half);
	memcpy(said + half, SECRET, sizeof(SECRET) - 1);
	if (n)
		memcpy(said + half + sizeof(SECRET) - 1, message.p + half, n - half);
	arena.used = 0;
	const char *shown =
		message_text(&arena, (struct slice){said, n + sizeof(SECRET) - 1}, &request);
	check(shown, sizeof(buf));
	CHECK(shown && !strstr(shown, SECRET));
	return 0;
}
