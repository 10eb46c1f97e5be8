/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of an ELF file by name, as file offsets: what a uprobe wants. */
#ifndef S3SLOWER_ELF_H
#define S3SLOWER_ELF_H

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

/* Reads up to n bytes of code at a file offset. Returns the count or -errno. */
long elf_code(const char *path, uint64_t offset, void *to, size_t n);

#endif
