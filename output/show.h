/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of a row: attempts are joined to calls, parts to jobs, filters judge, the sink
 * prints, the summary counts. What only the machine can tell about a row is asked
 * for, and only for rows that need it.
 */
#ifndef S3SLOWER_SHOW_H
#define S3SLOWER_SHOW_H

#include <stdbool.h>

#include "parsers/counters.h"
#include "parsers/request.h"
#include "parsers/settings.h"
#include "sink.h"

struct show;

struct show_asks {
	void *ctx;
	/* Fills what identity.h knows of a row's process: before filters judge. */
	void (*whose)(void *ctx, struct request *row);
	/* Both ends of its connection, as far as they can be known now. */
	void (*ends)(void *ctx, struct request *row);
	/* Which packets of it were sent again (losses.h): at once, when it has ended. */
	void (*losses)(void *ctx, struct request *row);
};

/* Opens the sink that settings name, on stdout or the file of -o. settings, asks,
 * counters and stop are borrowed: shown, filtered, not_s3, truncated and output_errors
 * are counted here, and stop is set when the reader of our output has gone or -n rows
 * were shown. 0; or -errno with one sentence. */
int show_open(struct show **show, const struct settings *settings, const struct show_asks *asks,
	      struct counters *counters, bool *stop, char *message, size_t size);
/* Flushes and closes the sink; the summary stays. */
void show_close(struct show *show);
void show_free(struct show *show);

/* A request that has ended. */
void show_ended(struct show *show, struct request *row);

/* One that is under way at now_ns (wall clock); pending: it is to be shown as that. */
void show_open_request(struct show *show, struct request *row, bool pending, int64_t now_ns);

/* No attempt will follow from that process. */
void show_gone(struct show *show, uint32_t pid);

/* Whether calls and jobs wait to be shown; and shows those of which nothing more came
 * until that time (wall clock), all at INT64_MAX. */
bool show_is_late(const struct show *show, int64_t now_ns);
void show_late(struct show *show, int64_t now_ns);

/* After each drain of the buffers: jobs that ended are shown, and what was written goes out. */
void show_flush(struct show *show);

/* Tracing begins: now_ns is wall clock, as below. */
void show_begin(struct show *show, int64_t now_ns);

/* The summary of the whole as it is now, to stderr; and with --interval that of what came
 * since it was called before. last: no other will come. */
void show_summary(struct show *show, int64_t now_ns);
void show_interval(struct show *show, int64_t now_ns, bool last);

#endif
