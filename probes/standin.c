/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of libbcc and LLVM that libbcc calls, and finds here instead: it asks through
 * the dynamic linker, which looks in the program first (config.mk exports the names). They
 * leave out what would only take time. A libbcc that asks otherwise does as it always did.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>

/* Whether to compile, for each map, machine code that turns keys and values into text and
 * back: nobody here reads maps as text. */
bool maps_as_text(void) __asm__("_ZN4ebpf28bpf_module_rw_engine_enabledEv");

bool maps_as_text(void)
{
	return false;
}

/* Creates a map, of which the code only has the descriptor: any will do for it (object.h).
 * The tracer creates the maps; some are large, and each part had all that it names. */
int bcc_create_map_xattr(const void *attributes, bool raise_limit);

int bcc_create_map_xattr(const void *attributes, bool raise_limit)
{
	(void)attributes, (void)raise_limit;
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* The passes that optimise, after everything was inlined. LLVM's own list for -O3 has some
 * seventy, many of which come again and again, and most are about loops, of which there are
 * hardly any. These few leave code of the same size, in which the verifier walks no further. */
static const char *const passes[] = {
	"LLVMAddGlobalOptimizerPass",	   /* numbers of helpers become constants, */
	"LLVMAddScalarReplAggregatesPass", /* and variables values */
	"LLVMAddEarlyCSEMemSSAPass",
	"LLVMAddJumpThreadingPass", /* no way that is decided is asked again */
	"LLVMAddInstructionCombiningPass",
	"LLVMAddTailCallEliminationPass", /* finds calls that do not touch the stack ... */
	"LLVMAddLoopRotatePass",
	"LLVMAddGVNPass", /* ... of which what was loaded is loaded once */
	"LLVMAddCFGSimplificationPass",
};
#define PASSES (sizeof(passes) / sizeof(passes[0]))

#define ADD_PASSES                                                                                 \
	"_ZN4llvm18PassManagerBuilder25populateModulePassManagerERNS_6legacy15PassManagerBaseE"

void add_passes(void *builder, void *manager) __asm__(ADD_PASSES);

void add_passes(void *builder, void *manager)
{
	__typeof__(add_passes) *own = (__typeof__(own))dlsym(RTLD_NEXT, ADD_PASSES);
	void (*add[PASSES])(void *manager);
	size_t n = 0;

	while (n < PASSES && (add[n] = (__typeof__(add[n]))dlsym(RTLD_DEFAULT, passes[n])))
		n++;
	if (n < PASSES) {
		own(builder, manager);
		return;
	}
	for (size_t i = 0; i < PASSES; i++)
		add[i](manager);
}

/* What libbcc lets run before that is to inline functions, one into the other, as they come
 * from clang: variables in memory, copied as often as a function is used. Another pass, which
 * inlines too, follows in any case; here variables become values before it. */
#define INLINE_FUNCTIONS "_ZN4llvm26createFunctionInliningPassEv"
#define VALUES "_ZN4llvm14createSROAPassEv"

void *first_pass(void) __asm__(INLINE_FUNCTIONS);

void *first_pass(void)
{
	void *(*values)(void) = (__typeof__(values))dlsym(RTLD_DEFAULT, VALUES);
	void *(*own)(void) = (__typeof__(own))dlsym(RTLD_NEXT, INLINE_FUNCTIONS);

	return values ? values() : own();
}
