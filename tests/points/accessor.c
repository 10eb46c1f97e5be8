/* SPDX-License-Identifier: Apache-2.0 */
/* What accessors tell, written down here instruction by instruction. */
#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "probes/accessor.h"

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

CU_TestInfo accessor_tests[] = {
	{"plain ones", plain_ones},	  {"conditions", conditions},
	{"assumptions", assumptions},	  {"what is no answer", no_answer},
	{"hostile bytes", hostile_bytes}, CU_TEST_INFO_NULL,
};
