/* SPDX-License-Identifier: Apache-2.0 */
#include "decode.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* LLVM's C interface (llvm-c/Disassembler.h), stable since LLVM 3. */
typedef void *(*create_fn)(const char *triple, void *info, int tag, void *op_info, void *lookup);
typedef size_t (*insn_fn)(void *dc, uint8_t *bytes, uint64_t n, uint64_t pc, char *out,
			  size_t size);
typedef void (*dispose_fn)(void *dc);

struct decoder {
	void *dc;
	insn_fn insn;
	dispose_fn dispose;
};

#if defined(__x86_64__)
#define TRIPLE "x86_64-unknown-linux-gnu"
static const char *const targets[] = {"LLVMInitializeX86TargetInfo", "LLVMInitializeX86TargetMC",
				      "LLVMInitializeX86Disassembler", NULL};
#else
#define TRIPLE "aarch64-unknown-linux-gnu"
static const char *const targets[] = {"LLVMInitializeAArch64TargetInfo",
				      "LLVMInitializeAArch64TargetMC",
				      "LLVMInitializeAArch64Disassembler", NULL};
#endif

struct decoder *decoder_new(void *library)
{
	create_fn create = (create_fn)dlsym(library, "LLVMCreateDisasm");
	struct decoder *d;

	if (!create)
		return NULL;
	for (const char *const *name = targets; *name; name++) {
		void (*init)(void) = (void (*)(void))dlsym(library, *name);

		if (!init)
			return NULL;
		init();
	}
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->insn = (insn_fn)dlsym(library, "LLVMDisasmInstruction");
	d->dispose = (dispose_fn)dlsym(library, "LLVMDisasmDispose");
	d->dc = create(TRIPLE, NULL, 0, NULL, NULL);
	if (!d->insn || !d->dispose || !d->dc) {
		decoder_free(d);
		return NULL;
	}
	return d;
}

void decoder_free(struct decoder *d)
{
	if (d && d->dc && d->dispose)
		d->dispose(d->dc);
	free(d);
}

/* Length of the instruction at p, 0 if it is none. */
static size_t length(struct decoder *d, const uint8_t *p, size_t n)
{
	uint8_t copy[16];
	char text[96];

	if (n > sizeof(copy))
		n = sizeof(copy);
	memcpy(copy, p, n);
	return d->insn(d->dc, copy, n, 0, text, sizeof(text));
}

#if defined(__x86_64__)
static bool is_conditional(const uint8_t *p, size_t n)
{
	return (n == 2 && (p[0] & 0xf0) == 0x70) ||
	       (n == 6 && p[0] == 0x0f && (p[1] & 0xf0) == 0x80);
}

/* Anything that leaves the straight line other than a direct call or jump. */
static bool is_other_branch(const uint8_t *p)
{
	return p[0] == 0xc3 || p[0] == 0xc2 || p[0] == 0xff || p[0] == 0xcc || p[0] == 0xeb ||
	       (p[0] >= 0xe0 && p[0] <= 0xe3);
}

int decode_first_call(struct decoder *d, const uint8_t *code, size_t n, uint64_t pc,
		      uint64_t *target)
{
	size_t at = 0, size;

	while (at < n && (size = length(d, code + at, n - at))) {
		const uint8_t *p = code + at;

		if (size == 5 && (p[0] == 0xe8 || p[0] == 0xe9)) {
			int32_t distance;

			memcpy(&distance, p + 1, sizeof(distance));
			*target = pc + at + size + (uint64_t)(int64_t)distance;
			return 0;
		}
		if (!is_conditional(p, size) && is_other_branch(p))
			return -ENOENT;
		at += size;
	}
	return -ENOENT;
}

/* push of a register, nop, direct call and jump: kernel/arch/x86 uprobes. */
bool decode_emulated(struct decoder *d, const uint8_t *code, size_t n)
{
	size_t size = length(d, code, n);

	if (size == 1)
		return (code[0] & 0xf8) == 0x50 || code[0] == 0x90;
	if (size == 2)
		return (code[0] == 0x41 && (code[1] & 0xf8) == 0x50) || code[0] == 0xeb;
	return size == 5 && (code[0] == 0xe8 || code[0] == 0xe9);
}
#else
int decode_first_call(struct decoder *d, const uint8_t *code, size_t n, uint64_t pc,
		      uint64_t *target)
{
	(void)d, (void)code, (void)n, (void)pc, (void)target;
	return -ENOENT; /* the exported symbol serves: no inner function is looked for */
}

bool decode_emulated(struct decoder *d, const uint8_t *code, size_t n)
{
	(void)d, (void)code, (void)n;
	return false;
}
#endif
