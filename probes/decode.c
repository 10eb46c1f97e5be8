/* SPDX-License-Identifier: Apache-2.0 */
#include "decode.h"

#include <errno.h>
#include <string.h>

#include "decoder.h"
#include "site.h"

#if defined(__x86_64__)

#define RESULT 10 /* rax */

/* Registers that a call leaves as they were: rbx, rbp, r12 to r15. */
#define KEPT (1U << 5 | 1U << 4 | 1U << 3 | 1U << 2 | 1U << 1 | 1U << 0)

/* rdi, rsi, rdx, rcx, r8, r9 */
static const uint8_t argument[] = {SITE_ARG1, SITE_ARG2, SITE_ARG3, SITE_ARG4, SITE_ARG5, 8};
#define ARGUMENTS (sizeof(argument) / sizeof(argument[0]))

/* Where a path has come to, and what it holds there. */
struct state {
	size_t at; /* from the function's first byte */
	bool straight;
	struct decode_value reg[DECODE_REGISTERS];
};

#define STATES 48

/* Paths that were taken, and those from `next` on that are still to be. The same
 * place with the same values is one path. */
struct walk {
	struct decoder *decoder;
	struct decode_flow *flow;
	const uint8_t *code;
	size_t n;
	uint64_t pc;
	struct state state[STATES];
	size_t known, next;
};

bool decode_passes(const struct decode_call *call, uint32_t n)
{
	for (size_t i = 0; i < ARGUMENTS; i++)
		if (call->reg[argument[i]].kind == DECODE_ARGUMENT && call->reg[argument[i]].n == n)
			return true;
	return false;
}

static void branch(struct walk *w, const struct state *s, size_t to)
{
	for (size_t i = 0; i < w->known; i++)
		if (w->state[i].at == to && w->state[i].straight == s->straight &&
		    memcmp(w->state[i].reg, s->reg, sizeof(s->reg)) == 0)
			return;
	if (w->known == STATES) {
		w->flow->whole = false;
		return;
	}
	w->state[w->known] = *s;
	w->state[w->known++].at = to;
}

static void note_escape(struct walk *w, const struct state *s, unsigned id)
{
	int slot = decoder_slot(id);

	if (slot >= 0 && s->reg[slot].kind == DECODE_ARGUMENT)
		w->flow->escaped |= 1U << s->reg[slot].n;
}

/* What an instruction does with arguments, other than to compare them or to copy
 * a whole register: that is followed. */
static void note_escapes(struct walk *w, const struct state *s)
{
	const struct decoder *d = w->decoder;
	const cs_x86 *x = &d->insn->detail->x86;
	const cs_x86_op *to = &x->operands[0], *from = &x->operands[1];
	bool moves = d->insn->id == X86_INS_MOV || d->insn->id == X86_INS_LEA ||
		     d->insn->id == X86_INS_MOVSXD || d->insn->id == X86_INS_MOVZX;

	if (d->insn->id == X86_INS_TEST || d->insn->id == X86_INS_CMP)
		return;
	if (x->op_count == 2 && to->type == X86_OP_REG && from->type == X86_OP_REG &&
	    ((d->insn->id == X86_INS_XOR && to->reg == from->reg) ||
	     (d->insn->id == X86_INS_MOV && to->size == 8 && decoder_slot(to->reg) >= 0)))
		return; /* set to 0; copied */
	for (uint8_t i = 0; i < x->op_count; i++) {
		const cs_x86_op *op = &x->operands[i];

		if (op->type == X86_OP_MEM) {
			note_escape(w, s, op->mem.base);
			note_escape(w, s, op->mem.index);
		} else if (op->type == X86_OP_REG && !(i == 0 && moves)) {
			note_escape(w, s, op->reg);
		}
	}
}

/* What the destination of the instruction in hand holds after it. */
static struct decode_value result_of(const struct decoder *d, const struct state *s)
{
	const cs_x86 *x = &d->insn->detail->x86;
	const cs_x86_op *to = &x->operands[0], *from = &x->operands[1];
	struct decode_value value = {0};
	int slot;

	if (x->op_count != 2 || to->type != X86_OP_REG)
		return value;
	if (d->insn->id == X86_INS_MOV && from->type == X86_OP_REG && to->size == 8) {
		slot = decoder_slot(from->reg);
		if (slot >= 0)
			value = s->reg[slot];
		else if (from->reg == X86_REG_RSP)
			value.kind = DECODE_FRAME;
	} else if (d->insn->id == X86_INS_LEA && to->size == 8 && !from->mem.index) {
		slot = decoder_slot(from->mem.base);
		if (from->mem.base == X86_REG_RSP ||
		    (slot >= 0 && s->reg[slot].kind == DECODE_FRAME))
			value.kind = DECODE_FRAME;
	} else if (d->insn->id == X86_INS_MOV && from->type == X86_OP_IMM && to->size >= 4) {
		value.kind = DECODE_NUMBER;
		value.n = (uint32_t)from->imm;
		if (from->imm < 0 || from->imm > UINT32_MAX)
			value = (struct decode_value){0};
	}
	return value;
}

/* Whether what a call returned is what the function returns: nothing behind it
 * writes the result's register, but to widen an int, or branches. */
static bool keeps_result(struct decoder *d, const uint8_t *code, size_t n, uint64_t pc)
{
	for (int i = 0; i < 16 && decoder_next(d, &code, &n, &pc); i++) {
		if (decoder_group(d, CS_GRP_RET))
			return true;
		if (d->insn->id == X86_INS_CDQE)
			continue;
		if (decoder_group(d, CS_GRP_JUMP) || decoder_group(d, CS_GRP_CALL) ||
		    (decoder_written(d) & (1U << RESULT)))
			return false;
	}
	return false;
}

