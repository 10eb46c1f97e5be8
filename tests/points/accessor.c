/* SPDX-License-Identifier: Apache-2.0 */
/* What accessors tell, written down here instruction by instruction. */
#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "probes/accessor_state.h"
#include "probes/decoder.h"

#define PC 0x1000

static struct accessor found;

/* The bytes lie in memory that ends where they end. */
static int read_bytes(const uint8_t *bytes, size_t n, enum accessor_tells tells,
		      const struct accessor_condition *assumed)
{
	struct decoder *d = decoder_new();
	uint8_t *copy = malloc(n ? n : 1);
	int err;

	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	memcpy(copy, bytes, n);
	memset(&found, 0, sizeof(found));
	err = accessor_read(d, copy, n, PC, tells, assumed, &found);
	free(copy);
	decoder_free(d);
	return err;
}

#define READ(tells, ...)                                                                           \
	read_bytes((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), tells,  \
		   NULL)

#define RET 0xc3
#define ENDBR 0xf3, 0x0f, 0x1e, 0xfa
#define LOAD_RAX(at) 0x48, 0x8b, 0x47, at	 /* mov rax, [rdi + at] */
#define LOAD_EAX(at) 0x8b, 0x47, at		 /* mov eax, [rdi + at] */
#define LOAD_EAX_RAX(at) 0x8b, 0x40, at		 /* mov eax, [rax + at] */
#define STORE_EAX_RSI 0x89, 0x06		 /* mov [rsi], eax */
#define ZERO_EAX 0x31, 0xc0			 /* xor eax, eax */
#define TEST_RDI 0x48, 0x85, 0xff		 /* test rdi, rdi */
#define TEST_RAX 0x48, 0x85, 0xc0		 /* test rax, rax */
#define TEST_BYTE(at, mask) 0xf6, 0x47, at, mask /* test byte [rdi + at], mask */
#define CMP_DWORD(value) 0x83, 0x3f, value	 /* cmp dword [rdi], value */
#define JE(to) 0x74, to
#define JNE(to) 0x75, to
#define JA(to) 0x77, to
#define CALL 0xe8, 0x00, 0x01, 0x00, 0x00

static bool is_place(const struct accessor_place *p, size_t n, uint32_t first, uint32_t second,
		     unsigned size)
{
	return p->n == n && p->offset[0] == first && (n < 2 || p->offset[1] == second) &&
	       p->size == size;
}

static void plain_ones(void)
{
	CU_ASSERT_EQUAL(READ(ACCESSOR_RETURNS, LOAD_RAX(0x10), RET), 0);
	CU_ASSERT(is_place(&found.place, 1, 0x10, 0, 8) && found.n == 0);
	CU_ASSERT_EQUAL(READ(ACCESSOR_RETURNS, ENDBR, LOAD_RAX(0x08), LOAD_EAX_RAX(0), RET), 0);
	CU_ASSERT(is_place(&found.place, 2, 8, 0, 4));
	/* The half of a pointer. */
	CU_ASSERT_EQUAL(READ(ACCESSOR_STORES, LOAD_RAX(0x60), STORE_EAX_RSI, RET), 0);
	CU_ASSERT(is_place(&found.place, 1, 0x60, 0, 4));
	/* lea rdi, [rdi + 0x20]; mov rax, [rdi + 8] */
	CU_ASSERT_EQUAL(READ(ACCESSOR_RETURNS, 0x48, 0x8d, 0x7f, 0x20, LOAD_RAX(8), RET), 0);
	CU_ASSERT(is_place(&found.place, 1, 0x28, 0, 8));
	/* mov [rdi + 0x5e8], rsi; mov qword [rdi + 0x5f0], 0 */
	CU_ASSERT_EQUAL(READ(ACCESSOR_KEEPS, 0x48, 0x89, 0xb7, 0xe8, 5, 0, 0, 0x48, 0xc7, 0x87,
			     0xf0, 5, 0, 0, 0, 0, 0, 0, RET),
			0);
	CU_ASSERT(is_place(&found.place, 1, 0x5e8, 0, 8));
}

