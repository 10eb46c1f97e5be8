/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of a BPF ring buffer (Documentation/bpf/ringbuf.rst of Linux). libbpf's
 * keeps all of it mapped, twice, and every page of it then counts as ours; this one
 * maps what it is about to read, and lets it go again.
 */
#ifndef S3SLOWER_RING_H
#define S3SLOWER_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring;

/* Whether this kernel has such buffers (Linux 5.8): tried. */
bool ring_is_there(void);

/* How many bytes one has that takes the place of a buffer of so many pages, a power of
 * two, on each CPU: never more than those together. */
uint32_t ring_size(unsigned pages_per_cpu);

/* How many bytes a CPU writes before the reader is late, and has to be woken: half of its
 * share. */
uint32_t ring_late(unsigned pages_per_cpu);

/* Opens the map; it is borrowed until ring_close(). 0 or -errno. */
int ring_open(struct ring **ring, int map);
void ring_close(struct ring *ring);

/* Readable once a program has asked to wake the reader: not whenever something is there. */
int ring_fd(const struct ring *ring);

/* Hands over what is there now, in the order in which it came, as long as take() wants
 * more. data is valid during the call only, and aligned to 8. Returns how many, or -errno. */
int ring_drain(struct ring *ring, bool (*take)(void *ctx, const void *data, size_t size),
	       void *ctx);

#endif
