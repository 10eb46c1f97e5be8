/* SPDX-License-Identifier: Apache-2.0 */
#include "accessor.h"

#include <errno.h>
#include <string.h>

#include "decoder.h"
#include "site.h"

#if defined(__x86_64__)

#define RESULT 10 /* rax */
#define PATHS 32
#define LENGTH 256	  /* instructions of a path */
#define OFFSET_MAX 0xffff /* objects are not larger */

struct value {
	enum {
		NOTHING,  /* that we know */
		ARGUMENT, /* n, and so many bytes behind it */
		PLACE,	  /* what is at a place, as a pointer so many bytes behind it */
		NUMBER,	  /* n */
	} kind;
	struct accessor_place place;
	uint64_t n;
	int64_t behind;
};

struct path {
	size_t at; /* from the function's first byte */
	struct value reg[DECODE_REGISTERS];
	/* The last comparison: (left & mask) with right. */
	bool compared;
	struct value left;
	uint64_t mask, right;
	bool told; /* the accessor's answer */
	struct accessor out;
};

struct walk {
	struct decoder *decoder;
	const uint8_t *code;
	size_t n;
	uint64_t pc;
	enum accessor_tells tells;
	const struct accessor_condition *assumed;
	struct path path[PATHS];
	size_t known, next;
	bool overflow;
	size_t answers;
	struct accessor answer;
};

static uint64_t mask_of(unsigned size)
{
	return size >= 8 ? ~0ULL : (1ULL << 8 * size) - 1;
}

static bool is_same_place(const struct accessor_place *a, const struct accessor_place *b)
{
	return a->n == b->n && a->size == b->size &&
	       memcmp(a->offset, b->offset, a->n * sizeof(a->offset[0])) == 0;
}

/* What an operand in memory is, reached from what registers hold. */
static struct value address_of(const struct path *p, const cs_x86_op *op)
{
	struct value v = {0};
	int slot = decoder_slot(op->mem.base);

	if (op->mem.segment || op->mem.index || slot < 0)
		return v;
	v = p->reg[slot];
	if (v.kind == PLACE && v.place.size != 8)
		v.kind = NOTHING;
	v.behind += op->mem.disp;
	return v;
}

static struct value load(const struct walk *w, const struct path *p, const cs_x86_op *op)
{
	struct value v = address_of(p, op);

	if ((v.kind != PLACE && !(v.kind == ARGUMENT && v.n == 0)) || v.behind < 0 ||
	    v.behind > OFFSET_MAX || (v.kind == PLACE && v.place.n == ACCESSOR_STEPS))
		return (struct value){0};
	if (v.kind == ARGUMENT)
		memset(&v.place, 0, sizeof(v.place));
	v.kind = PLACE;
	v.place.offset[v.place.n++] = (uint32_t)v.behind;
	v.place.size = op->size;
	v.behind = 0;
	if (w->assumed && is_same_place(&v.place, &w->assumed->place))
		return (struct value){.kind = NUMBER, .n = w->assumed->value};
	return v;
}

static struct value operand(const struct walk *w, const struct path *p, const cs_x86_op *op)
{
	struct value v = {0};
	int slot;

	switch (op->type) {
	case X86_OP_IMM:
		return (struct value){.kind = NUMBER, .n = (uint64_t)op->imm & mask_of(op->size)};
	case X86_OP_MEM:
		return load(w, p, op);
	case X86_OP_REG:
		slot = decoder_slot(op->reg);
		if (slot < 0)
			return v;
		v = p->reg[slot];
		if (v.kind == NUMBER)
			v.n &= mask_of(op->size);
		else if (v.kind == PLACE && v.behind == 0 && op->size < v.place.size)
			v.place.size = op->size; /* the lower bytes of it */
		else if (op->size < 8 && (v.kind == ARGUMENT || v.behind))
			v.kind = NOTHING;
		return v;
	default:
		return v;
	}
}

/* --- paths ------------------------------------------------------------------- */

static void fork_path(struct walk *w, const struct path *p, uint64_t target)
{
	if (target < w->pc || target - w->pc >= w->n)
		return; /* to another function: not understood */
	if (w->known == PATHS) {
		w->overflow = true;
		return;
	}
	w->path[w->known] = *p;
	w->path[w->known++].at = target - w->pc;
}

