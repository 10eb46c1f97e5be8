/* SPDX-License-Identifier: Apache-2.0 */
#include "link.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "linked.h"
#include "site.h"

static const char *const names[] = LINKED_NAMES;
#define NAMES (sizeof(names) / sizeof(names[0]))

struct text {
	struct bpf_insn *code;
	size_t n;
	size_t begin[NAMES]; /* where a function was put, 0: not yet */
};

_Static_assert(NAMES < LINK_FUNCTIONS_MAX, "the program itself is one, too");

bool link_is_function(const char *name)
{
	for (size_t i = 0; i < NAMES; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool is_site(const struct bpf_insn *insn)
{
	return insn[0].code == (BPF_LD | BPF_IMM | BPF_DW) && insn[0].src_reg == 0 &&
	       insn[0].imm == (int32_t)(uint32_t)SITE_UNKNOWN &&
	       insn[1].imm == (int32_t)(SITE_UNKNOWN >> 32);
}

bool link_has_site(const struct object *o, size_t i)
{
	const struct object_program *p = &o->program[i];
	struct bpf_insn insn[2];

	for (size_t at = 0; at + sizeof(insn) <= p->size; at += sizeof(insn[0])) {
		memcpy(insn, o->code + p->offset + at, sizeof(insn));
		if (is_site(insn))
			return true;
	}
	return false;
}

static int append(struct text *t, const struct object *o, size_t i)
{
	const struct object_program *p = &o->program[i];
	struct bpf_insn *grown = realloc(t->code, t->n * sizeof(*grown) + p->size);

	if (!grown)
		return -ENOMEM;
	t->code = grown;
	memcpy(t->code + t->n, o->code + p->offset, p->size);
	t->n += p->size / sizeof(*grown);
	return 0;
}

static bool is_function(int32_t imm)
{
	return imm >= LINKED_FIRST && imm < LINKED_FIRST + (int)NAMES;
}

static bool is_call(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == 0;
}

static bool is_address(const struct bpf_insn *insn)
{
	return insn[0].code == (BPF_LD | BPF_IMM | BPF_DW) && insn[0].src_reg == 0 &&
	       is_function(insn[0].imm) && insn[1].imm == (int32_t)LINKED_ADDRESS;
}

/* A call of one of the functions, or its address, becomes one of where it was put. */
static int link_function(struct text *t, const struct object *o, size_t at, uint8_t what)
{
	size_t k = (size_t)t->code[at].imm - LINKED_FIRST;
	int i, err;

	if (!t->begin[k]) {
		i = object_find_program(o, names[k]);
		if (i < 0)
			return -EBADMSG;
		t->begin[k] = t->n;
		err = append(t, o, (size_t)i);
		if (err)
			return err;
	}
	t->code[at].src_reg = what & 15;
	t->code[at].imm = (int32_t)(t->begin[k] - at - 1);
	return 0;
}

/* Of one instruction; one that takes the room of two has its second behind it. */
static int link_insn(struct text *t, const struct object *o, size_t at, const int *map_fd,
		     uint64_t site, bool repeats)
{
	struct bpf_insn *insn = &t->code[at];

	if (is_call(insn) && is_function(insn->imm))
		return link_function(t, o, at, BPF_PSEUDO_CALL);
	if (is_call(insn) && insn->imm == LINKED_REPEAT && !repeats)
		*insn = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K};
	if (insn->code != (BPF_LD | BPF_IMM | BPF_DW))
		return 0;
	if (insn->src_reg == BPF_PSEUDO_MAP_FD) {
		insn->imm = map_fd[insn->imm];
	} else if (is_site(insn)) {
		insn->imm = (int32_t)(uint32_t)site;
		insn[1].imm = (int32_t)(site >> 32);
	} else if (is_address(insn) && repeats) {
		insn[1].imm = 0;
		return link_function(t, o, at, BPF_PSEUDO_FUNC);
	}
	return 0;
}

static int by_place(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int link_program(const struct object *o, size_t i, const int *map_fd, uint64_t site, bool repeats,
		 struct linked *out)
{
	struct text t = {0};
	int err = append(&t, o, i);

	*out = (struct linked){.n_functions = 1};
	/* Functions are appended meanwhile: t.n grows. */
	for (size_t k = 0; !err && k < t.n; k++) {
		bool two = t.code[k].code == (BPF_LD | BPF_IMM | BPF_DW) && k + 1 < t.n;

		if (two || is_call(&t.code[k]))
			err = link_insn(&t, o, k, map_fd, site, repeats);
		out->addresses |= two && t.code[k].src_reg == BPF_PSEUDO_FUNC;
		k += two;
	}
	if (err) {
		free(t.code);
		return err;
	}
	for (size_t k = 0; k < NAMES; k++)
		if (t.begin[k])
			out->function[out->n_functions++] = (uint32_t)t.begin[k];
	qsort(out->function, out->n_functions, sizeof(out->function[0]), by_place);
	out->code = t.code;
	out->n = t.n;
	return 0;
}