static void note_call(struct walk *w, const struct state *s, uint64_t target, bool passes_result)
{
	struct decode_call *c;

	if (w->flow->n == DECODE_CALLS) {
		w->flow->whole = false;
		return;
	}
	c = &w->flow->call[w->flow->n++];
	c->target = target;
	memcpy(c->reg, s->reg, sizeof(c->reg));
	c->always = s->straight;
	c->passes_result = passes_result;
}

/* Branches that do more than that. */
static bool counts(unsigned id)
{
	return id == X86_INS_JCXZ || id == X86_INS_JECXZ || id == X86_INS_JRCXZ ||
	       id == X86_INS_LOOP || id == X86_INS_LOOPE || id == X86_INS_LOOPNE;
}

/* A jump, conditional or not. Returns whether the path goes on behind it. */
static bool jump(struct walk *w, struct state *s)
{
	struct decoder *d = w->decoder;
	bool always = d->insn->id == X86_INS_JMP;
	uint64_t target;

	if (!decoder_direct(d, &target) || decoder_written(d) || counts(d->insn->id)) {
		w->flow->whole = false;
		return false;
	}
	if (target < w->pc || target - w->pc >= w->n) {
		note_call(w, s, target, true);
		s->straight = false;
		return !always;
	}
	s->straight = s->straight && always;
	branch(w, s, target - w->pc);
	return !always;
}

static void call(struct walk *w, struct state *s, const uint8_t *code, size_t n, uint64_t pc)
{
	struct decoder *d = w->decoder;
	uint64_t target;

	if (decoder_direct(d, &target)) {
		bool keeps = keeps_result(d, code, n, pc);

		note_call(w, s, target, keeps);
	} else {
		w->flow->whole = false;
	}
	s->straight = false;
	for (size_t i = 0; i < DECODE_REGISTERS; i++)
		if (!(KEPT & (1U << i)))
			s->reg[i] = (struct decode_value){0};
}

static void follow(struct walk *w, struct state s)
{
	struct decoder *d = w->decoder;
	const uint8_t *code = w->code + s.at;
	uint64_t pc = w->pc + s.at;
	size_t n = w->n - s.at;

	while (decoder_next(d, &code, &n, &pc)) {
		if (decoder_group(d, CS_GRP_RET))
			return;
		if (decoder_group(d, CS_GRP_INT) || d->insn->id == X86_INS_INT3 ||
		    d->insn->id == X86_INS_HLT || d->insn->id == X86_INS_UD2)
			return; /* it does not return */
		if (decoder_group(d, CS_GRP_CALL)) {
			call(w, &s, code, n, pc);
		} else if (decoder_group(d, CS_GRP_JUMP) || counts(d->insn->id)) {
			if (!jump(w, &s))
				return;
		} else {
			uint32_t bits = decoder_written(d);
			struct decode_value value = result_of(d, &s);

			note_escapes(w, &s);
			for (size_t i = 0; i < DECODE_REGISTERS; i++)
				if (bits & (1U << i))
					s.reg[i] = value;
		}
	}
	/* The end of the bytes, or no instruction: a call that does not return is
	 * often the last, and then there is nothing behind it. */
	if (n)
		w->flow->whole = false;
}

int decode_flow(struct decoder *d, const uint8_t *code, size_t n, uint64_t pc,
		struct decode_flow *flow)
{
	struct walk w = {.decoder = d, .flow = flow, .code = code, .n = n, .pc = pc};
	struct state *first = &w.state[0];

	memset(flow, 0, sizeof(*flow));
	flow->whole = true;
	first->straight = true;
	for (uint32_t a = 0; a < DECODE_ARGUMENTS; a++)
		first->reg[argument[a]] = (struct decode_value){DECODE_ARGUMENT, a};
	w.known = 1;
	if (!decoder_next(d, &code, &n, &pc))
		return -ENOENT;
	while (w.next < w.known)
		follow(&w, w.state[w.next++]);
	return 0;
}

/* push, nop, direct call and jump, conditional jump: arch/x86/kernel/uprobes.c. */
bool decode_emulated(struct decoder *d, const uint8_t *code, size_t n)
{
	uint64_t pc = 0, target;

	if (!decoder_next(d, &code, &n, &pc))
		return false;
	if (d->insn->id == X86_INS_PUSH)
		return d->insn->detail->x86.operands[0].type == X86_OP_REG && d->insn->size <= 2;
	if (d->insn->id == X86_INS_NOP)
		return true;
	if (decoder_group(d, CS_GRP_CALL) || decoder_group(d, CS_GRP_JUMP))
		return decoder_direct(d, &target) && !(decoder_written(d) & ~(1U << RESULT));
	return false;
}

#else

int decode_flow(struct decoder *d, const uint8_t *code, size_t n, uint64_t pc,
		struct decode_flow *flow)
{
	(void)d, (void)code, (void)n, (void)pc;
	memset(flow, 0, sizeof(*flow));
	return -ENOENT; /* the exported symbol serves: no inner function is looked for */
}

bool decode_passes(const struct decode_call *call, uint32_t n)
{
	(void)call, (void)n;
	return false;
}

bool decode_emulated(struct decoder *d, const uint8_t *code, size_t n)
{
	(void)d, (void)code, (void)n;
	return false;
}
#endif
