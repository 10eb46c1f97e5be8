/* SPDX-License-Identifier: Apache-2.0 */
/* A summary as text for people or as JSON, and the counts of what was not shown. */
#ifndef S3SLOWER_SUMMARY_PRINT_H
#define S3SLOWER_SUMMARY_PRINT_H

#include <stdio.h>

#include "parsers/counters.h"
#include "summary.h"

struct summary_report {
	const struct summary *summary;
	const struct counters *counters; /* of the same time */
	int64_t begin_ns, end_ns;	 /* wall clock (since 1970) */
	bool interval;			 /* not of the whole run */
};

/* Each writes the report in that format, with a single call. 0 or -errno. */
struct summary_format {
	const char *name; /* --summary NAME */
	int (*write)(const struct summary_report *report, FILE *file);
};

/* The i-th format, NULL after the last; and the one of that name, or NULL. */
const struct summary_format *summary_format_at(size_t i);
const struct summary_format *summary_format_find(const char *name);

int summary_print(const struct summary_report *report, FILE *file);
int summary_json(const struct summary_report *report, FILE *file);
/* Only the counts. */
int summary_counts(const struct summary_report *report, FILE *file);

#endif
