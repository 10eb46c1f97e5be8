/* SPDX-License-Identifier: Apache-2.0 */
/* Two parts of one text, compiled apart, become one object. */
#include "probes/object.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_map(struct object *o, const char *name, uint32_t value_size)
{
	struct object_map *m = &o->map[o->n_maps++];

	snprintf(m->name, sizeof(m->name), "%s", name);
	m->value_size = value_size;
}

/* A program that names map number `map`, behind a wide constant that is no map. */
static void add_program(struct object *o, const char *name, int map)
{
	struct bpf_insn code[] = {
		{.code = BPF_LD | BPF_IMM | BPF_DW, .imm = 7},
		{.imm = 1},
		{.code = BPF_LD | BPF_IMM | BPF_DW, .src_reg = BPF_PSEUDO_MAP_FD, .imm = map},
		{0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct object_program *p = &o->program[o->n_programs++];

	snprintf(p->name, sizeof(p->name), "%s", name);
	p->size = sizeof(code);
	p->offset = o->code_size;
	o->code = realloc(o->code, o->code_size + sizeof(code));
	memcpy(o->code + o->code_size, code, sizeof(code));
	o->code_size += p->size;
}

static int map_of(const struct object *o, const char *program)
{
	const struct object_program *p = &o->program[object_find_program(o, program)];
	struct bpf_insn insn;

	memcpy(&insn, o->code + p->offset, sizeof(insn));
	CU_ASSERT_EQUAL(insn.imm, 7);
	memcpy(&insn, o->code + p->offset + 2 * sizeof(insn), sizeof(insn));
	return insn.imm;
}

static void parts_become_one(void)
{
	static struct object to, more;

	memset(&to, 0, sizeof(to));
	memset(&more, 0, sizeof(more));
	add_map(&to, "both", 4);
	add_map(&to, "first", 8);
	add_program(&to, "a", 1);
	add_map(&more, "second", 16);
	add_map(&more, "both", 4);
	add_program(&more, "b", 0);
	add_program(&more, "c", 1);
	CU_ASSERT_EQUAL_FATAL(object_join(&to, &more), 0);
	CU_ASSERT_EQUAL(to.n_maps, 3);
	CU_ASSERT_EQUAL(to.n_programs, 3);
	CU_ASSERT_EQUAL(map_of(&to, "a"), object_find_map(&to, "first"));
	CU_ASSERT_EQUAL(map_of(&to, "b"), object_find_map(&to, "second"));
	CU_ASSERT_EQUAL(map_of(&to, "c"), object_find_map(&to, "both"));
	object_free(&to);
	object_free(&more);
}

static void what_does_not_fit_is_refused(void)
{
	static struct object to, more;

	memset(&to, 0, sizeof(to));
	memset(&more, 0, sizeof(more));
	add_map(&to, "map", 4);
	add_program(&to, "a", 0);
	add_map(&more, "map", 8);
	add_program(&more, "b", 0);
	CU_ASSERT_EQUAL(object_join(&to, &more), -EBADMSG); /* another value */
	more.map[0].value_size = 4;
	more.n_programs = 0;
	more.code_size = 0;
	add_program(&more, "a", 0);
	CU_ASSERT_EQUAL(object_join(&to, &more), -EBADMSG); /* the same program */
	snprintf(more.program[0].name, sizeof(more.program[0].name), "b");
	more.n_maps = 0;
	CU_ASSERT_EQUAL(object_join(&to, &more), -EBADMSG); /* a map that is not there */
	CU_ASSERT_EQUAL(to.n_programs, 1);
	CU_ASSERT_EQUAL(to.n_maps, 1);
	more.n_maps = 1;
	to.n_programs = OBJECT_PROGRAMS;
	CU_ASSERT_EQUAL(object_join(&to, &more), -E2BIG);
	to.n_programs = 1;
	object_free(&to);
	object_free(&more);
}

CU_TestInfo object_tests[] = {
	{"parts become one", parts_become_one},
	{"what does not fit is refused", what_does_not_fit_is_refused},
	CU_TEST_INFO_NULL,
};
