/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways to send bytes through a socket: plain, and through TLS libraries that are
 * loaded when they are asked for. No certificates: both sides agree on a key
 * without, which is all that a rehearsal needs and nothing else should use.
 */
#ifndef S3SLOWER_STACK_H
#define S3SLOWER_STACK_H

#include <stdbool.h>
#include <stddef.h>

/* One side of the connection. */
struct side {
	int fd;
	void *tls;
	bool server;
};

/* load() and open() may be NULL: nothing to do. They return 0 or -errno; send() and
 * receive() what the library's functions return. */
struct stack {
	const char *library, *file;
	int (*load)(const char *file);
	int (*open)(struct side *side);
	long (*send)(struct side *side, const void *from, size_t n);
	long (*receive)(struct side *side, void *to, size_t n);
};

/* The i-th, NULL after the last. */
const struct stack *stack_at(int i);

#endif
