/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel for tests: maps and helpers in plain C, so that the exchange logic
 * runs unchanged in a test or under a fuzzer. Everything is static: include
 * host.c into the one file that drives it. What the kernel would decide - the
 * time, the thread, whether memory can be read, whether the perf buffer has
 * room - is a field of `host`.
 */
#ifndef S3SLOWER_TESTS_HOST_H
#define S3SLOWER_TESTS_HOST_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "parsers/event.h"

typedef __u64 u64;
typedef __s64 s64;
typedef __u32 u32;
typedef __s32 s32;
typedef __u16 u16;
typedef __u8 u8;

#define HOST_EVENTS_MAX 64
#define HOST_EVENT_MAX 32768
#define HOST_UNUSED __attribute__((unused))

static struct host {
	u64 now;
	u64 call_ns; /* how long a call of the program takes */
	u64 pid_tgid;
	u64 polled; /* what the reading thread has spent in poll */
	u32 ready;  /* EXCHANGE_READY when that found something, or 0 */
	u32 uid;
	u32 cpu;
	char comm[EXCHANGE_COMM_CAP];
	u64 min_latency_ns, min_ttfb_ns;
	bool refuse_uid, refuse_method;
	u64 end;      /* user memory that lies there or behind cannot be read; 0: all can */
	u32 fault_at; /* the fault_at-th read of user memory from now fails; 0: none does */
	bool perf_full;
	/* What was submitted, and not taken out yet; as it was sent, too. */
	struct exchange event[HOST_EVENTS_MAX];
	struct host_bytes {
		size_t n;
		__u8 *bytes;
	} sent[HOST_EVENTS_MAX];
	size_t n_events;
} host;

/* --- maps ------------------------------------------------------------------ */

struct host_entry {
	struct host_entry *next;
	u64 value[]; /* the value, then the key */
};

/* Entries are in the order of their last use: an LRU map drops the last one. A
 * per-CPU array is one array, as there is one CPU. */
struct host_map {
	const char *kind;
	size_t key_size, value_size, max;
	size_t n;
	struct host_entry *first;
	void *array;
	bool known;
	struct host_map *next_map;
};

static struct host_map *host_maps;

static void host_know(struct host_map *map)
{
	if (map->known)
		return;
	map->known = true;
	map->next_map = host_maps;
	host_maps = map;
}

static void *host_alloc(size_t n)
{
	void *p = calloc(1, n);

	if (!p)
		abort();
	return p;
}

static const void *host_entry_key(const struct host_map *map, const struct host_entry *entry)
{
	return (const char *)entry->value + map->value_size;
}

/* The link to the entry, or to the end of the list. */
static struct host_entry **host_find(struct host_map *map, const void *key)
{
	struct host_entry **link = &map->first;

	while (*link && memcmp(host_entry_key(map, *link), key, map->key_size) != 0)
		link = &(*link)->next;
	return link;
}

static void *host_lookup(struct host_map *map, const void *key)
{
	struct host_entry **link, *entry;

	host_know(map);
	if (strstr(map->kind, "array")) {
		u32 i = *(const u32 *)key;

		if (!map->array)
			map->array = host_alloc(map->max * map->value_size);
		return i < map->max ? (char *)map->array + i * map->value_size : NULL;
	}
	link = host_find(map, key);
	entry = *link;
	if (!entry)
		return NULL;
	*link = entry->next;
	entry->next = map->first;
	map->first = entry;
	return entry->value;
}

static int host_delete(struct host_map *map, const void *key)
{
	struct host_entry **link = host_find(map, key), *entry = *link;

	if (!entry)
		return -ENOENT;
	*link = entry->next;
	map->n--;
	free(entry); /* the sanitizer sees whoever goes on using it */
	return 0;
}

static int host_update(struct host_map *map, const void *key, const void *value)
{
	void *old = host_lookup(map, key);
	struct host_entry *entry, *last;

	if (old) {
		memmove(old, value, map->value_size);
		return 0;
	}
	if (map->n == map->max) {
		if (strcmp(map->kind, "lru_hash") != 0)
			return -E2BIG;
		for (last = map->first; last->next;)
			last = last->next;
		host_delete(map, host_entry_key(map, last));
	}
	entry = host_alloc(sizeof(*entry) + map->value_size + map->key_size);
	memcpy(entry->value, value, map->value_size);
	memcpy((char *)entry->value + map->value_size, key, map->key_size);
	entry->next = map->first;
	map->first = entry;
	map->n++;
	return 0;
}

static int host_insert(struct host_map *map, const void *key, const void *value)
{
	return host_lookup(map, key) ? -EEXIST : host_update(map, key, value);
}

