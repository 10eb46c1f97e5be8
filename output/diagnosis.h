/* SPDX-License-Identifier: Apache-2.0 */
/* The doctor's report. */
#ifndef S3SLOWER_OUTPUT_DIAGNOSIS_H
#define S3SLOWER_OUTPUT_DIAGNOSIS_H

#include <stdio.h>

#include "parsers/diagnosis.h"

/* For people; the verdict is the last line. 0 or -errno. */
int diagnosis_print(const struct diagnosis *diagnosis, FILE *file);

/* The same facts as one JSON object on one line. 0 or -errno. */
int diagnosis_json(const struct diagnosis *diagnosis, FILE *file);

/* One line for the start of a run: "probing 9 libraries in 31 processes; 2 cannot be
 * seen: java 1234 (JSSE), app 88 (rustls)". partial: not all of the
 * latter were looked for. */
void diagnosis_coverage(const struct diagnosis *diagnosis, bool partial, FILE *file);

#endif
