/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a probe is cheap and safe, proven by decoding with Capstone. A uprobe
 * on an instruction that the kernel emulates (push, nop, call, jmp, jcc) costs
 * under a microsecond, on one that it has to single-step many.
 *
 * Code is bytes of a file, and whatever they are, these functions end and read
 * nothing else. pc is where they lie: targets are told in the same terms.
 */
#ifndef S3SLOWER_DECODE_H
#define S3SLOWER_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct decoder;

/* NULL when there is no disassembler for this machine, or no memory. */
struct decoder *decoder_new(void);
void decoder_free(struct decoder *decoder);

/* What a register holds. */
struct decode_value {
	enum decode_kind {
		DECODE_UNKNOWN,
		DECODE_ARGUMENT, /* the function's own argument n, from 0 on */
		DECODE_FRAME,	 /* an address within the function's stack frame */
		DECODE_NUMBER,	 /* n */
	} kind;
	uint32_t n;
};

#define DECODE_REGISTERS 15 /* by their index in struct pt_regs */
#define DECODE_ARGUMENTS 4  /* that are followed */
#define DECODE_CALLS 24

/* A direct call out of a function, or a jump. */
struct decode_call {
	uint64_t target;
	struct decode_value reg[DECODE_REGISTERS]; /* when it is called */
	bool always; /* nothing before it branches or calls: every call of the function calls */
	bool passes_result; /* the function returns what the call returns */
};

/* What a function does along all of its paths. */
struct decode_flow {
	struct decode_call call[DECODE_CALLS];
	size_t n;
	/* Every path was followed to its end; there is no indirect call or jump. */
	bool whole;
	/* Arguments, as bits, that were written to memory or computed with: who
	 * gets them after that cannot be told. */
	uint32_t escaped;
};

/* Follows a function of n bytes, all of it there, from its first instruction on.
 * 0, or -ENOENT when not even that can be decoded. */
int decode_flow(struct decoder *decoder, const uint8_t *code, size_t n, uint64_t pc,
		struct decode_flow *flow);

/* Whether a call passes what the registers of the first six arguments hold, in
 * the C calling convention: argument n of the calling function. */
bool decode_passes(const struct decode_call *call, uint32_t n);

/* Whether the kernel emulates the first instruction instead of single-stepping it. */
bool decode_emulated(struct decoder *decoder, const uint8_t *code, size_t n);

#endif
