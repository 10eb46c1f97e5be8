/* SPDX-License-Identifier: Apache-2.0 */
/*
 * To attach to a function that somebody has mapped already, the kernel first
 * waits for a grace period, 8 to 20 ms - unless somebody has attached within the
 * last few milliseconds. A short program has sent its request by then. So when
 * something new is seen that may soon use a library we do not know - a mount
 * namespace, a program - a probe on a file of our own, which nobody maps, is
 * placed again and again for a moment: meanwhile attaching takes some 50 us.
 */
#ifndef S3SLOWER_READY_H
#define S3SLOWER_READY_H

struct ready;

/* NULL without memory, or before Linux 6.6, whose probes hold each other up when
 * they are taken away: then attaching is slow. */
struct ready *ready_new(void);
void ready_free(struct ready *ready);

/* For so long from now on; a longer time that was asked for stays. Returns at
 * once; NULL is fine. */
void ready_for(struct ready *ready, unsigned ms);

#endif
