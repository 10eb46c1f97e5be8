/* SPDX-License-Identifier: Apache-2.0 */
/* Which process uses which file: a bounded set of pairs. */
#ifndef S3SLOWER_USERS_H
#define S3SLOWER_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USERS_MAX 16384 /* pairs; a power of two */

struct users;

struct users *users_new(void);
void users_free(struct users *users);

/* Notes that a process uses a file. Returns whether there was room. */
bool users_add(struct users *users, uint32_t pid, uint32_t file);

/* Drops the pairs of processes that have ended, and those of files for which
 * keep() says no (NULL: keep all). */
void users_sweep(struct users *users, bool (*keep)(void *ctx, uint32_t file), void *ctx);

/* Gives one pair after another. *at is 0 for the first. False after the last. */
bool users_next(const struct users *users, size_t *at, uint32_t *pid, uint32_t *file);

#endif
