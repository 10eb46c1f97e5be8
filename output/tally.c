/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"

#include <stdlib.h>

#include "summary_print.h"

struct tally {
	const struct summary_format *format;
	struct summary *whole;
	struct summary *part; /* NULL: nobody wants intervals */
	int64_t begin_ns, part_ns;
	struct counters before; /* the counters when the interval began */
};

struct tally *tally_new(const struct settings *settings)
{
	struct summary_options options = {.prefix_levels = (unsigned)settings->prefix_levels,
					  .calls = settings->calls};
	struct tally *t = calloc(1, sizeof(*t));

	for (size_t i = 0; i < settings->by.n && i < SUMMARY_BY_MAX; i++)
		options.by[options.n_by++] = grouping_find(settings->by.item[i]);
	if (!options.n_by)
		options.by[options.n_by++] = grouping_find("operation");
	if (!t)
		return NULL;
	t->format = summary_format_find(settings->summary);
	t->whole = summary_new(&options);
	if (settings->interval_s > 0)
		t->part = summary_new(&options);
	if (t->whole && (t->part || !(settings->interval_s > 0)))
		return t;
	tally_free(t);
	return NULL;
}

void tally_free(struct tally *t)
{
	if (!t)
		return;
	summary_free(t->whole);
	summary_free(t->part);
	free(t);
}

void tally_begin(struct tally *t, int64_t now_ns)
{
	t->begin_ns = t->part_ns = now_ns;
}

void tally_add(struct tally *t, const struct request *request)
{
	summary_add(t->whole, request);
	if (t->part)
		summary_add(t->part, request);
}

int tally_whole(const struct tally *t, const struct counters *counters, int64_t now_ns, FILE *file)
{
	struct summary_report report = {t->whole, counters, t->begin_ns, now_ns, false};

	return t->format->write(&report, file);
}

int tally_interval(struct tally *t, const struct counters *counters, int64_t now_ns, bool last,
		   FILE *file)
{
	struct counters since = counters_since(counters, &t->before);
	struct summary_report report = {t->part, &since, t->part_ns, now_ns, true};
	int err;

	if (!t->part || (last && !t->part->all->latency.count))
		return 0;
	err = t->format->write(&report, file);
	summary_clear(t->part);
	t->before = *counters;
	t->part_ns = now_ns;
	return err;
}
