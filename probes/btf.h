/* SPDX-License-Identifier: Apache-2.0 */
/* The type information that the kernel wants for programs that hand it the address of
 * a function of theirs: that each of their functions is one. It needs no BTF of the
 * kernel's own. */
#ifndef S3SLOWER_BTF_H
#define S3SLOWER_BTF_H

#include <stdbool.h>

#include "link.h"

struct bpf_prog_load_opts;

/* Loads it. A descriptor, or -errno. */
int btf_load(void);

/* struct bpf_func_info */
struct btf_function {
	uint32_t begin, type;
};

/* One for each function of the code; to has room for LINK_FUNCTIONS_MAX. */
void btf_functions(const struct linked *linked, struct btf_function *to);

/* Whether the kernel lets a program like ours call bpf_loop(): tried. */
bool btf_repeats(int btf);

#endif
