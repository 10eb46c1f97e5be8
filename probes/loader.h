/* SPDX-License-Identifier: Apache-2.0 */
/* The programs of an object in the kernel: each is loaded at its first use, once for each
 * kind of site. The verifier takes some 10 ms for the largest ones. */
#ifndef S3SLOWER_LOADER_H
#define S3SLOWER_LOADER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "object.h"

#define LOADER_INSTANCES 256

struct loader {
	const struct object *object;
	const int *map;
	bool links;   /* uprobe links instead of perf events */
	int btf;      /* or -errno */
	bool repeats; /* bpf_loop() is there */
	/* A program as it was loaded for one kind of site. */
	struct instance {
		int program; /* index in the object */
		uint64_t site;
		int fd;
	} instance[LOADER_INSTANCES];
	size_t n;
	pthread_mutex_t lock; /* of the instances */
	pthread_t thread;
	bool running;
	int err; /* of the thread, and whose */
	const char *refused;
	char reason[160]; /* the verifier's, of the first program that it refused */
};

/* map[]: descriptors of the object's maps. Borrows both until loader_close(), and tries
 * what the kernel can do. */
void loader_open(struct loader *loader, const struct object *object, const int *map);

/* Begins to load those that are on no function, in a thread. */
void loader_start(struct loader *loader);

/* Waits for it. 0, or -errno of the first program that was refused, with its name. */
int loader_wait(struct loader *loader, const char **refused);

/* A program's descriptor, which stays the loader's; or -errno (-ENOENT: it was compiled
 * out). site: SITE_*, with those bits that it says itself left out. One thread may call
 * this, beside the loader's own. */
int loader_get(struct loader *loader, const char *name, uint64_t site);

/* The bits of a site that a program's name says: SITE_SEND or none. */
uint64_t loader_way(const char *program);

/* Why the verifier refused the first program that it did, as it says itself; "" if it did
 * not. Puts at most size bytes, with a NUL. */
void loader_reason(struct loader *loader, char *to, size_t size);

/* Waits, and closes everything. One that was only zeroed is closed. */
void loader_close(struct loader *loader);

#endif
