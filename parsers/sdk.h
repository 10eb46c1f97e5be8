/* SPDX-License-Identifier: Apache-2.0 */
/* The header amz-sdk-request, in which an SDK says which attempt of a call a
 * request is: "attempt=2; max=3", with other parameters around. Pure. */
#ifndef S3SLOWER_SDK_H
#define S3SLOWER_SDK_H

#include "slice.h"

struct sdk_attempt {
	int number, max; /* from 1 on; -1 unknown */
};

/* Never fails: what is not there, or makes no sense, is unknown. */
struct sdk_attempt sdk_attempt_parse(struct slice value);

#endif
