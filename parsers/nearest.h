/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the names most like what somebody typed. */
#ifndef S3SLOWER_NEAREST_H
#define S3SLOWER_NEAREST_H

#include <stddef.h>

/* Writes ": did you mean A, B or C?" to out, or nothing when no name is near.
 * name(i) is the i-th name, NULL after the last; before is put before each. */
void nearest_suggest(const char *typed, const char *(*name)(size_t i), const char *before,
		     char *out, size_t size);

#endif
