/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever the loader's cache holds, the walk ends and stays within it. */
#include "parsers/ldcache.h"

#include <stdlib.h>

#define CHECK(truth) ((truth) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct slice cache = {(const char *)data, size}, name, path;
	size_t at = 0, n = 0;

	while (ldcache_next(cache, &at, &name, &path)) {
		CHECK(name.p >= cache.p && name.p + name.n < cache.p + cache.n);
		CHECK(path.p >= cache.p && path.p + path.n < cache.p + cache.n);
		CHECK(++n <= size / 24);
	}
	return 0;
}
