/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever bytes come in, clean text goes out: valid UTF-8, no control
 * characters, within its buffer, and no signature in it. The first byte is the
 * size of the buffer, and chooses where the query begins. */
#include "parsers/text.h"

#include <stdlib.h>

#include "parsers/url.h"

#define CHECK(truth) ((truth) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* Deliberately another way to decode than the one under test. */
static void check_text(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	while (*p) {
		int more = *p < 0x80 ? 0 : *p < 0xc0 ? -1 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
		unsigned c = more == 0 ? *p : more == 1 ? *p & 31u : more == 2 ? *p & 15u : *p & 7u;
		static const unsigned least[] = {0, 0x80, 0x800, 0x10000};

		CHECK(more >= 0);
		for (int i = 1; i <= more; i++) {
			CHECK(p[i] >= 0x80 && p[i] < 0xc0);
			c = c << 6 | (p[i] & 63u);
		}
		CHECK(c >= least[more] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff));
		CHECK(c >= 0x20 && (c < 0x7f || c > 0x9f));
		CHECK(c != 0x2028 && c != 0x2029 && c != 0x200e && c != 0x200f && c != 0xfeff);
		CHECK((c < 0x202a || c > 0x202e) && (c < 0x2066 || c > 0x2069));
		p += more + 1;
		/* A backslash is doubled, or begins an escape of four. */
		if (c == '\\') {
			CHECK(*p == '\\' ||
			      (*p == 'x' && strspn((const char *)p + 1, "0123456789abcdef") >= 2));
			p++;
		}
	}
}

static void check_arena(const struct text_arena *arena, const char *s, size_t grows)
{
	CHECK(arena->used <= arena->size);
	if (!s)
		return;
	CHECK(s >= arena->buf && s + strlen(s) < arena->buf + arena->size);
	CHECK(strlen(s) <= grows);
	check_text(s);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	if (size < 1)
		return 0;
	struct slice in = {(const char *)data + 1, size - 1}, s = in;
	size_t room = (data[0] & 1) ? 4 * size + 16 : data[0];
	struct text_arena arena = {.buf = malloc(room + !room), .size = room};
	struct url_param param;
	size_t taken = 0;

	const char *clean = text_clean(&arena, in);
	check_arena(&arena, clean, 4 * in.n);
	CHECK(clean || arena.truncated);

	arena.used = 0;
	check_arena(&arena, text_decoded(&arena, in), 4 * in.n);
	while (url_next_byte(&s) >= 0)
		taken++;
	CHECK(taken <= in.n && taken >= in.n / 3);
	for (s = in; url_next_param(&s, &param);)
		CHECK(param.name.n || param.value.p);

	arena.used = 0;
	struct slice path = {in.p, in.n * data[0] / 256};
	check_arena(&arena, text_target(&arena, path, slice_from(in, path.n)),
		    4 * in.n + 1 + 3 * in.n);
	text_secret_header(in);

	/* A secret behind any innocent query stays one. */
	char *query = malloc(in.n + 32);
	memcpy(query, in.p, in.n);
	memcpy(query + in.n, "&X-Amz-Signature=SECRET", 23);
	arena.used = 0;
	const char *shown = text_target(&arena, SLICE_NONE, (struct slice){query, in.n + 23});
	if (shown && !(in.n && memmem(in.p, in.n, "ECRE", 4)))
		CHECK(!strstr(shown, "SECRET"));
	free(query);
	free(arena.buf);
	return 0;
}
