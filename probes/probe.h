/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which functions of which library are probed with which program: a new TLS
 * library is one more table of rows in probe.c.
 */
#ifndef S3SLOWER_PROBE_H
#define S3SLOWER_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode.h"

/* One planted probe: a program at an offset of a file. */
struct probe_point {
	uint64_t offset;
	uint64_t site; /* what the program has to know of the function: site.h */
	const char *program;
	bool is_return; /* a return probe: the program runs when the function has returned */
	bool first;	/* attached before those that are not */
};

#define PROBE_POINTS_MAX 64

/* A kind of library: how its files are called, what to probe in them. */
struct probe_library {
	const char *name;    /* "openssl", as in --mode and via */
	const char *file[2]; /* its files' names begin so: "libssl.so" */
	uint32_t layer;	     /* LAYER_* of exchange.h; 0: no connections pass through it */
	int (*resolve)(const struct probe_library *library, const char *path,
		       struct decoder *decoder, struct probe_point *out, size_t max,
		       const char **refused);
	const struct probe_row *rows;
	/* A function that it exports, where those to probe have no names, and the one of
	 * its own whose code leads to them. */
	const char *mark, *guide;
	/* Whether a file may be one of this kind, where symbols do not tell: cheap. */
	bool (*is_program)(const char *path);
};

extern const struct probe_library probe_libraries[]; /* ends with a NULL name */

/* Whether one of the libraries in a set of bits as below carries connections. The C
 * library, which every process uses, does not: it has names looked up. */
bool probe_carries(unsigned libraries);

/* Which of the wanted libraries a file contains, whatever its name is: bit i is
 * probe_libraries[i]. It counts if the file has functions to send with and
 * functions to receive with. 0 if none, or if it is no file for us. Some 30 us. */
unsigned probe_search(const char *path, unsigned wanted);

/* Finds the points of one file, with library->resolve(). decoder may be NULL: then
 * exported symbols serve, which is right and slower. Returns the number stored, or
 * -errno (-ENOENT: the file has none of the functions). *refused: the function that
 * was there and could not be decoded, so that nothing can be probed safely; NULL if it is
 * nothing of the kind. */
int probe_resolve(const struct probe_library *library, const char *path, struct decoder *decoder,
		  struct probe_point *out, size_t max, const char **refused);

#endif
