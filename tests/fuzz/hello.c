/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server says in a handshake, read in pieces: whatever it is, no verdict
 * comes from bytes that were not read, and after one nothing more is looked at.
 * Well-formed hellos, cut between them as libraries do, must be told for what
 * they are.
 */
#include "tests/host/host.c"
#include "tests/host/hello.h"

#define CHECK(truth) ((truth) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static struct slice input;

static unsigned next(void)
{
	unsigned c = input.n ? (unsigned char)input.p[0] : 0;

	input = slice_from(input, 1);
	return c;
}

/* A copy that ends where the bytes do: nothing behind them can be read. */
static u32 take(struct hello *h, struct slice s)
{
	void *copy = host_copy(s);
	u32 verdict;

	host.end = (u64)copy + s.n;
	verdict = hello_received(h, (u64)copy, s.n);
	free(copy);
	CHECK(!verdict || verdict == EXCHANGE_RESUMED || verdict == EXCHANGE_FULL);
	CHECK(!verdict || !h->fd);
	CHECK(h->header <= 1);
	return verdict;
}

static void anything(void)
{
	struct hello h = {.session = next(), .fd = 8};

	while (h.fd && input.n) {
		size_t n = next() + 256 * (next() & 7);
		struct slice piece = {input.p, n < input.n ? n : input.n};

		if (!piece.n)
			continue;
		input = slice_from(input, piece.n);
		take(&h, piece);
	}
}

static void well_formed(void)
{
	static struct hello_text client, server;
	struct hello h = {0};
	char session[33] = "";
	bool same = next() & 1, psk = false, versioned = false, whole = next() & 1;
	size_t at, n = 7 + next() % 26, count = next() % (EXTENSIONS_MAX + 1);
	u32 verdict;

	memset(session, 'a' + (int)(next() % 26), n);
	hello_begin(&client, 1, NULL, session);
	hello_end(&client, client.n);
	host.end = 0;
	hello_sent(&h, 7, (u64)client.bytes);
	session[next() % 7] ^= same ? 0 : 1;
	hello_begin(&server, 2, NULL, session);
	at = server.n;
	if (count)
		hello_number(&server, 0, 2);
	for (size_t i = 0; i < count; i++) {
		unsigned type = 36 + next() % 10;

		psk |= type == EXTENSION_PRE_SHARED_KEY;
		versioned |= type == EXTENSION_SUPPORTED_VERSIONS;
		hello_extension(&server, type, next());
	}
	hello_end(&server, at);
	hello_number(&server, 0, 8); /* what else lies in the buffer */
	server.n -= 8;
	if (!whole)
		CHECK(take(&h, (struct slice){(char *)server.bytes, 5}) == 0 && h.fd == 8);
	host.end = 0;
	at = whole ? 0 : 5;
	verdict = hello_received(&h, (u64)server.bytes + at, server.n - at);
	CHECK(verdict == ((versioned ? psk : same) ? EXCHANGE_RESUMED : EXCHANGE_FULL));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	input = (struct slice){(const char *)data, size};
	host_reset();
	if (next() & 1)
		anything();
	else
		well_formed();
	return 0;
}
