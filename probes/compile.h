/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libbcc in a box. The compiler is loaded by a short-lived fork of ourselves:
 * what it prints, the directory it changes to, the modules it would load and
 * the 100 MB of LLVM all go away with that process, and the tracer gets plain
 * data. The only file that knows libbcc.
 */
#ifndef S3SLOWER_COMPILE_H
#define S3SLOWER_COMPILE_H

#include "object.h"

#define COMPILE_FLAGS_MAX 64
#define COMPILE_PARTS 2

/* Compiles text with flags: as a whole, or, where there is more than one CPU, in
 * parts side by side; each part has one flag of its own, which takes the others out.
 * 0 or -errno, with the reason as one sentence in message: -ENOPKG when libbcc cannot
 * be loaded, -EINVAL when the text does not compile (message then holds the
 * compiler's first error). The caller frees object with object_free(). */
int compile(const char *text, const char *const *flags, size_t n_flags,
	    const char *const parts[COMPILE_PARTS], struct object *object, char *message,
	    size_t size);

/* The file of libbcc that compile() would load, for those who must notice when
 * it changes. NULL if there is none. */
const char *compile_library(void);

#endif
