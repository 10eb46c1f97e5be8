/* SPDX-License-Identifier: Apache-2.0 */
#include "flow.h"

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NOWHERE SIZE_MAX

struct flow {
	const struct bpf_insn *code;
	size_t n;
	bool *target;	       /* some jump leads there */
	bool *seen;	       /* by the walk under way */
	bool *jump;	       /* is put in front */
	size_t *stack, *place; /* place: where it is in the end */
};

static bool is_jump(const struct bpf_insn *insn)
{
	unsigned class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT;
}

static bool is_always(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_JA);
}

static bool is_wide(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW);
}

/* Where it goes on without a jump. */
static size_t next(const struct flow *f, size_t at)
{
	if (is_always(&f->code[at]) || f->code[at].code == (BPF_JMP | BPF_EXIT))
		return NOWHERE;
	return at + 1 + is_wide(&f->code[at]);
}

static size_t target(const struct flow *f, size_t at)
{
	return is_jump(&f->code[at]) ? at + 1 + (size_t)(ptrdiff_t)f->code[at].off : NOWHERE;
}

/* Whether there is a way from one instruction to another. */
static bool leads(struct flow *f, size_t from, size_t to)
{
	size_t depth = 0;

	memset(f->seen, 0, f->n * sizeof(*f->seen));
	f->seen[from] = true;
	f->stack[depth++] = from;
	while (depth) {
		size_t at = f->stack[--depth], ways[] = {next(f, at), target(f, at)};

		if (at == to)
			return true;
		for (int i = 0; i < 2; i++) {
			if (ways[i] >= f->n || f->seen[ways[i]])
				continue;
			f->seen[ways[i]] = true;
			f->stack[depth++] = ways[i];
		}
	}
	return false;
}

/* Marks where jumps are missing: 0, or -1 when one leads outside. A conditional jump may
 * fall through to a loop's head: only plain instructions and calls may not. */
static int look(struct flow *f)
{
	for (size_t at = 0; at < f->n; at += 1 + is_wide(&f->code[at])) {
		size_t to = target(f, at);

		if (!is_jump(&f->code[at]))
			continue;
		if (to >= f->n)
			return -1;
		f->target[to] = true;
	}
	for (size_t at = 0; at < f->n; at += 1 + is_wide(&f->code[at])) {
		size_t to = next(f, at);

		if (to < f->n && f->target[to] && !is_jump(&f->code[at]))
			f->jump[to] = leads(f, to, at);
	}
	return 0;
}

/* How many instructions there are then. */
static size_t find_places(struct flow *f)
{
	size_t n = 0;

	for (size_t at = 0; at < f->n; at++) {
		n += f->jump[at];
		f->place[at] = n++;
	}
	return n;
}

static int write_out(const struct flow *f, struct bpf_insn *out)
{
	for (size_t at = 0; at < f->n; at++) {
		struct bpf_insn *insn = &out[f->place[at]];

		if (f->jump[at])
			insn[-1] = (struct bpf_insn){.code = BPF_JMP | BPF_JA};
		*insn = f->code[at];
	}
	for (size_t at = 0; at < f->n; at += 1 + is_wide(&f->code[at])) {
		size_t to = target(f, at);
		ptrdiff_t off;

		if (to == NOWHERE)
			continue;
		off = (ptrdiff_t)f->place[to] - (ptrdiff_t)f->place[at] - 1;
		if (off != (int16_t)off)
			return -1;
		out[f->place[at]].off = (int16_t)off;
	}
	return 0;
}

static size_t mend(struct flow *f, struct bpf_insn **out)
{
	size_t n;

	if (!f->target || !f->seen || !f->jump || !f->stack || !f->place || look(f))
		return 0;
	n = find_places(f);
	*out = malloc(n * sizeof(**out));
	if (*out && write_out(f, *out) == 0)
		return n;
	free(*out);
	return 0;
}

size_t flow_mend(const struct bpf_insn *code, size_t n, struct bpf_insn **out)
{
	/* Room for the second half of a wide instruction at the end, too. */
	struct flow f = {code,
			 n,
			 calloc(n + 1, sizeof(bool)),
			 calloc(n + 1, sizeof(bool)),
			 calloc(n + 1, sizeof(bool)),
			 calloc(n + 1, sizeof(size_t)),
			 calloc(n + 1, sizeof(size_t))};
	size_t mended = mend(&f, out);

	free(f.target);
	free(f.seen);
	free(f.jump);
	free(f.stack);
	free(f.place);
	return mended;
}
