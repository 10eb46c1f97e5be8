/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of a Go program by name, as file offsets - also when it is stripped
 * of its symbols or of all section headers, and when it is position independent.
 */
#ifndef S3SLOWER_GO_H
#define S3SLOWER_GO_H

#include <stdbool.h>
#include <stddef.h>

#include "elf.h"

/* Whether the file is a Go program of this machine that go_functions() might
 * understand: cheap enough to be asked of every program that runs. */
bool go_is_program(const char *path);

/*
 * Looks n names up ("crypto/tls.(*Conn).Read"). Sizes include the padding up to
 * the next function. *registers: whether functions take their arguments in
 * registers (amd64 from Go 1.17 on, arm64 from 1.18 on) or on the stack.
 *
 * Returns how many were found; a name that is not there has offset 0. Or -errno:
 * -ENOEXEC if it is no program of this machine, -ENOENT if it is not a Go
 * program, -EBADMSG if its table contradicts itself, -E2BIG if that is larger
 * than 128 MiB, -ENODATA if it does not tell where its code or its version is.
 */
int go_functions(const char *path, const char *const *names, size_t n, struct elf_function *out,
		 bool *registers);

#endif
