/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The summary as text: tables of groups, where a column of which there is nothing is
 * left out, and the heaviest prefixes. Put together in memory, so that it is in one
 * piece among what others write to the same terminal.
 */
#include "summary_print.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "column.h"
#include "figure.h"
#include "page.h"

#define ROWS_MAX (SUMMARY_GROUPS_MAX + 2) /* with (other) and (all) */
_Static_assert(ROWS_MAX < PAGE_ROWS_MAX && FIGURE_ROOM == PAGE_ROOM, "a page has room");
#define TOP_MAX 5

/* --- groups ----------------------------------------------------------------- */

/* The groups and all of them: how many rows, and under what name each. */
struct groups {
	const struct summary_group *group[ROWS_MAX];
	size_t n;
};

static void find_groups(const struct summary *summary, struct groups *groups)
{
	groups->n = summary_groups(summary, groups->group);
	if (groups->n > 1)
		groups->group[groups->n++] = summary->all;
}

static const char *name_of(const struct summary *summary, const struct summary_group *group,
			   size_t part)
{
	if (group == summary->all || group == summary->other)
		return part ? "" : group == summary->all ? "(all)" : "(other)";
	return group->part[part][0] ? group->part[part] : "-";
}

static void print_figures(const struct summary *summary, const struct groups *groups,
			  const struct figure *figure, FILE *file)
{
	static struct page page;
	const struct summary_options *options = &summary->options;

	page.names = page.columns = options->n_by;
	page.rows = groups->n + 1;
	for (size_t i = 0; i < options->n_by; i++) {
		page.cell[0][i] = options->by[i]->heading;
		for (size_t r = 0; r < groups->n; r++)
			page.cell[r + 1][i] = name_of(summary, groups->group[r], i);
	}
	for (; figure->heading; figure++) {
		if (figure->amount && !figure->amount(summary->all, figure->which))
			continue;
		page.cell[0][page.columns] = figure->heading;
		for (size_t r = 0; r < groups->n; r++) {
			char *room = page.room[r + 1][page.columns];

			figure->put(groups->group[r], figure->which, room);
			page.cell[r + 1][page.columns] = room;
		}
		page.columns++;
	}
	page_print(&page, file);
}

/* --- prefixes ----------------------------------------------------------------- */

/* The most is what it is said to be; the least is shown where they differ. */
static void print_top(struct hitters *hitters, const char *title, const char *unit,
		      void (*put)(char *room, uint64_t weight), FILE *file)
{
	static struct page page;
	const struct hitter *top[TOP_MAX];
	size_t n = hitters_top(hitters, top, TOP_MAX);
	bool unsure = false;

	for (size_t i = 0; i < n; i++)
		unsure |= top[i]->error > 0;
	page.names = 1;
	page.columns = unsure ? 4 : 3;
	page.rows = n + 1;
	page.cell[0][0] = title;
	page.cell[0][1] = unit;
	page.cell[0][2] = "SHARE%";
	page.cell[0][3] = "AT LEAST";
	for (size_t i = 0; i < n; i++) {
		char(*room)[PAGE_ROOM] = page.room[i + 1];

		put(room[0], top[i]->weight);
		figure_share(room[1], top[i]->weight, hitters_total(hitters));
		put(room[2], top[i]->weight - top[i]->error);
		page.cell[i + 1][0] = top[i]->text;
		for (size_t c = 0; c < 3; c++)
			page.cell[i + 1][c + 1] = room[c];
	}
	putc('\n', file);
	page_print(&page, file);
}

/* --- the whole ------------------------------------------------------------------ */

static void print_head(const struct summary_report *report, FILE *file)
{
	static struct cell cell;
	const char *clock = column_clock(&report->end_ns, &cell);

	fprintf(file, "Summary of %s%.1f s until %.8s", report->interval ? "the last " : "",
		(double)(report->end_ns - report->begin_ns) / 1e9, clock ? clock : "-");
	if (report->summary->all->latency.count)
		fprintf(file, ", percentiles within %.1f %%:\n", 100 * HISTOGRAM_ERROR);
	else
		fputs(": no requests.\n", file);
}

static void print_remarks(const struct summary *summary, const struct groups *groups, FILE *file)
{
	const struct summary_group *all = summary->all;
	bool late = false;

	for (size_t i = 0; i < groups->n; i++)
		late |= groups->group[i]->late;
	if (summary->merged)
		fprintf(file,
			"(other) is what was smallest when it made room, %" PRIu64 " times%s.\n",
			summary->merged, late ? "; of others, a part may be in it" : "");
	if (all->backoff_ns)
		fprintf(file, "%" PRIu64 " %s, after %.3f s of back-off.\n", all->retries,
			all->retries == 1 ? "retry" : "retries", (double)all->backoff_ns / 1e9);
}

static void print_tables(const struct summary *summary, FILE *file)
{
	static struct groups groups;

	find_groups(summary, &groups);
	print_figures(summary, &groups, figure_counts, file);
	putc('\n', file);
	print_figures(summary, &groups, figure_times, file);
	print_remarks(summary, &groups, file);
	if (hitters_count(summary->by_time) > 1)
		print_top(summary->by_time, "MOST TIME BY PREFIX", "TIME(s)", figure_seconds, file);
	if (hitters_count(summary->by_503))
		print_top(summary->by_503, "MOST 503 BY PREFIX", "503", figure_number, file);
	putc('\n', file);
}

static void print_counters(const struct counters *counters, FILE *file)
{
	const struct counter *counter;

	for (size_t i = 0; (counter = counter_at(i)); i++)
		if (!counter->rare || counter_of(counter, counters))
			fprintf(file, "%s%" PRIu64 " %s", i ? ", " : "",
				counter_of(counter, counters), counter->words);
	putc('\n', file);
}

/* Writes what the stream in memory has collected; takes the text. */
static int write_out(FILE *text, char *const *bytes, const size_t *n, FILE *file)
{
	int err = ferror(text) ? -ENOMEM : 0;

	if (fclose(text))
		err = -ENOMEM;
	clearerr(file);
	errno = 0;
	if (!err && (fwrite(*bytes, 1, *n, file) != *n || fflush(file)))
		err = errno ? -errno : -EIO;
	free(*bytes);
	return err;
}

static int print(const struct summary_report *report, bool tables, FILE *file)
{
	char *bytes = NULL;
	size_t n = 0;
	FILE *text = open_memstream(&bytes, &n);

	if (!text)
		return -ENOMEM;
	if (tables && (report->interval || report->summary->all->latency.count))
		print_head(report, text);
	if (tables && report->summary->all->latency.count)
		print_tables(report->summary, text);
	print_counters(report->counters, text);
	return write_out(text, &bytes, &n, file);
}

int summary_print(const struct summary_report *report, FILE *file)
{
	return print(report, true, file);
}

int summary_counts(const struct summary_report *report, FILE *file)
{
	return print(report, false, file);
}

static const struct summary_format formats[] = {
	{"text", summary_print},
	{"json", summary_json},
	{"none", summary_counts},
};

const struct summary_format *summary_format_at(size_t i)
{
	return i < sizeof(formats) / sizeof(formats[0]) ? &formats[i] : NULL;
}

const struct summary_format *summary_format_find(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}
