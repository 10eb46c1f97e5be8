/* SPDX-License-Identifier: Apache-2.0 */
#include "ldcache.h"

#include <stdint.h>

/* struct cache_file_new and struct file_entry_new, glibc 2.2 and later. */
static const char magic[] = "glibc-ld.so.cache1.1";
#define HEADER 48
#define COUNT_AT 20
#define ENTRY 24
#define NAME_AT 4
#define PATH_AT 8

/* Before 2.32 an older table may stand in front: struct cache_file. */
static const char old_magic[] = "ld.so-1.7.0";
#define OLD_HEADER 16
#define OLD_COUNT_AT 12
#define OLD_ENTRY 12

static uint32_t word(struct slice s, size_t at)
{
	uint32_t value;

	memcpy(&value, s.p + at, sizeof(value));
	return value;
}

static bool begins(struct slice s, const char *text)
{
	return s.n >= strlen(text) && memcmp(s.p, text, strlen(text)) == 0;
}

static bool text(struct slice cache, uint32_t at, struct slice *out)
{
	const char *end;

	if (at >= cache.n)
		return false;
	end = memchr(cache.p + at, '\0', cache.n - at);
	if (!end)
		return false;
	*out = (struct slice){cache.p + at, (size_t)(end - cache.p) - at};
	return true;
}

bool ldcache_next(struct slice cache, size_t *at, struct slice *name, struct slice *path)
{
	if (cache.n >= OLD_HEADER && begins(cache, old_magic)) {
		/* Aligned as the new table's 64-bit members ask for. */
		size_t skip =
			(OLD_HEADER + (size_t)word(cache, OLD_COUNT_AT) * OLD_ENTRY + 7) & ~7UL;

		cache = slice_from(cache, skip < cache.n ? skip : cache.n);
	}
	if (cache.n < HEADER || !begins(cache, magic) || *at >= word(cache, COUNT_AT) ||
	    *at >= (cache.n - HEADER) / ENTRY)
		return false;
	size_t entry = HEADER + (*at)++ * ENTRY;

	return text(cache, word(cache, entry + NAME_AT), name) &&
	       text(cache, word(cache, entry + PATH_AT), path);
}
