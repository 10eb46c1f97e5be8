/* SPDX-License-Identifier: Apache-2.0 */
#include "hitters.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cut.h"

#define NONE UINT32_MAX
#define BUCKETS 512u

struct hitters {
	size_t n, max;
	uint64_t total;
	uint32_t bucket[BUCKETS]; /* the first of those whose hash ends so */
	uint64_t *weight;	  /* of each place: side by side, to find the lightest */
	struct place {
		uint64_t hash;
		uint32_t chain; /* the next one in its bucket */
		struct hitter hitter;
	} place[];
};

struct hitters *hitters_new(size_t max)
{
	struct hitters *h = calloc(1, sizeof(*h) + max * sizeof(h->place[0]));

	if (!h)
		return NULL;
	h->weight = calloc(max, sizeof(h->weight[0]));
	if (!h->weight) {
		free(h);
		return NULL;
	}
	h->max = max;
	hitters_clear(h);
	return h;
}

void hitters_free(struct hitters *h)
{
	if (h)
		free(h->weight);
	free(h);
}

void hitters_clear(struct hitters *h)
{
	h->n = 0;
	h->total = 0;
	memset(h->bucket, 0xff, sizeof(h->bucket)); /* NONE */
}

static struct place *find(struct hitters *h, uint64_t hash, const char *text)
{
	uint32_t i = h->bucket[hash % BUCKETS];

	while (i != NONE &&
	       (h->place[i].hash != hash || strcmp(h->place[i].hitter.text, text) != 0))
		i = h->place[i].chain;
	return i == NONE ? NULL : &h->place[i];
}

static uint32_t lightest(const struct hitters *h)
{
	uint64_t weight = h->weight[0];
	uint32_t least = 0;

	for (uint32_t i = 1; i < h->n; i++) {
		bool less = h->weight[i] < weight;

		weight = less ? h->weight[i] : weight;
		least = less ? i : least;
	}
	return least;
}

/* Takes a place that is free, or that of the lightest. */
static struct place *take(struct hitters *h, uint64_t hash, const char *text)
{
	uint32_t i = h->n < h->max ? (uint32_t)h->n : lightest(h);
	uint64_t weight = i < h->n ? h->weight[i] : 0;
	struct place *place = &h->place[i];

	if (i < h->n) {
		uint32_t *at = &h->bucket[place->hash % BUCKETS];

		while (*at != i)
			at = &h->place[*at].chain;
		*at = place->chain;
	} else {
		h->n++;
	}
	place->hash = hash;
	place->chain = h->bucket[hash % BUCKETS];
	h->bucket[hash % BUCKETS] = i;
	h->weight[i] = place->hitter.error = weight;
	place->hitter.count = 0;
	strcpy(place->hitter.text, text);
	return place;
}

static void add_up(uint64_t *sum, uint64_t weight)
{
	if (__builtin_add_overflow(*sum, weight, sum))
		*sum = UINT64_MAX;
}

void hitters_add(struct hitters *h, const char *text, size_t n, uint64_t weight)
{
	char name[HITTER_TEXT];
	uint64_t hash = cut_text(name, sizeof(name), (struct slice){text, n});
	struct place *place = find(h, hash, name);

	if (!place)
		place = take(h, hash, name);
	add_up(&h->weight[place - h->place], weight);
	add_up(&h->total, weight);
	place->hitter.count++;
}

static int heavier(const struct hitter *x, const struct hitter *y)
{
	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return strcmp(x->text, y->text);
}

size_t hitters_top(struct hitters *h, const struct hitter **top, size_t max)
{
	size_t n = 0;

	/* Kept sorted; what falls off the end was lighter than all of them. */
	for (size_t i = 0; i < h->n; i++) {
		struct hitter *hitter = &h->place[i].hitter;
		size_t at = n < max ? n++ : max;

		hitter->weight = h->weight[i];
		while (at > 0 && heavier(hitter, top[at - 1]) < 0) {
			if (at < max)
				top[at] = top[at - 1];
			at--;
		}
		if (at < max)
			top[at] = hitter;
	}
	return n;
}

uint64_t hitters_total(const struct hitters *h)
{
	return h->total;
}

size_t hitters_count(const struct hitters *h)
{
	return h->n;
}