static void conditions(void)
{
	/* As s2n's: NULL is an error; a bit says whether what follows is a descriptor. */
	CU_ASSERT_EQUAL(READ(ACCESSOR_STORES, TEST_RDI, JE(19), TEST_BYTE(1, 4), JE(13),
			     LOAD_RAX(0x48), TEST_RAX, JE(4), LOAD_EAX_RAX(0), RET, CALL, RET),
			-2); /* it stores nothing */
	CU_ASSERT_EQUAL(READ(ACCESSOR_STORES, TEST_RDI, JE(21), TEST_BYTE(1, 4), JE(15),
			     LOAD_RAX(0x48), TEST_RAX, JE(6), LOAD_EAX_RAX(0), STORE_EAX_RSI, RET,
			     CALL, RET),
			0);
	CU_ASSERT(is_place(&found.place, 2, 0x48, 0, 4));
	CU_ASSERT_EQUAL_FATAL(found.n, 1);
	CU_ASSERT(is_place(&found.condition[0].place, 1, 1, 0, 1));
	CU_ASSERT(found.condition[0].mask == 4 && found.condition[0].value == 0 &&
		  !found.condition[0].is);
	/* cmp dword [rdi], 3; jne: the other way is no answer */
	CU_ASSERT_EQUAL(
		READ(ACCESSOR_RETURNS, CMP_DWORD(3), JNE(5), LOAD_RAX(0x10), RET, ZERO_EAX, RET),
		0);
	CU_ASSERT_EQUAL_FATAL(found.n, 1);
	CU_ASSERT(found.condition[0].is && found.condition[0].value == 3 &&
		  found.condition[0].mask == 0xffffffff);
}

static void assumptions(void)
{
	static const struct accessor_condition zero = {{{0}, 1, 4}, 0xffffffff, 0, true};
	/* mov eax, [rdi]; lea edx, [rax - 1]; cmp edx, 1; ja 3; call; ret ... */
	static const uint8_t code[] = {0x8b, 0x07,  0x8d, 0x50, 0xff,		0x83, 0xfa,
				       1,    JA(6), CALL, RET,	LOAD_RAX(0x38), RET};

	CU_ASSERT_EQUAL(read_bytes(code, sizeof(code), ACCESSOR_RETURNS, NULL), -2);
	CU_ASSERT_EQUAL(read_bytes(code, sizeof(code), ACCESSOR_RETURNS, &zero), 0);
	CU_ASSERT(is_place(&found.place, 1, 0x38, 0, 8));
	CU_ASSERT_EQUAL_FATAL(found.n, 1);
	CU_ASSERT(found.condition[0].is && found.condition[0].value == 0);
}

/* Whatever is not understood is no answer. */
static void no_answer(void)
{
	CU_ASSERT_EQUAL(READ(ACCESSOR_RETURNS, CALL, RET), -2);
	CU_ASSERT_EQUAL(READ(ACCESSOR_RETURNS, ZERO_EAX, RET), -2);
	CU_ASSERT_EQUAL(READ(ACCESSOR_RETURNS, LOAD_RAX(0x10)), -2);
	CU_ASSERT_EQUAL(READ(ACCESSOR_RETURNS, LOAD_RAX(0x10), 0x48, 0xff, 0xc0, RET),
			-2); /* + 1 */
	/* Two of them: je without a comparison, and by what we do not know. */
	CU_ASSERT_EQUAL(READ(ACCESSOR_RETURNS, JE(5), LOAD_RAX(0x10), RET, LOAD_RAX(0x18), RET),
			-2);
	CU_ASSERT_EQUAL(READ(ACCESSOR_RETURNS, CMP_DWORD(0), JE(5), LOAD_RAX(0x10), RET,
			     LOAD_RAX(0x18), RET),
			-2);
	CU_ASSERT_EQUAL(
		READ(ACCESSOR_RETURNS, CMP_DWORD(0), JA(5), LOAD_RAX(0x10), RET, ZERO_EAX, RET),
		-2);
	/* mov rax, fs:[0x28]; mov rax, [rdi + rsi] */
	CU_ASSERT_EQUAL(READ(ACCESSOR_RETURNS, 0x64, 0x48, 0x8b, 4, 0x25, 0x28, 0, 0, 0, RET), -2);
	CU_ASSERT_EQUAL(READ(ACCESSOR_RETURNS, 0x48, 0x8b, 0x04, 0x37, RET), -2);
	/* It changes the object first. */
	CU_ASSERT_EQUAL(READ(ACCESSOR_RETURNS, 0x48, 0x89, 0x77, 0x10, LOAD_RAX(0x10), RET), -2);
	/* A loop, and nothing at all. */
	CU_ASSERT_EQUAL(READ(ACCESSOR_RETURNS, 0xeb, 0xfe), -2);
	CU_ASSERT_EQUAL(READ(ACCESSOR_RETURNS, RET), -2);
}

