/* SPDX-License-Identifier: Apache-2.0 */
#include "decode.h"

#include <capstone/capstone.h>
#include <errno.h>
#include <stdlib.h>

#include "site.h"

struct decoder {
	csh handle;
	cs_insn *insn; /* the instruction in hand */
};

#if defined(__x86_64__)
#define ARCH CS_ARCH_X86
#define MODE CS_MODE_64
#else
#define ARCH CS_ARCH_ARM64
#define MODE CS_MODE_ARM
#endif

struct decoder *decoder_new(void)
{
	struct decoder *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	if (cs_open(ARCH, MODE, &d->handle)) {
		free(d);
		return NULL;
	}
	cs_option(d->handle, CS_OPT_DETAIL, CS_OPT_ON);
	d->insn = cs_malloc(d->handle);
	if (!d->insn) {
		decoder_free(d);
		return NULL;
	}
	return d;
}

void decoder_free(struct decoder *d)
{
	if (!d)
		return;
	if (d->insn)
		cs_free(d->insn, 1);
	cs_close(&d->handle);
	free(d);
}

#if defined(__x86_64__)

/* A register by its index in struct pt_regs, and the names of its parts. */
static const struct reg {
	uint16_t slot;
	uint16_t whole, part[4];
} regs[] = {
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
#define REGS (sizeof(regs) / sizeof(regs[0]))
#define RESULT 10

/* The index of the register that id is, or is a part of; -1 for others. */
static int slot_of(unsigned id)
{
	for (size_t i = 0; i < REGS; i++) {
		if (id == regs[i].whole)
			return regs[i].slot;
		for (int k = 0; k < 4; k++)
			if (id == regs[i].part[k] && id != X86_REG_INVALID)
				return regs[i].slot;
	}
	return -1;
}

/* Decodes the instruction at *code and goes on behind it. */
static bool next(struct decoder *d, const uint8_t **code, size_t *n, uint64_t *pc)
{
	return cs_disasm_iter(d->handle, code, n, pc, d->insn);
}

static bool in_group(const struct decoder *d, unsigned group)
{
	return cs_insn_group(d->handle, d->insn, group);
}

/* A call or jump to an address that stands in the instruction. */
static bool is_direct(const struct decoder *d, uint64_t *target)
{
	const cs_x86 *x = &d->insn->detail->x86;

	if (x->op_count != 1 || x->operands[0].type != X86_OP_IMM)
		return false;
	*target = (uint64_t)x->operands[0].imm;
	return true;
}

/* Which registers an instruction writes, as bits by their index. All, if nobody
 * can say. */
static uint32_t written(const struct decoder *d)
{
	cs_regs read, write;
	uint8_t n_read, n_write;
	uint32_t bits = 0;

	if (cs_regs_access(d->handle, d->insn, read, &n_read, write, &n_write))
		return ~0U;
	for (uint8_t i = 0; i < n_write; i++) {
		int slot = slot_of(write[i]);

		if (slot >= 0)
			bits |= 1U << slot;
	}
	return bits;
}

/* Follows the function's arguments through one instruction. where[] says which
 * argument a register holds, -1 none. */
static void follow(const struct decoder *d, int where[REGS])
{
	const cs_x86 *x = &d->insn->detail->x86;
	uint32_t bits = written(d);
	int from = -1;

	if (d->insn->id == X86_INS_MOV && x->op_count == 2 && x->operands[1].type == X86_OP_REG &&
	    x->operands[0].type == X86_OP_REG && x->operands[0].size == 8)
		from = where[slot_of(x->operands[1].reg) < 0 ? RESULT
							     : slot_of(x->operands[1].reg)];
	for (size_t i = 0; i < REGS; i++)
		if (bits & (1U << i))
			where[i] = from;
}

/* Whether what a call returned is what the function returns: nothing behind it
 * writes the result's register or branches. */
static bool keeps_result(struct decoder *d, const uint8_t *code, size_t n, uint64_t pc)
{
	for (int i = 0; i < 16 && next(d, &code, &n, &pc); i++) {
		if (in_group(d, CS_GRP_RET))
			return true;
		if (in_group(d, CS_GRP_JUMP) || in_group(d, CS_GRP_CALL) ||
		    (written(d) & (1U << RESULT)))
			return false;
	}
	return false;
}

int decode_first_call(struct decoder *d, const uint8_t *code, size_t n, uint64_t pc,
		      struct decode_call *call)
{
	/* The first one that holds an argument is told: its own, if that is intact. */
	static const uint8_t argument[DECODE_ARGS] = {SITE_ARG1, SITE_ARG2, SITE_ARG3, SITE_ARG4};
	int where[REGS];
	uint64_t begin = pc, end = pc + n;

	for (size_t i = 0; i < REGS; i++)
		where[i] = -1;
	for (int a = 0; a < DECODE_ARGS; a++)
		where[argument[a]] = a;
	while (next(d, &code, &n, &pc)) {
		bool calls = in_group(d, CS_GRP_CALL);
		bool jumps = d->insn->id == X86_INS_JMP;

		if (in_group(d, CS_GRP_RET) || in_group(d, CS_GRP_INT) ||
		    d->insn->id == X86_INS_INT3)
			return -ENOENT;
		if (!calls && !jumps) {
			if (in_group(d, CS_GRP_JUMP)) {
				unsigned id = d->insn->id;

				/* jcxz and loop do more than to branch */
				if (id == X86_INS_JCXZ || id == X86_INS_JECXZ ||
				    id == X86_INS_JRCXZ || (written(d) & 0x7fff))
					return -ENOENT;
			}
			follow(d, where);
			continue;
		}
		if (!is_direct(d, &call->target))
			return -ENOENT;
		if (jumps && call->target >= begin && call->target < end)
			return -ENOENT; /* within the function */
		for (int a = 0; a < DECODE_ARGS; a++) {
			call->arg[a] = where[argument[a]] == a ? argument[a] : -1;
			for (size_t i = 0; i < REGS && call->arg[a] < 0; i++)
				if (where[i] == a)
					call->arg[a] = (int)i;
		}
		call->passes_result = jumps || keeps_result(d, code, n, pc);
		return 0;
	}
	return -ENOENT;
}

/* push, nop, direct call and jump, conditional jump: arch/x86/kernel/uprobes.c. */
bool decode_emulated(struct decoder *d, const uint8_t *code, size_t n)
{
	uint64_t pc = 0, target;

	if (!next(d, &code, &n, &pc))
		return false;
	if (d->insn->id == X86_INS_PUSH)
		return d->insn->detail->x86.operands[0].type == X86_OP_REG && d->insn->size <= 2;
	if (d->insn->id == X86_INS_NOP)
		return true;
	if (in_group(d, CS_GRP_CALL) || in_group(d, CS_GRP_JUMP))
		return is_direct(d, &target) && !(written(d) & 0x7fff & ~(1U << RESULT));
	return false;
}

#else

int decode_first_call(struct decoder *d, const uint8_t *code, size_t n, uint64_t pc,
		      struct decode_call *call)
{
	(void)d, (void)code, (void)n, (void)pc, (void)call;
	return -ENOENT; /* the exported symbol serves: no inner function is looked for */
}

bool decode_emulated(struct decoder *d, const uint8_t *code, size_t n)
{
	(void)d, (void)code, (void)n;
	return false;
}
#endif
