/* SPDX-License-Identifier: Apache-2.0 */
#include "buffer.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>

#include "ring.h"

struct buffer {
	struct ring *ring;	  /* one of the two */
	struct perf_buffer *perf; /* for all CPUs */
	/* during buffer_drain(): */
	bool (*take)(void *ctx, const void *data, size_t size);
	void *take_ctx;
	int taken;
};

uint32_t buffer_entries(uint32_t map_type, unsigned pages)
{
	return map_type == BPF_MAP_TYPE_RINGBUF ? ring_size(pages) : 0;
}

static enum bpf_perf_event_ret on_record(void *ctx, int cpu, struct perf_event_header *header)
{
	struct buffer *b = ctx;
	/* struct perf_event_sample of PERF_SAMPLE_RAW: header, u32 size, data */
	uint32_t size;

	(void)cpu;
	if (header->type != PERF_RECORD_SAMPLE || header->size < sizeof(*header) + sizeof(size))
		return LIBBPF_PERF_EVENT_CONT;
	memcpy(&size, header + 1, sizeof(size));
	if (size > header->size - sizeof(*header) - sizeof(size))
		return LIBBPF_PERF_EVENT_CONT;
	b->taken++;
	return b->take(b->take_ctx, (char *)(header + 1) + sizeof(size), size)
		       ? LIBBPF_PERF_EVENT_CONT
		       : LIBBPF_PERF_EVENT_DONE;
}

static int open_perf(struct buffer *b, int map, unsigned pages, unsigned wake_every)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_type = PERF_SAMPLE_RAW,
		.sample_period = 1,
		.wakeup_events = wake_every,
	};

	b->perf = perf_buffer__new_raw(map, pages, &attr, on_record, b, NULL);
	return b->perf ? 0 : -errno;
}

int buffer_open(struct buffer **buffer, int map, uint32_t map_type, unsigned pages,
		unsigned wake_every)
{
	struct buffer *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return -ENOMEM;
	err = map_type == BPF_MAP_TYPE_RINGBUF ? ring_open(&b->ring, map)
					       : open_perf(b, map, pages, wake_every);
	if (err)
		free(b);
	else
		*buffer = b;
	return err;
}

void buffer_close(struct buffer *b)
{
	if (!b)
		return;
	ring_close(b->ring);
	perf_buffer__free(b->perf);
	free(b);
}

int buffer_fd(const struct buffer *b)
{
	return b->ring ? ring_fd(b->ring) : perf_buffer__epoll_fd(b->perf);
}

int buffer_drain(struct buffer *b, bool (*take)(void *ctx, const void *data, size_t size),
		 void *ctx)
{
	int err;

	if (b->ring)
		return ring_drain(b->ring, take, ctx);
	b->take = take;
	b->take_ctx = ctx;
	b->taken = 0;
	err = perf_buffer__consume(b->perf);
	return err < 0 ? err : b->taken;
}
