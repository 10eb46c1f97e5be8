/* SPDX-License-Identifier: Apache-2.0 */
#include "insn.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "decoder.h"

/* What differs between the machines. */
struct machine {
	int machine; /* EM_* */
	cs_arch arch;
	cs_mode mode;
	uint8_t padding;
	/* Go's arguments, each with the names of its lower parts. */
	uint16_t argument[2][4];
	uint16_t needed[4]; /* third argument, current goroutine and its parts */
	void (*describe)(const struct insn_decoder *d, const cs_insn *i, struct insn *out);
	/* NULL, or: an instruction that Capstone does not know. */
	bool (*describe_unknown)(const uint8_t *code, size_t n, struct insn *out);
};

struct insn_decoder {
	struct decoder in;
	const struct machine *machine;
};

static void store(struct insn *out, int64_t at, unsigned size, unsigned source)
{
	if (out->n_stores < 2)
		out->store[out->n_stores++] = (struct insn_store){at, size, source};
}

/* The argument that a whole register is, as INSN_*. */
static unsigned argument(const struct insn_decoder *d, unsigned reg)
{
	for (int a = 0; a < 2; a++)
		if (reg == d->machine->argument[a][0])
			return INSN_ARGUMENT << a;
	return 0;
}

static unsigned written(const struct insn_decoder *d, unsigned reg)
{
	unsigned bits = 0;

	for (int i = 0; i < 4; i++) {
		for (int a = 0; a < 2; a++)
			if (reg && reg == d->machine->argument[a][i])
				bits |= INSN_ARGUMENT << a;
		if (reg && reg == d->machine->needed[i])
			bits |= INSN_NEEDED;
	}
	return bits;
}

/* --- x86-64 ---------------------------------------------------------------- */

static void x86_stack(const struct insn_decoder *d, const cs_insn *i, struct insn *out)
{
	const cs_x86 *x = &i->detail->x86;
	bool to_sp = x->op_count == 2 && x->operands[0].type == X86_OP_REG &&
		     x->operands[0].reg == X86_REG_RSP && (x->operands[0].access & CS_AC_WRITE);

	if (i->id == X86_INS_PUSH || i->id == X86_INS_POP)
		out->lowers = i->id == X86_INS_PUSH ? 8 : -8;
	else if (to_sp && x->operands[1].type == X86_OP_IMM && i->id == X86_INS_SUB)
		out->lowers = x->operands[1].imm;
	else if (to_sp && x->operands[1].type == X86_OP_IMM && i->id == X86_INS_ADD)
		out->lowers = -x->operands[1].imm;
	else
		out->sets_sp = to_sp || i->id == X86_INS_LEAVE;
	for (uint8_t k = 0; k < x->op_count; k++) {
		const cs_x86_op *op = &x->operands[k];

		if (op->type != X86_OP_MEM)
			continue;
		if (op->access & CS_AC_WRITE)
			out->writes |= INSN_MEMORY;
		if (op->mem.base != X86_REG_RSP)
			continue;
		if (i->id == X86_INS_LEA)
			store(out, op->mem.disp, 1, 0);
		else if (op->access & CS_AC_WRITE)
			store(out, op->mem.disp, op->size,
			      i->id == X86_INS_MOV && x->operands[1].type == X86_OP_REG
				      ? argument(d, x->operands[1].reg)
				      : 0);
	}
}

static void x86_describe(const struct insn_decoder *d, const cs_insn *i, struct insn *out)
{
	const cs_x86 *x = &i->detail->x86;

	out->is_direct =
		(out->jumps || out->calls) && x->op_count == 1 && x->operands[0].type == X86_OP_IMM;
	if (out->is_direct)
		out->target = (uint64_t)x->operands[0].imm;
	switch (i->id) {
	case X86_INS_JCXZ: /* they do more than to branch */
	case X86_INS_JECXZ:
	case X86_INS_JRCXZ:
	case X86_INS_LOOP:
	case X86_INS_LOOPE:
	case X86_INS_LOOPNE:
		out->jumps = true;
		break;
	case X86_INS_PUSH:
		out->is_emulated = x->operands[0].type == X86_OP_REG && i->size <= 2;
		break;
	case X86_INS_NOP:
		out->is_emulated = true;
		break;
	default:
		out->is_emulated = out->is_direct;
	}
	x86_stack(d, i, out);
}

/* --- arm64 ----------------------------------------------------------------- */