static void hostile_bytes(void)
{
	struct decoder *d = decoder_new();
	uint8_t bytes[96];

	srand(23);
	for (int i = 0; i < 20000; i++) {
		size_t n = (size_t)rand() % sizeof(bytes);
		int err;

		for (size_t k = 0; k < n; k++)
			bytes[k] = (uint8_t)rand();
		err = accessor_read(d, bytes, n, PC, (enum accessor_tells)(i % 4), NULL, &found);
		CU_ASSERT(err == 0 || err == -2);
		if (!err)
			CU_ASSERT(found.place.n >= 1 && found.place.n <= ACCESSOR_STEPS &&
				  found.n <= ACCESSOR_CONDITIONS);
	}
	decoder_free(d);
}

/* --- arm64's, on every machine ------------------------------------------------- */

static int read_words(const uint32_t *words, size_t n, enum accessor_tells tells,
		      const struct accessor_condition *assumed)
{
	uint8_t *copy = malloc(n * 4);
	struct decoder d;
	int err;

	CU_ASSERT_FATAL(decoder_open(&d, CS_ARCH_ARM64, CS_MODE_ARM));
	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	memcpy(copy, words, n * 4);
	memset(&found, 0, sizeof(found));
	err = accessor_walk(&accessor_arm64, &d, copy, n * 4, PC, tells, assumed, &found);
	free(copy);
	decoder_close(&d);
	return err;
}

#define WORDS(...) (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4
#define READ64(tells, ...) read_words(WORDS(__VA_ARGS__), tells, NULL)

#define RET64 0xd65f03c0U
#define LOAD_X0(at) (0xf9400000U | (at) / 8 << 10)  /* ldr x0, [x0, #at] */
#define LOAD_W0(at) (0xb9400000U | (at) / 4 << 10)  /* ldr w0, [x0, #at] */
#define LOAD_W2(at) (0xb9400002U | (at) / 4 << 10)  /* ldr w2, [x0, #at] */
#define STORE_W2_X1 0xb9000022U			    /* str w2, [x1] */
#define STORE_X1(at) (0xf9000001U | (at) / 8 << 10) /* str x1, [x0, #at] */
#define PUSH_FRAME 0xa9bf7bfdU, 0x910003fdU	    /* stp x29, x30, [sp, #-16]!; mov x29, sp */
#define POP_FRAME 0xa8c17bfdU			    /* ldp x29, x30, [sp], #16 */
#define ZERO_W0 0x52800000U			    /* mov w0, #0 */
#define CBZ_X(reg, on) (0xb4000000U | (on) << 5 | (reg)) /* cbz x.., so many words on */
#define TBZ_W2(bit, on) (0x36000002U | (bit) << 19 | (on) << 5)
#define CMP_W2(value) (0x7100005fU | (value) << 10)
#define B_IF(cond, on) (0x54000000U | (on) << 5 | (cond))
#define EQ 0U
#define NE 1U
#define HI 8U
#define CALL64 0x94000040U

