/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is summed up while the tracer runs: everything since the beginning, and with
 * --interval what came since the last time that it was said. A row belongs to the
 * interval in which it was shown.
 */
#ifndef S3SLOWER_TALLY_H
#define S3SLOWER_TALLY_H

#include <stdio.h>

#include "parsers/counters.h"
#include "parsers/request.h"
#include "parsers/settings.h"

struct tally;

/* settings are borrowed. The caller owns it; NULL when memory is short. */
struct tally *tally_new(const struct settings *settings);
void tally_free(struct tally *tally);

/* Tracing begins: now_ns is wall clock (since 1970), here as below. */
void tally_begin(struct tally *tally, int64_t now_ns);

void tally_add(struct tally *tally, const struct request *request);

/* Both write in the format that the settings name; counters are those of the whole run.
 * 0 or -errno. The whole so far; it goes on. */
int tally_whole(const struct tally *tally, const struct counters *counters, int64_t now_ns,
		FILE *file);
/* Since the last call, or the beginning; another interval begins. last: there will be no
 * other, and one without a request is not worth a word. */
int tally_interval(struct tally *tally, const struct counters *counters, int64_t now_ns, bool last,
		   FILE *file);

#endif
