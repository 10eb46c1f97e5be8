/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's two ways to put a probe on a function: a link of BPF, and, before
 * Linux 6.6, a perf event. */
#ifndef S3SLOWER_UPROBE_H
#define S3SLOWER_UPROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct perf_event_attr;

/* The type that programs for uprobe_link() have to be loaded with
 * (BPF_TRACE_UPROBE_MULTI, which older headers lack). */
#define UPROBE_LINK 48

/* Attaches a program to n offsets of a file, in all processes; attach_type is what it
 * was loaded with. A descriptor or -errno. */
int uprobe_link(int attach_type, int program, const char *path, const uint64_t *offsets, size_t n,
		bool is_return);

/* Fills attr for a probe, in any process. kind "uprobe": where is a file, which attr
 * borrows; "kprobe": a symbol. 0, or -EOPNOTSUPP when this kernel has none. */
int uprobe_attr(struct perf_event_attr *attr, const char *kind, const char *where, uint64_t offset,
		bool is_return);

/* A perf event with a program on it, enabled. A descriptor or -errno. */
int uprobe_event(struct perf_event_attr *attr, int program);

#endif
