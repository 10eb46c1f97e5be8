/* SPDX-License-Identifier: Apache-2.0 */
#include "stores.h"

#include <errno.h>
#include <string.h>

#include "decoder.h"
#include "stores_arm64.h"
#include "stores_state.h"

void stores_put(struct stores *s, uint64_t address, struct word w, uint8_t size)
{
	size_t i = 0;

	while (i < s->n && s->store[i].address != address)
		i++;
	if (!w.known) {
		if (i < s->n)
			s->store[i] = s->store[--s->n];
		return;
	}
	if (i == STORES_MAX)
		return;
	s->store[i] = (struct store){address, w.value, w.kind, size};
	s->n += i == s->n;
}

#if defined(__x86_64__)

#define VECTORS 16
#define FRAME 16 /* words of the stack that are remembered */

struct machine {
	struct decoder *decoder;
	struct stores *stores;
	struct word reg[DECODE_REGISTERS];
	struct word vector[VECTORS][2];
	struct word frame[FRAME]; /* from the stack pointer upwards */
};

static int vector_of(unsigned id)
{
	return id >= X86_REG_XMM0 && id < X86_REG_XMM0 + VECTORS ? (int)(id - X86_REG_XMM0) : -1;
}

/* The address that an operand names, when it does not depend on a register. */
static bool fixed_address(const struct machine *m, const cs_x86_op *op, uint64_t *address)
{
	const cs_insn *i = m->decoder->insn;

	if (op->type != X86_OP_MEM || op->mem.base != X86_REG_RIP || op->mem.index ||
	    op->mem.segment)
		return false;
	*address = i->address + i->size + (uint64_t)op->mem.disp;
	return true;
}

/* The place on the stack that an operand names, or NULL. */
static struct word *on_stack(struct machine *m, const cs_x86_op *op)
{
	if (op->type != X86_OP_MEM || op->mem.base != X86_REG_RSP || op->mem.index ||
	    op->mem.disp < 0 || op->mem.disp % 8 || op->mem.disp / 8 >= FRAME)
		return NULL;
	return &m->frame[op->mem.disp / 8];
}

/* One word that an operand reads. */
static struct word load(struct machine *m, const cs_x86_op *op)
{
	struct word w = {0}, *place;
	uint64_t address;
	int slot;

	if (op->type == X86_OP_IMM)
		return (struct word){true, STORE_VALUE, (uint64_t)op->imm};
	if (op->type == X86_OP_REG) {
		slot = vector_of(op->reg);
		if (slot >= 0)
			return m->vector[slot][0];
		slot = op->size == 8 ? decoder_slot(op->reg) : -1;
		return slot >= 0 ? m->reg[slot] : w;
	}
	place = on_stack(m, op);
	if (place)
		return *place;
	if (fixed_address(m, op, &address))
		return (struct word){true, STORE_CONTENT, address};
	return w;
}

/* The second word of what a 16-byte operand reads. */
static struct word load_high(struct machine *m, const cs_x86_op *op)
{
	struct word w = {0}, *place = on_stack(m, op);
	uint64_t address;

	if (op->type == X86_OP_REG && vector_of(op->reg) >= 0)
		return m->vector[vector_of(op->reg)][1];
	if (place)
		return place + 1 < m->frame + FRAME ? place[1] : w;
	if (fixed_address(m, op, &address))
		return (struct word){true, STORE_CONTENT, address + 8};
	return w;
}

static void put(struct machine *m, const cs_x86_op *op, struct word w, uint8_t size)
{
	struct word *place = on_stack(m, op);
	uint64_t address;

	if (place)
		*place = size == 8 ? w : (struct word){0};
	else if (fixed_address(m, op, &address))
		stores_put(m->stores, address, w, size);
}

static void put_pair(struct machine *m, const cs_x86_op *op, struct word low, struct word high)
{
	struct word *place = on_stack(m, op);
	uint64_t address;

	if (op->type == X86_OP_REG && vector_of(op->reg) >= 0) {
		m->vector[vector_of(op->reg)][0] = low;
		m->vector[vector_of(op->reg)][1] = high;
	} else if (place) {
		place[0] = low;
		if (place + 1 < m->frame + FRAME)
			place[1] = high;
	} else if (fixed_address(m, op, &address)) {
		stores_put(m->stores, address, low, 8);
		stores_put(m->stores, address + 8, high, 8);
	}
}

