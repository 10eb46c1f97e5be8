/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a probed file is written to. The kernel remembers which instruction a
 * probe replaced: in a file that was written over in place it would put an old
 * instruction into the new code, and a program that maps it then would crash. So
 * the probes have to go before anybody does.
 */
#ifndef S3SLOWER_CHANGES_H
#define S3SLOWER_CHANGES_H

/* A descriptor, readable when a file was written to; or -errno. */
int changes_open(void);

/* Watches a file; its number, or -errno. */
int changes_watch(int changes, const char *path);
void changes_forget(int changes, int file);

/* Calls take() with the number of each file that was written to. */
void changes_drain(int changes, void (*take)(void *ctx, int file), void *ctx);

#endif
