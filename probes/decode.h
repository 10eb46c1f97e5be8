/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a probe is cheap and safe, proven by decoding. A uprobe on an
 * instruction that the kernel emulates (push, nop, call, jmp, jcc) costs under
 * a microsecond, on one that it has to single-step many. LLVM's disassembler
 * tells the boundaries; it is the one that libbcc brought along, so this runs
 * in the compiling fork only.
 */
#ifndef S3SLOWER_DECODE_H
#define S3SLOWER_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct decoder;

/* library is libbcc's dlopen() handle; its dependencies are searched for LLVM.
 * NULL when there is no disassembler for this machine. */
struct decoder *decoder_new(void *library);
void decoder_free(struct decoder *decoder);

/* Walks n bytes of code that lie at file offset pc, from their first
 * instruction on through conditional branches that are not taken, to the first
 * direct call or jump. Stores its target. 0, or -ENOENT if the function
 * returns, branches indirectly or cannot be decoded before that. */
int decode_first_call(struct decoder *decoder, const uint8_t *code, size_t n, uint64_t pc,
		      uint64_t *target);

/* Whether the kernel emulates the first instruction instead of single-stepping it. */
bool decode_emulated(struct decoder *decoder, const uint8_t *code, size_t n);

#endif