/* A pointer that was followed to get to the answer is not NULL. */
static bool goes_without_saying(const struct accessor_condition *c, const struct accessor_place *to)
{
	return !c->is && c->value == 0 && c->mask == ~0ULL && c->place.n < to->n &&
	       memcmp(c->place.offset, to->offset, c->place.n * sizeof(to->offset[0])) == 0;
}

static void end_path(struct walk *w, struct path *p)
{
	struct accessor *out = &p->out;
	size_t n = 0;

	if (!p->told)
		return;
	for (size_t i = 0; i < out->n; i++)
		if (!goes_without_saying(&out->condition[i], &out->place))
			out->condition[n++] = out->condition[i];
	out->n = n;
	w->answers++;
	w->answer = *out;
}

/* What holds behind a branch. Returns false if it cannot, or if it cannot be told. */
static bool hold(struct path *p, bool equal)
{
	const struct value *v = &p->left;

	if (v->kind == NUMBER)
		return ((v->n & p->mask) == p->right) == equal;
	if (v->kind == ARGUMENT) /* all that we follow are pointers */
		return p->right == 0 && p->mask == ~0ULL && v->behind == 0 && !equal;
	if (v->kind != PLACE || v->behind || p->out.n == ACCESSOR_CONDITIONS)
		return false;
	p->out.condition[p->out.n++] =
		(struct accessor_condition){v->place, p->mask, p->right, equal};
	return true;
}

/* Unsigned comparisons of what is a number here. Returns whether it was one. */
static bool decided(const struct path *p, unsigned id, bool *taken)
{
	uint64_t left = p->left.n & p->mask;

	if (p->left.kind != NUMBER)
		return false;
	*taken = id == X86_INS_JA    ? left > p->right
		 : id == X86_INS_JAE ? left >= p->right
		 : id == X86_INS_JB  ? left < p->right
				     : left <= p->right;
	return id == X86_INS_JA || id == X86_INS_JAE || id == X86_INS_JB || id == X86_INS_JBE;
}

/* Returns whether the path goes on behind the jump. */
static bool jump(struct walk *w, struct path *p)
{
	unsigned id = w->decoder->insn->id;
	uint64_t target;
	struct path other;
	bool taken;

	if (!decoder_direct(w->decoder, &target))
		return false;
	if (id == X86_INS_JMP) {
		fork_path(w, p, target);
		return false;
	}
	if (!p->compared)
		return false;
	if (decided(p, id, &taken)) {
		if (taken)
			fork_path(w, p, target);
		return !taken;
	}
	if (id != X86_INS_JE && id != X86_INS_JNE)
		return false;
	other = *p;
	if (hold(&other, id == X86_INS_JE))
		fork_path(w, &other, target);
	return hold(p, id == X86_INS_JNE);
}

/* --- instructions -------------------------------------------------------------- */

/* Returns false if the path is lost. */
static bool store(struct walk *w, struct path *p, const cs_x86_op *to, const struct value *v)
{
	struct value at = address_of(p, to);
	uint64_t wanted = w->tells == ACCESSOR_STORES	      ? 1
			  : w->tells == ACCESSOR_STORES_THIRD ? 2
							      : 0;

	if (to->mem.base == X86_REG_RSP || to->mem.base == X86_REG_RBP)
		return true;
	if (at.kind != ARGUMENT)
		return false; /* maybe to the object */
	if (w->tells == ACCESSOR_KEEPS) {
		if (v->kind != ARGUMENT || v->n != 1 || v->behind || at.n != 0)
			return true;
		if (at.behind < 0 || at.behind > OFFSET_MAX || p->told)
			return false;
		p->told = true;
		p->out.place = (struct accessor_place){
			.offset = {(uint32_t)at.behind}, .n = 1, .size = to->size};
		return true;
	}
	if (at.n == 0)
		return false;
	if (wanted == 0 || at.n != wanted)
		return true;
	p->told = v->kind == PLACE && v->behind == 0 && at.behind == 0;
	p->out.place = v->place;
	return true;
}

