/* SPDX-License-Identifier: Apache-2.0 */
#include "summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "histogram.h"

#define ROWS_MAX 128
#define NAME_SIZE 56

struct row {
	char name[NAME_SIZE];
	uint64_t errors, bytes;
	struct histogram latency; /* ns */
};

struct summary {
	struct row *row[ROWS_MAX + 1]; /* the last is everything that found no row of its own */
	size_t n;
};

struct summary *summary_new(void)
{
	struct summary *summary = calloc(1, sizeof(*summary));

	/* Taken now, so that there is a place to count in when memory runs out. */
	struct row *other = calloc(1, sizeof(*other));
	if (!summary || !other) {
		free(summary);
		free(other);
		return NULL;
	}
	strcpy(other->name, "(other)");
	summary->row[ROWS_MAX] = other;
	return summary;
}

void summary_free(struct summary *summary)
{
	if (!summary)
		return;
	for (size_t i = 0; i <= ROWS_MAX; i++)
		free(summary->row[i]);
	free(summary);
}

static struct row *row_of(struct summary *summary, const char *name)
{
	for (size_t i = 0; i < summary->n; i++)
		if (strncmp(summary->row[i]->name, name, NAME_SIZE - 1) == 0)
			return summary->row[i];
	struct row *row = summary->n < ROWS_MAX ? calloc(1, sizeof(*row)) : NULL;
	if (!row)
		return summary->row[ROWS_MAX];
	snprintf(row->name, sizeof(row->name), "%s", name);
	return summary->row[summary->n++] = row;
}

void summary_add(struct summary *summary, const struct request *request)
{
	char other[NAME_SIZE];
	const char *method = request->method ? request->method : "?";
	const char *name = request->operation;

	if (!name) {
		snprintf(other, sizeof(other), "%.32s (%s)", method,
			 request->is_s3 ? "S3, unknown" : "not S3");
		name = other;
	}
	struct row *row = row_of(summary, name);
	histogram_add(&row->latency, request->latency_ns > 0 ? (uint64_t)request->latency_ns : 0);
	row->errors += request->is_error;
	row->bytes += request->request_size > 0 ? (uint64_t)request->request_size : 0;
	row->bytes += request->response_size > 0 ? (uint64_t)request->response_size : 0;
}

/* The busiest first; among equals, by name. */
static int busier(const void *a, const void *b)
{
	const struct row *x = *(const struct row *const *)a, *y = *(const struct row *const *)b;

	if (x->latency.count != y->latency.count)
		return x->latency.count < y->latency.count ? 1 : -1;
	return strcmp(x->name, y->name);
}

static void print_ms(FILE *file, double ns)
{
	fprintf(file, " %10.3f", ns / 1e6);
}

static void print_row(FILE *file, const struct row *row, int width)
{
	const struct histogram *h = &row->latency;

	fprintf(file, "%-*s %8" PRIu64 " %8" PRIu64, width, row->name, h->count, row->errors);
	print_ms(file, (double)h->sum / (double)h->count);
	print_ms(file, (double)histogram_percentile(h, 50));
	print_ms(file, (double)histogram_percentile(h, 90));
	print_ms(file, (double)histogram_percentile(h, 99));
	print_ms(file, (double)h->max);
	fprintf(file, " %14" PRIu64 "\n", row->bytes);
}

static void print_table(FILE *file, const struct row **rows, size_t n)
{
	int width = (int)strlen("OPERATION");

	for (size_t i = 0; i < n; i++)
		if ((int)strlen(rows[i]->name) > width)
			width = (int)strlen(rows[i]->name);
	fprintf(file, "%-*s %8s %8s %10s %10s %10s %10s %10s %14s\n", width, "OPERATION", "COUNT",
		"ERRORS", "AVG(ms)", "P50(ms)", "P90(ms)", "P99(ms)", "MAX(ms)", "BYTES");
	for (size_t i = 0; i < n; i++)
		print_row(file, rows[i], width);
}

static const struct {
	const char *words;
	size_t offset;
	bool rare;
} counted[] = {
	{"shown", offsetof(struct counters, shown), false},
	{"filtered out", offsetof(struct counters, filtered), false},
	{"not S3", offsetof(struct counters, not_s3), false},
	{"lost", offsetof(struct counters, lost), false},
	{"evicted", offsetof(struct counters, evicted), false},
	{"truncated", offsetof(struct counters, truncated), false},
	{"not followed", offsetof(struct counters, unfollowed), false},
	{"calls evicted", offsetof(struct counters, calls_evicted), false},
	{"output errors", offsetof(struct counters, output_errors), false},
	{"descriptors misread", offsetof(struct counters, misread), true},
};

_Static_assert(sizeof(counted) / sizeof(counted[0]) == sizeof(struct counters) / sizeof(uint64_t),
	       "every counter is shown");

int summary_print(const struct summary *summary, const struct counters *counters, FILE *file)
{
	const struct row *rows[ROWS_MAX + 1] = {NULL};
	size_t n = 0;

	for (size_t i = 0; summary && i <= ROWS_MAX; i++)
		if (summary->row[i] && summary->row[i]->latency.count)
			rows[n++] = summary->row[i];
	qsort(rows, n, sizeof(rows[0]), busier);
	clearerr(file);
	errno = 0;
	if (n)
		print_table(file, rows, n);
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
		uint64_t count = *(const uint64_t *)((const char *)counters + counted[i].offset);

		if (count || !counted[i].rare)
			fprintf(file, "%s%" PRIu64 " %s", i ? ", " : "", count, counted[i].words);
	}
	putc('\n', file);
	fflush(file);
	if (!ferror(file))
		return 0;
	return errno ? -errno : -EIO;
}
