/* SPDX-License-Identifier: Apache-2.0 */
/* A BPF program that does nothing, attached here and there: how one finds out what a
 * kernel has, and what it costs. */
#ifndef S3SLOWER_TRIAL_H
#define S3SLOWER_TRIAL_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>

/* Functions of ours to put a probe on: the first begins with an instruction that the
 * kernel emulates, the second with one that it has to single-step. */
void trial_emulated(void);
void trial_stepped(void);

/* All return a descriptor to be closed, or -errno. attach_type and btf_id as in
 * union bpf_attr, 0 for none. */
int trial_program(enum bpf_prog_type type, int attach_type, int btf_id);
/* kind and where as uprobe_attr() takes them. */
int trial_perf(const char *kind, const char *where, uint64_t offset, int program);
int trial_uprobe(void (*function)(void));
/* An uprobe link of this attach type on the first function. */
int trial_link(int attach_type);

/* Closes it: 0, or the -errno that it is. */
int trial_done(int fd);

/* What one probe costs a traced program, in microseconds, on each of the functions.
 * Both are negative where no uprobe can be had. Takes some 50 ms. */
void trial_cost(double *emulated_us, double *stepped_us);

#endif
