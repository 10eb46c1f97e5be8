/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one machine instruction does, as far as it matters for probing functions
 * that the Go compiler made. Decoded with Capstone, for x86-64 and arm64 on
 * either. What is said of the kernel: arch/x86/kernel/uprobes.c and
 * arch/arm64/kernel/probes/simulate-insn.c.
 */
#ifndef S3SLOWER_INSN_H
#define S3SLOWER_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* insn.writes: the first two arguments' registers, any other that a probe on the
 * entry reads, and memory. */
#define INSN_ARGUMENT 0x1u /* << 1 for the second */
#define INSN_NEEDED 0x4u
#define INSN_MEMORY 0x8u

struct insn {
	uint32_t size;	/* bytes */
	bool returns;	/* from a call */
	bool jumps;	/* or may jump, by any branch but a call */
	bool calls;	/* another function */
	bool is_direct; /* jumps or calls to target, an offset as the code's */
	uint64_t target;
	bool is_emulated; /* by the kernel when a probe sits on it, rather than single-stepped */
	unsigned writes;  /* INSN_* */
	int64_t lowers;	  /* SP by so many bytes; less than 0: it raises it */
	bool sets_sp;	  /* to what is not known here */
	/* Stores to SP + at, as SP is before the instruction; or an address taken. */
	struct insn_store {
		int64_t at;
		unsigned size;	 /* bytes */
		unsigned source; /* INSN_* of an argument that is stored whole, 0: anything */
	} store[2];
	size_t n_stores;
};

struct insn_decoder;

/* machine: EM_X86_64 or EM_AARCH64. NULL without a disassembler for it, or memory. */
struct insn_decoder *insn_decoder_new(int machine);
void insn_decoder_free(struct insn_decoder *decoder);

/* Decodes the instruction at code[0 ... n-1], which lies at offset at. */
bool insn_decode(struct insn_decoder *decoder, const uint8_t *code, size_t n, uint64_t at,
		 struct insn *out);

/* Whether the bytes are what is put between functions. */
bool insn_is_padding(const struct insn_decoder *decoder, const uint8_t *code, size_t n);

#endif
