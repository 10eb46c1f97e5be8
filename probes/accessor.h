/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a library keeps something in its objects, read out of the code of a
 * function that it exports to get or set just that. So a layout is that of the
 * build in hand, whatever its version or its compiler's options were. Paths on
 * which anything happens that is not understood are left aside, and what has to
 * hold on the one that remains is told.
 */
#ifndef S3SLOWER_ACCESSOR_H
#define S3SLOWER_ACCESSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode.h"

#define ACCESSOR_STEPS 4
#define ACCESSOR_CONDITIONS 4

/* Memory of the function's first argument: what lies offset[0] bytes into it, what
 * lies offset[1] bytes into what that points to, and so on. */
struct accessor_place {
	uint32_t offset[ACCESSOR_STEPS];
	uint8_t n;
	uint8_t size; /* bytes of the last one: 1, 4 or 8 */
};

/* Whether (what is there & mask) == value, or is not. */
struct accessor_condition {
	struct accessor_place place;
	uint64_t mask, value;
	bool is;
};

struct accessor {
	struct accessor_place place;
	struct accessor_condition condition[ACCESSOR_CONDITIONS];
	size_t n;
};

enum accessor_tells {
	ACCESSOR_RETURNS,      /* f(object): what it returns */
	ACCESSOR_STORES,       /* f(object, to): what it stores at its second argument */
	ACCESSOR_STORES_THIRD, /* f(object, a, to) */
	ACCESSOR_KEEPS,	       /* f(object, value): where it puts its second argument */
};

/* Runs n bytes of a function that lies at pc, along all of its paths. Pointers that
 * it is given are not NULL. assumed: what is known of the object, or NULL; it is
 * then among the conditions. 0, or -ENOENT when it does not tell, or tells different
 * things on different paths. */
int accessor_read(struct decoder *decoder, const uint8_t *code, size_t n, uint64_t pc,
		  enum accessor_tells tells, const struct accessor_condition *assumed,
		  struct accessor *out);

#endif
