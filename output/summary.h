/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows added up: in groups by what the user chose, and by the prefixes of their keys.
 * Everything is bounded. summary_print.h says it, this only counts.
 */
#ifndef S3SLOWER_SUMMARY_H
#define S3SLOWER_SUMMARY_H

#include "histogram.h"
#include "hitters.h"
#include "parsers/grouping.h"
#include "parsers/settings.h"

#define SUMMARY_BY_MAX SETTINGS_BY_MAX
#define SUMMARY_GROUPS_MAX 64
#define SUMMARY_PREFIXES_MAX 256
#define SUMMARY_TEXT 96 /* of a group's name, one of its parts, with its NUL */

/* What a request's latency is made of, and what comes before a connection's first. */
enum summary_phase { PHASE_SEND, PHASE_EXPECT, PHASE_WAIT, PHASE_RECV, PHASE_STALL, PHASES };
enum summary_setup { SETUP_DNS, SETUP_CONNECT, SETUP_TLS, SETUPS };

extern const char *const summary_phase_name[PHASES];
extern const char *const summary_setup_name[SETUPS];

struct summary_group {
	char part[SUMMARY_BY_MAX][SUMMARY_TEXT]; /* its name; "" unknown */
	uint64_t hash;
	uint64_t seen;		  /* the count of all when it was added to last */
	bool late;		  /* there was "(other)" before it: some of it may be there */
	struct histogram latency; /* ns */
	uint64_t errors, bytes;
	uint64_t retries;    /* attempts that came after another one */
	uint64_t backoff_ns; /* between attempts, as far as it is known */
	uint64_t phase_ns[PHASES];
	uint64_t opened, reused, unfollowed; /* requests: the first, a later one, unknown */
	uint64_t setup_ns[SETUPS];	     /* of the first ones */
	uint64_t setup_within_ns;	     /* of that, what is in a latency (of a call) as well */
	uint64_t setup_unknown;		     /* requests of which some of it is not known */
};

struct summary_options {
	const struct grouping *by[SUMMARY_BY_MAX];
	size_t n_by;
	unsigned prefix_levels; /* how many parts of a key count, from 1 */
	bool calls;		/* rows are calls, with their back-off in the latency */
};

struct summary {
	struct summary_options options;
	struct summary_group *group[SUMMARY_GROUPS_MAX]; /* NULL from n on */
	size_t n, last;
	uint64_t merged; /* groups that made room and are in other now */
	struct summary_group *other, *all;
	struct hitters *by_time; /* prefixes; ns */
	struct hitters *by_503;
};

/* The caller owns it; NULL when memory is short. Groups beyond SUMMARY_GROUPS_MAX make
 * the smallest one, among equals the one not seen longest, give its place to the newer
 * and be added up in other. */
struct summary *summary_new(const struct summary_options *options);
void summary_free(struct summary *summary);

/* Nothing was added yet. */
void summary_clear(struct summary *summary);

void summary_add(struct summary *summary, const struct request *request);

/* The groups, the busiest first, among equals by name; other, if there is any, last.
 * group has room for SUMMARY_GROUPS_MAX + 1. Returns how many. */
size_t summary_groups(const struct summary *summary, const struct summary_group **group);

/* What a set-up of connections took, in ns, and its share of that and all latencies; the
 * share is negative when nothing is known of any connection. */
uint64_t summary_setup_ns(const struct summary_group *group);
double summary_handshake_share(const struct summary_group *group);

/* Whether there may have been more of it than could be seen. */
bool summary_setup_is_partial(const struct summary_group *group);

#endif
