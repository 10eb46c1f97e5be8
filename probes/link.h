/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled program made ready for this kernel: its maps, its site, and behind it
 * the functions that it calls. */
#ifndef S3SLOWER_LINK_H
#define S3SLOWER_LINK_H

#include <stdbool.h>

#include "object.h"

struct bpf_insn;

/* Copies program number i of the object with map_fd[] in the place of map numbers,
 * site in the place of SITE_UNKNOWN and functions of linked.h linked. Returns the
 * number of instructions and stores them in *code, to be freed by the caller; or
 * -errno (-EBADMSG: the code calls what the object does not have). */
long link_program(const struct object *object, size_t i, const int *map_fd, uint64_t site,
		  struct bpf_insn **code);

/* Whether the program asks for its site: if not, one serves all sites. */
bool link_has_site(const struct object *object, size_t i);

/* Whether this is such a function, no program by itself. */
bool link_is_function(const char *name);

#endif
