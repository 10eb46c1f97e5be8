/* SPDX-License-Identifier: Apache-2.0 */
/* Function tables of hostile programs: whatever is found is named so in the
 * table, and lies between two entries of its index. */
#include "probes/gopclntab.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(truth) ((truth) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static bool holds(const uint8_t *p, size_t n, const char *name)
{
	return memmem(p, n, name, strlen(name) + 1) != NULL;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static const char *const names[] = {"crypto/tls.(*Conn).Write", "crypto/tls.(*Conn).Read",
					    "crypto/tls.(*Conn).Close"};
	struct gopclntab_function f[3];
	struct gopclntab table;
	uint64_t first, end;
	int found, n = 0;

	if (gopclntab_open(&table, data, size))
		return 0;
	CHECK(size >= GOPCLNTAB_HEADER && gopclntab_begins(data));
	CHECK(table.n_functions && table.n_functions < size);
	CHECK(gopclntab_range(&table, &first, &end) || first < end);
	found = gopclntab_find(&table, names, 3, f);
	CHECK(found <= 3);
	for (int i = 0; i < 3 && found >= 0; i++) {
		CHECK(f[i].size <= GOPCLNTAB_FUNCTION_MAX);
		CHECK(!f[i].size || holds(data, size, names[i]));
		n += f[i].size != 0;
	}
	CHECK(found < 0 || n == found);
	return 0;
}
