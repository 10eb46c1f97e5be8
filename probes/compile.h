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
#include "probe.h"

/* A library file to find probe points in, and the answer. */
struct compile_target {
	const struct probe_library *library;
	const char *path;
	int n_points; /* or -errno */
	struct probe_point point[PROBE_POINTS_MAX];
};

#define COMPILE_FLAGS_MAX 64
#define COMPILE_USES_MAX 24
#define COMPILE_USE_SIZE 48

/* The flags that compile in just the programs that the resolved points need
 * ("-DUSE_tls_send_enter"). Returns how many. */
size_t compile_uses(const struct compile_target *targets, size_t n_targets,
		    char use[COMPILE_USES_MAX][COMPILE_USE_SIZE]);

/* Compiles text with flags and resolves the targets. 0 or -errno, with the
 * reason as one sentence in message: -ENOPKG when libbcc cannot be loaded,
 * -EINVAL when the text does not compile (message then holds the compiler's
 * first error). The caller frees object with object_free(). */
int compile(const char *text, const char *const *flags, size_t n_flags, struct object *object,
	    struct compile_target *targets, size_t n_targets, char *message, size_t size);

/* What compile() gave, as a stream and back. 0 or -errno; compile_read() owns
 * the object as compile() does, and checks what it reads. */
int compile_write(const struct object *object, const struct compile_target *targets,
		  size_t n_targets, int fd);
int compile_read(struct object *object, struct compile_target *targets, size_t n_targets, int fd);

/* The file of libbcc that compile() would load, for those who must notice when
 * it changes. NULL if there is none. */
const char *compile_library(void);

#endif
