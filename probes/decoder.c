/* SPDX-License-Identifier: Apache-2.0 */
#include "decoder.h"

#include <stdlib.h>

#if defined(__x86_64__)
#define ARCH CS_ARCH_X86
#define MODE CS_MODE_64
#else
#define ARCH CS_ARCH_ARM64
#define MODE CS_MODE_ARM
#endif

bool decoder_open(struct decoder *d, cs_arch arch, cs_mode mode)
{
	if (cs_open(arch, mode, &d->handle))
		return false;
	cs_option(d->handle, CS_OPT_DETAIL, CS_OPT_ON);
	d->insn = cs_malloc(d->handle);
	if (!d->insn)
		cs_close(&d->handle);
	return d->insn != NULL;
}

void decoder_close(struct decoder *d)
{
	cs_free(d->insn, 1);
	cs_close(&d->handle);
}

struct decoder *decoder_new(void)
{
	struct decoder *d = calloc(1, sizeof(*d));

	if (d && decoder_open(d, ARCH, MODE))
		return d;
	free(d);
	return NULL;
}

void decoder_free(struct decoder *d)
{
	if (!d)
		return;
	decoder_close(d);
	free(d);
}

bool decoder_next(struct decoder *d, const uint8_t **code, size_t *n, uint64_t *pc)
{
	return cs_disasm_iter(d->handle, code, n, pc, d->insn);
}

bool decoder_group(const struct decoder *d, unsigned group)
{
	return cs_insn_group(d->handle, d->insn, (uint8_t)group);
}

int decoder_arm64_register(unsigned id, unsigned *size)
{
	*size = 8;
	if (id >= ARM64_REG_X0 && id <= ARM64_REG_X28)
		return (int)(id - ARM64_REG_X0);
	if (id == ARM64_REG_X29)
		return 29;
	if (id == ARM64_REG_X30)
		return 30;
	if (id == ARM64_REG_XZR)
		return DECODER_ARM64_ZERO;
	*size = 4;
	if (id >= ARM64_REG_W0 && id <= ARM64_REG_W30)
		return (int)(id - ARM64_REG_W0);
	return id == ARM64_REG_WZR ? DECODER_ARM64_ZERO : -1;
}

uint32_t decoder_arm64_written(const struct decoder *d)
{
	cs_regs read, write;
	uint8_t n_read, n_write;
	uint32_t bits = 0;
	unsigned size;

	if (cs_regs_access(d->handle, d->insn, read, &n_read, write, &n_write))
		return ~0U;
	for (uint8_t i = 0; i < n_write; i++) {
		int k = decoder_arm64_register(write[i], &size);

		if (k >= 0)
			bits |= 1U << k;
	}
	return bits;
}

uint64_t decoder_arm64_immediate(const cs_arm64_op *op)
{
	return (uint64_t)op->imm << (op->shift.type == ARM64_SFT_LSL ? op->shift.value : 0);
}

#if defined(__x86_64__)

/* A register by its index in struct pt_regs, and the names of its parts. */
static const struct reg {
	uint16_t slot;
	uint16_t whole, part[4];
} regs[DECODE_REGISTERS] = {
	{0, X86_REG_R15, {X86_REG_R15D, X86_REG_R15W, X86_REG_R15B}},
	{1, X86_REG_R14, {X86_REG_R14D, X86_REG_R14W, X86_REG_R14B}},
	{2, X86_REG_R13, {X86_REG_R13D, X86_REG_R13W, X86_REG_R13B}},
	{3, X86_REG_R12, {X86_REG_R12D, X86_REG_R12W, X86_REG_R12B}},
	{4, X86_REG_RBP, {X86_REG_EBP, X86_REG_BP, X86_REG_BPL}},
	{5, X86_REG_RBX, {X86_REG_EBX, X86_REG_BX, X86_REG_BL, X86_REG_BH}},
	{6, X86_REG_R11, {X86_REG_R11D, X86_REG_R11W, X86_REG_R11B}},
	{7, X86_REG_R10, {X86_REG_R10D, X86_REG_R10W, X86_REG_R10B}},
	{8, X86_REG_R9, {X86_REG_R9D, X86_REG_R9W, X86_REG_R9B}},
	{9, X86_REG_R8, {X86_REG_R8D, X86_REG_R8W, X86_REG_R8B}},
	{10, X86_REG_RAX, {X86_REG_EAX, X86_REG_AX, X86_REG_AL, X86_REG_AH}},
	{11, X86_REG_RCX, {X86_REG_ECX, X86_REG_CX, X86_REG_CL, X86_REG_CH}},
	{12, X86_REG_RDX, {X86_REG_EDX, X86_REG_DX, X86_REG_DL, X86_REG_DH}},
	{13, X86_REG_RSI, {X86_REG_ESI, X86_REG_SI, X86_REG_SIL}},
	{14, X86_REG_RDI, {X86_REG_EDI, X86_REG_DI, X86_REG_DIL}},
};

int decoder_slot(unsigned id)
{
	for (size_t i = 0; i < DECODE_REGISTERS && id != X86_REG_INVALID; i++) {
		if (id == regs[i].whole)
			return regs[i].slot;
		for (int k = 0; k < 4; k++)
			if (id == regs[i].part[k])
				return regs[i].slot;
	}
	return -1;
}

uint32_t decoder_written(const struct decoder *d)
{
	cs_regs read, write;
	uint8_t n_read, n_write;
	uint32_t bits = 0;

	if (cs_regs_access(d->handle, d->insn, read, &n_read, write, &n_write))
		return ~0U;
	for (uint8_t i = 0; i < n_write; i++) {
		int slot = decoder_slot(write[i]);

		if (slot >= 0)
			bits |= 1U << slot;
	}
	return bits;
}

bool decoder_direct(const struct decoder *d, uint64_t *target)
{
	const cs_x86 *x = &d->insn->detail->x86;

	if (x->op_count != 1 || x->operands[0].type != X86_OP_IMM)
		return false;
	*target = (uint64_t)x->operands[0].imm;
	return true;
}
#endif
