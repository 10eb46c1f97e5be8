/* SPDX-License-Identifier: Apache-2.0 */
#include "loader.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "btf.h"
#include "link.h"
#include "site.h"
#include "trial.h"
#include "uprobe.h"
#include "verdict.h"

/* Room for all that the verifier may say: without it, older ones keep the beginning, not the
 * end. Mapped, for of malloc()'s every page would stay. */
#define LOG_SIZE (16u << 20)

/* Programs by the first letters of their name: what they are attached to. */
static const struct program_kind {
	const char *prefix;
	enum bpf_prog_type type;
	bool uprobe;
} kinds[] = {
	{"tls_", BPF_PROG_TYPE_KPROBE, true},
	{"go_", BPF_PROG_TYPE_KPROBE, true},
	{"lookup_", BPF_PROG_TYPE_KPROBE, true},
	{"on_process_fork", BPF_PROG_TYPE_TRACEPOINT, false},
	{"on_", BPF_PROG_TYPE_RAW_TRACEPOINT, false},
};

static const struct program_kind *kind_of(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(name, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
			return &kinds[i];
	return NULL;
}

/* Programs that differ only in which way bytes go are one text; what they do not
 * need of it, the verifier drops. */
static const struct way {
	const char *program, *text;
	uint64_t site;
} ways[] = {
	{"tls_send_enter", "tls_enter", SITE_SEND}, {"tls_send_return", "tls_return", SITE_SEND},
	{"tls_receive_enter", "tls_enter", 0},	    {"tls_receive_return", "tls_return", 0},
	{"go_send_enter", "go_enter", SITE_SEND},   {"go_send_return", "go_return", SITE_SEND},
	{"go_receive_enter", "go_enter", 0},	    {"go_receive_return", "go_return", 0},
};

static const struct way *way_of(const char *program)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(ways[i].program, program) == 0)
			return &ways[i];
	return NULL;
}

uint64_t loader_way(const char *program)
{
	const struct way *way = way_of(program);

	return way ? way->site : 0;
}

/* The descriptor of what is loaded already, or -ENOENT. */
static int find(struct loader *l, int program, uint64_t site)
{
	int fd = -ENOENT;

	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < l->n && fd < 0; i++)
		if (l->instance[i].program == program && l->instance[i].site == site)
			fd = l->instance[i].fd;
	pthread_mutex_unlock(&l->lock);
	return fd;
}

/* Takes the descriptor over. */
static int keep(struct loader *l, int program, uint64_t site, int fd)
{
	bool room;

	pthread_mutex_lock(&l->lock);
	room = l->n < LOADER_INSTANCES;
	if (room)
		l->instance[l->n++] = (struct instance){program, site, fd};
	pthread_mutex_unlock(&l->lock);
	if (room)
		return fd;
	close(fd);
	return -E2BIG;
}

/* Loads it once more, to hear why it is refused: what the verifier may say is much. */
static void keep_reason(struct loader *l, const struct program_kind *kind, const char *name,
			const struct linked *linked, struct bpf_prog_load_opts *opts)
{
	char *log =
		mmap(NULL, LOG_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd;

	if (log == MAP_FAILED)
		return;
	opts->log_buf = log;
	opts->log_size = LOG_SIZE;
	opts->log_level = 1;
	fd = bpf_prog_load(kind->type, name, "GPL", linked->code, linked->n, opts);
	if (fd >= 0)
		close(fd);
	pthread_mutex_lock(&l->lock);
	if (!l->reason[0])
		verdict_reason(log, l->reason, sizeof(l->reason));
	pthread_mutex_unlock(&l->lock);
	munmap(log, LOG_SIZE);
}

void loader_reason(struct loader *l, char *to, size_t size)
{
	pthread_mutex_lock(&l->lock);
	snprintf(to, size, "%s", l->reason);
	pthread_mutex_unlock(&l->lock);
}

/* Loads program number i of the object. Returns its descriptor or -errno. */
static int load(struct loader *l, const char *name, int i, uint64_t site)
{
	const struct program_kind *kind = kind_of(name);
	struct btf_function functions[LINK_FUNCTIONS_MAX];
	struct linked linked;
	int fd, err;

	if (!kind)
		return -EINVAL;
	err = link_program(l->object, (size_t)i, l->map, site, l->repeats, &linked);
	if (err)
		return err;
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	if (kind->uprobe && l->links)
		opts.expected_attach_type = UPROBE_LINK;
	if (linked.addresses) {
		btf_functions(&linked, functions);
		opts.prog_btf_fd = (uint32_t)l->btf;
		opts.func_info = functions;
		opts.func_info_cnt = (uint32_t)linked.n_functions;
		opts.func_info_rec_size = sizeof(functions[0]);
	}
	fd = bpf_prog_load(kind->type, name, "GPL", linked.code, linked.n, &opts);
	if (fd < 0)
		keep_reason(l, kind, name, &linked, &opts);
	free(linked.code);
	return fd < 0 ? fd : keep(l, i, site, fd);
}

int loader_get(struct loader *l, const char *name, uint64_t site)
{
	const struct way *way = way_of(name);
	const struct program_kind *kind = kind_of(name);
	int i = object_find_program(l->object, way ? way->text : name), fd;
	const char *refused;

	if (i < 0)
		return i;
	if (kind && !kind->uprobe)
		loader_wait(l, &refused); /* the thread is about to have it */
	site |= way ? way->site : 0;
	if (!link_has_site(l->object, (size_t)i))
		site = 0;
	fd = find(l, i, site);
	return fd >= 0 ? fd : load(l, name, i, site);
}

static void *load_all(void *ctx)
{
	struct loader *l = ctx;

	for (uint32_t i = 0; i < l->object->n_programs; i++) {
		const char *name = l->object->program[i].name;
		const struct program_kind *kind = kind_of(name);
		int fd;

		if ((kind && kind->uprobe) || link_is_function(name))
			continue;
		fd = load(l, name, (int)i, 0);
		if (fd < 0) {
			l->err = fd;
			l->refused = name;
			break;
		}
	}
	return NULL;
}

/* Whether this kernel has uprobe links: tried, not concluded from a version. */
static bool have_multi(void)
{
	uint64_t no_such = ~0ULL >> 1;
	int program = trial_program(BPF_PROG_TYPE_KPROBE, UPROBE_LINK, 0), err;

	if (program < 0)
		return false;
	/* A path that is no file is refused only by kernels that look at it. */
	err = uprobe_link(UPROBE_LINK, program, "/dev/null", &no_such, 1, false);
	if (err >= 0)
		close(err);
	close(program);
	return err == -EBADF; /* "not a regular file"; older ones say EINVAL before */
}

void loader_open(struct loader *l, const struct object *object, const int *map)
{
	l->object = object;
	l->map = map;
	pthread_mutex_init(&l->lock, NULL);
	l->links = have_multi();
	l->btf = btf_load();
	l->repeats = btf_repeats(l->btf);
}

void loader_start(struct loader *l)
{
	l->running = pthread_create(&l->thread, NULL, load_all, l) == 0;
	if (!l->running)
		load_all(l);
}

int loader_wait(struct loader *l, const char **refused)
{
	if (l->running)
		pthread_join(l->thread, NULL);
	l->running = false;
	*refused = l->refused;
	return l->err;
}

void loader_close(struct loader *l)
{
	const char *refused;

	if (!l->object)
		return;
	loader_wait(l, &refused);
	for (size_t i = 0; i < l->n; i++)
		close(l->instance[i].fd);
	if (l->btf >= 0)
		close(l->btf);
}
