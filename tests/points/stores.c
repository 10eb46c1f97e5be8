/* SPDX-License-Identifier: Apache-2.0 */
/* What code stores at fixed addresses, as arm64 has it: on every machine. */
#include "probes/stores.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probes/decoder.h"
#include "probes/stores_arm64.h"

#define N_OF(rows) (sizeof(rows) / sizeof((rows)[0]))
#define PC 0x31000
#define TABLE 0x70dc0
#define ADRP(reg, pages)                                                                           \
	(0x90000000U | (uint32_t)((pages)&3) << 29 | (uint32_t)((pages) >> 2 & 0x7ffff) << 5 |     \
	 (reg))

static const uint32_t code[] = {
	0xa9be7bfd,	/* stp x29, x30, [sp, #-32]! */
	ADRP(19, 0x3f), /* the table */
	0x91370273,	/* add x19, x19, #0xdc0 */
	0xf9000a7f,	/* str xzr, [x19, #16]: the call may write over it */
	0xaa1303f4,	/* mov x20, x19 */
	0x94000400,	/* bl */
	0x52800080,	/* mov w0, #4 */
	0xb9000280,	/* str w0, [x20] */
	ADRP(5, 0x3e),	/* an import */
	0xf946cca5,	/* ldr x5, [x5, #3480] */
	ADRP(8, 0),	/* functions */
	0x913b0108,	/* add x8, x8, #0xec0 */
	ADRP(9, -1LL),	/* */
	0x91400529,	/* add x9, x9, #1, lsl #12 */
	0xb4000040,	/* cbz x0, ... */
	0xa900a289,	/* stp x9, x8, [x20, #8] */
	0xf9005a85,	/* str x5, [x20, #176] */
	0xd2a24681,	/* mov x1, #0x12340000 */
	0xf9007a81,	/* str x1, [x20, #240] */
	0xf28000a1,	/* movk x1, #5: not followed */
	0xf9007e81,	/* str x1, [x20, #248] */
	0xf94000a7,	/* ldr x7, [x5]: what an import is, is not known */
	0xf9000e87,	/* str x7, [x20, #24] */
	0xf9001289,	/* str x9, [x20, #32] */
	0x39008680,	/* strb w0, [x20, #33] */
	0xf8028e89,	/* str x9, [x20, #40]!: it moves */
	0xf9001a89,	/* str x9, [x20, #48] */
	0xf90007e8,	/* str x8, [sp, #8] */
	0xa8c27bfd,	/* ldp x29, x30, [sp], #32 */
	0xd65f03c0,	/* ret */
	0xf9001e68,	/* str x8, [x19, #56]: another function's */
};

static bool told(const struct stores *s, uint64_t offset, enum store_kind kind, uint64_t value,
		 uint8_t size)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->store[i].address == TABLE + offset)
			return s->store[i].kind == kind && s->store[i].value == value &&
			       s->store[i].size == size;
	return false;
}

static void a_table_is_filled(void)
{
	struct decoder d;
	struct stores s;

	if (!decoder_open(&d, CS_ARCH_ARM64, CS_MODE_ARM))
		return;
	CU_ASSERT_EQUAL(stores_arm64_find(&d, (const uint8_t *)code, sizeof(code), PC, &s), 0);
	CU_ASSERT_EQUAL(s.n, 5);
	CU_ASSERT(told(&s, 0, STORE_VALUE, 4, 4));
	CU_ASSERT(told(&s, 8, STORE_VALUE, 0x31000, 8));
	CU_ASSERT(told(&s, 16, STORE_VALUE, 0x31ec0, 8));
	CU_ASSERT(told(&s, 176, STORE_CONTENT, 0x6fd98, 8));
	CU_ASSERT(told(&s, 240, STORE_VALUE, 0x12340000, 8));
	/* Whatever else stands there: it ends. */
	srand(7);
	for (int i = 0; i < 2000; i++) {
		uint32_t odd[N_OF(code)];

		memcpy(odd, code, sizeof(code));
		odd[(unsigned)rand() % N_OF(code)] ^= 1U << (rand() & 31);
		stores_arm64_find(&d, (const uint8_t *)odd, sizeof(odd) - (unsigned)rand() % 128,
				  PC, &s);
		CU_ASSERT(s.n <= STORES_MAX);
	}
	decoder_close(&d);
}

static void addresses_are_named_by_page(void)
{
	const uint8_t *bytes = (const uint8_t *)code;

	CU_ASSERT(stores_arm64_may_name(bytes, sizeof(code), PC, 0x6fd98));
	CU_ASSERT(stores_arm64_may_name(bytes, sizeof(code), PC, TABLE));
	CU_ASSERT(stores_arm64_may_name(bytes, sizeof(code), PC, 0x30008)); /* the page before */
	CU_ASSERT_FALSE(stores_arm64_may_name(bytes, sizeof(code), PC, 0x6e008));
	CU_ASSERT_FALSE(stores_arm64_may_name(bytes, sizeof(code), PC + 0x10000, 0x6fd98));
	CU_ASSERT_FALSE(stores_arm64_may_name(bytes, 4, PC, TABLE));
}

CU_TestInfo stores_tests[] = {
	{"a table is filled", a_table_is_filled},
	{"addresses are named by page", addresses_are_named_by_page},
	CU_TEST_INFO_NULL,
};
