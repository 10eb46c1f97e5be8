/* SPDX-License-Identifier: Apache-2.0 */
/* Closing the descriptor of a probe waits for a grace period of the kernel, tens
 * of milliseconds. Many at a time wait for the same one. */
#ifndef S3SLOWER_DETACH_H
#define S3SLOWER_DETACH_H

#include <stddef.h>

/* Closes n descriptors in threads, and returns when all are closed. */
void detach_all(const int *fd, size_t n);

/* The same, but returns at once. fd is copied. */
void detach_later(const int *fd, size_t n);

#endif
