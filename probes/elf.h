/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of an ELF file by name, as file offsets: what a uprobe wants. Asked
 * of every file that any process maps to run, so a file that has none of them
 * is done with in microseconds. The files are strangers': everything is bounded,
 * and read, never mapped - a file cut short meanwhile would be a SIGBUS.
 */
#ifndef S3SLOWER_ELF_H
#define S3SLOWER_ELF_H

#include <stddef.h>
#include <stdint.h>

#define ELF_NAMES_MAX 96 /* names in one question */
#define ELF_NAME_MAX 63	 /* bytes of a name */

struct elf_function {
	uint64_t offset; /* in the file; 0: not found */
	uint64_t size;	 /* bytes; 0: the symbol does not say */
};

/* Looks each name up through the hash table of the dynamic symbols; where that
 * has none of them and the file was not stripped, in its full symbol table: a
 * program with a library linked into it. Undefined symbols and those
 * outside an executable segment do not count, names longer than ELF_NAME_MAX or
 * shorter than 4 are not found. Returns how many were found, or -errno
 * (-ENOEXEC: not an ELF file of this machine, -E2BIG: more than ELF_NAMES_MAX). */
int elf_functions(const char *path, const char *const *names, size_t n, struct elf_function *out);

/* Reads up to n bytes of code at a file offset. Returns the count or -errno. */
long elf_code(const char *path, uint64_t offset, void *to, size_t n);

#endif