static void arm64_plain_ones(void)
{
	CU_ASSERT_EQUAL(READ64(ACCESSOR_RETURNS, LOAD_X0(16), RET64), 0);
	CU_ASSERT(is_place(&found.place, 1, 16, 0, 8) && found.n == 0);
	/* hint #34, as of code for machines that check where branches land */
	CU_ASSERT_EQUAL(READ64(ACCESSOR_RETURNS, 0xd503245fU, LOAD_X0(8), LOAD_W0(0), RET64), 0);
	CU_ASSERT(is_place(&found.place, 2, 8, 0, 4));
	CU_ASSERT_EQUAL(READ64(ACCESSOR_STORES, LOAD_W2(96), STORE_W2_X1, RET64), 0);
	CU_ASSERT(is_place(&found.place, 1, 96, 0, 4));
	/* add x0, x0, #32; ldursw x0, [x0, #-4] */
	CU_ASSERT_EQUAL(READ64(ACCESSOR_RETURNS, 0x91008000U, 0xb89fc000U, RET64), 0);
	CU_ASSERT(is_place(&found.place, 1, 28, 0, 4));
	/* The second of two: ldp x3, x0, [x0, #16] */
	CU_ASSERT_EQUAL(READ64(ACCESSOR_RETURNS, 0xa9410003U, RET64), 0);
	CU_ASSERT(is_place(&found.place, 1, 24, 0, 8));
	/* GnuTLS': str x1, [x0, #1512]; str xzr, [x0, #1520] */
	CU_ASSERT_EQUAL(READ64(ACCESSOR_KEEPS, STORE_X1(1512), 0xf902f81fU, RET64), 0);
	CU_ASSERT(is_place(&found.place, 1, 1512, 0, 8));
	/* stp x1, xzr, [x0, #40] */
	CU_ASSERT_EQUAL(READ64(ACCESSOR_KEEPS, 0xa902fc01U, RET64), 0);
	CU_ASSERT(is_place(&found.place, 1, 40, 0, 8));
	/* ldr x3, [x0, #1536]; str x3, [x1]; ldr x0, [x0, #1544]; str x0, [x2] */
	CU_ASSERT_EQUAL(READ64(ACCESSOR_STORES_THIRD, 0xf9430003U, 0xf9000023U, 0xf9430400U,
			       0xf9000040U, RET64),
			0);
	CU_ASSERT(is_place(&found.place, 1, 1544, 0, 8));
}

static void arm64_conditions(void)
{
	/* As s2n's: NULL is an error; a bit says whether what follows is a descriptor. */
	CU_ASSERT_EQUAL(READ64(ACCESSOR_STORES, CBZ_X(0, 5), LOAD_W2(0), TBZ_W2(9, 3), LOAD_X0(64),
			       RET64, CALL64),
			-2); /* it stores nothing */
	CU_ASSERT_EQUAL(READ64(ACCESSOR_STORES, PUSH_FRAME, CBZ_X(0, 11), CBZ_X(1, 10), LOAD_W2(0),
			       TBZ_W2(9, 8), LOAD_X0(64), CBZ_X(0, 6), LOAD_W2(0), ZERO_W0,
			       STORE_W2_X1, POP_FRAME, RET64, CALL64),
			0);
	CU_ASSERT(is_place(&found.place, 2, 64, 0, 4));
	CU_ASSERT_EQUAL_FATAL(found.n, 1);
	CU_ASSERT(is_place(&found.condition[0].place, 1, 0, 0, 4));
	CU_ASSERT(found.condition[0].mask == 0x200 && found.condition[0].value == 0 &&
		  !found.condition[0].is);
	/* The other way is no answer. */
	CU_ASSERT_EQUAL(READ64(ACCESSOR_RETURNS, LOAD_W2(0), CMP_W2(3), B_IF(NE, 3), LOAD_X0(16),
			       RET64, ZERO_W0, RET64),
			0);
	CU_ASSERT_EQUAL_FATAL(found.n, 1);
	CU_ASSERT(found.condition[0].is && found.condition[0].value == 3 &&
		  found.condition[0].mask == 0xffffffff);
	/* tst w2, #4 */
	CU_ASSERT_EQUAL(READ64(ACCESSOR_RETURNS, LOAD_W2(8), 0x721e005fU, B_IF(EQ, 3), LOAD_X0(16),
			       RET64, ZERO_W0, RET64),
			0);
	CU_ASSERT_EQUAL_FATAL(found.n, 1);
	CU_ASSERT(!found.condition[0].is && found.condition[0].mask == 4);
}

static void arm64_assumptions(void)
{
	static const struct accessor_condition zero = {{{0}, 1, 4}, 0xffffffff, 0, true};
	/* ldr w1, [x0]; sub w2, w1, #1; cmp w2, #1; b.hi 3; bl; ret; ldr x0, [x0, #56]; ret */
	static const uint32_t code[] = {0xb9400001U, 0x51000422U, CMP_W2(1),   B_IF(HI, 3),
					CALL64,	     RET64,	  LOAD_X0(56), RET64};

	CU_ASSERT_EQUAL(read_words(code, sizeof(code) / 4, ACCESSOR_RETURNS, NULL), -2);
	CU_ASSERT_EQUAL(read_words(code, sizeof(code) / 4, ACCESSOR_RETURNS, &zero), 0);
	CU_ASSERT(is_place(&found.place, 1, 56, 0, 8));
	CU_ASSERT_EQUAL_FATAL(found.n, 1);
}

