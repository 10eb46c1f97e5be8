/* SPDX-License-Identifier: Apache-2.0 */
/* Count, errors and percentiles per operation, for the end of a run. */
#ifndef S3SLOWER_SUMMARY_H
#define S3SLOWER_SUMMARY_H

#include <stdio.h>

#include "parsers/counters.h"
#include "parsers/request.h"

struct summary;

/* The caller owns it; NULL when memory is short. Bounded: operations beyond
 * a fixed number of rows are added up under "(other)". */
struct summary *summary_new(void);
void summary_free(struct summary *summary);
void summary_add(struct summary *summary, const struct request *request);

/* Prints the table and the counters; only these when summary is NULL. 0 or -errno. */
int summary_print(const struct summary *summary, const struct counters *counters, FILE *file);

#endif
