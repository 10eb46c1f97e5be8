/* SPDX-License-Identifier: Apache-2.0 */
#include "cut.h"

uint64_t cut_text(char *to, size_t size, struct slice text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
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
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)to[i]) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 32;
}
