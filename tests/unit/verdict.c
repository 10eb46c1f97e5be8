/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/verdict.h"

#include <CUnit/CUnit.h>

static void the_reason_is_found(void)
{
	static const struct {
		const char *log, *reason;
	} rows[] = {
		{"", ""},
		{"\n\n", ""},
		{"processed 17 insns (limit 1000000) max_states_per_insn 1\n", ""},
		{"func#0 @0\n0: R1=ctx(off=0,imm=0) R10=fp0\n0: (bf) r6 = r1\n"
		 "combined stack size of 3 calls is 576. Too large\n"
		 "processed 17269 insns (limit 1000000) max_states_per_insn 11\n",
		 "combined stack size of 3 calls is 576. Too large"},
		{"back-edge from insn 8 to 3\nverification time 4 usec\nstack depth 0\n"
		 "processed 9 insns",
		 "back-edge from insn 8 to 3"},
		{"R1 invalid mem access 'scalar'", "R1 invalid mem access 'scalar'"},
	};
	char to[64];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		verdict_reason(rows[i].log, to, sizeof(to));
		CU_ASSERT_STRING_EQUAL(to, rows[i].reason);
	}
	verdict_reason("R1 invalid mem access\n", to, 3);
	CU_ASSERT_STRING_EQUAL(to, "R1");
}

CU_TestInfo verdict_tests[] = {
	{"the reason is found", the_reason_is_found},
	CU_TEST_INFO_NULL,
};
