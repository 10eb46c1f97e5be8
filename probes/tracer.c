/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "buffer.h"
#include "detach.h"
#include "loader.h"
#include "site.h"
#include "uprobe.h"

#define ATTACHMENTS_MAX 1024
#define FILES_WANTED 8192
#define POINTS_MAX 64 /* offsets of one link */

/* What is attached together and goes together: descriptors. */
struct attachment {
	size_t n;
	int fd[];
};

struct tracer {
	const struct object *object;
	int map[OBJECT_MAPS];
	struct loader loader;
	bool sees_losses;
	struct attachment *attachment[ATTACHMENTS_MAX]; /* by handle; NULL: free */
	struct buffer *events;
	struct buffer *execs; /* NULL: built without TELL_EXECS */
	int exchanges, more, counts, tree, sockets, losses;
	int drains; /* < 0: built without WITH_RING */
	uint64_t n_drains;
	int n_cpus;
	uint32_t walk_max; /* keys of one walk */
	int layouts, changed;
	struct steps layout[LAYOUTS_MAX]; /* those that there are, from 1 on */
	uint32_t n_layouts;
};

#define EXECS_PAGES 8 /* of 32 bytes a record: bursts of a thousand */
#define WAKE_EVERY 64 /* events: the reader looks now and then anyway */

static int open_buffer(struct tracer *t, const char *name, unsigned pages, unsigned wake_every,
		       struct buffer **out)
{
	int i = object_find_map(t->object, name);

	return i < 0 ? i : buffer_open(out, t->map[i], t->object->map[i].type, pages, wake_every);
}

static int map_fd(const struct tracer *t, const char *name)
{
	int i = object_find_map(t->object, name);

	return i < 0 ? i : t->map[i];
}

static int create_map(const struct object_map *m, unsigned perf_pages)
{
	bool is_execs = strcmp(m->name, "execs") == 0;
	uint32_t entries = buffer_entries(m->type, is_execs ? EXECS_PAGES : perf_pages);
	/* libbcc sizes the array of perf buffers by the CPUs it sees */
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = m->flags);

	return bpf_map_create((enum bpf_map_type)m->type, m->name, m->key_size, m->value_size,
			      entries ? entries : m->max_entries, &opts);
}

struct map_creation {
	const struct object_map *map;
	unsigned perf_pages;
	int fd;
};

static void *create_in_thread(void *ctx)
{
	struct map_creation *c = ctx;

	c->fd = create_map(c->map, c->perf_pages);
	return NULL;
}

static uint32_t largest_map(const struct object *o)
{
	uint64_t most = 0, size;
	uint32_t at = 0;

	for (uint32_t i = 0; i < o->n_maps; i++) {
		size = (uint64_t)o->map[i].value_size * o->map[i].max_entries;
		if (size > most) {
			most = size;
			at = i;
		}
	}
	return at;
}

/* The kernel clears all of a map's memory at once: the largest takes as long as all others,
 * and is created beside them. */
