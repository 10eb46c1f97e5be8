/* SPDX-License-Identifier: Apache-2.0 */
/* What the processes of this machine have mapped, and the files behind it. */
#ifndef S3SLOWER_PROCESSES_H
#define S3SLOWER_PROCESSES_H

#include <stdint.h>
#include <sys/stat.h>

#include "parsers/maps.h"

/* Calls take() for every executable mapping of a file by any process, or by one
 * (pid not 0). The mapping is valid during the call. What a process does not let
 * us see, and what ends meanwhile, is passed over. 0 or -errno: no /proc. */
int processes_mappings(uint32_t pid,
		       void (*take)(void *ctx, uint32_t pid, const struct maps_mapping *mapping),
		       void *ctx);

/* The file of a mapping: a descriptor to read it, or its state. Never by its
 * name alone: it is the mapped file itself, deleted or replaced since, in
 * whatever mount namespace. 0 or more, or -errno: the process is gone and its
 * file is not to be found. */
int processes_open(uint32_t pid, const struct maps_mapping *mapping);
int processes_stat(uint32_t pid, const struct maps_mapping *mapping, struct stat *out);

/* The mount namespace of a process, 0 if it has ended. */
uint64_t processes_namespace(uint32_t pid);

/* Calls take() for every process that is_root() says yes to, and for all its
 * descendants. comm is the name of its first thread. 0 or -errno. */
int processes_tree(bool (*is_root)(void *ctx, uint32_t pid, const char *comm), void *root_ctx,
		   void (*take)(void *ctx, uint32_t pid), void *take_ctx);

#endif
