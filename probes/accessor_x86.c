/* SPDX-License-Identifier: Apache-2.0 */
/* What x86-64's instructions do to what accessor.c knows. */
#include "accessor_state.h"
#include "decoder.h"
#include "site.h"

#if defined(__x86_64__)

#define RAX 10

/* What an operand in memory is, reached from what registers hold. */
static struct value address_of(const struct path *p, const cs_x86_op *op)
{
	int slot = decoder_slot(op->mem.base);

	if (op->mem.segment || op->mem.index || slot < 0)
		return (struct value){0};
	return accessor_behind(p->reg[slot], op->mem.disp);
}

static struct value operand(const struct walk *w, const struct path *p, const cs_x86_op *op)
{
	int slot = op->type == X86_OP_REG ? decoder_slot(op->reg) : -1;

	if (slot >= 0)
		return accessor_part(p->reg[slot], op->size);
	if (op->type == X86_OP_MEM)
		return accessor_load(w, address_of(p, op), op->size);
	if (op->type == X86_OP_IMM)
		return (struct value){.kind = NUMBER,
				      .n = (uint64_t)op->imm & accessor_mask(op->size)};
	return (struct value){0};
}

/* Returns whether the path goes on behind the jump. */
static bool jump(struct walk *w, struct path *p)
{
	static const struct {
		unsigned id;
		enum when when;
	} jumps[] = {
		{X86_INS_JE, WHEN_EQUAL}, {X86_INS_JNE, WHEN_NOT_EQUAL},
		{X86_INS_JA, WHEN_ABOVE}, {X86_INS_JAE, WHEN_AT_LEAST},
		{X86_INS_JB, WHEN_BELOW}, {X86_INS_JBE, WHEN_AT_MOST},
	};
	enum when when = WHEN_UNKNOWN;
	uint64_t target;

	if (!decoder_direct(w->decoder, &target))
		return false;
	if (w->decoder->insn->id == X86_INS_JMP) {
		accessor_fork(w, p, target);
		return false;
	}
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++)
		if (jumps[i].id == w->decoder->insn->id)
			when = jumps[i].when;
	return accessor_branch(w, p, &p->flags, when, target);
}

static void compare(const struct walk *w, struct path *p)
{
	const cs_x86_op *op = w->decoder->insn->detail->x86.operands;
	struct value left = operand(w, p, &op[0]), right = operand(w, p, &op[1]);
	bool same = op[0].type == X86_OP_REG && op[1].type == X86_OP_REG && op[0].reg == op[1].reg;

	p->flags = w->decoder->insn->id == X86_INS_TEST
			   ? accessor_test(&left, same ? NULL : &right, op[0].size)
			   : accessor_compare(&left, &right, op[0].size);
}

/* A register's new value. */
static struct value result_of(const struct walk *w, const struct path *p)
{
	const cs_x86 *x = &w->decoder->insn->detail->x86;
	const cs_x86_op *to = &x->operands[0], *from = &x->operands[1];
	struct value v = {0}, right;

	if (x->op_count != 2 || to->type != X86_OP_REG || to->size < 4)
		return v;
	switch (w->decoder->insn->id) {
	case X86_INS_MOV:
	case X86_INS_MOVABS:
	case X86_INS_MOVZX:
	case X86_INS_MOVSXD: /* of a descriptor: never negative */
		return operand(w, p, from);
	case X86_INS_LEA:
		v = address_of(p, from);
		if (v.kind == NUMBER) {
			v.n = (v.n + (uint64_t)v.behind) & accessor_mask(to->size);
			v.behind = 0;
		} else if (to->size != 8) {
			v.kind = NOTHING;
		}
		return v;
	case X86_INS_XOR:
		if (from->type == X86_OP_REG && from->reg == to->reg)
			v.kind = NUMBER;
		return v;
	case X86_INS_ADD:
	case X86_INS_SUB:
	case X86_INS_AND:
		v = operand(w, p, to);
		right = operand(w, p, from);
		if (v.kind != NUMBER || right.kind != NUMBER)
			return (struct value){0};
		v.n = w->decoder->insn->id == X86_INS_ADD   ? v.n + right.n
		      : w->decoder->insn->id == X86_INS_SUB ? v.n - right.n
							    : v.n & right.n;
		v.n &= accessor_mask(to->size);
		return v;
	default:
		return v;
	}
}

/* Instructions that leave the flags as they are. */
static bool keeps_flags(unsigned id)
{
	return id == X86_INS_MOV || id == X86_INS_MOVZX || id == X86_INS_MOVSXD ||
	       id == X86_INS_LEA || id == X86_INS_NOP || id == X86_INS_PUSH || id == X86_INS_POP;
}

/* Returns false if the path is lost. */
static bool store(const struct walk *w, struct path *p, const cs_x86 *x, const cs_x86_op *to)
{
	struct value at = address_of(p, to), v;

	if (w->decoder->insn->id != X86_INS_MOV)
		return false;
	if (to->mem.base == X86_REG_RSP || to->mem.base == X86_REG_RBP)
		return true;
	v = operand(w, p, &x->operands[1]);
	return accessor_store(w, p, &at, &v, to->size);
}

static enum path_state run(struct walk *w, struct path *p)
{
	struct decoder *d = w->decoder;
	const cs_x86 *x = &d->insn->detail->x86;
	struct value v;
	uint32_t bits;

	if (decoder_group(d, CS_GRP_RET))
		return PATH_RETURNED;
	if (decoder_group(d, CS_GRP_CALL) || decoder_group(d, CS_GRP_INT))
		return PATH_LOST;
	if (decoder_group(d, CS_GRP_JUMP))
		return jump(w, p) ? PATH_ON : PATH_LOST;
	if (d->insn->id == X86_INS_TEST || d->insn->id == X86_INS_CMP) {
		compare(w, p);
		return PATH_ON;
	}
	for (uint8_t i = 0; i < x->op_count; i++)
		if (x->operands[i].type == X86_OP_MEM && d->insn->id != X86_INS_NOP &&
		    (x->operands[i].access & CS_AC_WRITE))
			return store(w, p, x, &x->operands[i]) ? PATH_ON : PATH_LOST;
	v = result_of(w, p);
	bits = decoder_written(d);
	for (size_t i = 0; i < DECODE_REGISTERS; i++)
		if (bits & (1U << i))
			p->reg[i] = v;
	p->flags.known = p->flags.known && keeps_flags(d->insn->id);
	return PATH_ON;
}

const struct accessor_machine accessor_x86 = {run, {SITE_ARG1, SITE_ARG2, SITE_ARG3}, RAX};

#endif
