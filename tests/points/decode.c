/* SPDX-License-Identifier: Apache-2.0 */
/* What decoding says of code that is written down here, instruction by instruction. */
#include <CUnit/CUnit.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#include "probes/decode.h"
#include "probes/site.h"
#include "probes/stores.h"

#define PC 0x1000

#define ENDBR 0xf3, 0x0f, 0x1e, 0xfa
#define SUB_RSP 0x48, 0x83, 0xec, 0x18	    /* sub rsp, 24 */
#define ADD_RSP 0x48, 0x83, 0xc4, 0x18	    /* add rsp, 24 */
#define CALL(to) 0xe8, to, 0x00, 0x00, 0x00 /* ... so many bytes behind itself */
#define JMP(to) 0xe9, to, 0x00, 0x00, 0x00
#define RET 0xc3

static struct decode_flow flow;

/* The bytes lie in memory that ends where they end. */
static int decode_bytes(const uint8_t *bytes, size_t n)
{
	struct decoder *d = decoder_new();
	uint8_t *copy = malloc(n ? n : 1);
	int err;

	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	memcpy(copy, bytes, n);
	err = decode_flow(d, copy, n, PC, &flow);
	free(copy);
	decoder_free(d);
	return err;
}

#define DECODE(...)                                                                                \
	do {                                                                                       \
		const uint8_t bytes[] = {__VA_ARGS__};                                             \
		CU_ASSERT_EQUAL(decode_bytes(bytes, sizeof(bytes)), 0);                            \
	} while (0)

static bool emulated(const uint8_t *bytes, size_t n)
{
	struct decoder *d = decoder_new();
	bool answer = decode_emulated(d, bytes, n);

	decoder_free(d);
	return answer;
}

