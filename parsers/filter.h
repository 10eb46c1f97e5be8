/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which requests are shown - and which part of that can be decided by the
 * kernel, as macros of the BPF program. What the kernel decides it decides
 * soundly: it never drops a row that filter_match() would keep.
 */
#ifndef S3SLOWER_FILTER_H
#define S3SLOWER_FILTER_H

#include "job.h"
#include "request.h"
#include "settings.h"

/* Whether the row is to be shown. The whole filter, including what the macros
 * already decided; process and comm are the kernel's alone. A row in which the
 * value is unknown does not match a filter on that value: no response, no
 * status, no time to first byte. */
bool filter_match(const struct settings *settings, const struct request *request);

/* Whether it is about what is asked for, however it went: whose it is, which
 * operation, on what. Such requests make up jobs. */
bool filter_concerns(const struct settings *settings, const struct request *request);

/* Whether a job went as asked for: --min-latency, --min-size, --max-mbps and --errors
 * are then about the whole of it. */
bool filter_match_job(const struct settings *settings, const struct job *job);

/* Whether the kernel leaves out requests for how they went, so that jobs would have
 * holes. */
bool filter_has_holes(const struct settings *settings);

#define FILTER_FLAGS_MAX 8
#define FILTER_FLAG_SIZE 4096 /* SETTINGS_LIST_MAX names of 16 bytes fit in one expression */

struct filter_flags {
	char flag[FILTER_FLAGS_MAX][FILTER_FLAG_SIZE]; /* "-DMIN_LATENCY_NS=100000000ULL" */
	size_t n;
};

/* The macros for these settings; only those that differ from "everything":
 *
 *   MIN_LATENCY_NS, MIN_TTFB_NS    unsigned 64-bit constants
 *   UID_FILTER(u)                  u: the uid
 *   PROCESS_FILTER(tgid, c0, c1)   c0, c1: the 16 bytes of the comm as two words
 *   COMM_FILTER(c0, c1)
 *   METHOD_FILTER(w)               w: the first 8 bytes of the request as a word
 *   STATUS_FILTER(s)               s: the final status
 *
 * With --calls and --jobs none is left out for what only the call or job has: latency, time to
 * first byte and status are judged when that is over.
 *
 * A word is the bytes as the machine loads them. METHOD_FILTER is for the first
 * bytes of a request, no fewer than 8; STATUS_FILTER is for an answered request,
 * and one without an answer matches no list of status codes. 0, or -E2BIG when an expression does
 * not fit (the user has listed too much). */
int filter_macros(const struct settings *settings, struct filter_flags *out);

#endif
