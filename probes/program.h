/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings as a BPF program: which macros specialise the text, what it is
 * attached to, and in which files functions are probed.
 */
#ifndef S3SLOWER_PROGRAM_H
#define S3SLOWER_PROGRAM_H

#include "compile.h"
#include "discovery.h"
#include "object.h"
#include "parsers/filter.h"
#include "parsers/settings.h"
#include "tracefs.h"
#include "tracer.h"

struct program {
	struct filter_flags filter;
	char own[8][64];
	const char *flags[COMPILE_FLAGS_MAX];
	size_t n;
	struct tracefs_event fork_event; /* where children are followed only */
	struct object object;
};

/* All return 0 or -errno, with one sentence in message. */

/* Specialises the text and compiles it, or takes the programs from the cache. The
 * caller frees program->object. */
int program_build(struct program *program, const struct settings *settings, char *message,
		  size_t size);

/* Attaches to the kernel's tracepoints, and names the processes whose children are
 * followed; functions are program_discover()'s. */
int program_attach(const struct program *program, const struct settings *settings,
		   struct tracer *tracer, char *message, size_t size);

/* Whether the kernel knows the processes that are named by their numbers, and whether those
 * that "attach" names are there. */
int program_check_processes(const struct settings *settings, char *message, size_t size);

/* Finds the files to probe, and attaches to them if there is a tracer. NULL on
 * failure, with one sentence in message; the caller frees it. *deaf: the kernel does
 * not tell what is mapped from now on. */
struct discovery *program_discover(const struct settings *settings, struct tracer *tracer,
				   bool *deaf, char *message, size_t size);

#endif