static int create_maps(struct tracer *t, const struct object *o, unsigned perf_pages)
{
	uint32_t largest = largest_map(o);
	struct map_creation beside = {&o->map[largest], perf_pages, -ENOENT};
	pthread_t thread;
	bool running = pthread_create(&thread, NULL, create_in_thread, &beside) == 0;
	int err = 0;

	if (!running)
		create_in_thread(&beside);
	for (uint32_t i = 0; i < o->n_maps && !err; i++) {
		if (i == largest)
			continue;
		t->map[i] = create_map(&o->map[i], perf_pages);
		err = t->map[i] < 0 ? t->map[i] : 0;
	}
	if (running)
		pthread_join(thread, NULL);
	t->map[largest] = beside.fd;
	return !err && beside.fd < 0 ? beside.fd : err;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

struct tracer *tracer_load(const struct object *o, unsigned perf_pages, char *message, size_t size)
{
	struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY}, files;
	struct tracer *t = calloc(1, sizeof(*t));
	int err;

	if (!t) {
		snprintf(message, size, "out of memory");
		return NULL;
	}
	libbpf_set_print(quiet);
	setrlimit(RLIMIT_MEMLOCK, &unlimited); /* for kernels before 5.11; elsewhere not needed */
	/* A handful of descriptors for each library of each container. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_WANTED) {
		files.rlim_cur = files.rlim_max < FILES_WANTED ? files.rlim_max : FILES_WANTED;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	t->object = o;
	for (int i = 0; i < OBJECT_MAPS; i++)
		t->map[i] = -1;
	t->n_cpus = libbpf_num_possible_cpus();
	err = create_maps(t, o, perf_pages);
	if (err) {
		if (err == -EPERM)
			snprintf(message, size,
				 "this kernel refuses BPF to us; run as root, or with CAP_BPF and "
				 "CAP_PERFMON");
		else
			snprintf(message, size, "cannot create BPF maps: %s", strerror(-err));
		goto fail;
	}
	t->exchanges = map_fd(t, "exchanges");
	if (object_find_map(o, "exchanges") >= 0)
		t->walk_max = 2 * o->map[object_find_map(o, "exchanges")].max_entries;
	t->more = map_fd(t, "more");
	t->counts = map_fd(t, "counts");
	t->drains = map_fd(t, "drains");
	t->tree = map_fd(t, "tree");
	t->sockets = map_fd(t, "sockets");
	t->losses = map_fd(t, "losses");
	t->layouts = map_fd(t, "layouts");
	t->changed = map_fd(t, "changed");
	loader_open(&t->loader, o, t->map);
	loader_start(&t->loader);
	err = open_buffer(t, "events", perf_pages, WAKE_EVERY, &t->events);
	if (!err && object_find_map(o, "execs") >= 0)
		err = open_buffer(t, "execs", EXECS_PAGES, 1, &t->execs);
	if (err) {
		snprintf(message, size,
			 "cannot open the event buffers: %s; try a smaller --perf-pages",
			 strerror(-err));
		goto fail;
	}
	return t;
fail:
	tracer_free(t);
	return NULL;
}

static void detach_everything(struct tracer *t)
{
	size_t n = 0, max = 0;
	int *fd;

	for (size_t i = 0; i < ATTACHMENTS_MAX; i++)
		max += t->attachment[i] ? t->attachment[i]->n : 0;
	fd = max ? malloc(max * sizeof(*fd)) : NULL;
	for (size_t i = 0; i < ATTACHMENTS_MAX; i++) {
		const struct attachment *a = t->attachment[i];

		for (size_t k = 0; a && k < a->n; k++) {
			if (fd)
				fd[n++] = a->fd[k];
			else
				close(a->fd[k]);
		}
		free(t->attachment[i]);
		t->attachment[i] = NULL;
	}
	detach_all(fd, n);
	free(fd);
}

int tracer_ready(struct tracer *t, char *message, size_t size)
{
	const char *refused;
	int err = loader_wait(&t->loader, &refused);
	char reason[160];

	if (!err)
		return 0;
	tracer_reason(t, reason, sizeof(reason));
	snprintf(message, size, "the kernel refuses the program %s: %s%s%s", refused,
		 strerror(-err), reason[0] ? ": " : "", reason);
	return err;
}

void tracer_reason(struct tracer *t, char *to, size_t size)
{
	loader_reason(&t->loader, to, size);
}

void tracer_free(struct tracer *t)
{
	if (!t)
		return;
	detach_everything(t);
	buffer_close(t->events);
	buffer_close(t->execs);
	loader_close(&t->loader);
	for (int i = 0; i < OBJECT_MAPS; i++)
		if (t->map[i] >= 0)
			close(t->map[i]);
	free(t);
}

/* Takes n descriptors over: a handle, or -errno after closing them. */
static int keep(struct tracer *t, const int *fd, size_t n)
{
	size_t i = 0;
	struct attachment *a;

	while (i < ATTACHMENTS_MAX && t->attachment[i])
		i++;
	a = i < ATTACHMENTS_MAX ? malloc(sizeof(*a) + n * sizeof(*fd)) : NULL;
	if (!a) {
		detach_all(fd, n);
		return i < ATTACHMENTS_MAX ? -ENOMEM : -E2BIG;
	}
	a->n = n;
	memcpy(a->fd, fd, n * sizeof(*fd));
	t->attachment[i] = a;
	return (int)i;
}

static int keep_one(struct tracer *t, int fd)
{
	int handle = fd < 0 ? fd : keep(t, &fd, 1);

	return handle < 0 ? handle : 0;
}

static int perf_uprobe(int program, const char *path, const struct probe_point *point)
{
	struct perf_event_attr attr;
	int err = uprobe_attr(&attr, "uprobe", path, point->offset, point->is_return);

	return err ? err : uprobe_event(&attr, program);
}

/* Its number, the same for all files of that layout; 0 if there are too many. */
static uint32_t number_of(struct tracer *t, const struct steps *steps)
{
	uint32_t i = 1;

	while (i <= t->n_layouts && memcmp(&t->layout[i], steps, sizeof(*steps)) != 0)
		i++;
	if (i <= t->n_layouts)
		return i;
	if (i == LAYOUTS_MAX || bpf_map_update_elem(t->layouts, &i, steps, BPF_ANY))
		return 0;
	t->layout[i] = *steps;
	t->n_layouts = i;
	return i;
}

void tracer_lay_out(struct tracer *t, const struct steps *steps, struct probe_point *points,
		    size_t n)
{
	uint32_t number = number_of(t, steps);
	uint64_t site;

	for (size_t i = 0; i < n; i++) {
		site = loader_way(points[i].program);
		if (SITE_SENDS(site) && !points[i].first)
			points[i].site |= SITE_WITH_LAYOUT(number);
	}
}

static bool is_same_program(const struct probe_point *a, const struct probe_point *b)
{
	return strcmp(a->program, b->program) == 0 && a->site == b->site &&
	       a->is_return == b->is_return && a->first == b->first;
}

/* Attaches one program to all the points that want it, i the first of them.
 * Returns how many descriptors that took, or -errno. */
static int attach_program(struct tracer *t, const char *path, const struct probe_point *points,
			  size_t n, size_t i, int *fd)
{
	int program = loader_get(&t->loader, points[i].program, points[i].site);
	uint64_t offsets[POINTS_MAX];
	size_t count = 0;

	if (program < 0)
		return program;
	if (!t->loader.links) {
		*fd = perf_uprobe(program, path, &points[i]);
		return *fd < 0 ? *fd : 1;
	}
	for (size_t k = i; k < n && count < POINTS_MAX; k++)
		if (is_same_program(&points[k], &points[i]))
			offsets[count++] = points[k].offset;
	*fd = uprobe_link(UPROBE_LINK, program, path, offsets, count, points[i].is_return);
	return *fd < 0 ? *fd : 1;
}

/* Whether a link for an earlier point has taken this one along. */
static bool is_taken(const struct tracer *t, const struct probe_point *points, size_t i)
{
	size_t earlier = 0;

	for (size_t k = 0; k < i && t->loader.links; k++)
		earlier += is_same_program(&points[k], &points[i]);
	return earlier % POINTS_MAX != 0;
}

int tracer_attach_points(struct tracer *t, const char *path, const struct probe_point *points,
			 size_t n)
{
	int *fd = calloc(n + !n, sizeof(*fd)), err = fd ? 0 : -ENOMEM;
	size_t done = 0;

	/* Returns first: a call entered before its entry probe is in place has
	 * nothing to match, while the other order would leave calls open. */
	for (int first = 1; first >= 0; first--) {
		for (size_t i = 0; i < n && err >= 0; i++) {
			if (points[i].first != (first == 1) || is_taken(t, points, i))
				continue;
			err = attach_program(t, path, points, n, i, &fd[done]);
			done += err > 0;
		}
	}
	if (err >= 0)
		err = keep(t, fd, done);
	else if (fd)
		detach_all(fd, done);
	free(fd);
	return err;
}

void tracer_detach(struct tracer *t, int handle)
{
	struct attachment *a = t->attachment[handle];

	t->attachment[handle] = NULL;
	detach_later(a->fd, a->n);
	free(a);
}

int tracer_attach_raw(struct tracer *t, const char *name, const char *tracepoint)
{
	int program = loader_get(&t->loader, name, 0), fd, err;

	if (program < 0)
		return program;
	fd = bpf_raw_tracepoint_open(tracepoint, program);
	err = keep_one(t, fd < 0 ? -errno : fd);
	t->sees_losses |= !err && strcmp(name, "on_retransmit") == 0;
	return err;
}

int tracer_attach_tracepoint(struct tracer *t, const char *name, uint64_t id)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT, .config = id};
	int program = loader_get(&t->loader, name, 0);

	return program < 0 ? program : keep_one(t, uprobe_event(&attr, program));
}

