/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a BPF program goes on from one instruction to the next. Older kernels (6.1, for one)
 * take a program with a loop only if it goes back by a jump: where the compiler put the
 * loop's head behind its end, the end falls through to it, and they say "back-edge".
 */
#ifndef S3SLOWER_FLOW_H
#define S3SLOWER_FLOW_H

#include <stddef.h>

struct bpf_insn;

/* Copies n instructions to *out (the caller frees it), with a jump to the next one wherever
 * a loop would go on by falling through. Calls keep their numbers: nothing is linked yet.
 * Returns how many there are then; 0 when memory is short, or a jump leads outside. */
size_t flow_mend(const struct bpf_insn *code, size_t n, struct bpf_insn **out);

#endif
