/* SPDX-License-Identifier: Apache-2.0 */
#include "parsers/ldcache.h"

#include <CUnit/CUnit.h>
#include <stdint.h>
#include <string.h>

#include "guard.h"

/* Two libraries, as glibc 2.32 and later writes them; behind the older table of
 * one entry if `old`. */
static struct slice make(bool old)
{
	static char bytes[512];
	static const char strings[] = "libssl.so.3\0/opt/libssl.so.3\0libz.so.1\0/lib/libz.so.1";
	const uint32_t at = 48 + 2 * 24;
	uint32_t offset[] = {at, at + 12, at + 29, at + 39};
	char *new = bytes;

	memset(bytes, 0, sizeof(bytes));
	if (old) {
		memcpy(bytes, "ld.so-1.7.0", 11);
		bytes[12] = 1;
		new = bytes + 32; /* 16 + 12, aligned */
	}
	memcpy(new, "glibc-ld.so.cache1.1", 20);
	new[20] = 2;
	for (int i = 0; i < 2; i++)
		memcpy(new + 48 + i * 24 + 4, &offset[(size_t)i * 2], 8);
	memcpy(new + at, strings, sizeof(strings));
	return (struct slice){bytes, (size_t)(new - bytes) + at + sizeof(strings)};
}

static void both_formats(void)
{
	for (int old = 0; old < 2; old++) {
		struct slice cache = guard_copy(make(old)), name, path;
		size_t at = 0;

		CU_ASSERT_FATAL(ldcache_next(cache, &at, &name, &path));
		CU_ASSERT(slice_is(name, SLICE("libssl.so.3")));
		CU_ASSERT(slice_is(path, SLICE("/opt/libssl.so.3")));
		CU_ASSERT_FATAL(ldcache_next(cache, &at, &name, &path));
		CU_ASSERT(slice_is(name, SLICE("libz.so.1")));
		CU_ASSERT(slice_is(path, SLICE("/lib/libz.so.1")));
		CU_ASSERT(!ldcache_next(cache, &at, &name, &path));
	}
}

static void cut_short_anywhere(void)
{
	for (int old = 0; old < 2; old++) {
		struct slice cache = make(old), name, path;

		for (size_t n = 0; n < cache.n; n++) {
			struct slice part = guard_copy((struct slice){cache.p, n});
			size_t at = 0, seen = 0;

			while (ldcache_next(part, &at, &name, &path)) {
				CU_ASSERT(name.p >= part.p && path.p + path.n < part.p + part.n);
				seen++;
			}
			CU_ASSERT(seen < 2);
		}
	}
}

static void what_is_no_cache(void)
{
	static const char many[48] = "glibc-ld.so.cache1.1\xff\xff\xff\xff";
	struct slice name, path;
	size_t at = 0;

	CU_ASSERT(!ldcache_next(SLICE_NONE, &at, &name, &path));
	CU_ASSERT(!ldcache_next(guard_copy(SLICE("nothing of the sort")), &at, &name, &path));
	CU_ASSERT(!ldcache_next(guard_copy((struct slice){many, sizeof(many)}), &at, &name, &path));
}

CU_TestInfo ldcache_tests[] = {
	{"both formats", both_formats},
	{"cut short anywhere", cut_short_anywhere},
	{"what is no cache", what_is_no_cache},
	CU_TEST_INFO_NULL,
};
