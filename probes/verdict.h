/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel's verifier says when it refuses a program. */
#ifndef S3SLOWER_VERDICT_H
#define S3SLOWER_VERDICT_H

#include <stddef.h>

/* The last line of its log that gives a reason, which is behind all that it walked through
 * and before its statistics; "" if there is none. */
void verdict_reason(const char *log, char *to, size_t size);

#endif
