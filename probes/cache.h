/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiled programs from one run to the next, so that all but the first start
 * in a few milliseconds. An entry is used only if everything that went into it
 * is the same to the byte - text, macros, kernel, compiler - if nobody but root
 * can have written it, and if it still has the sum that it was written with.
 */
#ifndef S3SLOWER_CACHE_H
#define S3SLOWER_CACHE_H

#include "compile.h"

struct cache {
	char dir[200];
	char path[256]; /* of this entry */
	char *key;	/* owned: all that it depends on */
	size_t key_size;
};

/* Works out the entry for a compilation. 0, or -errno when there is no caching
 * (dir empty, not root, out of memory): the cache then stays closed, and
 * loading and storing do nothing. */
int cache_open(struct cache *cache, const char *dir, const char *text, const char *const *flags,
	       size_t n_flags);
void cache_close(struct cache *cache);

/* As compile(). 0, or -errno when the entry is not there or not to be trusted. */
int cache_load(const struct cache *cache, struct object *object);

/* Keeps the result; a handful of entries stay, the oldest goes. 0 or -errno:
 * failing to keep it is no failure of the run. */
int cache_store(const struct cache *cache, const struct object *object);

#endif