static void arm64_no_answer(void)
{
	static const struct {
		enum accessor_tells tells;
		uint32_t code[4];
	} cases[] = {
		{ACCESSOR_RETURNS, {CALL64, RET64}},
		{ACCESSOR_RETURNS, {ZERO_W0, RET64}},
		{ACCESSOR_RETURNS, {RET64}},
		{ACCESSOR_RETURNS, {LOAD_X0(16), 0x14000010U}},	       /* b, to another function */
		{ACCESSOR_RETURNS, {LOAD_X0(16), 0x91008000U, RET64}}, /* + 32 */
		{ACCESSOR_RETURNS, {LOAD_X0(16), 0x8b010000U, RET64}}, /* + x1 */
		{ACCESSOR_RETURNS, {LOAD_X0(16), 0xf2a00020U, RET64}}, /* movk */
		{ACCESSOR_RETURNS, {LOAD_X0(16), 0x9a810000U, RET64}}, /* csel */
		{ACCESSOR_RETURNS, {0xf8616800U, RET64}},	       /* ldr x0, [x0, x1] */
		{ACCESSOR_RETURNS, {0xf8408400U, RET64}},	       /* ldr x0, [x0], #8 */
		{ACCESSOR_RETURNS, {0x3cc10400U, LOAD_X0(16), RET64}}, /* ldr q0, [x0], #16 */
		{ACCESSOR_RETURNS, {0x79400000U, RET64}},	       /* ldrh w0, [x0] */
		{ACCESSOR_RETURNS, {0x58000040U, RET64}},	       /* ldr x0, behind the code */
		/* They change the object first: str, str with an update, strh, a vector, ldadd. */
		{ACCESSOR_RETURNS, {STORE_X1(16), LOAD_X0(16), RET64}},
		{ACCESSOR_RETURNS, {0xf8008c01U, LOAD_X0(16), RET64}},
		{ACCESSOR_RETURNS, {0x79000001U, LOAD_X0(16), RET64}},
		{ACCESSOR_RETURNS, {0x3d800000U, LOAD_X0(16), RET64}},
		{ACCESSOR_RETURNS, {0xf8210003U, LOAD_X0(16), RET64}},
		/* Two answers, and a condition that nothing has compared. */
		{ACCESSOR_RETURNS, {CBZ_X(1, 2), LOAD_X0(16), LOAD_X0(24), 0x14000000U}},
		{ACCESSOR_RETURNS, {B_IF(EQ, 2), LOAD_X0(16), RET64}},
		{ACCESSOR_STORES, {LOAD_X0(16), 0xf9000020U, 0x14000000U}}, /* it never returns */
		{ACCESSOR_KEEPS, {0xf8008c01U, RET64}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = 0;

		while (n < 4 && cases[i].code[n])
			n++;
		CU_ASSERT_EQUAL(read_words(cases[i].code, n, cases[i].tells, NULL), -2);
	}
}

static void arm64_hostile_words(void)
{
	uint32_t words[24];

	srand(42);
	for (int i = 0; i < 5000; i++) {
		size_t n = 1 + (size_t)rand() % (sizeof(words) / sizeof(words[0]));
		int err;

		for (size_t k = 0; k < n; k++)
			words[k] = (uint32_t)rand() << 16 ^ (uint32_t)rand();
		words[n - 1] = RET64;
		err = read_words(words, n, (enum accessor_tells)(i % 4), NULL);
		CU_ASSERT(err == 0 || err == -2);
		if (!err)
			CU_ASSERT(found.place.n >= 1 && found.place.n <= ACCESSOR_STEPS &&
				  found.n <= ACCESSOR_CONDITIONS);
	}
}

CU_TestInfo accessor_tests[] = {
	{"plain ones", plain_ones},
	{"conditions", conditions},
	{"assumptions", assumptions},
	{"what is no answer", no_answer},
	{"hostile bytes", hostile_bytes},
	{"arm64: plain ones", arm64_plain_ones},
	{"arm64: conditions", arm64_conditions},
	{"arm64: assumptions", arm64_assumptions},
	{"arm64: what is no answer", arm64_no_answer},
	{"arm64: hostile words", arm64_hostile_words},
	CU_TEST_INFO_NULL,
};
