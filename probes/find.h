/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the points that serve a row of the table are found: the ways that rows
 * name. Each proves what it adds, from the code of the file in hand.
 */
#ifndef S3SLOWER_FIND_H
#define S3SLOWER_FIND_H

#include "elf.h"
#include "probe.h"

/* What a function does with a connection, and the programs that watch it. */
struct action {
	const char *enter, *leave; /* leave NULL: entry only */
};

struct search;

/* Exported variants of one operation, each with how it tells its result, and how
 * the points that serve them are found. All take (connection, buffer, ...). */
#define VARIANTS 3
struct probe_row {
	const struct action *action;
	/* Returns whether it added points that serve the whole row. The exported
	 * functions serve where it did not; NULL: they are right as they are. */
	bool (*find)(struct search *search);
	struct variant {
		const char *symbol;
		uint8_t tells, takes; /* TELLS_*, TAKES_* */
	} variant[VARIANTS];
	uint8_t inner;	/* TELLS_* of an inner function */
	uint8_t method; /* offset in NSS's table of functions */
};

/* A row and a file in hand. */
struct search {
	const struct probe_library *library;
	const struct probe_row *row;
	const char *path;
	struct decoder *decoder; /* NULL: nothing can be proven */
	struct elf_function function[VARIANTS];
	size_t n;		   /* variants that the row has */
	struct probe_point *point; /* found so far, for all rows */
	size_t n_points, max;
};

/* The one function that both variants call with their own connection and buffer:
 * it sees every call once, and begins with an instruction that is cheap to probe. */
bool find_common_inner(struct search *search);

/* The functions of (connection, type, buffer, ...) that the variants hand their
 * buffer to: on no path is there another way to fill it, and what they return is
 * what the variants return. The first one found begins cheaply; another may be
 * there for a case that is rare. */
bool find_callees(struct search *search);

/* The first variant that is there: it is known to be called by the others. */
bool find_first_variant(struct search *search);

/* The first variant, and those of the others that do not always call it. Calls
 * within a call do not count: more probes than needed cost, but never lie. */
bool find_called_variant(struct search *search);

/* NSS's method. */
bool find_method(struct search *search);

/* An exported variant as it is, if the file has it. */
void find_variant(struct search *search, size_t v);

#endif
