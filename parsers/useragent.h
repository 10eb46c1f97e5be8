/* SPDX-License-Identifier: Apache-2.0 */
#ifndef S3SLOWER_USERAGENT_H
#define S3SLOWER_USERAGENT_H

#include "slice.h"

/* The client that a User-Agent names ("boto3", "aws-cli", "curl"), static
 * storage, or NULL when it names none that the table knows. *version is then
 * what stands behind its name, without a "v" before the number ("1.26.27");
 * SLICE_NONE when nothing does. */
const char *useragent_client(struct slice user_agent, struct slice *version);

#endif
