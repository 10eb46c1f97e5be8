/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled program made ready for this kernel: its maps, its site, and behind it
 * the functions that it calls. */
#ifndef S3SLOWER_LINK_H
#define S3SLOWER_LINK_H

#include <stdbool.h>

#include "object.h"

struct bpf_insn;

#define LINK_FUNCTIONS_MAX 16

/* The code, and where its functions begin; addresses: it hands that of one to a helper. */
struct linked {
	struct bpf_insn *code; /* the caller frees it */
	size_t n;
	uint32_t function[LINK_FUNCTIONS_MAX];
	size_t n_functions;
	bool addresses;
};

/* Copies program number i of the object with map_fd[] in the place of map numbers,
 * site in the place of SITE_UNKNOWN and functions of linked.h linked. repeats: the
 * kernel has bpf_loop(). Returns 0 or -errno (-EBADMSG: the code calls what the object
 * does not have). */
int link_program(const struct object *object, size_t i, const int *map_fd, uint64_t site,
		 bool repeats, struct linked *out);

/* Whether the program asks for its site: if not, one serves all sites. */
bool link_has_site(const struct object *object, size_t i);

/* Whether this is such a function, no program by itself. */
bool link_is_function(const char *name);

#endif