static HOST_UNUSED void host_clear_maps(void)
{
	for (struct host_map *map = host_maps; map; map = map->next_map) {
		while (map->first)
			host_delete(map, host_entry_key(map, map->first));
		free(map->array);
		map->array = NULL;
	}
}

/* What BCC makes of a table's declaration, with function pointers for methods. */
#define BPF_TABLE(KIND, KEY, VALUE, NAME, MAX)                                                     \
	static struct host_map NAME##_map = {                                                      \
		.kind = KIND, .key_size = sizeof(KEY), .value_size = sizeof(VALUE), .max = MAX};   \
	static VALUE *NAME##_lookup(const KEY *key)                                                \
	{                                                                                          \
		return host_lookup(&NAME##_map, key);                                              \
	}                                                                                          \
	static int NAME##_update(const KEY *key, const VALUE *value)                               \
	{                                                                                          \
		return host_update(&NAME##_map, key, value);                                       \
	}                                                                                          \
	static int NAME##_insert(const KEY *key, const VALUE *value)                               \
	{                                                                                          \
		return host_insert(&NAME##_map, key, value);                                       \
	}                                                                                          \
	static int NAME##_delete(const KEY *key)                                                   \
	{                                                                                          \
		return host_delete(&NAME##_map, key);                                              \
	}                                                                                          \
	static const struct {                                                                      \
		VALUE *(*lookup)(const KEY *key);                                                  \
		int (*update)(const KEY *key, const VALUE *value);                                 \
		int (*insert)(const KEY *key, const VALUE *value);                                 \
		int (*delete)(const KEY *key);                                                     \
	} NAME HOST_UNUSED = {NAME##_lookup, NAME##_update, NAME##_insert, NAME##_delete}

static int host_perf_submit(void *ctx, const void *data, size_t size)
{
	static __u8 bytes[HOST_EVENTS_MAX][HOST_EVENT_MAX];
	static struct event event;

	(void)ctx;
	if (host.perf_full || host.n_events == HOST_EVENTS_MAX)
		return -ENOSPC;
	if (event_decode(data, size, &event) || size > HOST_EVENT_MAX)
		abort();
	host.sent[host.n_events].n = size;
	host.sent[host.n_events].bytes = bytes[host.n_events];
	memcpy(host.sent[host.n_events].bytes, data, size);
	host.event[host.n_events++] =
		event.kind == EVENT_MORE
			? (struct exchange){.kind = EVENT_MORE, .id = event.more_id}
			: event.exchange;
	return 0;
}

#define BPF_PERF_OUTPUT(NAME)                                                                      \
	static const struct {                                                                      \
		int (*perf_submit)(void *ctx, const void *data, size_t size);                      \
	} NAME = {host_perf_submit}

/* --- helpers --------------------------------------------------------------- */

static long read_kernel(void *to, u32 size, const void *from)
{
	if (size)
		memmove(to, from, size);
	return 0;
}

/* As the kernel's: what cannot be read reads as zeros. */
static long read_user(void *to, u32 size, const void *from)
{
	if ((host.fault_at && --host.fault_at == 0) || (host.end && (u64)from + size > host.end)) {
		memset(to, 0, size);
		return -EFAULT;
	}
	return read_kernel(to, size, from);
}

static u64 bpf_ktime_get_ns(void)
{
	return host.now;
}

static u64 bpf_get_current_pid_tgid(void)
{
	return host.pid_tgid;
}

static u64 bpf_get_current_uid_gid(void)
{
	return host.uid;
}

static u32 bpf_get_smp_processor_id(void)
{
	return host.cpu;
}

static int bpf_get_current_comm(void *to, u32 size)
{
	memcpy(to, host.comm, size < sizeof(host.comm) ? size : sizeof(host.comm));
	return 0;
}

/* --- the macros that specialise the text, as fields ------------------------ */

#ifndef HOST_BUILD
#define HOST_BUILD
#endif
#define MAX_EXCHANGES 32 /* few enough that a test can fill it */
#ifndef MAX_MORE
#define MAX_MORE 4
#endif
#define MIN_LATENCY_NS host.min_latency_ns
#define MIN_TTFB_NS host.min_ttfb_ns
#define UID_FILTER(uid) ((void)(uid), !host.refuse_uid)
#define METHOD_FILTER(first8) ((void)(first8), !host.refuse_method)

/* Loads at any address are fine in BPF programs and on the machines that run
 * them. Nothing is forced inline here, so that a stack trace says where. */
#undef __always_inline
#define __always_inline inline __attribute__((no_sanitize("alignment")))

#include "probes/kernel.bpf.h"

#ifndef __clang__
#undef LOOP
#define LOOP /* a pragma of clang's */
#endif

#endif
