/* SPDX-License-Identifier: Apache-2.0 */
#include "ring.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#define WINDOW (1UL << 20) /* bytes that are mapped at a time, if no record is longer */
#define SIZE_MAX_BYTES (1UL << 30)
#define GIVE_BACK 32 /* records after which their room is given back */

/* Pages of the map's file: where the reader is, where the writers are, and the data,
 * once more behind itself, so that no record is cut where it begins anew. */
#define PAGE_READER 0
#define PAGE_WRITERS 1
#define PAGE_DATA 2

struct ring {
	int map, epoll;
	size_t size, page;
	uint64_t *reader;  /* how far we are, ever; the kernel looks at it */
	uint64_t *writers; /* how far they are */
	/* what is mapped of the data: */
	char *window;
	uint64_t begin; /* the position of its first byte */
	size_t length;
};

bool ring_is_there(void)
{
	int map = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "s3slower_try", 0, 0,
				 (uint32_t)sysconf(_SC_PAGESIZE), NULL);

	if (map >= 0)
		close(map);
	return map >= 0;
}

uint32_t ring_size(unsigned pages_per_cpu)
{
	size_t size = pages_per_cpu * (size_t)sysconf(_SC_PAGESIZE);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	for (; cpus > 1 && size < SIZE_MAX_BYTES; cpus /= 2)
		size *= 2;
	return (uint32_t)size;
}

uint32_t ring_late(unsigned pages_per_cpu)
{
	return (uint32_t)(pages_per_cpu * (size_t)sysconf(_SC_PAGESIZE) / 2);
}

static void *map_page(const struct ring *r, unsigned page, int protection)
{
	void *p = mmap(NULL, r->page, protection, MAP_SHARED, r->map, (off_t)(page * r->page));

	return p == MAP_FAILED ? NULL : p;
}

int ring_open(struct ring **ring, int map)
{
	/* Edges: as long as anything is there, a level would keep the reader awake. */
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	struct bpf_map_info info = {0};
	uint32_t n = sizeof(info);
	struct ring *r;
	int err;

	if (bpf_obj_get_info_by_fd(map, &info, &n))
		return -errno;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->map = map;
	r->size = info.max_entries;
	r->page = (size_t)sysconf(_SC_PAGESIZE);
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	r->reader = map_page(r, PAGE_READER, PROT_READ | PROT_WRITE);
	r->writers = map_page(r, PAGE_WRITERS, PROT_READ);
	if (r->epoll < 0 || !r->reader || !r->writers ||
	    epoll_ctl(r->epoll, EPOLL_CTL_ADD, map, &event)) {
		err = -errno;
		ring_close(r);
		return err;
	}
	*ring = r;
	return 0;
}

static void close_window(struct ring *r)
{
	if (r->window)
		munmap(r->window, r->length);
	r->window = NULL;
	r->length = 0;
}

void ring_close(struct ring *r)
{
	if (!r)
		return;
	close_window(r);
	if (r->reader)
		munmap(r->reader, r->page);
	if (r->writers)
		munmap(r->writers, r->page);
	if (r->epoll >= 0)
		close(r->epoll);
	free(r);
}

int ring_fd(const struct ring *r)
{
	return r->epoll;
}

/* n bytes from position `at` on, which are there; up to `end` as much as a window holds.
 * NULL: errno says why. */
static char *look(struct ring *r, uint64_t at, size_t n, uint64_t end)
{
	size_t length;
	void *p;

	if (r->window && at + n <= r->begin + r->length)
		return r->window + (at - r->begin);
	close_window(r);
	r->begin = at & ~((uint64_t)r->page - 1);
	length = end - r->begin < WINDOW ? end - r->begin : WINDOW;
	if (length < at + n - r->begin)
		length = at + n - r->begin;
	length = (length + r->page - 1) & ~(r->page - 1);
	p = mmap(NULL, length, PROT_READ, MAP_SHARED, r->map,
		 (off_t)(PAGE_DATA * r->page + (r->begin & (r->size - 1))));
	if (p == MAP_FAILED)
		return NULL;
	r->window = p;
	r->length = length;
	return r->window + (at - r->begin);
}

int ring_drain(struct ring *r, bool (*take)(void *ctx, const void *data, size_t size), void *ctx)
{
	/* What comes meanwhile is for the next time, or fast writers would keep us here. */
	uint64_t at = *r->reader, end = __atomic_load_n(r->writers, __ATOMIC_ACQUIRE);
	struct epoll_event event;
	bool more = true;
	int n = 0, err = 0;

	epoll_wait(r->epoll, &event, 1, 0); /* takes the edge back */
	while (more && at < end) {
		const char *record = look(r, at, BPF_RINGBUF_HDR_SZ, end);
		uint32_t head, size;

		if (!record) {
			err = -errno;
			break;
		}
		head = __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE);
		if (head & BPF_RINGBUF_BUSY_BIT)
			break; /* somebody is still writing it */
		size = head & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
		record = look(r, at, BPF_RINGBUF_HDR_SZ + size, end);
		if (!record) {
			err = -errno;
			break;
		}
		if (!(head & BPF_RINGBUF_DISCARD_BIT)) {
			more = take(ctx, record + BPF_RINGBUF_HDR_SZ, size);
			n++;
		}
		at += (BPF_RINGBUF_HDR_SZ + size + 7) & ~7ULL;
		if (n % GIVE_BACK == 0)
			__atomic_store_n(r->reader, at, __ATOMIC_RELEASE);
	}
	/* Also when it could not go on: nothing is handed over twice. */
	__atomic_store_n(r->reader, at, __ATOMIC_RELEASE);
	close_window(r);
	return err ? err : n;
}
