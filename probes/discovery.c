/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "known.h"
#include "mappings.h"
#include "places.h"
#include "processes.h"
#include "users.h"

#define POINTS_MAX 256 /* of one file */
#define REFUSED_MAX 64 /* that are told */
#define SECOND 1000000000ULL

struct discovery {
	struct tracer *tracer;
	struct decoder *decoder;
	struct mappings *mappings;
	struct users *users;
	unsigned wanted;
	uint64_t unused_ns, expired;
	uint32_t scan, scans; /* the scan that goes on, 0: none */
	struct discovery_counts counts;
	struct known known;
	struct refused {
		char *path;
		const char *function;
	} refused[REFUSED_MAX];
	size_t n_refused;
};

struct discovery *discovery_new(struct tracer *tracer, unsigned wanted, double unused_s)
{
	struct discovery *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->tracer = tracer;
	d->wanted = wanted;
	d->unused_ns = (uint64_t)(unused_s * 1e9);
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
	known_clear(&d->known);
	for (size_t i = 0; i < d->n_refused; i++)
		free(d->refused[i].path);
	mappings_close(d->mappings);
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

static void let_go(struct discovery *d, struct known_file *f)
{
	if (d->tracer && f->handle >= 0)
		tracer_detach(d->tracer, f->handle);
	d->counts.detached += f->handle >= 0;
	known_remove(f);
	users_sweep(d->users, is_used, d);
}

static void refuse(struct discovery *d, struct slice name, const char *function)
{
	char *path;

	if (d->n_refused == REFUSED_MAX || !(path = known_clean(name)))
		return;
	d->refused[d->n_refused++] = (struct refused){path, function};
}

/* Looks into a file that is held open, for these libraries. The number of points
 * stored, or -errno. */
static int resolve(struct discovery *d, const char *path, unsigned libraries, struct slice name,
		   struct probe_point *point)
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
			refuse(d, name, refused);
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
	int n = resolve(d, path, libraries, name, point);
	struct known_file *f;
	bool full;

	*out = NULL;
	if (n < 0)
		return n;
	*out = f = known_add(&d->known, state, name, point, (size_t)n, &full);
	d->counts.left_out += full;
	if (!f)
		return full ? -E2BIG : -ENOMEM;
	f->libraries = libraries;
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
		let_go(d, f);
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
	f->unused_since = 0;
	if (users_add(d->users, pid, index_of(d, f)))
		return;
	users_sweep(d->users, NULL, NULL);
	users_add(d->users, pid, index_of(d, f));
}

static void see_mapping(void *ctx, uint32_t pid, const struct maps_mapping *mapping)
{
	struct discovery *d = ctx;
	struct known_file *f = known_mapped(&d->known, mapping);
	struct known_state *state = f ? &f->state : known_nothing(&d->known, mapping);
	struct stat st;
	int fd;

	/* Inode numbers are used again, and files are written over: the state of
	 * what is known is compared, once in a scan. */
	if (state && ((d->scan && state->scan == d->scan) || processes_stat(pid, mapping, &st) ||
		      known_is_unchanged(state, &st))) {
		state->scan = d->scan;
		if (f)
			note_use(d, pid, f);
		return;
	}
	fd = processes_open(pid, mapping);
	if (fd < 0)
		return;
	f = examine(d, fd, mapping, mapping->path);
	if (f)
		note_use(d, pid, f);
	close(fd);
}

static void scan_processes(struct discovery *d)
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
	scan_processes(d);
}

void discovery_see_program(struct discovery *d, const char *name)
{
	places_program(name, see_place, d);
}

int discovery_listen(struct discovery *d)
{
	int err;

	d->mappings = mappings_open(&err);
	return err;
}

int discovery_fd(const struct discovery *d)
{
	return d->mappings ? mappings_fd(d->mappings) : -1;
}

void discovery_drain(struct discovery *d)
{
	if (d->mappings && !mappings_drain(d->mappings, see_mapping, d))
		scan_processes(d);
}

/* --- who uses them --------------------------------------------------------- */

/* Counts the users of each file. */
static void count_users(struct discovery *d)
{
	uint32_t pid, file;
	size_t at = 0;

	for (size_t i = 0; i < d->known.n; i++)
		d->known.file[i].users = 0;
	while (users_next(d->users, &at, &pid, &file))
		d->known.file[file].users++;
}

/* Whether a file that may go has had no user for long enough. */
static bool is_overdue(const struct discovery *d, const struct known_file *f, uint64_t now)
{
	return f->used && !f->lasting && !f->users && f->unused_since &&
	       now - f->unused_since >= d->unused_ns;
}

void discovery_expire(struct discovery *d, uint64_t now)
{
	bool passing = false, overdue = false;

	for (size_t i = 0; i < d->known.n; i++)
		passing |= d->known.file[i].used && !d->known.file[i].lasting;
	if (!passing || now - d->expired < SECOND)
		return;
	d->expired = now;
	users_sweep(d->users, NULL, NULL);
	count_users(d);
	for (size_t i = 0; i < d->known.n; i++) {
		struct known_file *f = &d->known.file[i];

		if (f->users)
			f->unused_since = 0;
		else if (f->used && !f->unused_since)
			f->unused_since = now;
		overdue |= is_overdue(d, f, now);
	}
	if (!overdue)
		return;
	/* A child that was forked uses what its parent mapped, and nobody told. */
	scan_processes(d);
	count_users(d);
	for (size_t i = 0; i < d->known.n; i++)
		if (is_overdue(d, &d->known.file[i], now))
			let_go(d, &d->known.file[i]);
}

/* --- what there is --------------------------------------------------------- */

static void tell(const struct known_file *f, struct discovery_file *out)
{
	*out = (struct discovery_file){
		.path = f->path,
		.libraries = f->libraries,
		.point = f->point,
		.n_points = f->n_points,
		.err = f->handle < 0 ? f->handle : 0,
	};
}

bool discovery_next_file(const struct discovery *d, size_t *at, struct discovery_file *out)
{
	while (*at < d->known.n && !d->known.file[*at].used)
		++*at;
	if (*at >= d->known.n)
		return false;
	tell(&d->known.file[(*at)++], out);
	return true;
}

bool discovery_next_user(const struct discovery *d, size_t *at, uint32_t *pid,
			 struct discovery_file *out)
{
	uint32_t file;

	if (!users_next(d->users, at, pid, &file))
		return false;
	tell(&d->known.file[file], out);
	return true;
}

bool discovery_next_refused(const struct discovery *d, size_t *at, const char **path,
			    const char **function)
{
	if (*at >= d->n_refused)
		return false;
	*path = d->refused[*at].path;
	*function = d->refused[*at].function;
	++*at;
	return true;
}

static int by_pid(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void discovery_count(const struct discovery *d, struct discovery_counts *out)
{
	uint32_t *pids = malloc(USERS_MAX * sizeof(*pids)), file;
	size_t n = 0, at = 0;

	*out = d->counts;
	for (size_t i = 0; i < d->known.n; i++)
		out->files += d->known.file[i].used && d->known.file[i].handle >= 0;
	while (pids && users_next(d->users, &at, &pids[n], &file))
		n += d->known.file[file].handle >= 0;
	if (n)
		qsort(pids, n, sizeof(*pids), by_pid);
	for (size_t i = 0; i < n; i++)
		out->processes += i == 0 || pids[i] != pids[i - 1];
	free(pids);
}