int tracer_fd(const struct tracer *t)
{
	return buffer_fd(t->events);
}

int tracer_execs_fd(const struct tracer *t)
{
	return t->execs ? buffer_fd(t->execs) : -1;
}

int tracer_drain(struct tracer *t, bool (*take)(void *ctx, const void *data, size_t size),
		 void *ctx)
{
	uint32_t zero = 0;

	if (t->drains >= 0) {
		t->n_drains++;
		bpf_map_update_elem(t->drains, &zero, &t->n_drains, BPF_ANY);
	}
	return buffer_drain(t->events, take, ctx);
}

int tracer_drain_execs(struct tracer *t, bool (*take)(void *ctx, const void *data, size_t size),
		       void *ctx)
{
	return t->execs ? buffer_drain(t->execs, take, ctx) : 0;
}

int tracer_lookup(struct tracer *t, const struct exchange_key *key, struct exchange *out)
{
	struct exchange_slot slot, again;

	if (bpf_map_lookup_elem(t->exchanges, key, &slot))
		return -errno;
	/* Programs write while we copy: two equal copies are a whole one. */
	for (int i = 0; i < 8; i++) {
		if (bpf_map_lookup_elem(t->exchanges, key, &again))
			return -errno;
		if (memcmp(&slot, &again, sizeof(slot)) == 0)
			break;
		slot = again;
	}
	*out = slot.exchange;
	return 0;
}

