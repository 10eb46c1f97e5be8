/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct slice guard_copy(struct slice s)
{
	static char *end;

	if (!end) {
		size_t page = (size_t)sysconf(_SC_PAGESIZE);
		char *map = mmap(NULL, GUARD_MAX + page, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (map == MAP_FAILED || mprotect(map + GUARD_MAX, page, PROT_NONE))
			abort();
		end = map + GUARD_MAX;
	}
	if (!s.p)
		return s;
	if (s.n > GUARD_MAX)
		abort();
	if (s.n)
		memcpy(end - s.n, s.p, s.n);
	return (struct slice){end - s.n, s.n};
}
