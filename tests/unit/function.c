/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/function.h"

#include <CUnit/CUnit.h>
#include <elf.h>
#include <errno.h>
#include <string.h>

#define DECODE(machine, registers, code, out)                                                      \
	function_decode(machine, registers, code, sizeof(code), out)

/* As Go compiles for x86-64: asks for stack, fills its arguments' places, returns
 * twice, asks for a larger stack, padding. */
static const uint8_t amd64[] = {
	0x49, 0x3b, 0x66, 0x10,	      /* 00 cmp rsp, [r14+16] */
	0x76, 0x2c,		      /* 04 jbe 32 */
	0x48, 0x83, 0xec, 0x18,	      /* 06 sub rsp, 24 */
	0x48, 0x89, 0x44, 0x24, 0x20, /* 0a mov [rsp+32], rax */
	0x48, 0x89, 0x5c, 0x24, 0x28, /* 0f mov [rsp+40], rbx */
	0x48, 0x85, 0xc9,	      /* 14 test rcx, rcx */
	0x74, 0x0b,		      /* 17 je 24 */
	0xe8, 0x00, 0x10, 0x00, 0x00, /* 19 call */
	0x48, 0x83, 0xc4, 0x18,	      /* 1e add rsp, 24 */
	0xc3,			      /* 22 ret */
	0x90,			      /* 23 nop */
	0x48, 0x8b, 0x44, 0x24, 0x28, /* 24 mov rax, [rsp+40] */
	0x31, 0xdb,		      /* 29 xor ebx, ebx */
	0x48, 0x83, 0xc4, 0x18,	      /* 2b add rsp, 24 */
	0xc3,			      /* 2f ret */
	0x66, 0x90,		      /* 30 nop */
	0xe8, 0x00, 0x20, 0x00, 0x00, /* 32 call */
	0xeb, 0xc7,		      /* 37 jmp 0 */
	0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
};

/* Its like for arm64. */
static const uint8_t arm64[] = {
	0x90, 0x0b, 0x40, 0xf9, /* 00 ldr x16, [x28, #16] */
	0xff, 0x63, 0x30, 0xeb, /* 04 cmp sp, x16 */
	0x69, 0x01, 0x00, 0x54, /* 08 b.ls 34 */
	0xfe, 0x0f, 0x1e, 0xf8, /* 0c str x30, [sp, #-32]! */
	0xe0, 0x17, 0x00, 0xf9, /* 10 str x0, [sp, #40] */
	0xe1, 0x1b, 0x00, 0xf9, /* 14 str x1, [sp, #48] */
	0x82, 0x00, 0x00, 0xb4, /* 18 cbz x2, 28 */
	0x86, 0xfc, 0xfb, 0x88, /* 1c casal w27, w6, [x4] */
	0xfe, 0x07, 0x42, 0xf8, /* 20 ldr x30, [sp], #32 */
	0xc0, 0x03, 0x5f, 0xd6, /* 24 ret */
	0xe0, 0x1b, 0x40, 0xf9, /* 28 ldr x0, [sp, #48] */
	0xfe, 0x07, 0x42, 0xf8, /* 2c ldr x30, [sp], #32 */
	0xc0, 0x03, 0x5f, 0xd6, /* 30 ret */
	0x00, 0x10, 0x00, 0x94, /* 34 bl */
	0xf2, 0xff, 0xff, 0x17, /* 38 b 0 */
	0x00, 0x00, 0x00, 0x00,
};

