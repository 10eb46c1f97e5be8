/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of known number and duration through each library, watched by a tracer
 * that is started as a user would. */
#ifndef S3SLOWER_SELFTEST_H
#define S3SLOWER_SELFTEST_H

#include "parsers/diagnosis.h"
#include "rehearsal.h"

/* Appends a test for each library. tracer: the arguments that let a tracer print the
 * rows of the requests that are counted, and only these, as CSV; NULL-terminated,
 * without those that choose the process. Some seconds. Returns 0, or -EBADMSG when a
 * test that could be tried went wrong. */
int selftest_run(struct diagnosis *diagnosis, const struct rehearsal_script *script,
		 const char *const *tracer);

#endif
