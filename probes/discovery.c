/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "changes.h"
#include "discovery_state.h"
#include "layout.h"
#include "places.h"
#include "processes.h"

#define POINTS_MAX 256 /* of one file */
#define BREAK_US 500   /* between two looks at what was mapped */
#define EXPIRE_MS 1000 /* between two looks at who still uses what */
#define READY_FILE_MS 150
#define READY_NAMESPACE_MS 5000 /* a container starts: its libraries will be new */
#define PRIORITY (-20)		/* the thread's nice value */

struct discovery *discovery_new(struct tracer *tracer, unsigned wanted, double unused_s)
{
	struct discovery *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->tracer = tracer;
	d->wanted = wanted;
	d->unused_ns = (uint64_t)(unused_s * 1e9);
	d->changes = d->epoll = d->stop = -1;
	pthread_mutex_init(&d->lock, NULL);
	d->decoder = decoder_new();
	d->users = users_new();
	if (d->users)
		return d;
	discovery_free(d);
	return NULL;
}

void discovery_free(struct discovery *d)
{
	if (!d)
		return;
	if (d->running) {
		eventfd_write(d->stop, 1);
		pthread_join(d->thread, NULL);
	}
	known_clear(&d->known);
	for (size_t i = 0; i < d->n_refused; i++)
		free(d->refused[i].path);
	mappings_close(d->mappings);
	ready_free(d->ready);
	if (d->changes >= 0)
		close(d->changes);
	if (d->stop >= 0)
		close(d->stop);
	if (d->epoll >= 0)
		close(d->epoll);
	pthread_mutex_destroy(&d->lock);
	decoder_free(d->decoder);
	users_free(d->users);
	free(d);
}

/* --- one file -------------------------------------------------------------- */

static uint32_t index_of(const struct discovery *d, const struct known_file *f)
{
	return (uint32_t)(f - d->known.file);
}

static bool is_used(void *ctx, uint32_t file)
{
	const struct discovery *d = ctx;

	return d->known.file[file].used;
}

void discovery_let_go(struct discovery *d, struct known_file *f)
{
	if (d->tracer && f->handle >= 0)
		tracer_detach(d->tracer, f->handle);
	if (f->watch >= 0)
		changes_forget(d->changes, f->watch);
	d->counts.detached += f->handle >= 0;
	known_remove(f);
	users_sweep(d->users, is_used, d);
}

/* Once for each file that is held open there. */
static void refuse(struct discovery *d, const char *held, struct slice name, const char *function)
{
	struct stat st;
	char *path;

	if (d->n_refused == DISCOVERY_REFUSED || stat(held, &st))
		return;
	for (size_t i = 0; i < d->n_refused; i++)
		if (d->refused[i].device == st.st_dev && d->refused[i].inode == st.st_ino)
			return;
	path = known_clean(name);
	if (path)
		d->refused[d->n_refused++] =
			(struct discovery_refused){path, function, st.st_dev, st.st_ino};
}

/* The descriptors of a library's objects, if this file says where they are. */
static void lay_out(struct discovery *d, const struct probe_library *library, const char *path,
		    struct probe_point *point, size_t n, char *from, size_t size)
{
	struct layout layout;

	if (layout_find(library, path, d->decoder, &layout))
		return;
	if (d->tracer)
		tracer_lay_out(d->tracer, &layout.steps, point, n);
	snprintf(from, size, "%s", layout.from);
}

/* Looks into a file that is held open, for these libraries. The number of points
 * stored, or -errno. */
static int resolve(struct discovery *d, const char *path, unsigned libraries, struct slice name,
		   struct probe_point *point, char *from, size_t size)
{
	int n = 0, err = -ENOENT;

	for (size_t i = 0; probe_libraries[i].name; i++) {
		const char *refused;
		int got;

		if (!(libraries & 1U << i))
			continue;
		got = probe_resolve(&probe_libraries[i], path, d->decoder, point + n,
				    (size_t)(POINTS_MAX - n), &refused);
		if (refused)
			refuse(d, path, name, refused);
		if (got > 0)
			lay_out(d, &probe_libraries[i], path, point + n, (size_t)got, from, size);
		err = got < 0 ? got : err;
		n += got > 0 ? got : 0;
	}
	return n ? n : err;
}

