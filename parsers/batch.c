/* SPDX-License-Identifier: Apache-2.0 */
#include "batch.h"

#include <stdlib.h>
#include <string.h>

#include "event.h"

#define ROOM_STEP 65536

/* When what it tells was over, when it was sent, and where it lies. */
struct arrival {
	uint64_t over, time;
	size_t at, size;
};

struct batch {
	char *bytes; /* as they came, one behind the other */
	size_t used, room;
	struct arrival arrival[2 * BATCH_MAX]; /* when it is full, each other CPU still has one */
	size_t n;
	uint64_t began, dropped;
};

struct batch *batch_new(void)
{
	return calloc(1, sizeof(struct batch));
}

void batch_free(struct batch *batch)
{
	if (batch)
		free(batch->bytes);
	free(batch);
}

void batch_begin(struct batch *batch, uint64_t now_ns)
{
	batch->n = batch->used = 0;
	batch->began = now_ns;
}

static bool make_room(struct batch *batch, size_t size)
{
	size_t room = 2 * batch->room + size + ROOM_STEP;
	char *grown;

	if (size <= batch->room - batch->used)
		return true;
	grown = realloc(batch->bytes, room);
	if (!grown)
		return false;
	batch->bytes = grown;
	batch->room = room;
	return true;
}

bool batch_take(struct batch *batch, const void *data, size_t size)
{
	__u64 time;

	if (event_time(data, size, &time))
		return true;
	if (batch->n == 2 * BATCH_MAX || !make_room(batch, size)) {
		batch->dropped++;
		return false;
	}
	memcpy(batch->bytes + batch->used, data, size);
	batch->arrival[batch->n++] =
		(struct arrival){event_over(data, size, time), time, batch->used, size};
	batch->used += size;
	return batch->n < BATCH_MAX && time < batch->began;
}

static int by_time(const void *a, const void *b)
{
	const struct arrival *x = a, *y = b;

	if (x->over != y->over)
		return x->over < y->over ? -1 : 1;
	return (x->time > y->time) - (x->time < y->time);
}

size_t batch_sort(struct batch *batch)
{
	bool in_order = true;

	for (size_t i = 1; i < batch->n && in_order; i++)
		in_order = by_time(&batch->arrival[i - 1], &batch->arrival[i]) <= 0;
	if (!in_order)
		qsort(batch->arrival, batch->n, sizeof(batch->arrival[0]), by_time);
	return batch->n;
}

const void *batch_at(const struct batch *batch, size_t i, size_t *size)
{
	*size = batch->arrival[i].size;
	return batch->bytes + batch->arrival[i].at;
}

uint64_t batch_dropped(const struct batch *batch)
{
	return batch->dropped;
}
