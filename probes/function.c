/* SPDX-License-Identifier: Apache-2.0 */
#include "function.h"

#include <errno.h>
#include <string.h>

#include "insn.h"

/* Where the first two arguments have their places, above SP on entry. */
#define PLACES 2
#define PLACE(i) (8 + 8 * (i))
#define ALL_PLACES ((1u << PLACES) - 1)

struct walk {
	struct function *out;
	size_t n;
	bool registers;
	bool found_entry, untouched; /* nothing that a probe on the entry reads was written */
	/* No branch so far but those that ask for a larger stack: every call comes here
	 * once, unless something jumps back to it. */
	bool straight;
	bool leaving;	  /* SP was raised behind the straight way: now it must return */
	int64_t frame;	  /* how far SP is below its value on entry */
	unsigned intact;  /* arguments that are still in their registers, INSN_* */
	unsigned kept;	  /* places that were filled on the straight way, as bits */
	uint64_t kept_at; /* the last instruction that filled one */
	unsigned spoilt;  /* places that anything else wrote to, or took the address of */
	uint64_t landing; /* lowest target of a jump within the function but its start */
	bool understood;  /* what SP is, all the way */
};

/* The first instruction that the kernel emulates, as long as nothing was changed. */
static void look_for_entry(struct walk *w, uint64_t at, const struct insn *i)
{
	if (w->found_entry || !w->untouched)
		return;
	if (i->is_emulated) {
		w->found_entry = true;
		w->out->entry = (uint32_t)at;
	}
	if ((i->writes & (w->registers ? ~0U : INSN_MEMORY)) || i->lowers || i->sets_sp ||
	    i->jumps || i->calls || i->returns)
		w->untouched = false;
}

static void look_at_stores(struct walk *w, uint64_t at, const struct insn *i)
{
	for (size_t s = 0; s < i->n_stores; s++) {
		/* With writeback the address is that of SP after it. */
		int64_t to = i->store[s].at - w->frame;

		for (int p = 0; p < PLACES; p++) {
			if (to >= PLACE(p) + 8 || to + (int64_t)i->store[s].size <= PLACE(p))
				continue;
			if (w->straight && w->frame > 0 && to == PLACE(p) &&
			    i->store[s].size == 8 && w->registers &&
			    i->store[s].source == (w->intact & (INSN_ARGUMENT << p)) &&
			    i->store[s].source) {
				w->kept |= 1u << p;
				w->kept_at = at;
			} else {
				w->spoilt |= 1u << p;
			}
		}
	}
}

static void look_at_stack(struct walk *w, const struct insn *i)
{
	if (i->sets_sp)
		w->understood = false;
	if (w->straight) {
		w->frame += i->lowers;
		/* Branches for a larger stack come before the frame is made. */
		if (i->calls || i->returns || (i->jumps && w->frame))
			w->straight = false;
		return;
	}
	if (i->lowers > 0 || (w->leaving && (i->n_stores || i->jumps || i->calls)))
		w->understood = false;
	w->leaving = i->lowers < 0 || (w->leaving && !i->returns);
}

static int look_at_flow(struct walk *w, uint64_t at, const struct insn *i)
{
	if (i->returns) {
		if (w->out->n_returns == FUNCTION_RETURNS_MAX)
			return -E2BIG;
		w->out->returns[w->out->n_returns++] = (uint32_t)at;
	}
	if (i->jumps && i->is_direct) {
		if (i->target >= w->n)
			return -EBADMSG;
		if (i->target && i->target < w->landing)
			w->landing = i->target;
	}
	return 0;
}

static int walk(struct walk *w, struct insn_decoder *d, const uint8_t *code)
{
	struct insn i;

	for (uint64_t at = 0; at < w->n; at += i.size) {
		int err;

		if (insn_is_padding(d, code + at, w->n - at))
			break;
		if (!insn_decode(d, code + at, w->n - at, at, &i))
			return -EBADMSG;
		err = look_at_flow(w, at, &i);
		if (err)
			return err;
		look_for_entry(w, at, &i);
		look_at_stores(w, at, &i);
		look_at_stack(w, &i);
		w->intact &= ~i.writes;
	}
	return w->out->n_returns ? 0 : -EBADMSG;
}

int function_decode(int machine, bool registers, const uint8_t *code, size_t n,
		    struct function *out)
{
	struct walk w = {
		.out = out,
		.n = n,
		.registers = registers,
		.untouched = true,
		.straight = true,
		.understood = true,
		.intact = INSN_ARGUMENT | INSN_ARGUMENT << 1,
		.kept = registers ? 0 : ALL_PLACES,
		.landing = UINT64_MAX,
	};
	struct insn_decoder *d = insn_decoder_new(machine);
	int err;

	memset(out, 0, sizeof(*out));
	if (!d)
		return -ENOSYS;
	err = walk(&w, d, code);
	insn_decoder_free(d);
	/* Whatever jumps there from elsewhere has other values in the registers. */
	if (w.landing <= out->entry)
		out->entry = 0;
	out->keeps_arguments =
		w.kept == ALL_PLACES && !w.spoilt && w.understood && w.landing > w.kept_at;
	return err;
}
