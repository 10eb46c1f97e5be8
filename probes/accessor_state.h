/* SPDX-License-Identifier: Apache-2.0 */
/* What running an accessor in the mind has in common on all processors. */
#ifndef S3SLOWER_ACCESSOR_STATE_H
#define S3SLOWER_ACCESSOR_STATE_H

#include "accessor.h"

#define ACCESSOR_REGISTERS 31
#define ACCESSOR_PATHS 32

struct value {
	enum {
		NOTHING,  /* that we know */
		ARGUMENT, /* n, and so many bytes behind it */
		PLACE,	  /* what is at a place, as a pointer so many bytes behind it */
		NUMBER,	  /* n */
	} kind;
	struct accessor_place place;
	uint64_t n;
	int64_t behind;
};

/* (left & mask) with right. */
struct comparison {
	bool known;
	struct value left;
	uint64_t mask, right;
};

/* How its sides have to be, unsigned. */
enum when {
	WHEN_UNKNOWN,
	WHEN_EQUAL,
	WHEN_NOT_EQUAL,
	WHEN_ABOVE,
	WHEN_AT_LEAST,
	WHEN_BELOW,
	WHEN_AT_MOST,
};

struct path {
	size_t at; /* from the function's first byte */
	struct value reg[ACCESSOR_REGISTERS];
	struct comparison flags; /* the last one */
	bool told;		 /* the accessor's answer */
	struct accessor out;
};

enum path_state {
	PATH_ON,
	PATH_LOST, /* something is not understood, or no answer */
	PATH_RETURNED,
};

struct walk;

/* What a processor does with the instruction in hand. */
struct accessor_machine {
	enum path_state (*run)(struct walk *walk, struct path *path);
	uint8_t argument[3], result; /* registers */
};

extern const struct accessor_machine accessor_x86, accessor_arm64;

struct walk {
	const struct accessor_machine *machine;
	struct decoder *decoder;
	const uint8_t *code;
	size_t n;
	uint64_t pc;
	enum accessor_tells tells;
	const struct accessor_condition *assumed;
	struct path path[ACCESSOR_PATHS];
	size_t known, next;
	bool overflow;
	size_t answers;
	struct accessor answer;
};

/* All bits of a number of so many bytes. */
uint64_t accessor_mask(unsigned size);

/* What the lower bytes of a register hold, when all of it holds v. */
struct value accessor_part(struct value v, unsigned size);

/* v and n bytes more. */
struct value accessor_behind(struct value v, int64_t n);

/* What so many bytes of memory hold, to which `at` points. */
struct value accessor_load(const struct walk *walk, struct value at, unsigned size);

/* So many bytes of v go to where `at` points, not into the function's own frame. False if the
 * path is lost. */
bool accessor_store(const struct walk *walk, struct path *path, const struct value *at,
		    const struct value *v, unsigned size);

/* So many bytes of left beside right; and their common bits beside 0, right NULL: left with
 * itself. */
struct comparison accessor_compare(const struct value *left, const struct value *right,
				   unsigned size);
struct comparison accessor_test(const struct value *left, const struct value *right, unsigned size);

/* Goes on at target as well, in another path. */
void accessor_fork(struct walk *walk, const struct path *path, uint64_t target);

/* Goes to target where the comparison is so. False if the path does not go on behind the
 * branch. */
bool accessor_branch(struct walk *walk, struct path *path, const struct comparison *comparison,
		     enum when when, uint64_t target);

/* As accessor_read(), on a processor. */
int accessor_walk(const struct accessor_machine *machine, struct decoder *decoder,
		  const uint8_t *code, size_t n, uint64_t pc, enum accessor_tells tells,
		  const struct accessor_condition *assumed, struct accessor *out);

#endif
