/* SPDX-License-Identifier: Apache-2.0 */
#include "cut.h"

/* Eight bytes at a time: it is asked of every row. */
static uint64_t hash_of(const char *text, size_t n)
{
	uint64_t hash = n, word;

	for (size_t i = 0; i < n; i += sizeof(word)) {
		word = 0;
		memcpy(&word, text + i, n - i < sizeof(word) ? n - i : sizeof(word));
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return hash;
}

uint64_t cut_text(char *to, size_t size, struct slice text)
{
	size_t n = text.n;

	if (n >= size) {
		n = size - sizeof("..");
		while (n > 0 && (text.p[n] & 0xc0) == 0x80)
			n--;
	}
	if (n)
		memcpy(to, text.p, n);
	if (n < text.n) {
		memcpy(to + n, "..", 2);
		n += 2;
	}
	to[n] = '\0';
	return hash_of(to, n);
}
