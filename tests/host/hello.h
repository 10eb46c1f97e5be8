/* SPDX-License-Identifier: Apache-2.0 */
/* Handshakes as they begin, put together byte by byte. Included behind host.c. */
#ifndef S3SLOWER_TESTS_HELLO_H
#define S3SLOWER_TESTS_HELLO_H

#include "probes/hello.bpf.h"

#define HELLO_MAX 8192

/* A hello within its record. */
struct hello_text {
	u8 bytes[HELLO_MAX];
	size_t n;
};

static HOST_UNUSED void hello_put(struct hello_text *t, const void *bytes, size_t n)
{
	if (n > sizeof(t->bytes) - t->n)
		abort();
	memcpy(t->bytes + t->n, bytes, n);
	t->n += n;
}

static HOST_UNUSED void hello_number(struct hello_text *t, u64 value, int size)
{
	while (size-- > 0) {
		u8 byte = (u8)(value >> 8 * size);

		hello_put(t, &byte, 1);
	}
}

/* An extension with size bytes of content. */
static HOST_UNUSED void hello_extension(struct hello_text *t, unsigned type, unsigned size)
{
	hello_number(t, type, 2);
	hello_number(t, size, 2);
	while (size-- > 0)
		hello_number(t, size, 1);
}

/* Up to the extensions; hello_end() sets the lengths. */
static HOST_UNUSED void hello_begin(struct hello_text *t, unsigned type, const void *random,
				    const char *session)
{
	t->n = 0;
	hello_put(t, "\x16\x03\x03\0\0", 5);
	hello_number(t, type, 1);
	hello_put(t, "\0\0\0\x03\x03", 5);
	if (random)
		hello_put(t, random, 32);
	for (unsigned i = 0; !random && i < 32; i++)
		hello_number(t, i * 7 + 1, 1);
	hello_number(t, (unsigned)strlen(session), 1);
	hello_put(t, session, strlen(session));
	hello_put(t, "\x13\x01\0", 3);
}

static HOST_UNUSED void hello_end(struct hello_text *t, size_t extensions_at)
{
	size_t message = t->n - 9, extensions = t->n - extensions_at - 2;

	t->bytes[3] = (u8)((t->n - 5) >> 8);
	t->bytes[4] = (u8)(t->n - 5);
	t->bytes[7] = (u8)(message >> 8);
	t->bytes[8] = (u8)message;
	if (extensions_at < t->n) {
		t->bytes[extensions_at] = (u8)(extensions >> 8);
		t->bytes[extensions_at + 1] = (u8)extensions;
	}
}

#endif