static void arm64_stack(const struct insn_decoder *d, const cs_insn *i, struct insn *out)
{
	const cs_arm64 *x = &i->detail->arm64;
	bool stores = strncmp(i->mnemonic, "st", 2) == 0;
	bool to_sp = x->op_count > 1 && x->operands[0].type == ARM64_OP_REG &&
		     x->operands[0].reg == ARM64_REG_SP;
	bool constant = x->op_count == 3 && x->operands[1].type == ARM64_OP_REG &&
			x->operands[1].reg == ARM64_REG_SP && x->operands[2].type == ARM64_OP_IMM &&
			x->operands[2].shift.type == ARM64_SFT_INVALID;

	if (to_sp && constant && i->id == ARM64_INS_SUB)
		out->lowers = x->operands[2].imm;
	else if (to_sp && constant && i->id == ARM64_INS_ADD)
		out->lowers = -x->operands[2].imm;
	else
		out->sets_sp = to_sp && !stores && i->id != ARM64_INS_CMP && i->id != ARM64_INS_CMN;
	if (!to_sp && constant && i->id == ARM64_INS_ADD)
		store(out, x->operands[2].imm, 1, 0);
	for (uint8_t k = 0; k < x->op_count; k++) {
		const cs_arm64_op *op = &x->operands[k];

		if (op->type != ARM64_OP_MEM)
			continue;
		if (stores)
			out->writes |= INSN_MEMORY;
		if (op->mem.base != ARM64_REG_SP)
			continue;
		if (stores) /* each of the registers before the address */
			for (uint8_t r = 0; r < k; r++)
				store(out, op->mem.disp + 8 * r, 8,
				      argument(d, x->operands[r].reg));
		if (x->writeback) /* before the access, or by the last operand after it */
			out->lowers = k + 1 < x->op_count ? -x->operands[k + 1].imm : -op->mem.disp;
	}
}

static void arm64_describe(const struct insn_decoder *d, const cs_insn *i, struct insn *out)
{
	const cs_arm64 *x = &i->detail->arm64;

	/* Not every version of Capstone puts them into their groups. */
	out->returns = i->id == ARM64_INS_RET;
	out->calls = i->id == ARM64_INS_BL || i->id == ARM64_INS_BLR;
	out->jumps = i->id == ARM64_INS_B || i->id == ARM64_INS_BR || i->id == ARM64_INS_CBZ ||
		     i->id == ARM64_INS_CBNZ || i->id == ARM64_INS_TBZ || i->id == ARM64_INS_TBNZ;
	/* The last operand: cbz and tbz have others before it. */
	out->is_direct = (out->jumps || out->calls) && x->op_count > 0 &&
			 x->operands[x->op_count - 1].type == ARM64_OP_IMM;
	if (out->is_direct)
		out->target = (uint64_t)x->operands[x->op_count - 1].imm;
	out->is_emulated = out->is_direct;
	arm64_stack(d, i, out);
}

/* Capstone 4 knows no atomics of ARMv8.1 (casal and its like), which Go uses. All
 * instructions are 4 bytes, and those that load or store are told by two bits:
 * whatever else they do, they do not branch. */
static bool arm64_unknown(const uint8_t *code, size_t n, struct insn *out)
{
	if (n < 4 || (code[3] & 0x0a) != 0x08) /* bits 27 and 25 */
		return false;
	out->size = 4;
	out->writes = ~0U;
	out->sets_sp = (code[0] >> 5 | (code[1] & 3) << 3) == 31; /* goes by SP: who knows */
	return true;
}

/* --- together -------------------------------------------------------------- */

static const struct machine machines[] = {
	{
		EM_X86_64,
		CS_ARCH_X86,
		CS_MODE_64,
		0xcc, /* int3 */
		{{X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL},
		 {X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL}},
		{X86_REG_RCX, X86_REG_ECX, X86_REG_R14, X86_REG_R14D},
		x86_describe,
		NULL,
	},
	{
		EM_AARCH64,
		CS_ARCH_ARM64,
		CS_MODE_LITTLE_ENDIAN,
		0, /* udf #0 */
		{{ARM64_REG_X0, ARM64_REG_W0}, {ARM64_REG_X1, ARM64_REG_W1}},
		{ARM64_REG_X2, ARM64_REG_W2, ARM64_REG_X28, ARM64_REG_W28},
		arm64_describe,
		arm64_unknown,
	},
};

struct insn_decoder *insn_decoder_new(int machine)
{
	struct insn_decoder *d = calloc(1, sizeof(*d));

	for (size_t i = 0; d && i < sizeof(machines) / sizeof(machines[0]); i++)
		if (machines[i].machine == machine)
			d->machine = &machines[i];
	if (d && d->machine && decoder_open(&d->in, d->machine->arch, d->machine->mode))
		return d;
	free(d);
	return NULL;
}

void insn_decoder_free(struct insn_decoder *d)
{
	if (!d)
		return;
	decoder_close(&d->in);
	free(d);
}

bool insn_decode(struct insn_decoder *d, const uint8_t *code, size_t n, uint64_t at,
		 struct insn *out)
{
	cs_regs read, write;
	uint8_t n_read, n_write;

	memset(out, 0, sizeof(*out));
	if (!decoder_next(&d->in, &code, &n, &at))
		return d->machine->describe_unknown && d->machine->describe_unknown(code, n, out);
	out->size = d->in.insn->size;
	out->returns = decoder_group(&d->in, CS_GRP_RET);
	out->calls = decoder_group(&d->in, CS_GRP_CALL);
	out->jumps = !out->calls && !out->returns && decoder_group(&d->in, CS_GRP_JUMP);
	if (cs_regs_access(d->in.handle, d->in.insn, read, &n_read, write, &n_write))
		return false;
	for (uint8_t i = 0; i < n_write; i++)
		out->writes |= written(d, write[i]);
	d->machine->describe(d, d->in.insn, out);
	return true;
}

bool insn_is_padding(const struct insn_decoder *d, const uint8_t *code, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (code[i] != d->machine->padding)
			return false;
	return true;
}