/* Attaches to a file that is held open, in which these libraries were found. */
static int take_file(struct discovery *d, const char *path, unsigned libraries, struct slice name,
		     const struct known_state *state, struct known_file **out)
{
	struct probe_point point[POINTS_MAX];
	/* First of all: what is written after we have read it must be told. */
	int changes = changes_watch(d->changes, path);
	char from[sizeof(((struct known_file *)0)->descriptor)] = "";
	int n = resolve(d, path, libraries, name, point, from, sizeof(from));
	struct known_file *f = NULL;
	bool full = false;

	if (n > 0)
		f = known_add(&d->known, state, name, point, (size_t)n, &full);
	*out = f;
	d->counts.left_out += full;
	if (!f) {
		changes_forget(d->changes, changes);
		return n < 0 ? n : full ? -E2BIG : -ENOMEM;
	}
	f->libraries = libraries;
	memcpy(f->descriptor, from, sizeof(from));
	f->watch = changes;
	if (d->tracer)
		f->handle = tracer_attach_points(d->tracer, path, point, (size_t)n);
	d->counts.failed += f->handle < 0;
	return f->handle < 0 ? f->handle : 0;
}

/* Examines a file that is held open; mapping NULL: it was found by its name. */
static struct known_file *examine(struct discovery *d, int fd, const struct maps_mapping *mapping,
				  struct slice name)
{
	struct known_state state;
	struct known_file *f;
	unsigned libraries;
	struct stat st;
	char path[32];

	if (fstat(fd, &st))
		return NULL;
	state = known_state(mapping, &st);
	state.scan = d->scan;
	f = known_opened(&d->known, &st);
	if (f && known_is_unchanged(&f->state, &st)) {
		f->state = state; /* known by its name until now */
		return f;
	}
	/* Written over in place: its functions are elsewhere now. */
	if (f)
		discovery_let_go(d, f);
	/* Not its name: that may be another file's by now. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	libraries = probe_search(path, d->wanted);
	f = NULL;
	if (libraries)
		take_file(d, path, libraries, name, &state, &f);
	/* Also one that only looked so: it is not looked into again. */
	if (!f)
		known_note_nothing(&d->known, &state);
	return f;
}

/* --- where files come from ------------------------------------------------- */

