/* SPDX-License-Identifier: Apache-2.0 */
/* Where a machine keeps its libraries, whether anybody uses them or not. */
#ifndef S3SLOWER_PLACES_H
#define S3SLOWER_PLACES_H

/* Calls see(ctx, path) for every file whose name begins with prefix, such as
 * "libssl.so": in the directories that distributions use, and wherever the
 * loader's cache says. The same file may come several times. */
void places_search(const char *prefix, void (*see)(void *ctx, const char *path), void *ctx);

/* Calls see() for the program that a shell would run by that name, if there is
 * one: a path, or a name to be found in PATH. */
void places_program(const char *name, void (*see)(void *ctx, const char *path), void *ctx);

#endif
