/* SPDX-License-Identifier: Apache-2.0 */
/* What discovery.c and usage.c share. Not for other rooms: they see discovery.h. */
#ifndef S3SLOWER_DISCOVERY_STATE_H
#define S3SLOWER_DISCOVERY_STATE_H

#include <pthread.h>
#include <sys/types.h>

#include "discovery.h"
#include "known.h"
#include "mappings.h"
#include "ready.h"
#include "users.h"

#define DISCOVERY_NAMESPACES 256
#define DISCOVERY_REFUSED 64 /* that are told */

struct discovery {
	struct tracer *tracer;
	struct decoder *decoder;
	struct mappings *mappings;
	struct users *users;
	struct ready *ready;
	int changes; /* of files that are probed, or -errno */
	int epoll;   /* mappings, changes and stop */
	int stop;    /* an eventfd */
	pthread_t thread;
	bool running;
	pthread_mutex_t lock; /* of all below, while the thread runs */
	unsigned wanted;
	uint64_t unused_ns, expired;
	uint32_t scan, scans; /* the scan that goes on, 0: none */
	struct discovery_counts counts;
	uint32_t last_pid;
	uint64_t namespaces[DISCOVERY_NAMESPACES]; /* seen, by hash */
	struct known known;
	struct discovery_refused {
		char *path;
		const char *function;
		dev_t device; /* one file may have several names */
		ino_t inode;
	} refused[DISCOVERY_REFUSED];
	size_t n_refused;
};

/* Looks at all processes. */
void discovery_scan_processes(struct discovery *discovery);

/* Lets go of what is not used any more. now in ns of CLOCK_MONOTONIC. */
void discovery_expire(struct discovery *discovery, uint64_t now);

/* Detaches from a file and forgets it. */
void discovery_let_go(struct discovery *discovery, struct known_file *file);

#endif
