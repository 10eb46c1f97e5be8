/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BPF text, and the few kernel headers that libbcc asks for, as this
 * program carries them: no kernel headers and no BTF are needed on the machine.
 */
#ifndef S3SLOWER_HEADERS_H
#define S3SLOWER_HEADERS_H

#include <stddef.h>

struct embedded_header {
	const char *path; /* below include/ of a kernel tree; NULL ends the table */
	const char *text;
};

extern const char embedded_text[];
extern const struct embedded_header embedded_headers[];

/* Writes the tree into a new private directory (0700) and stores its path in
 * dir. 0 or -errno; nothing is left behind on failure. */
int headers_write(char *dir, size_t size);

/* Removes what headers_write() wrote. */
void headers_remove(const char *dir);

#endif
