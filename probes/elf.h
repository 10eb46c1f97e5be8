/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of an ELF file by name, as file offsets - what a uprobe wants - and
 * what it takes to find those that have none. */
#ifndef S3SLOWER_ELF_H
#define S3SLOWER_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_function {
	uint64_t offset; /* in the file; 0: not found */
	uint64_t size;	 /* bytes; 0: the symbol does not say */
};

/* Looks each name up in the dynamic and the full symbol table. Undefined
 * symbols and those outside an executable segment do not count. Returns how
 * many were found, or -errno (-ENOEXEC: not an ELF file of this machine). */
int elf_functions(const char *path, const char *const *names, size_t n, struct elf_function *out);

/* A file that more is asked of than its functions' names: addresses are virtual,
 * as the file was linked. */
struct elf;

/* 0 or -errno, as above; elf_close() what was opened. */
int elf_open(const char *path, struct elf **out);
void elf_close(struct elf *elf);

/* An address of executable code as a file offset, 0 if it is none. */
uint64_t elf_offset(const struct elf *elf, uint64_t address);

/* For each name the address at which the dynamic linker stores where that symbol
 * of another file is, 0 if it does not. Returns how many there are. */
int elf_imports(const struct elf *elf, const char *const *names, size_t n, uint64_t *address);

/* Calls look() for each function that the unwinding information tells of, with
 * its code, until it returns false. The code is valid as long as the file is open. */
void elf_each_function(const struct elf *elf,
		       bool (*look)(void *ctx, uint64_t address, const uint8_t *code, size_t n),
		       void *ctx);

/* Reads up to n bytes of code at a file offset. Returns the count or -errno. */
long elf_code(const char *path, uint64_t offset, void *to, size_t n);

#endif
