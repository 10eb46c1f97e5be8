/* SPDX-License-Identifier: Apache-2.0 */
/* A row that outlives the place where it was built. */
#ifndef S3SLOWER_KEPT_H
#define S3SLOWER_KEPT_H

#include "request.h"

#define KEPT_MAX 1000 /* rows that are kept until the end, of one kind */

/* A copy in as much memory as its texts need; what the row borrowed from others
 * (user ... target) is unknown in it. The caller frees it; NULL when memory is
 * short. */
struct request *kept_row(const struct request *row);

#endif
