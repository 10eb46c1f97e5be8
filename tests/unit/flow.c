/* SPDX-License-Identifier: Apache-2.0 */
/* Loops as older kernels want them: going back by jumps only, and doing what they did. */
#include "probes/flow.h"

#include <CUnit/CUnit.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MAX 64
#define STEPS 500

#define ADD(value)                                                                                 \
	{                                                                                          \
		.code = BPF_ALU64 | BPF_ADD | BPF_K, .imm = (value)                                \
	}
#define CALL(number)                                                                               \
	{                                                                                          \
		.code = BPF_JMP | BPF_CALL, .imm = (number)                                        \
	}
#define GO(to)                                                                                     \
	{                                                                                          \
		.code = BPF_JMP | BPF_JA, .off = (to)                                              \
	}
#define IF(to)                                                                                     \
	{                                                                                          \
		.code = BPF_JMP | BPF_JEQ | BPF_K, .off = (to)                                     \
	}
#define WIDE(value)                                                                                \
	{.code = BPF_LD | BPF_IMM | BPF_DW, .imm = (value)},                                       \
	{                                                                                          \
		.imm = 0                                                                           \
	}
#define EXIT                                                                                       \
	{                                                                                          \
		.code = BPF_JMP | BPF_EXIT                                                         \
	}

static bool is_wide(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW);
}

/* What it does when its conditions come out as the bits of `way` say, in order: the plain
 * instructions that it comes by. Returns how many. */
static size_t run(const struct bpf_insn *code, uint32_t way, int32_t *did)
{
	size_t n = 0, at = 0, jumps = 0;

	/* Jumps in a circle are no step: there may be one more of them. */
	for (size_t step = 0; step < STEPS && jumps <= MAX; step += !jumps) {
		const struct bpf_insn *insn = &code[at];

		if (insn->code == (BPF_JMP | BPF_EXIT))
			break;
		at += 1 + is_wide(insn);
		jumps = insn->code == (BPF_JMP | BPF_JA) ? jumps + 1 : 0;
		if (jumps) {
			at += (size_t)(ptrdiff_t)insn->off;
		} else if (insn->code == (BPF_JMP | BPF_JEQ | BPF_K)) {
			at += way & 1 ? (size_t)(ptrdiff_t)insn->off : 0;
			way = way >> 1 | way << 31;
		} else {
			did[n++] = insn->imm;
		}
	}
	return n;
}

/* The old rule, as Linux 6.1's check_cfg() has it: the walk goes deep, jumps last. Whether
 * it meets an instruction that it is still behind by falling through. */
static bool is_refused(const struct bpf_insn *code, size_t n)
{
	enum { NEW, OPEN, DONE } state[MAX] = {OPEN};
	size_t stack[MAX] = {0}, depth = 1;
	int tried[MAX] = {0};

	while (depth) {
		size_t at = stack[depth - 1], to = SIZE_MAX;
		const struct bpf_insn *insn = &code[at];
		bool always = insn->code == (BPF_JMP | BPF_JA);
		bool some = insn->code == (BPF_JMP | BPF_JEQ | BPF_K);

		if (tried[at] == 0 && insn->code != (BPF_JMP | BPF_EXIT))
			to = at + 1 + is_wide(insn) + (always ? (size_t)(ptrdiff_t)insn->off : 0);
		else if (tried[at] == 1 && some)
			to = at + 1 + (size_t)(ptrdiff_t)insn->off;
		tried[at]++;
		if (to == SIZE_MAX) {
			state[at] = DONE;
			depth--;
			continue;
		}
		CU_ASSERT_FATAL(to < n);
		if (state[to] == OPEN && !always && !some)
			return true;
		if (state[to] != NEW)
			continue;
		state[to] = OPEN;
		stack[depth++] = to;
	}
	return false;
}

static void check(const struct bpf_insn *code, size_t n)
{
	static int32_t before[STEPS], after[STEPS];
	struct bpf_insn *out = NULL;
	size_t m = flow_mend(code, n, &out);

	CU_ASSERT_FATAL(m >= n && m <= MAX);
	CU_ASSERT_FALSE(is_refused(out, m));
	for (uint32_t way = 0; way < 64; way++) {
		size_t a = run(code, way * 0x9e3779b9U, before);
		size_t b = run(out, way * 0x9e3779b9U, after);

		CU_ASSERT_EQUAL_FATAL(a, b);
		CU_ASSERT_EQUAL(memcmp(before, after, a * sizeof(before[0])), 0);
	}
	free(out);
}

/* A loop whose head lies behind its end: what the compiler made of one. */
static void a_head_behind_its_end(void)
{
	static const struct bpf_insn by_call[] = {ADD(1), GO(2),  ADD(2), CALL(3),
						  ADD(4), IF(-4), EXIT};
	static const struct bpf_insn by_wide[] = {GO(3), ADD(1), WIDE(2), IF(-4), EXIT};

	CU_ASSERT(is_refused(by_call, N_OF(by_call)));
	CU_ASSERT(is_refused(by_wide, N_OF(by_wide)));
	check(by_call, N_OF(by_call));
	check(by_wide, N_OF(by_wide));
}

static void others_stay_as_they_are(void)
{
	static const struct bpf_insn loop[] = {ADD(1), ADD(2), IF(-2), EXIT};
	static const struct bpf_insn no_loop[] = {IF(1), ADD(1), WIDE(2), IF(1), ADD(3), EXIT};
	struct bpf_insn *out;

	CU_ASSERT_EQUAL(flow_mend(loop, N_OF(loop), &out), N_OF(loop) + 0);
	CU_ASSERT_EQUAL(memcmp(out, loop, sizeof(loop)), 0);
	free(out);
	CU_ASSERT_EQUAL(flow_mend(no_loop, N_OF(no_loop), &out), N_OF(no_loop));
	CU_ASSERT_EQUAL(memcmp(out, no_loop, sizeof(no_loop)), 0);
	free(out);
}

/* Anything: each instruction falls through, or goes anywhere. */
static void any_flow(void)
{
	static struct bpf_insn code[MAX / 2];
	unsigned seed = 23, refused = 0;

	for (int round = 0; round < 20000; round++) {
		size_t n = 3 + (size_t)rand_r(&seed) % (N_OF(code) - 3);

		for (size_t i = 0; i < n; i++) {
			int kind = rand_r(&seed) % 4, to = rand_r(&seed) % (int)n - (int)i - 1;

			code[i] = (struct bpf_insn)ADD((int)i);
			if (kind == 0)
				code[i] = (struct bpf_insn)GO((int16_t)to);
			else if (kind == 1)
				code[i] = (struct bpf_insn)IF((int16_t)to);
		}
		code[n - 1] = (struct bpf_insn)EXIT;
		refused += is_refused(code, n);
		check(code, n);
	}
	CU_ASSERT(refused > 100);
}

static void jumps_to_nowhere(void)
{
	static const struct bpf_insn behind[] = {IF(1), EXIT}, before[] = {ADD(1), GO(-3), EXIT};
	struct bpf_insn *out;

	CU_ASSERT_EQUAL(flow_mend(behind, N_OF(behind), &out), 0);
	CU_ASSERT_EQUAL(flow_mend(before, N_OF(before), &out), 0);
}

CU_TestInfo flow_tests[] = {
	{"a loop's head behind its end", a_head_behind_its_end},
	{"what has no such loop is not touched", others_stay_as_they_are},
	{"any flow", any_flow},
	{"jumps to nowhere", jumps_to_nowhere},
	CU_TEST_INFO_NULL,
};