int tracer_remove(struct tracer *t, const struct exchange_key *key)
{
	return bpf_map_delete_elem(t->exchanges, key) ? -errno : 0;
}

bool tracer_walk(struct tracer *t, struct records_walk *walk, struct exchange_key *key)
{
	if (!walk->begun)
		walk->ended = bpf_map_get_next_key(t->exchanges, NULL, &walk->next) != 0;
	walk->begun = true;
	/* When a key was deleted meanwhile the kernel begins anew: a walk over a map
	 * in which much comes and goes would never end. */
	if (walk->ended || walk->given > t->walk_max)
		return false;
	walk->given++;
	*key = walk->next;
	walk->ended = bpf_map_get_next_key(t->exchanges, key, &walk->next) != 0;
	return true;
}

uint64_t tracer_changed(struct tracer *t, uint32_t tgid)
{
	uint64_t time;

	return t->changed < 0 || bpf_map_lookup_elem(t->changed, &tgid, &time) ? 0 : time;
}

uint64_t tracer_socket(struct tracer *t, uint32_t tgid, int fd)
{
	struct exchange_key key = {.conn = (uint32_t)fd, .tgid = tgid, .layer = LAYER_SOCKET};
	struct socket socket;

	return bpf_map_lookup_elem(t->sockets, &key, &socket) ? 0 : socket.id;
}

bool tracer_sees_losses(const struct tracer *t)
{
	return t->sees_losses;
}

int tracer_losses(struct tracer *t, const struct endpoints *ends, struct losses *out)
{
	struct endpoints key = *ends;

	key.unused = 0;
	return bpf_map_lookup_elem(t->losses, &key, out) ? -errno : 0;
}

long tracer_more(struct tracer *t, const struct exchange *exchange, void *to, size_t size)
{
	static struct exchange_more more;
	size_t n = exchange->more_len;

	if (bpf_map_lookup_elem(t->more, &exchange->id, &more))
		return -errno;
	if (n > size)
		n = size;
	if (n > EXCHANGE_MORE_CAP)
		n = EXCHANGE_MORE_CAP;
	memcpy(to, more.bytes, n);
	return (long)n;
}

void tracer_forget_more(struct tracer *t, const struct exchange *exchange)
{
	bpf_map_delete_elem(t->more, &exchange->id);
}

uint64_t tracer_count(struct tracer *t, unsigned what)
{
	uint64_t sum = 0, *values = calloc((size_t)t->n_cpus, sizeof(*values));
	uint32_t key = what;

	if (values && bpf_map_lookup_elem(t->counts, &key, values) == 0)
		for (int i = 0; i < t->n_cpus; i++)
			sum += values[i];
	free(values);
	return sum;
}

int tracer_follow(struct tracer *t, uint32_t tgid)
{
	uint32_t one = 1;

	return bpf_map_update_elem(t->tree, &tgid, &one, BPF_ANY) ? -errno : 0;
}
