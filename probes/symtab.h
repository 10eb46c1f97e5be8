/* SPDX-License-Identifier: Apache-2.0 */
/* A full symbol table has no index: all its names are read once, and only where
 * a wanted one turns up are its symbols. */
#ifndef S3SLOWER_SYMTAB_H
#define S3SLOWER_SYMTAB_H

#include <elf.h>
#include <stddef.h>

/* Calls see(ctx, i, symbol) for every symbol called names[i]. Reads in pieces;
 * what the file does not hold is not seen. Names have 4 to ELF_NAME_MAX bytes,
 * others are not found; n is at most ELF_NAMES_MAX. */
void symtab_search(int fd, const Elf64_Shdr *symbols, const Elf64_Shdr *strings,
		   const char *const *names, size_t n,
		   void (*see)(void *ctx, size_t name, const Elf64_Sym *symbol), void *ctx);

#endif