static int open_quietly(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static void see_place(void *ctx, const char *path)
{
	struct discovery *d = ctx;
	struct known_file *f;
	struct stat st;
	int fd;

	/* One file has several names: libssl.so, libssl.so.3. */
	if (stat(path, &st) || !S_ISREG(st.st_mode) || known_opened(&d->known, &st))
		return;
	fd = open_quietly(path);
	if (fd < 0)
		return;
	f = examine(d, fd, NULL, (struct slice){path, strlen(path)});
	if (f)
		f->lasting = true;
	close(fd);
}

static void note_use(struct discovery *d, uint32_t pid, struct known_file *f)
{
	/* The system's C library: every process, and nobody asks. */
	if (f->lasting && !probe_carries(f->libraries))
		return;
	f->unused_since = 0;
	if (users_add(d->users, pid, index_of(d, f)))
		return;
	users_sweep(d->users, NULL, NULL);
	users_add(d->users, pid, index_of(d, f));
}

/* A mount namespace that was not there before may hold libraries that were not,
 * either. */
static void see_namespace(struct discovery *d, uint32_t pid)
{
	uint64_t id, *seen;

	if (pid == d->last_pid)
		return;
	d->last_pid = pid;
	id = processes_namespace(pid);
	seen = &d->namespaces[id % DISCOVERY_NAMESPACES];
	if (!id || *seen == id)
		return;
	*seen = id;
	if (!d->scan)
		ready_for(d->ready, READY_NAMESPACE_MS);
}

static void see_mapping(void *ctx, uint32_t pid, const struct maps_mapping *mapping)
{
	struct discovery *d = ctx;
	struct known_file *f = known_mapped(&d->known, mapping);
	struct known_state *state = f ? &f->state : known_nothing(&d->known, mapping);
	struct stat st;
	int fd;

	see_namespace(d, pid);
	/* Inode numbers are used again, and files are written over: the state of
	 * what is known is compared, once in a scan. */
	if (state && ((d->scan && state->scan == d->scan) || processes_stat(pid, mapping, &st) ||
		      known_is_unchanged(state, &st))) {
		state->scan = d->scan;
		if (f)
			note_use(d, pid, f);
		return;
	}
	if (!d->scan)
		ready_for(d->ready, READY_FILE_MS);
	fd = processes_open(pid, mapping);
	if (fd < 0)
		return;
	f = examine(d, fd, mapping, mapping->path);
	if (f)
		note_use(d, pid, f);
	close(fd);
}

void discovery_scan_processes(struct discovery *d)
{
	if (!++d->scans)
		d->scans = 1;
	d->scan = d->scans;
	processes_mappings(0, see_mapping, d);
	d->scan = 0;
}

int discovery_add(struct discovery *d, const struct probe_library *library, const char *path)
{
	unsigned bit = 1U << (library - probe_libraries);
	struct known_state state;
	struct known_file *f;
	int fd = open_quietly(path), err = 0;
	struct stat st;
	char held[32];

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		err = -ENOEXEC;
	f = err ? NULL : known_opened(&d->known, &st);
	if (!err && !(f && f->libraries & bit)) {
		snprintf(held, sizeof(held), "/proc/self/fd/%d", fd);
		state = known_state(NULL, &st);
		err = take_file(d, held, bit, (struct slice){path, strlen(path)}, &state, &f);
	}
	if (f)
		f->lasting = true;
	close(fd);
	return err;
}

void discovery_scan(struct discovery *d)
{
	for (size_t i = 0; probe_libraries[i].name; i++)
		for (int k = 0; k < 2 && probe_libraries[i].file[k]; k++)
			if (d->wanted & 1U << i)
				places_search(probe_libraries[i].file[k], see_place, d);
	discovery_scan_processes(d);
}

/* Has it watched by epoll. */
static int watch(const struct discovery *d, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return fd < 0 || epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

void discovery_see_program(struct discovery *d, const char *name)
{
	places_program(name, see_place, d);
}

int discovery_listen(struct discovery *d)
{
	int err;

	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (d->epoll < 0)
		return -errno;
	d->changes = changes_open();
	watch(d, d->changes);
	d->ready = ready_new();
	d->mappings = mappings_open(&err);
	return d->mappings ? watch(d, mappings_fd(d->mappings)) : err;
}

/* It is examined again when somebody maps it. */
static void see_change(void *ctx, int watch)
{
	struct discovery *d = ctx;

	for (size_t i = 0; i < d->known.n; i++)
		if (d->known.file[i].used && d->known.file[i].watch == watch)
			discovery_let_go(d, &d->known.file[i]);
}

static void attend(struct discovery *d)
{
	struct timespec t;

	pthread_mutex_lock(&d->lock);
	changes_drain(d->changes, see_change, d);
	if (d->mappings && !mappings_drain(d->mappings, see_mapping, d))
		discovery_scan_processes(d);
	clock_gettime(CLOCK_MONOTONIC, &t);
	discovery_expire(d, (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec);
	pthread_mutex_unlock(&d->lock);
}

static void *run(void *p)
{
	struct epoll_event event;
	struct discovery *d = p;

	/* A program that has just opened a library will soon use it. */
	setpriority(PRIO_PROCESS, 0, PRIORITY);
	do {
		attend(d);
		/* A busy machine starts many programs: together they cost less. */
		usleep(BREAK_US);
		event.data.fd = -1;
		epoll_wait(d->epoll, &event, 1, EXPIRE_MS);
	} while (event.data.fd != d->stop);
	return NULL;
}

int discovery_start(struct discovery *d)
{
	int err;

	if (d->epoll < 0)
		return 0;
	d->stop = eventfd(0, EFD_CLOEXEC);
	err = watch(d, d->stop);
	if (!err)
		err = -pthread_create(&d->thread, NULL, run, d);
	d->running = !err;
	return err;
}
