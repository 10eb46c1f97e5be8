/* SPDX-License-Identifier: Apache-2.0 */
/* A name of any length in a fixed place, so that what is kept of it is bounded. */
#ifndef S3SLOWER_CUT_H
#define S3SLOWER_CUT_H

#include <stdint.h>

#include "parsers/slice.h"

/* Copies a clean text, NUL-terminated; one that is too long ends with "..", never in
 * the middle of a character. size is at least 3. Returns a hash of what was written. */
uint64_t cut_text(char *to, size_t size, struct slice text);

#endif