static void every_return_is_found(void)
{
	struct function f;

	CU_ASSERT_EQUAL_FATAL(DECODE(EM_X86_64, true, amd64, &f), 0);
	CU_ASSERT_EQUAL(f.entry, 4); /* the branch: emulated, and nothing is changed yet */
	CU_ASSERT_EQUAL_FATAL(f.n_returns, 2);
	CU_ASSERT_EQUAL(f.returns[0], 0x22);
	CU_ASSERT_EQUAL(f.returns[1], 0x2f);
	CU_ASSERT_TRUE(f.keeps_arguments);

	CU_ASSERT_EQUAL_FATAL(DECODE(EM_AARCH64, true, arm64, &f), 0);
	CU_ASSERT_EQUAL(f.entry, 8);
	CU_ASSERT_EQUAL_FATAL(f.n_returns, 2);
	CU_ASSERT_EQUAL(f.returns[0], 0x24);
	CU_ASSERT_EQUAL(f.returns[1], 0x30);
	CU_ASSERT_TRUE(f.keeps_arguments);
}

/* Changes some bytes of the first function. */
static int changed(struct function *f, bool registers, size_t at, const char *to, size_t n)
{
	uint8_t code[sizeof(amd64)];

	memcpy(code, amd64, sizeof(code));
	memcpy(code + at, to, n);
	return function_decode(EM_X86_64, registers, code, sizeof(code), f);
}

static void what_cannot_be_decoded_is_refused(void)
{
	struct function f;
	uint8_t code[sizeof(arm64)];

	/* an invalid opcode in the middle; one that goes beyond the end */
	CU_ASSERT_EQUAL(changed(&f, true, 0x23, "\x06", 1), -EBADMSG);
	CU_ASSERT_EQUAL(changed(&f, true, sizeof(amd64) - 1, "\xe8", 1), -EBADMSG);
	/* a jump that leaves, forwards and backwards */
	CU_ASSERT_EQUAL(changed(&f, true, 0x18, "\x7f", 1), -EBADMSG);
	CU_ASSERT_EQUAL(changed(&f, true, 0x38, "\x80", 1), -EBADMSG);
	/* a function that never returns; nothing but padding; nothing */
	CU_ASSERT_EQUAL(function_decode(EM_X86_64, true, amd64, 0x1e, &f), -EBADMSG);
	CU_ASSERT_EQUAL(function_decode(EM_X86_64, true, amd64 + 0x39, 7, &f), -EBADMSG);
	CU_ASSERT_EQUAL(function_decode(EM_X86_64, true, amd64, 0, &f), -EBADMSG);
	/* a trap is no padding when code follows */
	CU_ASSERT_EQUAL(changed(&f, true, 0x23, "\xcc", 1), 0);

	memcpy(code, arm64, sizeof(code));
	memcpy(code + 0x1c, "\xff\xff\xff\xff", 4);
	CU_ASSERT_EQUAL(DECODE(EM_AARCH64, true, code, &f), -EBADMSG);
	memcpy(code + 0x1c, "\x00\x00\x00\x00", 4); /* padding within */
	CU_ASSERT_EQUAL(DECODE(EM_AARCH64, true, code, &f), -EBADMSG);
	CU_ASSERT_EQUAL(function_decode(EM_AARCH64, true, arm64, sizeof(arm64) - 6, &f), -EBADMSG);
	CU_ASSERT_EQUAL(function_decode(EM_386, true, amd64, sizeof(amd64), &f), -ENOSYS);
}

static void too_many_returns_are_refused(void)
{
	uint8_t code[FUNCTION_RETURNS_MAX + 1];
	struct function f;

	memset(code, 0xc3, sizeof(code));
	CU_ASSERT_EQUAL(function_decode(EM_X86_64, true, code, sizeof(code) - 1, &f), 0);
	CU_ASSERT_EQUAL(f.n_returns, FUNCTION_RETURNS_MAX);
	CU_ASSERT_EQUAL(f.entry, 0);
	CU_ASSERT_EQUAL(function_decode(EM_X86_64, true, code, sizeof(code), &f), -E2BIG);
}

