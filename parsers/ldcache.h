/* SPDX-License-Identifier: Apache-2.0 */
/* The loader's cache, /etc/ld.so.cache: which libraries the machine offers,
 * used or not. Its format is glibc's (sysdeps/generic/dl-cache.h). */
#ifndef S3SLOWER_LDCACHE_H
#define S3SLOWER_LDCACHE_H

#include <stdbool.h>

#include "slice.h"

/* Gives one library after another: its name ("libssl.so.3") and its path, both
 * pointing into cache, without their final NUL. *at is 0 for the first and is
 * advanced. False after the last, or where the cache contradicts itself. */
bool ldcache_next(struct slice cache, size_t *at, struct slice *name, struct slice *path);

#endif
