/* SPDX-License-Identifier: Apache-2.0 */
/* What this kernel lets us do, found out by doing it: each attempt is harmless,
 * and undone at once. */
#ifndef S3SLOWER_ATTEMPT_H
#define S3SLOWER_ATTEMPT_H

#include "parsers/diagnosis.h"

/* Appends a finding for each attempt. Returns 0, or the -errno of the first that is
 * needed and failed. */
int attempt_all(struct diagnosis *diagnosis);

#endif
