/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function table that every Go program carries, stripped or not: what the
 * Go runtime itself reads for stack traces. A pure parser: bytes in, functions
 * out. The bytes are hostile.
 *
 * Layouts: runtime/symtab.go and cmd/link/internal/ld/pcln.go of Go 1.2 to 1.26,
 * checked against programs built with 1.14, 1.16, 1.17, 1.19, 1.23 and 1.26.
 */
#ifndef S3SLOWER_GOPCLNTAB_H
#define S3SLOWER_GOPCLNTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest header of any layout: what gopclntab_open() needs to say no. */
#define GOPCLNTAB_HEADER 72
/* No function that we probe is longer; a table that says so is wrong. */
#define GOPCLNTAB_FUNCTION_MAX (1u << 20)

struct gopclntab {
	const uint8_t *p; /* the caller's, as long as the table is used */
	size_t n;
	unsigned since; /* minor version of Go that began to write this layout: 2, 16, 18, 20 */
	bool relative;	/* entries count from the start of the code, not from address 0 */
	uint64_t text;	/* where the code starts, as the header says; 0: it does not */
	uint64_t n_functions; /* at least 1 */
	uint64_t names;	      /* offset of the function names */
	uint64_t index;	      /* offset of the sorted index of functions */
	uint64_t base;	      /* what the offsets of function records count from */
};

struct gopclntab_function {
	uint64_t entry; /* as the table says: an address, or relative to the code; see there */
	uint64_t size;	/* bytes to the next function, padding included; 0: not found */
};

/* Understands the header of a table whose bytes are p[0 ... n-1]; n may go
 * beyond the table's end. 0, or -EBADMSG if it is no table. */
int gopclntab_open(struct gopclntab *table, const uint8_t *p, size_t n);

/* Whether 8-byte-aligned bytes may be a table: magic, padding, sizes. For
 * searching; p[0 ... GOPCLNTAB_HEADER-1] are there. */
bool gopclntab_begins(const uint8_t *p);

/* The lowest entry and the end of the last function. 0 or -EBADMSG. */
int gopclntab_range(const struct gopclntab *table, uint64_t *first, uint64_t *end);

/* Looks n names up at one pass. Returns how many were found (a name that is
 * there twice counts once: the first), or -EBADMSG for a table that contradicts
 * itself before all were found. */
int gopclntab_find(const struct gopclntab *table, const char *const *names, size_t n,
		   struct gopclntab_function *out);

#endif
