/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a probe is cheap and safe, proven by decoding with Capstone. A uprobe
 * on an instruction that the kernel emulates (push, nop, call, jmp, jcc) costs
 * under a microsecond, on one that it has to single-step many.
 */
#ifndef S3SLOWER_DECODE_H
#define S3SLOWER_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DECODE_ARGS 4

struct decoder;

/* NULL when there is no disassembler for this machine, or no memory. */
struct decoder *decoder_new(void);
void decoder_free(struct decoder *decoder);

/* A direct call or jump out of a function. */
struct decode_call {
	uint64_t target;
	/* Where the function's own arguments are when it calls: the register's
	 * index in struct pt_regs, or -1 when an argument is in none any more. */
	int arg[DECODE_ARGS];
	bool passes_result; /* the function returns what the call returns */
};

/* Walks n bytes of code that lie at file offset pc, from a function's first
 * instruction on through conditional branches that are not taken, to its first
 * direct call or jump. 0, or -ENOENT if the function returns, branches
 * indirectly or cannot be decoded before that. */
int decode_first_call(struct decoder *decoder, const uint8_t *code, size_t n, uint64_t pc,
		      struct decode_call *call);

/* Whether the kernel emulates the first instruction instead of single-stepping it. */
bool decode_emulated(struct decoder *decoder, const uint8_t *code, size_t n);

#endif
