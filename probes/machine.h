/* SPDX-License-Identifier: Apache-2.0 */
/* Facts about this machine that decide what can be traced, looked up and not tried:
 * kernel, rights, lockdown, compiler, cache. */
#ifndef S3SLOWER_MACHINE_H
#define S3SLOWER_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

#include "parsers/diagnosis.h"

/* Appends its findings. cache_dir: as settings have it. Returns 0 or -errno: -EPERM
 * when rights are missing, -ENOPKG when there is neither a compiler nor a cache. */
int machine_facts(struct diagnosis *diagnosis, const char *cache_dir);

/* 0, or -EPERM when capabilities that tracing takes are missing; detail says who we are and
 * which. */
int machine_rights(char *detail, size_t size);

/* Whether process ids are other ones here than those that the kernel side sees: we are in a
 * PID namespace of our own. */
bool machine_renumbers(void);

#endif
