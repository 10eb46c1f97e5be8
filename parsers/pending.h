/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that hang, and are shown while they do. Pure. */
#ifndef S3SLOWER_PENDING_H
#define S3SLOWER_PENDING_H

#include <stdbool.h>

#include "probes/exchange.h"

/* Whether a request is to be shown now that it is so old, and was that old when it
 * was looked at before: at the age of first, at twice that, at four times that ... */
bool pending_is_due(__u64 age_before, __u64 age, __u64 first);

/* Makes a snapshot of an unfinished exchange one of now: its times until now. */
void pending_until(struct exchange *exchange, __u64 now);

#endif
