/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a file's TLS objects lead to the descriptor of their connection: a new
 * library, or a version that keeps things elsewhere, is a row of layout.c. A file
 * for which no row is certain has no layout, and its descriptors stay unknown.
 */
#ifndef S3SLOWER_LAYOUT_H
#define S3SLOWER_LAYOUT_H

#include "decode.h"
#include "probe.h"
#include "steps.h"

struct layout {
	struct steps steps;
	char from[64]; /* for people: "as its accessors tell" */
};

/* Finds the layout of one file, whose functions are there as probe_resolve() finds
 * them. decoder may be NULL: then only what goes by version is known. 0, or -ENOENT. */
int layout_find(const struct probe_library *library, const char *path, struct decoder *decoder,
		struct layout *out);

#endif
