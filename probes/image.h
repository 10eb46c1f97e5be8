/* SPDX-License-Identifier: Apache-2.0 */
/* An ELF file looked into with libelf: what it takes to find functions that have
 * no name. Read, never mapped: a file cut short meanwhile would be a SIGBUS. */
#ifndef S3SLOWER_IMAGE_H
#define S3SLOWER_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file that more is asked of than its functions' names: addresses are virtual,
 * as the file was linked. */
struct image;

/* 0 or -errno (-ENOEXEC: not an ELF file of this machine); image_close() what was opened. */
int image_open(const char *path, struct image **out);
void image_close(struct image *elf);

/* An address of executable code as a file offset, 0 if it is none. */
uint64_t image_offset(const struct image *elf, uint64_t address);

/* For each name the address at which the dynamic linker stores where that symbol
 * of another file is, 0 if it does not. Returns how many there are. */
int image_imports(const struct image *elf, const char *const *names, size_t n, uint64_t *address);

/* Calls look() for each function that the unwinding information tells of, with
 * its code, until it returns false. The code is valid as long as the file is open. */
void image_each_function(const struct image *elf,
			 bool (*look)(void *ctx, uint64_t address, const uint8_t *code, size_t n),
			 void *ctx);

#endif
