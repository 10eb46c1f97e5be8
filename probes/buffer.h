/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What programs in the kernel tell, and how it gets here: through a ring buffer that all
 * CPUs share, where the kernel has one, else through a perf buffer for each CPU. The text
 * is specialised for one or the other (WITH_RING), and the map says which.
 */
#ifndef S3SLOWER_BUFFER_H
#define S3SLOWER_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;

/* The entries that a map of that type needs for so many pages on each CPU; 0: as the
 * text says. */
uint32_t buffer_entries(uint32_t map_type, unsigned pages);

/* Opens the reader of a map, which is borrowed until buffer_close(). wake_every: after so
 * many events a perf buffer wakes the reader; how a ring does, programs know. 0 or -errno. */
int buffer_open(struct buffer **buffer, int map, uint32_t map_type, unsigned pages,
		unsigned wake_every);
void buffer_close(struct buffer *buffer); /* NULL: nothing */

/* Readable when it is time to drain it. */
int buffer_fd(const struct buffer *buffer);

/* Hands every waiting event to take(). data is valid during the call only, and not
 * aligned: copy, then look. take() returns whether it wants more: of this CPU's, or at
 * all. Returns the number of events, or -errno. */
int buffer_drain(struct buffer *buffer, bool (*take)(void *ctx, const void *data, size_t size),
		 void *ctx);

#endif
