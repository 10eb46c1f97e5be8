/* SPDX-License-Identifier: Apache-2.0 */
#include "gotls.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>

#include "exchange.h"
#include "function.h"
#include "go.h"
#include "site.h"

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#else
#define MACHINE EM_AARCH64
#endif

/* In the order in which they are attached: whoever sees a request sees its answer. */
enum { READ, WRITE, CLOSE, FUNCTIONS };
static const char *const symbols[FUNCTIONS] = {
	[READ] = "crypto/tls.(*Conn).Read",
	[WRITE] = "crypto/tls.(*Conn).Write",
	[CLOSE] = "crypto/tls.(*Conn).Close",
};
static const struct {
	const char *enter, *leave; /* leave NULL: entry only */
} programs[FUNCTIONS] = {
	[READ] = {"go_receive_enter", "go_receive_return"},
	[WRITE] = {"go_send_enter", "go_send_return"},
	[CLOSE] = {"go_end", NULL},
};

static uint64_t site(const struct probe_library *library, bool registers, bool keeps)
{
	if (!registers)
		return SITE(library->layer, TELLS_GO_STACK, 0, SITE_STACK(1), SITE_STACK(2),
			    SITE_STACK(3), 0);
	return SITE(library->layer, keeps ? TELLS_GO_KEPT : TELLS_GO, 0, SITE_GO_ARG1, SITE_GO_ARG2,
		    SITE_GO_ARG3, 0);
}

static int decode(const char *path, const struct elf_function *where, bool registers,
		  struct function *out)
{
	uint8_t *code = malloc(where->size);
	long got;
	int err;

	if (!code)
		return -ENOMEM;
	got = elf_code(path, where->offset, code, where->size);
	err = got == (long)where->size ? function_decode(MACHINE, registers, code, where->size, out)
				       : -EBADMSG;
	/* Arguments on the stack are read there when it returns: they must be there. */
	if (!err && !registers && !out->keeps_arguments)
		err = -EBADMSG;
	free(code);
	return err;
}

int gotls_resolve(const struct probe_library *library, const char *path, struct decoder *decoder,
		  struct probe_point *out, size_t max, const char **refused)
{
	struct elf_function where[FUNCTIONS];
	struct function function[FUNCTIONS] = {0};
	uint64_t sites[FUNCTIONS];
	bool registers;
	size_t n = 0;
	int err = go_functions(path, symbols, FUNCTIONS, where, &registers);

	(void)decoder;
	if (err < 0)
		return err;
	if (!where[READ].offset || !where[WRITE].offset)
		return -ENOENT; /* it does not speak TLS */
	for (int i = 0; i < FUNCTIONS; i++) {
		if (!where[i].offset)
			continue;
		err = decode(path, &where[i], registers, &function[i]);
		if (err && programs[i].leave) {
			*refused = symbols[i];
			return err;
		}
		if (err) /* its first instruction is always right */
			function[i] = (struct function){0};
		sites[i] = site(library, registers, function[i].keeps_arguments);
	}
	for (int i = 0; i < FUNCTIONS; i++)
		for (size_t k = 0; programs[i].leave && k < function[i].n_returns; k++) {
			if (n == max)
				return -E2BIG;
			out[n++] = (struct probe_point){
				.offset = where[i].offset + function[i].returns[k],
				.site = sites[i],
				.program = programs[i].leave,
				.first = true,
			};
		}
	for (int i = 0; i < FUNCTIONS; i++) {
		if (!where[i].offset)
			continue;
		if (n == max)
			return -E2BIG;
		out[n++] = (struct probe_point){
			.offset = where[i].offset + function[i].entry,
			.site = sites[i],
			.program = programs[i].enter,
		};
	}
	return (int)n;
}
