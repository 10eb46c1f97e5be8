/* SPDX-License-Identifier: Apache-2.0 */
#include "pieces.h"

#include <stdlib.h>

/* Places are counted from 1; 0 is none. */
struct pieces {
	uint32_t max, used, free;
	struct piece *piece;
	struct piece *sorted; /* scratch, as are those */
	int64_t *number, *other;
};

/* Pages that nobody needs are not touched, and so are no memory. */
struct pieces *pieces_new(size_t max)
{
	struct pieces *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->max = (uint32_t)max;
	p->piece = malloc((max + 1) * sizeof(*p->piece));
	p->sorted = malloc(max * sizeof(*p->sorted));
	p->number = malloc(max * sizeof(*p->number));
	p->other = malloc(max * sizeof(*p->other));
	if (p->piece && p->sorted && p->number && p->other)
		return p;
	pieces_free(p);
	return NULL;
}

void pieces_free(struct pieces *p)
{
	if (!p)
		return;
	free(p->piece);
	free(p->sorted);
	free(p->number);
	free(p->other);
	free(p);
}

bool pieces_full(const struct pieces *p)
{
	return !p->free && p->used == p->max;
}

void pieces_add(struct pieces *p, struct pieces_list *list, const struct piece *piece)
{
	uint32_t i = p->free ? p->free : ++p->used;

	if (p->free)
		p->free = p->piece[i].next;
	p->piece[i] = *piece;
	p->piece[i].next = list->newest;
	list->newest = i;
	list->n++;
}

/* Puts the list before another one. */
static void put_before(struct pieces *p, struct pieces_list *list, uint32_t other)
{
	uint32_t *last = &list->newest;

	while (*last)
		last = &p->piece[*last].next;
	*last = other;
}

void pieces_move(struct pieces *p, struct pieces_list *list, struct pieces_list *from)
{
	put_before(p, list, from->newest);
	list->n += from->n;
	*from = (struct pieces_list){0, 0};
}

void pieces_drop(struct pieces *p, struct pieces_list *list)
{
	put_before(p, list, p->free);
	p->free = list->newest;
	*list = (struct pieces_list){0, 0};
}

static int by_first(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

int64_t pieces_missing(struct pieces *p, const struct pieces_list *list, int64_t size)
{
	int64_t covered = 0, gaps = 0;
	uint32_t n = 0;

	for (uint32_t i = list->newest; i; i = p->piece[i].next)
		if (!p->piece[i].failed && p->piece[i].first >= 0)
			p->sorted[n++] = p->piece[i];
	qsort(p->sorted, n, sizeof(*p->sorted), by_first);
	for (uint32_t i = 0; i < n; i++) {
		if (p->sorted[i].first > covered)
			gaps += p->sorted[i].first - covered;
		if (p->sorted[i].last >= covered)
			covered = p->sorted[i].last + 1;
	}
	return gaps + (size > covered ? size - covered : 0);
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int by_part(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	return (x->part > y->part) - (x->part < y->part);
}

/* How many parts there were, and how they fared. */
static void count_parts(struct pieces *p, const struct pieces_list *list, struct job *job)
{
	uint32_t n = 0;

	for (uint32_t i = list->newest; i; i = p->piece[i].next)
		p->sorted[n++] = p->piece[i];
	qsort(p->sorted, n, sizeof(*p->sorted), by_part);
	for (uint32_t i = 0, next; i < n; i = next) {
		bool failed = true;

		for (next = i; next < n && p->sorted[next].part == p->sorted[i].part; next++) {
			failed &= p->sorted[next].failed;
			job->errors += p->sorted[next].failed;
		}
		job->parts++;
		job->retried += next - i > 1;
		job->failed += failed;
	}
	job->requests = (int)n;
}

static void note_gap(struct job *job, int64_t gap)
{
	if (gap <= 0)
		return;
	job->gap_ns += gap;
	if (gap > job->longest_gap_ns)
		job->longest_gap_ns = gap;
}

/* Begins and ends, each in their own order, tell how many parts were under way. */
static void measure(struct pieces *p, const struct pieces_list *list, int64_t end,
		    int64_t completing, struct job *job)
{
	int64_t *begins = p->number, *ends = p->other, all = 0, last, complete;
	uint32_t n = 0, ended = 0;

	for (uint32_t i = list->newest; i; i = p->piece[i].next, n++) {
		begins[n] = p->piece[i].begin;
		ends[n] = p->piece[i].end;
		all += ends[n] - begins[n];
	}
	qsort(begins, n, sizeof(*begins), by_number);
	qsort(ends, n, sizeof(*ends), by_number);
	for (uint32_t i = 0; i < n; i++) {
		while (ended < i && ends[ended] <= begins[i])
			ended++;
		if (i && ended == i)
			note_gap(job, begins[i] - ends[i - 1]);
		if ((int)(i - ended) + 1 > job->max_concurrency)
			job->max_concurrency = (int)(i - ended) + 1;
	}
	last = ends[n - 1];
	job->busy_ns = last - begins[0] - job->gap_ns;
	job->concurrency = last > begins[0] ? (double)all / (double)(last - begins[0]) : 1;
	job->time_ns = begins[0];
	job->duration_ns = end - begins[0];
	complete = completing > last ? completing : last;
	if (completing)
		note_gap(job, complete - last);
	job->complete_ns = completing ? end - complete : -1;
}

static void compare(struct pieces *p, const struct pieces_list *list, struct job *job)
{
	int64_t *taken = p->number;
	uint32_t n = 0;

	for (uint32_t i = list->newest; i; i = p->piece[i].next)
		taken[n++] = p->piece[i].end - p->piece[i].begin;
	qsort(taken, n, sizeof(*taken), by_number);
	job->median_ns = taken[n / 2];
	if (n % 2 == 0)
		job->median_ns = taken[n / 2 - 1] + (taken[n / 2] - taken[n / 2 - 1]) / 2;
	job->times_median =
		job->median_ns > 0 ? (double)job->slowest.latency_ns / (double)job->median_ns : -1;
}

void pieces_measure(struct pieces *p, const struct pieces_list *list, int64_t end,
		    int64_t completing, struct job *job)
{
	count_parts(p, list, job);
	measure(p, list, end, completing, job);
	compare(p, list, job);
}
