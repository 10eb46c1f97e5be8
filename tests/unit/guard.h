/* SPDX-License-Identifier: Apache-2.0 */
/* Copies that end where readable memory ends: one byte read too many is a
 * crash, not a coincidence. */
#ifndef S3SLOWER_TESTS_GUARD_H
#define S3SLOWER_TESTS_GUARD_H

#include "parsers/slice.h"

#define GUARD_MAX (1u << 20)

/* The copy ends at an unmapped page and is good until the next call. Aborts
 * when the machine has no memory or s is longer than GUARD_MAX. */
struct slice guard_copy(struct slice s);

#endif
