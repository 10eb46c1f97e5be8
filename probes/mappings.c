/* SPDX-License-Identifier: Apache-2.0 */
#include "mappings.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGES 16 /* of each CPU: some 600 mappings */
/* Threads that begin and end are told as well, in records of 32 bytes. A mapping
 * takes 80 at least, so with this many it always wakes us at once. */
#define WAKE_AT 79
#define RECORD_MAX 8192 /* a path has 4096 bytes at most */

struct ring {
	int fd;
	struct perf_event_mmap_page *page; /* the data follows */
};

struct mappings {
	int epoll;
	size_t page_size, n;
	struct ring ring[];
};

/* PERF_RECORD_MMAP2 behind its header: linux/perf_event.h. */
struct record {
	uint32_t pid, tid;
	uint64_t address, size, offset;
	uint32_t major, minor;
	uint64_t inode, generation;
	uint32_t protection, flags;
	char path[];
};

static int open_ring(struct mappings *m, int cpu, struct ring *ring)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.mmap = 1, /* executable ones only: mmap_data is for the others */
		.mmap2 = 1,
		.watermark = 1,
		.wakeup_watermark = WAKE_AT,
	};
	struct epoll_event event = {.events = EPOLLIN};
	void *map;

	ring->fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (ring->fd < 0)
		return -errno;
	map = mmap(NULL, (PAGES + 1) * m->page_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
		   0);
	ring->page = map;
	if (map == MAP_FAILED || epoll_ctl(m->epoll, EPOLL_CTL_ADD, ring->fd, &event)) {
		int err = -errno;

		if (map != MAP_FAILED)
			munmap(map, (PAGES + 1) * m->page_size);
		close(ring->fd);
		return err;
	}
	return 0;
}

struct mappings *mappings_open(int *err)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	struct mappings *m = calloc(1, sizeof(*m) + (size_t)cpus * sizeof(m->ring[0]));

	*err = -ENOMEM;
	if (!m)
		return NULL;
	m->page_size = (size_t)sysconf(_SC_PAGESIZE);
	m->epoll = epoll_create1(EPOLL_CLOEXEC);
	*err = m->epoll < 0 ? -errno : 0;
	for (int cpu = 0; cpu < cpus && !*err; cpu++) {
		*err = open_ring(m, cpu, &m->ring[m->n]);
		if (*err == -ENODEV || *err == -ENXIO)
			*err = 0; /* this one is off */
		else
			m->n += *err == 0;
	}
	if (!*err && m->n)
		return m;
	*err = *err ? *err : -ENODEV;
	mappings_close(m);
	return NULL;
}

void mappings_close(struct mappings *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++) {
		munmap(m->ring[i].page, (PAGES + 1) * m->page_size);
		close(m->ring[i].fd);
	}
	if (m->epoll >= 0)
		close(m->epoll);
	free(m);
}

int mappings_fd(const struct mappings *m)
{
	return m->epoll;
}

/* Copies n bytes out of a buffer that goes round. */
static void copy(const struct mappings *m, const struct ring *ring, uint64_t at, void *to, size_t n)
{
	const char *data = (const char *)ring->page + m->page_size;
	size_t size = PAGES * m->page_size, from = (size_t)(at % size);
	size_t first = n < size - from ? n : size - from;

	memcpy(to, data + from, first);
	memcpy((char *)to + first, data, n - first);
}

static void take_record(const struct record *r, size_t size,
			void (*take)(void *ctx, uint32_t pid, const struct maps_mapping *mapping),
			void *ctx)
{
	struct maps_mapping mapping;

	if (size <= sizeof(*r) || !r->inode || r->address + r->size <= r->address)
		return;
	mapping = (struct maps_mapping){
		.start = r->address,
		.end = r->address + r->size,
		.major = r->major,
		.minor = r->minor,
		.inode = r->inode,
		.executable = true,
		.path = {r->path, strnlen(r->path, size - sizeof(*r))},
	};
	take(ctx, r->pid, &mapping);
}

bool mappings_drain(struct mappings *m,
		    void (*take)(void *ctx, uint32_t pid, const struct maps_mapping *mapping),
		    void *ctx)
{
	union {
		struct record record;
		char bytes[RECORD_MAX];
	} r;
	bool whole = true;

	for (size_t i = 0; i < m->n; i++) {
		struct perf_event_mmap_page *page = m->ring[i].page;
		uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
		uint64_t at = page->data_tail;

		while (at < head) {
			struct perf_event_header h;

			copy(m, &m->ring[i], at, &h, sizeof(h));
			if (h.size < sizeof(h) || h.size > head - at)
				break;
			if (h.type == PERF_RECORD_LOST || h.size - sizeof(h) > sizeof(r)) {
				whole = false;
			} else if (h.type == PERF_RECORD_MMAP2) {
				copy(m, &m->ring[i], at + sizeof(h), &r, h.size - sizeof(h));
				take_record(&r.record, h.size - sizeof(h), take, ctx);
			}
			at += h.size;
		}
		__atomic_store_n(&page->data_tail, head, __ATOMIC_RELEASE);
	}
	return whole;
}