static void compare(struct walk *w, struct path *p)
{
	const cs_x86 *x = &w->decoder->insn->detail->x86;
	struct value left = operand(w, p, &x->operands[0]);
	struct value right = operand(w, p, &x->operands[1]);
	bool is_test = w->decoder->insn->id == X86_INS_TEST;
	bool same = x->operands[0].type == X86_OP_REG && x->operands[1].type == X86_OP_REG &&
		    x->operands[0].reg == x->operands[1].reg;

	p->left = left;
	p->mask = mask_of(x->operands[0].size);
	p->right = 0;
	p->compared = (is_test && same) || right.kind == NUMBER;
	if (is_test && !same)
		p->mask &= right.n;
	else if (!is_test)
		p->right = right.n & p->mask;
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
			v.n = (v.n + (uint64_t)v.behind) & mask_of(to->size);
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
		v.n &= mask_of(to->size);
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
static bool run(struct walk *w, struct path *p)
{
	struct decoder *d = w->decoder;
	const cs_x86 *x = &d->insn->detail->x86;
	struct value v;
	uint32_t bits;

	if (d->insn->id == X86_INS_TEST || d->insn->id == X86_INS_CMP) {
		compare(w, p);
		return true;
	}
	for (uint8_t i = 0; i < x->op_count; i++) {
		if (x->operands[i].type != X86_OP_MEM || d->insn->id == X86_INS_NOP ||
		    !(x->operands[i].access & CS_AC_WRITE))
			continue;
		if (d->insn->id != X86_INS_MOV)
			return false;
		v = operand(w, p, &x->operands[1]);
		return store(w, p, &x->operands[0], &v);
	}
	v = result_of(w, p);
	bits = decoder_written(d);
	for (size_t i = 0; i < DECODE_REGISTERS; i++)
		if (bits & (1U << i))
			p->reg[i] = v;
	p->compared = p->compared && keeps_flags(d->insn->id);
	return true;
}

static void follow(struct walk *w, struct path p)
{
	struct decoder *d = w->decoder;
	const uint8_t *code = w->code + p.at;
	uint64_t pc = w->pc + p.at;
	size_t n = w->n - p.at;

	for (int i = 0; i < LENGTH && decoder_next(d, &code, &n, &pc); i++) {
		if (decoder_group(d, CS_GRP_RET)) {
			if (w->tells == ACCESSOR_RETURNS) {
				p.told = p.reg[RESULT].kind == PLACE && p.reg[RESULT].behind == 0;
				p.out.place = p.reg[RESULT].place;
			}
			end_path(w, &p);
			return;
		}
		if (decoder_group(d, CS_GRP_CALL) || decoder_group(d, CS_GRP_INT))
			return;
		if (decoder_group(d, CS_GRP_JUMP)) {
			if (!jump(w, &p))
				return;
		} else if (!run(w, &p)) {
			return;
		}
	}
}

int accessor_read(struct decoder *d, const uint8_t *code, size_t n, uint64_t pc,
		  enum accessor_tells tells, const struct accessor_condition *assumed,
		  struct accessor *out)
{
	static const uint8_t argument[] = {SITE_ARG1, SITE_ARG2, SITE_ARG3};
	struct walk w = {
		.decoder = d, .code = code, .n = n, .pc = pc, .tells = tells, .assumed = assumed};

	for (size_t i = 0; i < sizeof(argument); i++)
		w.path[0].reg[argument[i]] = (struct value){.kind = ARGUMENT, .n = i};
	if (assumed)
		w.path[0].out.condition[w.path[0].out.n++] = *assumed;
	w.known = 1;
	while (w.next < w.known)
		follow(&w, w.path[w.next++]);
	if (w.answers != 1 || w.overflow)
		return -ENOENT;
	*out = w.answer;
	return 0;
}

#else

int accessor_read(struct decoder *d, const uint8_t *code, size_t n, uint64_t pc,
		  enum accessor_tells tells, const struct accessor_condition *assumed,
		  struct accessor *out)
{
	(void)d, (void)code, (void)n, (void)pc, (void)tells, (void)assumed, (void)out;
	return -ENOENT; /* rows that know the version serve */
}
#endif
