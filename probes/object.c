/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

#include <errno.h>
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