#define EMULATED(...)                                                                              \
	emulated((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static bool holds(size_t call, int reg, enum decode_kind kind, uint32_t n)
{
	return call < flow.n && flow.call[call].reg[reg].kind == kind &&
	       flow.call[call].reg[reg].n == n;
}

static void first_instructions(void)
{
	CU_ASSERT_TRUE(EMULATED(0x55));			  /* push rbp */
	CU_ASSERT_TRUE(EMULATED(0x41, 0x57));		  /* push r15 */
	CU_ASSERT_TRUE(EMULATED(0x90));			  /* nop */
	CU_ASSERT_TRUE(EMULATED(0x0f, 0x1f, 0x44, 0, 0)); /* a nop of five bytes */
	CU_ASSERT_TRUE(EMULATED(CALL(0x10)));
	CU_ASSERT_TRUE(EMULATED(JMP(0x10)));
	CU_ASSERT_TRUE(EMULATED(0x74, 0x05));		  /* je */
	CU_ASSERT_TRUE(EMULATED(0x0f, 0x88, 1, 0, 0, 0)); /* js */
	CU_ASSERT_FALSE(EMULATED(ENDBR));
	CU_ASSERT_FALSE(EMULATED(SUB_RSP));
	CU_ASSERT_FALSE(EMULATED(RET));
	CU_ASSERT_FALSE(EMULATED(0x48, 0x8b, 0x07)); /* mov rax, [rdi] */
	CU_ASSERT_FALSE(EMULATED(0xff, 0xe0));	     /* jmp rax */
	CU_ASSERT_FALSE(
		EMULATED(0xff, 0x25, 0, 0, 0, 0)); /* jmp [rip]: the procedure linkage table */
	CU_ASSERT_FALSE(EMULATED(0xff, 0x15, 0, 0, 0, 0)); /* call [rip] */
	CU_ASSERT_FALSE(EMULATED(0xff, 0x37));		   /* push [rdi] */
	CU_ASSERT_FALSE(EMULATED(0x68, 1, 0, 0, 0));	   /* push 1 */
	CU_ASSERT_FALSE(EMULATED(0xe2, 0x05));		   /* loop */
	CU_ASSERT_FALSE(EMULATED(0xe8, 0x10, 0x00));	   /* half a call */
	CU_ASSERT_FALSE(EMULATED(0x06));		   /* no instruction of 64-bit code */
	CU_ASSERT_FALSE(emulated((const uint8_t *)"", 0));
}

/* sub rsp; call; add rsp; ret: SSL_read_ex and its like. */
static void call_with_untouched_arguments(void)
{
	DECODE(ENDBR, SUB_RSP, CALL(0x20), ADD_RSP, RET);
	CU_ASSERT_EQUAL(flow.n, 1);
	CU_ASSERT_EQUAL(flow.call[0].target, PC + 13 + 0x20);
	CU_ASSERT_TRUE(flow.call[0].always && flow.call[0].passes_result && flow.whole);
	CU_ASSERT_TRUE(holds(0, SITE_ARG1, DECODE_ARGUMENT, 0));
	CU_ASSERT_TRUE(holds(0, SITE_ARG2, DECODE_ARGUMENT, 1));
	CU_ASSERT_TRUE(holds(0, SITE_ARG3, DECODE_ARGUMENT, 2));
	CU_ASSERT_TRUE(holds(0, SITE_ARG4, DECODE_ARGUMENT, 3));
	CU_ASSERT_EQUAL(flow.escaped, 0);
}

static void moved_arguments(void)
{
	/* mov rdx, rsi; mov esi, 0x17; mov rcx, rsp; jmp */
	DECODE(0x48, 0x89, 0xf2, 0xbe, 0x17, 0, 0, 0, 0x48, 0x89, 0xe1, JMP(0x20));
	CU_ASSERT_EQUAL(flow.n, 1);
	CU_ASSERT_TRUE(holds(0, SITE_ARG3, DECODE_ARGUMENT, 1));
	CU_ASSERT_TRUE(holds(0, SITE_ARG2, DECODE_NUMBER, 0x17));
	CU_ASSERT_EQUAL(flow.call[0].reg[SITE_ARG4].kind, DECODE_FRAME);
	CU_ASSERT_TRUE(flow.call[0].passes_result); /* a jump returns for the function */
	CU_ASSERT_TRUE(decode_passes(&flow.call[0], 1));
	CU_ASSERT_FALSE(decode_passes(&flow.call[0], 2));
	CU_ASSERT_EQUAL(flow.escaped, 0);
	/* lea rcx, [rsp+8]; mov rbp, rsp; lea r8, [rbp-0x58]; call */
	DECODE(0x48, 0x8d, 0x4c, 0x24, 0x08, 0x48, 0x89, 0xe5, 0x4c, 0x8d, 0x45, 0xa8, CALL(0x20));
	CU_ASSERT_EQUAL(flow.call[0].reg[SITE_ARG4].kind, DECODE_FRAME);
	CU_ASSERT_EQUAL(flow.call[0].reg[SITE_ARG5].kind, DECODE_FRAME);
}

static void spoiled_arguments(void)
{
	DECODE(0x31, 0xf6, CALL(0x20), RET); /* xor esi, esi */
	CU_ASSERT_FALSE(holds(0, SITE_ARG2, DECODE_ARGUMENT, 1));
	CU_ASSERT_EQUAL(flow.escaped, 0);
	DECODE(0x40, 0xb6, 0x01, CALL(0x20), RET); /* mov sil, 1: a part is enough */
	CU_ASSERT_FALSE(holds(0, SITE_ARG2, DECODE_ARGUMENT, 1));
	DECODE(0x89, 0xf6, CALL(0x20), RET); /* mov esi, esi: half of it */
	CU_ASSERT_FALSE(holds(0, SITE_ARG2, DECODE_ARGUMENT, 1));
	DECODE(0x0f, 0xa2, CALL(0x20), RET); /* cpuid writes ecx and edx, unasked */
	CU_ASSERT_FALSE(holds(0, SITE_ARG3, DECODE_ARGUMENT, 2));
	CU_ASSERT_FALSE(holds(0, SITE_ARG4, DECODE_ARGUMENT, 3));
	CU_ASSERT_TRUE(holds(0, SITE_ARG2, DECODE_ARGUMENT, 1));
	DECODE(CALL(0x20), CALL(0x30), RET); /* a call leaves nothing in them */
	CU_ASSERT_EQUAL(flow.n, 2);
	CU_ASSERT_FALSE(decode_passes(&flow.call[1], 1));
	CU_ASSERT_TRUE(flow.call[0].always);
	CU_ASSERT_FALSE(flow.call[1].always);
	/* mov rbx, rsi; call; mov rsi, rbx; call: kept over a call */
	DECODE(0x48, 0x89, 0xf3, CALL(0x20), 0x48, 0x89, 0xde, CALL(0x30), RET);
	CU_ASSERT_TRUE(holds(1, SITE_ARG2, DECODE_ARGUMENT, 1));
}

static void escaping_arguments(void)
{
	DECODE(0x48, 0x89, 0x74, 0x24, 0x08, RET); /* mov [rsp+8], rsi */
	CU_ASSERT_EQUAL(flow.escaped, 1U << 1);
	DECODE(0x56, RET); /* push rsi */
	CU_ASSERT_EQUAL(flow.escaped, 1U << 1);
	DECODE(0x48, 0x8d, 0x56, 0x04, RET); /* lea rdx, [rsi+4] */
	CU_ASSERT_EQUAL(flow.escaped, 1U << 1);
	DECODE(0x48, 0x83, 0xc6, 0x04, RET); /* add rsi, 4 */
	CU_ASSERT_EQUAL(flow.escaped, 1U << 1);
	DECODE(0xc6, 0x06, 0x01, RET); /* mov byte [rsi], 1: the buffer is filled here */
	CU_ASSERT_EQUAL(flow.escaped, 1U << 1);
	DECODE(0x48, 0x89, 0xf0, 0x48, 0x89, 0x07, RET); /* mov rax, rsi; mov [rdi], rax */
	CU_ASSERT_EQUAL(flow.escaped, 1U << 0 | 1U << 1);
	DECODE(0x66, 0x48, 0x0f, 0x6e, 0xc6, RET); /* movq xmm0, rsi */
	CU_ASSERT_EQUAL(flow.escaped, 1U << 1);
	DECODE(0x48, 0x87, 0xf0, RET); /* xchg rax, rsi */
	CU_ASSERT_TRUE(flow.escaped & 1U << 1);
	DECODE(0x48, 0x85, 0xf6, 0x74, 0x00, RET); /* test rsi, rsi; je */
	CU_ASSERT_EQUAL(flow.escaped, 0);
}

static void results(void)
{
	DECODE(SUB_RSP, CALL(0x20), 0x48, 0x98, ADD_RSP, RET); /* cdqe: the same int */
	CU_ASSERT_TRUE(flow.call[0].passes_result);
	DECODE(SUB_RSP, CALL(0x20), 0x31, 0xc0, ADD_RSP, RET); /* xor eax, eax */
	CU_ASSERT_FALSE(flow.call[0].passes_result);
	DECODE(SUB_RSP, CALL(0x20), 0xb0, 0x01, ADD_RSP, RET); /* mov al, 1 */
	CU_ASSERT_FALSE(flow.call[0].passes_result);
	DECODE(CALL(0x20), 0x0f, 0x48, 0xc2, RET); /* cmovs eax, edx */
	CU_ASSERT_FALSE(flow.call[0].passes_result);
	DECODE(CALL(0x20), 0x85, 0xc0, 0x7e, 0x01, 0x90, RET); /* test; jle */
	CU_ASSERT_FALSE(flow.call[0].passes_result);
	DECODE(CALL(0x20)); /* nothing is behind it */
	CU_ASSERT_FALSE(flow.call[0].passes_result);
}

static void branches(void)
{
	/* js to the second call; call; ret; call; ret: both paths */
	DECODE(0x78, 0x06, CALL(0x20), RET, CALL(0x30), RET);
	CU_ASSERT_EQUAL(flow.n, 2);
	CU_ASSERT_TRUE(flow.whole);
	CU_ASSERT_FALSE(flow.call[0].always || flow.call[1].always);
	CU_ASSERT_TRUE(holds(1, SITE_ARG2, DECODE_ARGUMENT, 1));
	/* jmp over an instruction that spoils an argument */
	DECODE(0xeb, 0x02, 0x31, 0xf6, CALL(0x20), RET);
	CU_ASSERT_EQUAL(flow.n, 1);
	CU_ASSERT_TRUE(flow.call[0].always);
	CU_ASSERT_TRUE(holds(0, SITE_ARG2, DECODE_ARGUMENT, 1));
	/* test; je +2; xor esi, esi; call: with it, and without it */
	DECODE(0x85, 0xc0, 0x74, 0x02, 0x31, 0xf6, CALL(0x20), RET);
	CU_ASSERT_EQUAL(flow.n, 2);
	CU_ASSERT_EQUAL(flow.call[0].target, flow.call[1].target);
	CU_ASSERT_FALSE(decode_passes(&flow.call[0], 1));
	CU_ASSERT_TRUE(decode_passes(&flow.call[1], 1));
	/* je out of the function: a jump like another */
	DECODE(0x0f, 0x84, 0x40, 0, 0, 0, RET);
	CU_ASSERT_EQUAL(flow.n, 1);
	CU_ASSERT_TRUE(flow.whole && flow.call[0].passes_result);
	/* a loop ends */
	DECODE(0x48, 0xff, 0xc0, 0x75, 0xfb, RET);
	CU_ASSERT_TRUE(flow.whole);
	/* into the middle of an instruction: also code */
	DECODE(0x75, 0x01, 0xb8, 0x90, 0x90, 0x90, 0xc3, RET);
	CU_ASSERT_EQUAL(flow.n, 0);
}

static void what_cannot_be_followed(void)
{
	DECODE(0xff, 0xe0); /* jmp rax */
	CU_ASSERT_FALSE(flow.whole);
	DECODE(0xff, 0x50, 0x38, RET); /* call [rax+0x38] */
	CU_ASSERT_FALSE(flow.whole);
	DECODE(0xe3, 0x00, RET); /* jrcxz */
	CU_ASSERT_FALSE(flow.whole);
	DECODE(0xe2, 0x00, RET); /* loop */
	CU_ASSERT_FALSE(flow.whole);
	DECODE(0x90, 0x06, RET); /* no instruction */
	CU_ASSERT_FALSE(flow.whole);
	DECODE(SUB_RSP, 0xe8, 0x20, 0x00); /* half a call */
	CU_ASSERT_FALSE(flow.whole);
	CU_ASSERT_EQUAL(flow.n, 0);
	CU_ASSERT_NOT_EQUAL(decode_bytes((const uint8_t[]){0x06, 0x06}, 2), 0);
	CU_ASSERT_NOT_EQUAL(decode_bytes((const uint8_t *)"", 0), 0);
}

/* More paths and calls than there is room for. */
static void too_much(void)
{
	uint8_t many[64 * 2 + 1], calls[40 * 5 + 1];

	/* 64 times: je to the end, each with another register's value */
	for (size_t i = 0; i < 64; i++) {
		many[2 * i] = 0x74;
		many[2 * i + 1] = (uint8_t)(sizeof(many) - 1 - 2 * i - 2) & 0x7f;
	}
	many[sizeof(many) - 1] = RET;
	CU_ASSERT_EQUAL(decode_bytes(many, sizeof(many)), 0);
	memset(calls, 0, sizeof(calls));
	for (size_t i = 0; i < 40; i++) {
		calls[5 * i] = 0xe8;
		calls[5 * i + 2] = 0x40;
	}
	calls[sizeof(calls) - 1] = RET;
	CU_ASSERT_EQUAL(decode_bytes(calls, sizeof(calls)), 0);
	CU_ASSERT_FALSE(flow.whole);
	CU_ASSERT_EQUAL(flow.n, DECODE_CALLS);
}

/* Any bytes at all: it ends, and reads nothing but them. Half of them are taken
 * from instructions that matter, so that random code lives for a while. */
static void hostile_bytes(void)
{
	static const uint8_t likely[] = {0x48, 0x89, 0xe8, 0xe9, 0x74, 0x75, 0xeb, 0x0f, 0x85,
					 0xff, 0x8d, 0x05, 0xc3, 0x66, 0x00, 0xf3, 0xa5, 0x24};
	struct decoder *d = decoder_new();
	uint64_t seed = 20260101;

	for (int round = 0; round < 20000; round++) {
		size_t n = round % 97;
		uint8_t *bytes = malloc(n ? n : 1);
		struct stores stores;

		for (size_t i = 0; i < n; i++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			bytes[i] = seed >> 63 ? (uint8_t)(seed >> 40)
					      : likely[(seed >> 40) % sizeof(likely)];
		}
		decode_flow(d, bytes, n, PC, &flow);
		CU_ASSERT_TRUE(flow.n <= DECODE_CALLS);
		decode_emulated(d, bytes, n);
		stores_find(d, bytes, n, PC, &stores);
		CU_ASSERT_TRUE(stores.n <= STORES_MAX);
		free(bytes);
	}
	decoder_free(d);
}

static const struct store *stored(const struct stores *s, uint64_t address)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->store[i].address == address)
			return &s->store[i];
	return NULL;
}

