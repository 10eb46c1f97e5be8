/* SPDX-License-Identifier: Apache-2.0 */
/* What arm64's instructions do to what accessor.c knows, whatever machine this runs on. */
#include <string.h>

#include "accessor_state.h"
#include "decoder.h"

#define FRAME 29 /* x29, if a function has set it */

static struct value load(const struct path *p, unsigned id)
{
	unsigned size;
	int k = decoder_arm64_register(id, &size);

	if (k == DECODER_ARM64_ZERO)
		return (struct value){.kind = NUMBER};
	if (k < 0)
		return (struct value){0};
	return accessor_part(p->reg[k], size);
}

static void set(struct path *p, unsigned id, struct value v)
{
	unsigned size;
	int k = decoder_arm64_register(id, &size);

	if (k >= 0 && k < ACCESSOR_REGISTERS)
		p->reg[k] = v;
}

static struct value operand(const struct path *p, const cs_arm64_op *op)
{
	if (op->type == ARM64_OP_IMM)
		return (struct value){.kind = NUMBER, .n = decoder_arm64_immediate(op)};
	if (op->type == ARM64_OP_REG && op->shift.type == ARM64_SFT_INVALID &&
	    op->ext == ARM64_EXT_INVALID)
		return load(p, op->reg);
	return (struct value){0};
}

/* --- memory ------------------------------------------------------------------ */

/* Of the stack, or in a way that is not followed, nothing is known. */
static struct value address_of(const struct path *p, const cs_arm64 *x, const cs_arm64_op *op)
{
	if (op->type != ARM64_OP_MEM || op->mem.index != ARM64_REG_INVALID || x->writeback)
		return (struct value){0};
	return accessor_behind(load(p, op->mem.base), op->mem.disp);
}

static bool on_stack(const struct path *p, const cs_arm64_op *op)
{
	return op->mem.base == ARM64_REG_SP ||
	       (op->mem.base == ARM64_REG_X29 && p->reg[FRAME].kind == NOTHING);
}

/* Loads and stores of whole registers or of a byte: others are not followed. */
static const struct access {
	unsigned id;
	uint8_t registers, size; /* 0: as the register's name says */
	bool is_store;
} accesses[] = {
	{ARM64_INS_LDR, 1, 0, false},	 {ARM64_INS_LDUR, 1, 0, false},
	{ARM64_INS_LDP, 2, 0, false},	 {ARM64_INS_LDRB, 1, 1, false},
	{ARM64_INS_LDURB, 1, 1, false},	 {ARM64_INS_LDRSW, 1, 4, false}, /* never negative */
	{ARM64_INS_LDURSW, 1, 4, false}, {ARM64_INS_STR, 1, 0, true},
	{ARM64_INS_STUR, 1, 0, true},	 {ARM64_INS_STP, 2, 0, true},
	{ARM64_INS_STRB, 1, 1, true},	 {ARM64_INS_STURB, 1, 1, true},
};

/* Returns false if the path is lost. */
static bool move(const struct walk *w, struct path *p, const cs_arm64 *x, const struct access *a)
{
	const cs_arm64_op *memory = &x->operands[a->registers];
	struct value at, v[2] = {{0}, {0}};
	unsigned size;

	if (x->op_count <= a->registers)
		return false; /* "ldr x0, label": of no object */
	if (a->is_store && on_stack(p, memory))
		return true;
	at = address_of(p, x, memory);
	for (int i = 0; i < a->registers; i++) {
		unsigned id = x->operands[i].reg;

		if (decoder_arm64_register(id, &size) < 0 && a->is_store)
			return false; /* a vector's */
		size = a->size ? a->size : size;
		if (!a->is_store) {
			v[i] = accessor_load(w, at, size);
		} else {
			v[i] = accessor_part(load(p, id), size);
			if (!accessor_store(w, p, &at, &v[i], size))
				return false;
		}
		at = accessor_behind(at, size);
	}
	if (x->writeback)
		set(p, memory->mem.base, (struct value){0});
	for (int i = 0; i < a->registers && !a->is_store; i++)
		set(p, x->operands[i].reg, v[i]);
	return true;
}

/* Whether it writes to memory, or may: all others that do begin so. */
static bool may_write(const char *mnemonic)
{
	static const char *const begin[] = {"st",  "swp", "cas", "ld",	"dc", "svc",
					    "hvc", "smc", "brk", "hlt", "udf"};

	for (size_t i = 0; i < sizeof(begin) / sizeof(begin[0]); i++)
		if (strncmp(mnemonic, begin[i], strlen(begin[i])) == 0)
			return true;
	return false;
}

/* --- branches ---------------------------------------------------------------- */

static enum when when_of(arm64_cc cc)
{
	switch (cc) {
	case ARM64_CC_EQ:
		return WHEN_EQUAL;
	case ARM64_CC_NE:
		return WHEN_NOT_EQUAL;
	case ARM64_CC_HI:
		return WHEN_ABOVE;
	case ARM64_CC_HS:
		return WHEN_AT_LEAST;
	case ARM64_CC_LO:
		return WHEN_BELOW;
	case ARM64_CC_LS:
		return WHEN_AT_MOST;
	default:
		return WHEN_UNKNOWN;
	}
}

