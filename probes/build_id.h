/* SPDX-License-Identifier: Apache-2.0 */
/* What tells one build of a program or library from another. */
#ifndef S3SLOWER_BUILD_ID_H
#define S3SLOWER_BUILD_ID_H

#include <stdbool.h>
#include <stddef.h>

/* The build id as hexadecimal digits ("" when it has none, or one that is too long),
 * and whether the file has a full symbol table. The file is a stranger's: bounded,
 * and read, never mapped. 0 or -errno (-ENOEXEC: not an ELF file of 64 bits). */
int build_id_read(const char *path, char *id, size_t size, bool *symbols);

#endif
