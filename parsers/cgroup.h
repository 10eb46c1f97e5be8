/* SPDX-License-Identifier: Apache-2.0 */
/* Where a process belongs, from the text of /proc/PID/cgroup. */
#ifndef S3SLOWER_CGROUP_H
#define S3SLOWER_CGROUP_H

#include "slice.h"

/* The path of the unified hierarchy; where that says nothing but "/", the first
 * that says more (version 1). Borrows from file; SLICE_NONE if there is none. */
struct slice cgroup_path(struct slice file);

/* The id of the innermost container in such a path: 64 hexadecimal digits, or
 * no fewer than 12 where a runtime's name stands beside them. Borrows from path;
 * SLICE_NONE outside of containers. */
struct slice cgroup_container(struct slice path);

#endif
