/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of NSS's TLS layer. NSPR's PR_Send() and its like serve every
 * descriptor and only jump on, through the descriptor's table of methods (struct
 * PRIOMethods of prio.h): probing them would cost every file of the program, and
 * nothing there tells TLS. libssl3.so exports none of its methods, but it has to
 * fill its table, and the code that does so is known by the two functions of
 * NSPR that it puts into the table: they are imported by name.
 */
#ifndef S3SLOWER_NSS_H
#define S3SLOWER_NSS_H

#include <stdint.h>

#include "decode.h"
#include "elf.h"

/* Offsets in struct PRIOMethods, the same since NSPR 4. */
#define NSS_CLOSE 0x08
#define NSS_READ 0x10
#define NSS_WRITE 0x18
#define NSS_RECV 0x88
#define NSS_SEND 0x90
#define NSS_METHODS 0x120 /* its size */

/* The method at that offset, as a file offset. 0, or -ENOENT when the file has
 * no such table, or what fills it cannot be followed. */
int nss_method(const char *path, struct decoder *decoder, unsigned offset, uint64_t *out);

#endif
