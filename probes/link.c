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

/* A call of one of the functions becomes one to where it was put. */
static int link_call(struct text *t, const struct object *o, size_t at)
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
	t->code[at].src_reg = BPF_PSEUDO_CALL;
	t->code[at].imm = (int32_t)(t->begin[k] - at - 1);
	return 0;
}

long link_program(const struct object *o, size_t i, const int *map_fd, uint64_t site,
		  struct bpf_insn **code)
{
	struct text t = {0};
	int err = append(&t, o, i);

	/* Functions are appended meanwhile: t.n grows. */
	for (size_t k = 0; !err && k < t.n; k++) {
		struct bpf_insn *insn = &t.code[k];

		if (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == 0 &&
		    insn->imm >= LINKED_FIRST && insn->imm < LINKED_FIRST + (int)NAMES)
			err = link_call(&t, o, k);
		if (insn->code != (BPF_LD | BPF_IMM | BPF_DW) || k + 1 == t.n)
			continue;
		if (insn->src_reg == BPF_PSEUDO_MAP_FD) {
			insn->imm = map_fd[insn->imm];
		} else if (is_site(insn)) {
			insn->imm = (int32_t)(uint32_t)site;
			insn[1].imm = (int32_t)(site >> 32);
		}
		k++;
	}
	if (err) {
		free(t.code);
		return err;
	}
	*code = t.code;
	return (long)t.n;
}
