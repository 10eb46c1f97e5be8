/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ELF file of this machine, read piece by piece as memory that the loader
 * would make of it. The file is hostile and may change while it is read: every
 * piece is bounded, nothing is mapped (a file cut short would be a SIGBUS).
 */
#ifndef S3SLOWER_LOADED_H
#define S3SLOWER_LOADED_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOADED_SEGMENTS 32 /* further ones are not looked at */

struct loaded {
	int fd;
	uint64_t size; /* of the file, bytes */
	size_t n_segments;
	Elf64_Phdr segment[LOADED_SEGMENTS]; /* PT_LOAD only */
	Elf64_Phdr dynamic;		     /* all 0: a static program */
	uint64_t sections, names;	     /* file offsets of section headers and their names */
	uint64_t names_size;
	size_t n_sections; /* 0: stripped of them, too */
	Elf64_Rela *rela;  /* owned: what the loader adds its base to */
	size_t n_rela;
};

/* A run of memory that the file holds. */
struct loaded_part {
	uint64_t address, size;
};

/* 0 or -errno: -ENOEXEC if it is no 64-bit ELF file of this machine. After 0
 * loaded_close() gives everything back. */
int loaded_open(struct loaded *image, const char *path);
void loaded_close(struct loaded *image);

/* A section by name. False if there is none, or it holds no bytes of memory. */
bool loaded_section(const struct loaded *image, const char *name, struct loaded_part *out);

/* Reads the relocations: from then on memory is as the loader makes it, where it is
 * the file's otherwise. To be called once at most. */
void loaded_relocate(struct loaded *image);

/* Copies n bytes at an address as the loader would lay them there before it has
 * chosen a base. 0, or -EFAULT if the file does not hold all of them. */
int loaded_memory(const struct loaded *image, uint64_t address, void *to, size_t n);

/* The file offset of n bytes of code, 0 if they are none. */
uint64_t loaded_code(const struct loaded *image, uint64_t address, uint64_t n);

/* Shows the file's memory to see() in pieces of at most 1 MiB + overlap, aligned
 * to 8 bytes, until it returns true; writable: only what may be written to. A
 * piece overlaps the next one by `overlap` bytes, a multiple of 8. Returns
 * whether see() said true; false also when memory is short. */
bool loaded_search(const struct loaded *image, bool writable, size_t overlap,
		   bool (*see)(void *ctx, uint64_t address, const uint8_t *p, size_t n), void *ctx);

#endif
