/* SPDX-License-Identifier: Apache-2.0 */
#ifndef S3SLOWER_USERAGENT_H
#define S3SLOWER_USERAGENT_H

#include "slice.h"

/* The client that a User-Agent names ("boto3", "aws-cli", "curl"), static
 * storage, or NULL when it names none that the table knows. */
const char *useragent_client(struct slice user_agent);

#endif
