/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs that took longest, for the end of a run. */
#ifndef S3SLOWER_OUTPUT_JOBS_H
#define S3SLOWER_OUTPUT_JOBS_H

#include <stdio.h>

#include "parsers/job.h"

#define LONGEST_MAX 10

struct longest;

/* The caller owns it; NULL when memory is short. */
struct longest *longest_new(void);
void longest_free(struct longest *longest);
void longest_add(struct longest *longest, const struct job *job);

/* How many there were, and a table of those kept, the longest first; nothing when there
 * were none, or longest is NULL. 0 or -errno. */
int longest_print(const struct longest *longest, FILE *file);

#endif
