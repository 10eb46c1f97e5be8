/* SPDX-License-Identifier: Apache-2.0 */
#include "stores_arm64.h"

#include <errno.h>
#include <string.h>

#include "decoder.h"
#include "stores_state.h"

#define REGISTERS 31
#define CALLER_SAVED 19 /* x0 to x18 do not outlive a call: AAPCS64, 6.1.1 */
#define PAGE 4096

struct machine {
	struct decoder *decoder;
	struct stores *stores;
	struct word reg[REGISTERS];
};

static struct word load(const struct machine *m, unsigned id)
{
	unsigned size;
	int k = decoder_arm64_register(id, &size);
	struct word w = {0};

	if (k == DECODER_ARM64_ZERO)
		return (struct word){true, STORE_VALUE, 0};
	if (k >= 0)
		w = m->reg[k];
	if (size < 8 && w.kind == STORE_VALUE)
		w.value = (uint32_t)w.value;
	else if (size < 8)
		w.known = false;
	return w;
}

static void set(struct machine *m, unsigned id, struct word w)
{
	unsigned size;
	int k = decoder_arm64_register(id, &size);

	if (k >= 0 && k < REGISTERS)
		m->reg[k] = size == 8 || w.kind == STORE_VALUE ? w : (struct word){0};
}

/* The address that an operand names, when it does not depend on the caller. */
static bool fixed(const struct machine *m, const cs_arm64_op *op, uint64_t *address)
{
	struct word base = {0};

	if (op->type != ARM64_OP_MEM || op->mem.index != ARM64_REG_INVALID)
		return false;
	if (op->mem.base != ARM64_REG_SP)
		base = load(m, op->mem.base);
	*address = base.value + (uint64_t)(int64_t)op->mem.disp;
	return base.known && base.kind == STORE_VALUE;
}

/* Forgets what the instruction in hand writes, before its meaning is known. */
static void forget(struct machine *m)
{
	uint32_t written = decoder_arm64_written(m->decoder);

	for (int k = 0; k < REGISTERS; k++)
		if (written & (1U << k))
			m->reg[k] = (struct word){0};
}

/* Words that lie one behind the other: of str one, of stp two. What is stored in pieces
 * of another size is not known there. */
static void put(struct machine *m, const cs_arm64 *x, int n)
{
	uint64_t address;
	unsigned size;

	if (x->writeback || !fixed(m, &x->operands[n], &address))
		return;
	for (int i = 0; i < n; i++) {
		int k = decoder_arm64_register(x->operands[i].reg, &size);

		if (k >= 0) {
			stores_put(m->stores, address + (uint64_t)i * size,
				   load(m, x->operands[i].reg), (uint8_t)size);
			continue;
		}
		for (uint64_t at = 0; at < 32; at += 8) /* of a vector: up to 16 bytes each */
			stores_put(m->stores, address + at, (struct word){0}, 8);
	}
}

static void called(struct machine *m)
{
	memset(m->reg, 0, CALLER_SAVED * sizeof(m->reg[0]));
	m->reg[30] = (struct word){0};
	m->stores->n = 0;
}

/* One instruction of the few that matter; others only destroy. */
static void run(struct machine *m)
{
	const cs_insn *i = m->decoder->insn;
	const cs_arm64 *x = &i->detail->arm64;
	const cs_arm64_op *op = x->operands;
	struct word from = {0};
	uint64_t address;
	unsigned size;

	switch (i->id) {
	case ARM64_INS_STR:
	case ARM64_INS_STUR:
		put(m, x, 1);
		break;
	case ARM64_INS_STP:
		put(m, x, 2);
		break;
	case ARM64_INS_STRB:
	case ARM64_INS_STRH:
	case ARM64_INS_STURB:
	case ARM64_INS_STURH:
		if (fixed(m, &op[1], &address))
			stores_put(m->stores, address & ~7ULL, from, 8);
		break;
	case ARM64_INS_ADRP:
	case ARM64_INS_ADR:
		from = (struct word){true, STORE_VALUE, (uint64_t)op[1].imm};
		break;
	case ARM64_INS_ADD:
		if (x->op_count == 3 && op[1].type == ARM64_OP_REG && op[2].type == ARM64_OP_IMM)
			from = load(m, op[1].reg);
		if (from.kind != STORE_VALUE)
			from.known = false;
		from.value += decoder_arm64_immediate(&op[2]);
		break;
	case ARM64_INS_MOV:
	case ARM64_INS_MOVZ:
		if (x->op_count == 2 && op[1].type == ARM64_OP_REG)
			from = load(m, op[1].reg);
		else if (x->op_count == 2 && op[1].type == ARM64_OP_IMM)
			from = (struct word){true, STORE_VALUE, decoder_arm64_immediate(&op[1])};
		break;
	case ARM64_INS_LDR:
		if (decoder_arm64_register(op[0].reg, &size) >= 0 && size == 8 && !x->writeback &&
		    fixed(m, &op[1], &address))
			from = (struct word){true, STORE_CONTENT, address};
		break;
	}
	forget(m);
	for (uint8_t k = 0; x->writeback && k < x->op_count; k++)
		if (op[k].type == ARM64_OP_MEM)
			set(m, op[k].mem.base, (struct word){0});
	if (decoder_group(m->decoder, CS_GRP_CALL) || i->id == ARM64_INS_BL ||
	    i->id == ARM64_INS_BLR)
		called(m);
	else if (from.known && op[0].type == ARM64_OP_REG)
		set(m, op[0].reg, from);
}

int stores_arm64_find(struct decoder *d, const uint8_t *code, size_t n, uint64_t pc,
		      struct stores *stores)
{
	struct machine m = {.decoder = d, .stores = stores};

	stores->n = 0;
	while (decoder_next(d, &code, &n, &pc)) {
		const cs_insn *i = d->insn;

		if (i->id == ARM64_INS_RET || i->id == ARM64_INS_BR ||
		    (i->id == ARM64_INS_B && i->detail->arm64.cc == ARM64_CC_INVALID))
			break;
		run(&m);
	}
	return stores->n ? 0 : -ENOENT;
}

/* "adrp": Arm Architecture Reference Manual, C6.2.13. */
bool stores_arm64_may_name(const uint8_t *code, size_t n, uint64_t pc, uint64_t address)
{
	for (size_t i = 0; i + 4 <= n; i += 4) {
		uint32_t word;
		int64_t pages;

		memcpy(&word, code + i, sizeof(word));
		if ((word & 0x9f000000) != 0x90000000)
			continue;
		pages = (int64_t)(word >> 29 & 3) | (int64_t)(word >> 5 & 0x7ffff) << 2;
		pages -= (pages & 1 << 20) << 1;
		if (((pc + i) & ~(uint64_t)(PAGE - 1)) + (uint64_t)(pages * PAGE) ==
		    (address & ~(uint64_t)(PAGE - 1)))
			return true;
	}
	return false;
}
