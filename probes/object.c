/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CODE_MAX (8u << 20)

int object_write_all(int fd, const void *p, size_t n)
{
	const char *c = p;

	while (n) {
		ssize_t done = write(fd, c, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		c += done;
		n -= (size_t)done;
	}
	return 0;
}

int object_read_all(int fd, void *p, size_t n)
{
	char *c = p;

	while (n) {
		ssize_t done = read(fd, c, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		if (done == 0)
			return -EBADMSG;
		c += done;
		n -= (size_t)done;
	}
	return 0;
}

int object_write(const struct object *object, int fd)
{
	int err = object_write_all(fd, object, offsetof(struct object, code));

	return err ? err : object_write_all(fd, object->code, object->code_size);
}

int object_read(struct object *object, int fd)
{
	int err;

	memset(object, 0, sizeof(*object));
	err = object_read_all(fd, object, offsetof(struct object, code));
	if (err)
		return err;
	if (object->n_maps > OBJECT_MAPS || object->n_programs > OBJECT_PROGRAMS ||
	    object->code_size > CODE_MAX)
		return -EBADMSG;
	for (uint32_t i = 0; i < object->n_programs; i++) {
		const struct object_program *p = &object->program[i];

		if (p->offset > object->code_size || p->size > object->code_size - p->offset)
			return -EBADMSG;
	}
	object->code = malloc(object->code_size ? object->code_size : 1);
	if (!object->code)
		return -ENOMEM;
	err = object_read_all(fd, object->code, object->code_size);
	if (err)
		object_free(object);
	return err;
}

void object_free(struct object *object)
{
	free(object->code);
	memset(object, 0, sizeof(*object));
}

int object_find_map(const struct object *object, const char *name)
{
	for (uint32_t i = 0; i < object->n_maps; i++)
		if (strcmp(object->map[i].name, name) == 0)
			return (int)i;
	return -ENOENT;
}

int object_find_program(const struct object *object, const char *name)
{
	for (uint32_t i = 0; i < object->n_programs; i++)
		if (strcmp(object->program[i].name, name) == 0)
			return (int)i;
	return -ENOENT;
}

/* The number in `to` of each map of `more`; those that are new are added. Returns how
 * many maps there are then, or -errno. */
static int join_maps(struct object *to, const struct object *more, uint32_t *number)
{
	uint32_t n = to->n_maps;

	for (uint32_t i = 0; i < more->n_maps; i++) {
		int at = object_find_map(to, more->map[i].name);

		if (at >= 0 && memcmp(&to->map[at], &more->map[i], sizeof(more->map[i])) != 0)
			return -EBADMSG;
		if (at < 0 && n == OBJECT_MAPS)
			return -E2BIG;
		if (at < 0)
			to->map[n] = more->map[i];
		number[i] = at < 0 ? n++ : (uint32_t)at;
	}
	return (int)n;
}

static int renumber(char *code, size_t size, const uint32_t *number, uint32_t n)
{
	struct bpf_insn insn;

	for (size_t at = 0; at + sizeof(insn) <= size; at += sizeof(insn)) {
		memcpy(&insn, code + at, sizeof(insn));
		if (insn.code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (insn.src_reg == BPF_PSEUDO_MAP_FD) {
			if ((uint32_t)insn.imm >= n)
				return -EBADMSG;
			insn.imm = (int32_t)number[insn.imm];
			memcpy(code + at, &insn, sizeof(insn));
		}
		at += sizeof(insn); /* the second half of a wide instruction */
	}
	return 0;
}

int object_join(struct object *to, const struct object *more)
{
	uint32_t number[OBJECT_MAPS], programs = to->n_programs;
	int n_maps = join_maps(to, more, number), err;
	char *code;

	if (n_maps < 0)
		return n_maps;
	if (more->n_programs > OBJECT_PROGRAMS - programs ||
	    more->code_size > CODE_MAX - to->code_size)
		return -E2BIG;
	for (uint32_t i = 0; i < more->n_programs; i++)
		if (object_find_program(to, more->program[i].name) >= 0)
			return -EBADMSG;
	code = realloc(to->code, to->code_size + more->code_size + 1);
	if (!code)
		return -ENOMEM;
	to->code = code;
	memcpy(code + to->code_size, more->code, more->code_size);
	err = renumber(code + to->code_size, more->code_size, number, more->n_maps);
	if (err)
		return err;
	for (uint32_t i = 0; i < more->n_programs; i++) {
		to->program[programs + i] = more->program[i];
		to->program[programs + i].offset += to->code_size;
	}
	to->n_maps = (uint32_t)n_maps;
	to->n_programs += more->n_programs;
	to->code_size += more->code_size;
	return 0;
}
