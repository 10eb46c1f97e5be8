/* SPDX-License-Identifier: Apache-2.0 */
/* The summary as one JSON object on a line, documented in man/s3slower-json.5. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "column.h"
#include "summary_print.h"

#define TOP_MAX 20
#define KEY_ROOM 40

/* Exact to the nanosecond up to 11 days, in the digits that are asked for below. */
#define DIGITS 15

static json_t *ms(uint64_t ns)
{
	return json_real((double)ns / 1e6);
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* "wait" -> "wait_ms" of each. */
static json_t *times(const char *const *name, const uint64_t *ns, size_t n)
{
	json_t *object = json_object();
	char key[KEY_ROOM];

	for (size_t i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "%s_ms", name[i]);
		json_object_set_new(object, key, ms(ns[i]));
	}
	return object;
}

static json_t *latency(const struct histogram *h)
{
	static const struct {
		const char *key;
		double percent;
	} percentiles[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p999", 99.9}};
	json_t *object = json_object();

	json_object_set_new(object, "total", ms(h->sum));
	json_object_set_new(object, "avg",
			    h->count ? json_real((double)h->sum / (double)h->count / 1e6)
				     : json_null());
	json_object_set_new(object, "min", h->count ? ms(h->min) : json_null());
	for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++)
		json_object_set_new(object, percentiles[i].key,
				    h->count ? ms(histogram_percentile(h, percentiles[i].percent))
					     : json_null());
	json_object_set_new(object, "max", h->count ? ms(h->max) : json_null());
	return object;
}

static json_t *connections(const struct summary_group *group)
{
	double share = summary_handshake_share(group);

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:b}", "opened", number(group->opened),
			 "reused", number(group->reused), "unknown", number(group->unfollowed),
			 "setup", times(summary_setup_name, group->setup_ns, SETUPS),
			 "handshake_share", share < 0 ? json_null() : json_real(share),
			 "setup_partial", (int)summary_setup_is_partial(group));
}

static json_t *figures(const struct summary_group *group)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "count",
			 number(group->latency.count), "errors", number(group->errors), "retries",
			 number(group->retries), "backoff_ms", ms(group->backoff_ns), "bytes",
			 number(group->bytes), "latency_ms", latency(&group->latency), "phases",
			 times(summary_phase_name, group->phase_ns, PHASES), "connections",
			 connections(group));
}

static json_t *groups(const struct summary *summary)
{
	const struct summary_group *group[SUMMARY_GROUPS_MAX + 1];
	size_t n = summary_groups(summary, group);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *object = json_object();

		if (group[i] == summary->other)
			continue;
		for (size_t k = 0; k < summary->options.n_by; k++) {
			const char *part = group[i]->part[k];

			json_object_set_new(object, summary->options.by[k]->name,
					    *part ? json_string(part) : json_null());
		}
		json_object_update_new(object, figures(group[i]));
		json_object_set_new(object, "partial", json_boolean(group[i]->late));
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *by(const struct summary_options *options)
{
	json_t *list = json_array();

	for (size_t i = 0; i < options->n_by; i++)
		json_array_append_new(list, json_string(options->by[i]->name));
	return list;
}

static json_t *prefixes(struct hitters *hitters, const char *key, bool time)
{
	const struct hitter *top[TOP_MAX];
	size_t n = hitters_top(hitters, top, TOP_MAX);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		uint64_t weight = top[i]->weight, least = weight - top[i]->error;
		json_t *object = json_pack("{s:s}", "prefix", top[i]->text);

		json_object_set_new(object, key, time ? ms(weight) : number(weight));
		json_object_set_new(object, "at_least", time ? ms(least) : number(least));
		json_array_append_new(list, object);
	}
	return list;
}

/* "calls evicted" -> "calls_evicted". */
static json_t *counts(const struct counters *counters)
{
	const struct counter *counter;
	json_t *object = json_object();
	char key[KEY_ROOM];

	for (size_t i = 0; (counter = counter_at(i)); i++) {
		size_t n = 0;

		for (; counter->words[n] && n + 1 < sizeof(key); n++)
			key[n] = counter->words[n] == ' ' ? '_' : counter->words[n];
		key[n] = '\0';
		json_object_set_new(object, key, number(counter_of(counter, counters)));
	}
	return object;
}

static json_t *timestamp(int64_t ns)
{
	static struct cell cell;

	return json_string(column_timestamp(&ns, &cell));
}

int summary_json(const struct summary_report *report, FILE *file)
{
	const struct summary *s = report->summary;
	json_t *all = json_pack(
		"{s:s, s:o, s:o, s:f, s:o, s:o, s:o, s:o, s:o, s:{s:i, s:o, s:o}, s:o}", "summary",
		report->interval ? "interval" : "run", "begin", timestamp(report->begin_ns), "end",
		timestamp(report->end_ns), "percentile_error", HISTOGRAM_ERROR, "by",
		by(&s->options), "groups", groups(s), "other",
		s->other->latency.count ? figures(s->other) : json_null(), "merged",
		number(s->merged), "all", figures(s->all), "prefixes", "levels",
		(int)s->options.prefix_levels, "by_time", prefixes(s->by_time, "time_ms", true),
		"by_503", prefixes(s->by_503, "count", false), "counters",
		counts(report->counters));
	char *text = all ? json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS)) : NULL;
	int err = 0;

	json_decref(all);
	if (!text)
		return -ENOMEM;
	clearerr(file);
	errno = 0;
	if (fprintf(file, "%s\n", text) < 0 || fflush(file))
		err = errno ? -errno : -EIO;
	free(text);
	return err;
}
