/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a request took as long as it did: one word, from a table of rules over the
 * row's own numbers. A rule says how much of the time it explains; the first that
 * explains more than half of it gives the word. Pure.
 */
#ifndef S3SLOWER_WHY_H
#define S3SLOWER_WHY_H

#include "request.h"

#define WHY_WORDS 13

/* The i-th word, in the order of the rules, "unknown" after them; NULL after that. */
const char *why_word(size_t i);

/* Sets why, why_ns, why_share and felt_ns of a row whose other numbers are there:
 *
 *   felt_ns    what the caller waited: latency_ns and, before it, as far as known, the
 *              set-up of the connection - for a call, of its first attempt's; -1 if
 *              that is no time at all
 *   why        a word of static storage; NULL when there is no felt_ns
 *   why_ns     what the word explains, more than half of felt_ns; -1 for "unknown"
 *   why_share  of felt_ns, thousandths, 500 to 1000; -1 for "unknown"
 */
void why_judge(struct request *row);

/* The set-up of its connection, as far as it is known, ns. */
int64_t why_setup(const struct request *row);

/* Whether the answer asks for fewer requests: by its status, 429, or 503 or 509 without
 * a code that says something else; or by a code such as SlowDown. */
bool why_is_throttle(const struct request *row);

#endif
