/* SPDX-License-Identifier: Apache-2.0 */
#include "figure.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- amounts ------------------------------------------------------------------ */

static uint64_t retries(const struct summary_group *group, unsigned which)
{
	(void)which;
	return group->retries;
}

static uint64_t phase(const struct summary_group *group, unsigned which)
{
	return group->phase_ns[which];
}

static uint64_t followed(const struct summary_group *group, unsigned which)
{
	(void)which;
	return group->opened + group->reused;
}

static uint64_t opened(const struct summary_group *group, unsigned which)
{
	(void)which;
	return group->opened;
}

/* The calls' latencies are more than their phases. */
static uint64_t between(const struct summary_group *group, unsigned which)
{
	uint64_t sum = 0;

	(void)which;
	for (size_t i = 0; i < PHASES; i++)
		sum += group->phase_ns[i];
	return group->latency.sum > sum ? group->latency.sum - sum : 0;
}

/* --- texts -------------------------------------------------------------------- */

void figure_number(char *room, uint64_t value)
{
	snprintf(room, FIGURE_ROOM, "%" PRIu64, value);
}

static void put_ms(char *room, double ns)
{
	snprintf(room, FIGURE_ROOM, "%.3f", ns / 1e6);
}

void figure_seconds(char *room, uint64_t ns)
{
	snprintf(room, FIGURE_ROOM, "%.3f", (double)ns / 1e9);
}

void figure_share(char *room, uint64_t part, uint64_t whole)
{
	snprintf(room, FIGURE_ROOM, "%.1f", whole ? 100 * (double)part / (double)whole : 0);
}

static void put_count(const struct summary_group *group, unsigned which, char *room)
{
	(void)which;
	figure_number(room, group->latency.count);
}

static void put_errors(const struct summary_group *group, unsigned which, char *room)
{
	(void)which;
	figure_number(room, group->errors);
}

static void put_retries(const struct summary_group *group, unsigned which, char *room)
{
	(void)which;
	figure_number(room, group->retries);
}

static void put_average(const struct summary_group *group, unsigned which, char *room)
{
	(void)which;
	put_ms(room, (double)group->latency.sum / (double)group->latency.count);
}

static void put_percentile(const struct summary_group *group, unsigned which, char *room)
{
	put_ms(room, (double)histogram_percentile(&group->latency, which));
}

static void put_max(const struct summary_group *group, unsigned which, char *room)
{
	(void)which;
	put_ms(room, (double)group->latency.max);
}

/* 999, 1.2k, 45.6M: powers of a thousand, as --min-size takes them. */
static void put_bytes(const struct summary_group *group, unsigned which, char *room)
{
	(void)which;
	static const char units[] = " kMGTPE";
	double value = (double)group->bytes;
	size_t unit = 0;

	for (; value >= 999.95 && unit + 2 < sizeof(units); value /= 1000)
		unit++;
	if (unit)
		snprintf(room, FIGURE_ROOM, "%.1f%c", value, units[unit]);
	else
		figure_number(room, group->bytes);
}

static void put_time(const struct summary_group *group, unsigned which, char *room)
{
	(void)which;
	figure_seconds(room, group->latency.sum);
}

static void put_phase(const struct summary_group *group, unsigned which, char *room)
{
	figure_share(room, group->phase_ns[which], group->latency.sum);
}

static void put_between(const struct summary_group *group, unsigned which, char *room)
{
	(void)which;
	figure_share(room, between(group, 0), group->latency.sum);
}

static void put_opened(const struct summary_group *group, unsigned which, char *room)
{
	(void)which;
	figure_number(room, group->opened);
}

static void put_per_connection(const struct summary_group *group, unsigned which, char *room)
{
	(void)which;
	if (group->opened)
		snprintf(room, FIGURE_ROOM, "%.1f",
			 (double)followed(group, 0) / (double)group->opened);
	else
		strcpy(room, "-");
}

static void put_setup(const struct summary_group *group, unsigned which, char *room)
{
	(void)which;
	figure_seconds(room, summary_setup_ns(group));
}

static void put_handshake(const struct summary_group *group, unsigned which, char *room)
{
	(void)which;
	double share = summary_handshake_share(group);

	if (share < 0)
		strcpy(room, "-");
	else
		snprintf(room, FIGURE_ROOM, "%s%.1f", summary_setup_is_partial(group) ? ">=" : "",
			 100 * share);
}

const struct figure figure_counts[] = {
	{"COUNT", put_count, NULL, 0},	       {"ERRORS", put_errors, NULL, 0},
	{"RETRIES", put_retries, retries, 0},  {"AVG(ms)", put_average, NULL, 0},
	{"P50(ms)", put_percentile, NULL, 50}, {"P90(ms)", put_percentile, NULL, 90},
	{"P99(ms)", put_percentile, NULL, 99}, {"MAX(ms)", put_max, NULL, 0},
	{"BYTES", put_bytes, NULL, 0},	       {NULL, NULL, NULL, 0},
};

const struct figure figure_times[] = {
	{"TIME(s)", put_time, NULL, 0},
	{"SEND%", put_phase, NULL, PHASE_SEND},
	{"EXPECT%", put_phase, phase, PHASE_EXPECT},
	{"WAIT%", put_phase, NULL, PHASE_WAIT},
	{"RECV%", put_phase, NULL, PHASE_RECV},
	{"STALL%", put_phase, phase, PHASE_STALL},
	{"BACKOFF%", put_between, between, 0},
	{"CONNS", put_opened, followed, 0},
	{"REQ/CONN", put_per_connection, opened, 0},
	{"SETUP(s)", put_setup, opened, 0},
	{"HANDSHAKE%", put_handshake, opened, 0},
	{NULL, NULL, NULL, 0},
};
