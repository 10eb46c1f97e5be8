/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function decoded as a whole, for programs that must not be probed with a
 * return probe: Go moves stacks, and finds a return address on them that it
 * does not know. Instead every instruction that returns is probed, so every one
 * has to be known, and a function that cannot be decoded to its end is refused.
 */
#ifndef S3SLOWER_FUNCTION_H
#define S3SLOWER_FUNCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FUNCTION_RETURNS_MAX 32

struct function {
	uint32_t entry; /* where it is entered most cheaply: arguments and SP are as on entry */
	uint32_t returns[FUNCTION_RETURNS_MAX];
	size_t n_returns; /* at least 1 */
	/* Whenever it returns, its first two arguments are at SP + 8 and SP + 16: the
	 * caller's frame has room for them also when they came in registers. */
	bool keeps_arguments;
};

/*
 * Decodes n bytes from a function's first to the last before the next function,
 * padding included, as the Go compiler makes them for EM_X86_64 or EM_AARCH64
 * (cmd/compile/abi-internal.md). registers: its arguments come in registers, not
 * on the stack. All offsets are from its start.
 * 0 or -errno: -EBADMSG if an instruction cannot be decoded or goes beyond the
 * end, if a jump leaves the function, or if it never returns; -E2BIG for more
 * returns than there is room for; -ENOSYS without a disassembler.
 */
int function_decode(int machine, bool registers, const uint8_t *code, size_t n,
		    struct function *out);

#endif