/* An entry that something else reaches, or behind a changed register, is none. */
static void the_entry_sees_arguments_as_they_came(void)
{
	struct function f;

	/* jmp 4 instead of 0: with arguments as they are by then */
	CU_ASSERT_EQUAL(changed(&f, true, 0x38, "\xcb", 1), 0);
	CU_ASSERT_EQUAL(f.entry, 0);
	CU_ASSERT_FALSE(changed(&f, true, 0, "\x48\x31\xdb\x90", 4)); /* xor rbx, rbx; nop */
	CU_ASSERT_EQUAL(f.entry, 0);
	/* On the stack no register matters, but memory does. */
	CU_ASSERT_FALSE(changed(&f, false, 0, "\x48\x31\xdb\x90", 4));
	CU_ASSERT_EQUAL(f.entry, 3);
	CU_ASSERT_FALSE(changed(&f, false, 0, "\x89\x1c\x24\x90", 4)); /* mov [rsp], ebx */
	CU_ASSERT_EQUAL(f.entry, 0);
}

static void arguments_are_kept_or_not(void)
{
	struct function f;

	/* another register; the other place; half a register */
	CU_ASSERT_FALSE(changed(&f, true, 0x0a, "\x48\x89\x4c", 3));
	CU_ASSERT_FALSE(f.keeps_arguments);
	CU_ASSERT_FALSE(changed(&f, true, 0x0e, "\x28", 1));
	CU_ASSERT_FALSE(f.keeps_arguments);
	CU_ASSERT_FALSE(changed(&f, true, 0x0a, "\x90\x89\x44", 3));
	CU_ASSERT_FALSE(f.keeps_arguments);
	/* written to again, or its address taken, later */
	CU_ASSERT_FALSE(changed(&f, true, 0x24, "\x48\x89\x44", 3));
	CU_ASSERT_FALSE(f.keeps_arguments);
	CU_ASSERT_FALSE(changed(&f, true, 0x24, "\x48\x8d\x44", 3));
	CU_ASSERT_FALSE(f.keeps_arguments);
	/* something jumps in between */
	CU_ASSERT_FALSE(changed(&f, true, 0x38, "\xd1", 1));
	CU_ASSERT_FALSE(f.keeps_arguments);
	/* filled after a branch only */
	CU_ASSERT_FALSE(changed(&f, true, 0x0a, "\x74\x03\x90\x90\x90", 5));
	CU_ASSERT_FALSE(f.keeps_arguments);
	/* between the frame's end and the return: padding, or a call */
	CU_ASSERT_FALSE(changed(&f, true, 0x1e, "\x48\x83\xc4\x18\x90\xc3", 6));
	CU_ASSERT_TRUE(f.keeps_arguments);
	CU_ASSERT_FALSE(changed(&f, true, 0x19, "\x48\x83\xc4\x18\xe8\x00\x00\x00\x00\xc3", 10));
	CU_ASSERT_FALSE(f.keeps_arguments);
	/* the stack pointer goes where nobody knows */
	CU_ASSERT_FALSE(changed(&f, true, 0x14, "\x48\x89\xcc", 3)); /* mov rsp, rcx */
	CU_ASSERT_FALSE(f.keeps_arguments);
	/* Where they are on the stack, they stay unless they are overwritten. */
	CU_ASSERT_FALSE(changed(&f, false, 0x0a, "\x48\x89\x44\x24\x08\x48\x89\x5c\x24\x10", 10));
	CU_ASSERT_TRUE(f.keeps_arguments);
	CU_ASSERT_FALSE(DECODE(EM_X86_64, false, amd64, &f));
	CU_ASSERT_FALSE(f.keeps_arguments);
}

CU_TestInfo function_tests[] = {
	{"every return is found", every_return_is_found},
	{"what cannot be decoded is refused", what_cannot_be_decoded_is_refused},
	{"too many returns are refused", too_many_returns_are_refused},
	{"the entry sees arguments as they came", the_entry_sees_arguments_as_they_came},
	{"arguments are kept or not", arguments_are_kept_or_not},
	CU_TEST_INFO_NULL,
};
