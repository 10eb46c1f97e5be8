/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What any process of the machine maps to run, as it happens: programs, their
 * loader, libraries, dlopen(). The kernel tells it in perf records, one buffer
 * for each CPU; nothing is polled and no program is attached.
 */
#ifndef S3SLOWER_MAPPINGS_H
#define S3SLOWER_MAPPINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "parsers/maps.h"

struct mappings;

/* Begins to listen. NULL on failure, with -errno in *err: -EACCES or -EPERM
 * without CAP_PERFMON. */
struct mappings *mappings_open(int *err);
void mappings_close(struct mappings *mappings);

/* Readable as soon as something was mapped. */
int mappings_fd(const struct mappings *mappings);

/* Hands every mapping that is waiting to take(), in order for each CPU only. It
 * is valid during the call; as the process may have ended meanwhile, its path is
 * a hint. Returns false when the kernel found no room for some: what /proc says
 * has to be read again. */
bool mappings_drain(struct mappings *mappings,
		    void (*take)(void *ctx, uint32_t pid, const struct maps_mapping *mapping),
		    void *ctx);

#endif