/* The ways in which compilers fill a table. */
static void table_stores(void)
{
	static const uint8_t plain[] = {
		0x48, 0x8d, 0x05, 0xf9, 0x0f, 0, 0,	     /* lea rax, [0x2000] */
		0x48, 0x89, 0x05, 0xf2, 0x1f, 0, 0,	     /* mov [0x3000], rax */
		0xc7, 0x05, 0xf0, 0x1f, 0,    0, 4, 0, 0, 0, /* mov dword [0x3008], 4 */
		RET,  0x48, 0x89, 0x05, 0,    0, 0, 0,	     /* behind the end */
	};
	static const uint8_t packed[] = {
		SUB_RSP,    0x48, 0x8d, 0x05, 0xf5, 0x0f, 0, 0, /* lea rax, [0x2000] */
		0x66,	    0x48, 0x0f, 0x6e, 0xc0,		/* movq xmm0, rax */
		0x0f,	    0x16, 0x05, 0xe9, 0x2f, 0,	  0,	/* movhps xmm0, [0x4000] */
		0x0f,	    0x29, 0x04, 0x24,			/* movaps [rsp], xmm0 */
		CALL(0x20), 0x66, 0x0f, 0x6f, 0x0c, 0x24,	/* movdqa xmm1, [rsp] */
		0x0f,	    0x11, 0x0d, 0xd4, 0x1f, 0,	  0,	/* movups [0x3000], xmm1 */
		RET,
	};
	struct decoder *d = decoder_new();
	struct stores s;
	const struct store *a, *b;

	CU_ASSERT_EQUAL(stores_find(d, plain, sizeof(plain), PC, &s), 0);
	CU_ASSERT_EQUAL(s.n, 2);
	a = stored(&s, 0x3000);
	b = stored(&s, 0x3008);
	CU_ASSERT_TRUE(a && a->kind == STORE_VALUE && a->value == 0x2000 && a->size == 8);
	CU_ASSERT_TRUE(b && b->kind == STORE_VALUE && b->value == 4 && b->size == 4);

	CU_ASSERT_EQUAL(stores_find(d, packed, sizeof(packed), PC, &s), 0);
	a = stored(&s, 0x3000);
	b = stored(&s, 0x3008);
	CU_ASSERT_TRUE(a && a->kind == STORE_VALUE && a->value == 0x2000);
	CU_ASSERT_TRUE(b && b->kind == STORE_CONTENT && b->value == 0x4000);
	decoder_free(d);
}

CU_TestInfo decode_tests[] = {
	{"first instructions", first_instructions},
	{"a call with untouched arguments", call_with_untouched_arguments},
	{"moved arguments", moved_arguments},
	{"spoiled arguments", spoiled_arguments},
	{"escaping arguments", escaping_arguments},
	{"results", results},
	{"branches", branches},
	{"what cannot be followed", what_cannot_be_followed},
	{"too much", too_much},
	{"hostile bytes", hostile_bytes},
	{"stores into tables", table_stores},
	CU_TEST_INFO_NULL,
};