/* "cbz x0, to" and "tbz w2, #9, to" compare and branch at once. */
static enum path_state branch(struct walk *w, struct path *p, const cs_arm64 *x, unsigned id)
{
	const cs_arm64_op *op = x->operands;
	bool bit = id == ARM64_INS_TBZ || id == ARM64_INS_TBNZ;
	bool zero = id == ARM64_INS_CBZ || id == ARM64_INS_TBZ;
	struct comparison c = {.known = true, .left = load(p, op[0].reg)};
	unsigned size = 8;

	decoder_arm64_register(op[0].reg, &size);
	c.mask = bit ? 1ULL << (op[1].imm & 63) : accessor_mask(size);
	return accessor_branch(w, p, &c, zero ? WHEN_EQUAL : WHEN_NOT_EQUAL,
			       (uint64_t)op[bit ? 2 : 1].imm)
		       ? PATH_ON
		       : PATH_LOST;
}

static void compare(struct path *p, const cs_arm64 *x, bool is_test)
{
	const cs_arm64_op *op = x->operands;
	struct value left = load(p, op[0].reg), right = operand(p, &op[1]);
	bool same = op[1].type == ARM64_OP_REG && op[1].reg == op[0].reg;
	unsigned size = 8;

	decoder_arm64_register(op[0].reg, &size);
	p->flags = is_test ? accessor_test(&left, same ? NULL : &right, size)
			   : accessor_compare(&left, &right, size);
}

/* --- instructions ------------------------------------------------------------ */

/* A register's new value. */
static struct value result_of(const struct path *p, const cs_arm64 *x, unsigned id)
{
	const cs_arm64_op *op = x->operands;
	struct value v = {0}, right;
	unsigned size = 8;

	decoder_arm64_register(op[0].reg, &size);
	if ((id == ARM64_INS_MOV || id == ARM64_INS_MOVZ) && x->op_count == 2) {
		v = operand(p, &op[1]);
		return accessor_part(v, size);
	}
	if ((id != ARM64_INS_ADD && id != ARM64_INS_SUB && id != ARM64_INS_AND) || x->op_count != 3)
		return v;
	v = operand(p, &op[1]);
	right = operand(p, &op[2]);
	if (right.kind != NUMBER)
		return (struct value){0};
	if (v.kind == NUMBER)
		v.n = id == ARM64_INS_ADD   ? v.n + right.n
		      : id == ARM64_INS_SUB ? v.n - right.n
					    : v.n & right.n;
	else if (id == ARM64_INS_AND || right.n > UINT32_MAX)
		return (struct value){0};
	else
		v = accessor_behind(v, id == ARM64_INS_ADD ? (int64_t)right.n : -(int64_t)right.n);
	return accessor_part(v, size);
}

static enum path_state run(struct walk *w, struct path *p)
{
	const cs_insn *i = w->decoder->insn;
	const cs_arm64 *x = &i->detail->arm64;
	uint32_t written;
	struct value v;

	switch (i->id) {
	case ARM64_INS_RET:
		return PATH_RETURNED;
	case ARM64_INS_BL:
	case ARM64_INS_BLR:
	case ARM64_INS_BR:
		return PATH_LOST;
	case ARM64_INS_B:
		if (x->cc != ARM64_CC_INVALID && x->cc != ARM64_CC_AL)
			return accessor_branch(w, p, &p->flags, when_of(x->cc),
					       (uint64_t)x->operands[0].imm)
				       ? PATH_ON
				       : PATH_LOST;
		accessor_fork(w, p, (uint64_t)x->operands[0].imm);
		return PATH_LOST;
	case ARM64_INS_CBZ:
	case ARM64_INS_CBNZ:
	case ARM64_INS_TBZ:
	case ARM64_INS_TBNZ:
		return branch(w, p, x, i->id);
	case ARM64_INS_CMP:
	case ARM64_INS_TST:
		compare(p, x, i->id == ARM64_INS_TST);
		return PATH_ON;
	}
	for (size_t k = 0; k < sizeof(accesses) / sizeof(accesses[0]); k++)
		if (accesses[k].id == i->id)
			return move(w, p, x, &accesses[k]) ? PATH_ON : PATH_LOST;
	if (may_write(i->mnemonic))
		return PATH_LOST;
	v = result_of(p, x, i->id);
	written = decoder_arm64_written(w->decoder);
	for (int k = 0; k < ACCESSOR_REGISTERS; k++)
		if (written & (1U << k))
			p->reg[k] = (struct value){0};
	if (x->op_count && x->operands[0].type == ARM64_OP_REG)
		set(p, x->operands[0].reg, v);
	p->flags.known = p->flags.known && !x->update_flags;
	return PATH_ON;
}

const struct accessor_machine accessor_arm64 = {run, {0, 1, 2}, 0};