/* Forgets what the instruction in hand writes, before its meaning is known. */
static void forget(struct machine *m)
{
	uint32_t bits = decoder_written(m->decoder);
	const cs_x86_op *to = &m->decoder->insn->detail->x86.operands[0];

	for (size_t i = 0; i < DECODE_REGISTERS; i++)
		if (bits & (1U << i))
			m->reg[i] = (struct word){0};
	if (to->type == X86_OP_REG && vector_of(to->reg) >= 0)
		memset(m->vector[vector_of(to->reg)], 0, sizeof(m->vector[0]));
	if (decoder_group(m->decoder, CS_GRP_CALL)) {
		memset(m->vector, 0, sizeof(m->vector));
		for (size_t i = 6; i < DECODE_REGISTERS; i++)
			m->reg[i] = (struct word){0}; /* r11 to rdi */
	}
}

/* One instruction of the few that matter; others only destroy. */
static void run(struct machine *m)
{
	const cs_x86 *x = &m->decoder->insn->detail->x86;
	const cs_x86_op *to = &x->operands[0], *from = &x->operands[1];
	struct word low, high, both[2] = {{0}, {0}};
	uint64_t address;
	int slot;

	if (x->op_count != 2) {
		/* push, pop and their like move the stack: where things are on it is
		 * told from its end. */
		if (m->decoder->insn->id == X86_INS_PUSH || m->decoder->insn->id == X86_INS_POP)
			memset(m->frame, 0, sizeof(m->frame));
		forget(m);
		return;
	}
	low = load(m, from);
	high = load_high(m, from);
	slot = to->type == X86_OP_REG ? vector_of(to->reg) : -1;
	if (slot >= 0)
		memcpy(both, m->vector[slot], sizeof(both));
	forget(m);
	switch (m->decoder->insn->id) {
	case X86_INS_LEA:
		slot = decoder_slot(to->reg);
		if (slot >= 0 && to->size == 8 && fixed_address(m, from, &address))
			m->reg[slot] = (struct word){true, STORE_VALUE, address};
		break;
	case X86_INS_MOV:
	case X86_INS_MOVABS:
		slot = to->type == X86_OP_REG && to->size == 8 ? decoder_slot(to->reg) : -1;
		if (slot >= 0)
			m->reg[slot] = low;
		else if (to->type == X86_OP_MEM)
			put(m, to, to->size >= 4 ? low : (struct word){0}, to->size);
		break;
	case X86_INS_MOVQ:
		if (to->type == X86_OP_MEM)
			put(m, to, low, 8);
		else if (vector_of(to->reg) >= 0)
			put_pair(m, to, low, (struct word){true, STORE_VALUE, 0});
		else if (decoder_slot(to->reg) >= 0)
			m->reg[decoder_slot(to->reg)] = low;
		break;
	case X86_INS_MOVHPS:
	case X86_INS_MOVHPD:
		if (to->type == X86_OP_MEM)
			put(m, to, high, 8);
		else
			put_pair(m, to, both[0], low);
		break;
	case X86_INS_PUNPCKLQDQ:
		put_pair(m, to, both[0], low);
		break;
	case X86_INS_MOVAPS:
	case X86_INS_MOVUPS:
	case X86_INS_MOVAPD:
	case X86_INS_MOVUPD:
	case X86_INS_MOVDQA:
	case X86_INS_MOVDQU:
		put_pair(m, to, low, high);
		break;
	case X86_INS_MOVSQ:
	case X86_INS_MOVSB:
	case X86_INS_MOVSD:
		m->stores->n = 0; /* copied over whatever was stored before */
		break;
	case X86_INS_SUB:
	case X86_INS_ADD:
		if (to->type == X86_OP_REG && to->reg == X86_REG_RSP)
			memset(m->frame, 0, sizeof(m->frame));
		break;
	default:
		if (to->type == X86_OP_MEM && fixed_address(m, to, &address))
			stores_put(m->stores, address, (struct word){0}, 8);
	}
}

int stores_find(struct decoder *d, const uint8_t *code, size_t n, uint64_t pc,
		struct stores *stores)
{
	struct machine m = {.decoder = d, .stores = stores};

	stores->n = 0;
	while (decoder_next(d, &code, &n, &pc)) {
		if (decoder_group(d, CS_GRP_RET) || d->insn->id == X86_INS_JMP)
			break;
		run(&m);
	}
	return stores->n ? 0 : -ENOENT;
}

/* Four bytes, taken as a distance from their end. */
bool stores_may_name(const uint8_t *code, size_t n, uint64_t pc, uint64_t address)
{
	for (size_t i = 0; i + 4 <= n; i++) {
		int32_t distance;

		memcpy(&distance, code + i, sizeof(distance));
		if (pc + i + 4 + (uint64_t)(int64_t)distance == address)
			return true;
	}
	return false;
}

#else

int stores_find(struct decoder *d, const uint8_t *code, size_t n, uint64_t pc,
		struct stores *stores)
{
	return stores_arm64_find(d, code, n, pc, stores);
}

bool stores_may_name(const uint8_t *code, size_t n, uint64_t pc, uint64_t address)
{
	return stores_arm64_may_name(code, n, pc, address);
}
#endif
