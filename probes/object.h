/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiled programs and map definitions as plain data: what the compiling fork
 * hands to the tracer. Instructions name a map by its index, not by descriptor.
 */
#ifndef S3SLOWER_OBJECT_H
#define S3SLOWER_OBJECT_H

#include <stddef.h>
#include <stdint.h>

#define OBJECT_NAME 64
#define OBJECT_MAPS 32
#define OBJECT_PROGRAMS 64

struct object_map {
	char name[OBJECT_NAME];
	uint32_t type, key_size, value_size, max_entries, flags;
};

struct object_program {
	char name[OBJECT_NAME];
	uint32_t size;	 /* bytes of instructions */
	uint32_t offset; /* of the first one, within code */
};

struct object {
	uint32_t n_maps, n_programs, code_size;
	struct object_map map[OBJECT_MAPS];
	struct object_program program[OBJECT_PROGRAMS];
	char *code; /* owned */
};

/* Through a pipe. 0 or -errno; object_read() owns what it allocates until
 * object_free(). A short or inconsistent stream is -EBADMSG. */
int object_write(const struct object *object, int fd);
int object_read(struct object *object, int fd);
void object_free(struct object *object);

/* Adds the programs of another part of the same text, which has the same maps as far
 * as it has them. 0; -E2BIG; -EBADMSG when both have a program or differ in a map.
 * On failure `to` stays as it was. */
int object_join(struct object *to, const struct object *more);

/* All n bytes or -errno; -EBADMSG when the stream ends early. */
int object_write_all(int fd, const void *p, size_t n);
int object_read_all(int fd, void *p, size_t n);

/* Index by name, or -ENOENT. */
int object_find_map(const struct object *object, const char *name);
int object_find_program(const struct object *object, const char *name);

#endif
