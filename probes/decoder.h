/* SPDX-License-Identifier: Apache-2.0 */
/* The disassembler in hand, for those only that run code in the mind or look at instructions. */
#ifndef S3SLOWER_DECODER_H
#define S3SLOWER_DECODER_H

#include <capstone/capstone.h>
#include <stdbool.h>

#include "decode.h"

struct decoder {
	csh handle;
	cs_insn *insn; /* the instruction in hand */
};

/* Opens one that tells details, for any machine; decoder_close() what was opened.
 * False without a disassembler for it, or memory. */
bool decoder_open(struct decoder *decoder, cs_arch arch, cs_mode mode);
void decoder_close(struct decoder *decoder);

/* Decodes the instruction at *code and goes on behind it. */
bool decoder_next(struct decoder *decoder, const uint8_t **code, size_t *n, uint64_t *pc);

/* Whether the instruction in hand is of this CS_GRP_*. */
bool decoder_group(const struct decoder *decoder, unsigned group);

/* arm64's, on every machine. A register's number, 31 for xzr and wzr, and how many of its bytes
 * id names; -1: it is none of those. */
#define DECODER_ARM64_ZERO 31
int decoder_arm64_register(unsigned id, unsigned *size);

/* Which registers the instruction in hand writes, as bits by their number. All, if nobody can
 * say. */
uint32_t decoder_arm64_written(const struct decoder *decoder);

/* An operand that is a number, shifted as it says. */
uint64_t decoder_arm64_immediate(const cs_arm64_op *op);

#if defined(__x86_64__)
/* The index in struct pt_regs of the register that id is, or is a part of; -1
 * for others. */
int decoder_slot(unsigned id);

/* Which registers the instruction in hand writes, as bits by their index. All, if
 * nobody can say. */
uint32_t decoder_written(const struct decoder *decoder);

/* A call or jump to an address that stands in the instruction. */
bool decoder_direct(const struct decoder *decoder, uint64_t *target);
#endif

#endif
