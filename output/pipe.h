/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows that somebody else reads: a pipe, a FIFO or a socket. While tracing, signals that end
 * us are blocked and read between rows; a reader that stands still, or is not there yet, would
 * keep us in write() or open() for good. So it is waited for outside of them, and no longer
 * when we are told to end.
 */
#ifndef S3SLOWER_PIPE_H
#define S3SLOWER_PIPE_H

#include <stdbool.h>
#include <stdio.h>

#define PIPE_PATIENCE_MS 1000 /* what a reader has, from then on */

/* Whether the descriptor is one. */
bool pipe_is(int fd);

/* open(2) for writing; of a FIFO, when its reader has opened it. -EINTR: we are told to end. */
int pipe_open_file(const char *path);

/* A stream on such a descriptor, which it takes. Writing fails with EINTR, also ever after,
 * when nothing was read while we are told to end. NULL: out of memory. */
FILE *pipe_stream(int fd);

#endif
