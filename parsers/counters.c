/* SPDX-License-Identifier: Apache-2.0 */
#include "counters.h"

static const struct counter table[] = {
	{"shown", offsetof(struct counters, shown), false},
	{"filtered out", offsetof(struct counters, filtered), false},
	{"not S3", offsetof(struct counters, not_s3), false},
	{"lost", offsetof(struct counters, lost), false},
	{"evicted", offsetof(struct counters, evicted), false},
	{"truncated", offsetof(struct counters, truncated), false},
	{"not followed", offsetof(struct counters, unfollowed), false},
	{"opaque", offsetof(struct counters, opaque), false},
	{"calls evicted", offsetof(struct counters, calls_evicted), false},
	{"jobs evicted", offsetof(struct counters, jobs_evicted), false},
	{"output errors", offsetof(struct counters, output_errors), false},
	{"descriptors misread", offsetof(struct counters, misread), true},
};

#define N (sizeof(table) / sizeof(table[0]))
_Static_assert(N == sizeof(struct counters) / sizeof(uint64_t), "every counter is shown");

const struct counter *counter_at(size_t i)
{
	return i < N ? &table[i] : NULL;
}

struct counters counters_since(const struct counters *now, const struct counters *before)
{
	struct counters since = {0};

	/* Some are estimates, which may get smaller again. */
	for (size_t i = 0; i < N; i++) {
		uint64_t n = counter_of(&table[i], now), b = counter_of(&table[i], before);

		*(uint64_t *)((char *)&since + table[i].offset) = n > b ? n - b : 0;
	}
	return since;
}
