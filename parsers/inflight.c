/* SPDX-License-Identifier: Apache-2.0 */
#include "inflight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	__u64 id;
	unsigned missed;
	struct exchange *exchange;
};

struct inflight {
	size_t n, max;
	struct entry entry[];
};

struct inflight *inflight_new(size_t max)
{
	struct inflight *f = calloc(1, sizeof(*f) + max * sizeof(f->entry[0]));

	if (f)
		f->max = max;
	return f;
}

void inflight_free(struct inflight *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++)
		free(f->entry[i].exchange);
	free(f);
}

static size_t find(const struct inflight *f, __u64 id)
{
	size_t i = 0;

	while (i < f->n && f->entry[i].id != id)
		i++;
	return i;
}

struct exchange *inflight_find(struct inflight *f, __u64 id)
{
	size_t i = find(f, id);

	return i < f->n ? f->entry[i].exchange : NULL;
}

static void remove_at(struct inflight *f, size_t i)
{
	free(f->entry[i].exchange);
	f->entry[i] = f->entry[--f->n];
}

int inflight_put(struct inflight *f, const struct exchange *exchange, struct exchange *evicted)
{
	size_t i = find(f, exchange->id), oldest = 0;
	struct exchange *copy;
	int full = 0;

	if (i < f->n) {
		*f->entry[i].exchange = *exchange;
		f->entry[i].missed = 0;
		return 0;
	}
	copy = malloc(sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*copy = *exchange;
	if (f->n == f->max) {
		for (i = 1; i < f->n; i++)
			if (f->entry[i].exchange->t_start < f->entry[oldest].exchange->t_start)
				oldest = i;
		*evicted = *f->entry[oldest].exchange;
		remove_at(f, oldest);
		full = 1;
	}
	f->entry[f->n].id = copy->id;
	f->entry[f->n].missed = 0;
	f->entry[f->n++].exchange = copy;
	return full;
}

void inflight_remove(struct inflight *f, __u64 id)
{
	size_t i = find(f, id);

	if (i < f->n)
		remove_at(f, i);
}

size_t inflight_count(const struct inflight *f)
{
	return f->n;
}

struct exchange *inflight_at(struct inflight *f, size_t i)
{
	return f->entry[i].exchange;
}

unsigned inflight_missed(struct inflight *f, size_t i)
{
	return ++f->entry[i].missed;
}
