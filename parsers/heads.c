/* SPDX-License-Identifier: Apache-2.0 */
#include "heads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct head {
	__u64 id;
	struct slice rest;
};

struct heads {
	size_t n, max;
	struct head head[]; /* in the order in which they came */
};

struct heads *heads_new(size_t max)
{
	struct heads *h = calloc(1, sizeof(*h) + max * sizeof(h->head[0]));

	if (h)
		h->max = max;
	return h;
}

void heads_free(struct heads *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->n; i++)
		free((char *)h->head[i].rest.p);
	free(h);
}

/* Its place, n if there is none. Mostly it is one of the latest. */
static size_t find(const struct heads *h, __u64 id)
{
	for (size_t i = h->n; i-- > 0;)
		if (h->head[i].id == id)
			return i;
	return h->n;
}

static void remove_at(struct heads *h, size_t i)
{
	free((char *)h->head[i].rest.p);
	memmove(&h->head[i], &h->head[i + 1], (--h->n - i) * sizeof(h->head[0]));
}

int heads_put(struct heads *h, __u64 id, struct slice rest)
{
	char *copy = malloc(rest.n + !rest.n);

	if (!copy)
		return -ENOMEM;
	if (rest.n)
		memcpy(copy, rest.p, rest.n);
	heads_forget(h, id);
	if (h->n == h->max)
		remove_at(h, 0);
	h->head[h->n++] = (struct head){id, {copy, rest.n}};
	return 0;
}

struct slice heads_find(const struct heads *h, __u64 id)
{
	size_t i = find(h, id);

	return i < h->n ? h->head[i].rest : SLICE_NONE;
}

bool heads_forget(struct heads *h, __u64 id)
{
	size_t i = find(h, id);

	if (i == h->n)
		return false;
	remove_at(h, i);
	return true;
}
