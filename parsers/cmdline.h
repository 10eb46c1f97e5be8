/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command line as the kernel keeps it: arguments that each end with a NUL.
 * Both functions write raw bytes, which go through text_clean() before anybody
 * sees them, return how many they wrote, and never write beyond size.
 */
#ifndef S3SLOWER_CMDLINE_H
#define S3SLOWER_CMDLINE_H

#include "slice.h"

/* What size must be so that nothing is cut off. */
#define CMDLINE_GROWS(n) (3 * (n) + 3)

/* The arguments with a blank between them. */
size_t cmdline_joined(struct slice raw, char *out, size_t size);

/* The same, with every secret as "***": the values of options, variables, query
 * parameters, JSON members and headers whose name says so, and passwords in URLs.
 * A value that was cut short is masked, too. */
size_t cmdline_masked(struct slice raw, char *out, size_t size);

#endif
