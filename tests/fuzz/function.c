/* SPDX-License-Identifier: Apache-2.0 */
/* Code of hostile programs: what is said of a function lies in it, in order, and
 * is what a probe may sit on. The first byte says which machine and convention. */
#include "probes/function.h"

#include <elf.h>
#include <stdlib.h>

#define CHECK(truth) ((truth) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct function f;
	int machine;

	if (!size)
		return 0;
	machine = data[0] & 1 ? EM_AARCH64 : EM_X86_64;
	if (function_decode(machine, data[0] & 2, data + 1, size - 1, &f))
		return 0;
	CHECK(f.n_returns && f.n_returns <= FUNCTION_RETURNS_MAX);
	CHECK(f.entry <= f.returns[0] || f.entry < size - 1);
	for (size_t i = 0; i < f.n_returns; i++) {
		CHECK(f.returns[i] < size - 1);
		CHECK(i == 0 || f.returns[i] > f.returns[i - 1]);
		CHECK(machine == EM_X86_64 || f.returns[i] % 4 == 0);
	}
	return 0;
}
