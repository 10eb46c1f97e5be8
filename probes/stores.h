/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a function writes to fixed addresses: code that fills a table of
 * functions, with whatever instructions its compiler chose, is run in the mind
 * as far as its values do not depend on its caller.
 */
#ifndef S3SLOWER_STORES_H
#define S3SLOWER_STORES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode.h"

#define STORES_MAX 64

/* 8 bytes at an address; a smaller store is told with size 4. */
struct store {
	uint64_t address;
	uint64_t value;
	enum store_kind {
		STORE_VALUE,   /* value itself */
		STORE_CONTENT, /* what lies at the address `value` when the code runs */
	} kind;
	uint8_t size;
};

struct stores {
	struct store store[STORES_MAX];
	size_t n;
};

/* Runs n bytes of a function that lies at the virtual address pc, through
 * conditional branches that are not taken, to its end or to the first thing that
 * cannot be followed. What is stored twice is told once, the later one. 0, or
 * -ENOENT when nothing is stored. */
int stores_find(struct decoder *decoder, const uint8_t *code, size_t n, uint64_t pc,
		struct stores *stores);

/* Whether n bytes of code at pc may hold an instruction that loads what lies at the address:
 * cheap, and never false where there is one. */
bool stores_may_name(const uint8_t *code, size_t n, uint64_t pc, uint64_t address);

#endif
