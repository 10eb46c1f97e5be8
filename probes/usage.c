/* SPDX-License-Identifier: Apache-2.0 */
/* The part of discovery.h that is about who uses which file. */
#include <stdlib.h>

#include "discovery_state.h"

#define SECOND 1000000000ULL

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
	if (!passing || now - d->expired < SECOND - SECOND / 10)
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
	discovery_scan_processes(d);
	count_users(d);
	for (size_t i = 0; i < d->known.n; i++)
		if (is_overdue(d, &d->known.file[i], now))
			discovery_let_go(d, &d->known.file[i]);
}

/* --- what there is --------------------------------------------------------- */

static void tell(const struct known_file *f, struct discovery_file *out)
{
	*out = (struct discovery_file){
		.path = f->path,
		.libraries = f->libraries,
		.point = f->point,
		.n_points = f->n_points,
		.descriptor = f->descriptor,
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

	do {
		if (!users_next(d->users, at, pid, &file))
			return false;
	} while (!probe_carries(d->known.file[file].libraries));
	tell(&d->known.file[file], out);
	return true;
}

bool discovery_next_refused(struct discovery *d, size_t *at, const char **path,
			    const char **function)
{
	bool more;

	pthread_mutex_lock(&d->lock);
	more = *at < d->n_refused;
	if (more) {
		*path = d->refused[*at].path;
		*function = d->refused[*at].function;
		++*at;
	}
	pthread_mutex_unlock(&d->lock);
	return more;
}

/* Whether connections through it are seen. */
static bool is_probed(const struct known_file *f)
{
	return f->handle >= 0 && probe_carries(f->libraries);
}

static int by_pid(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void discovery_count(struct discovery *d, struct discovery_counts *out)
{
	uint32_t *pids = malloc(USERS_MAX * sizeof(*pids)), file;
	size_t n = 0, at = 0;

	pthread_mutex_lock(&d->lock);
	*out = d->counts;
	for (size_t i = 0; i < d->known.n; i++)
		out->files += d->known.file[i].used && is_probed(&d->known.file[i]);
	while (pids && users_next(d->users, &at, &pids[n], &file))
		n += is_probed(&d->known.file[file]);
	pthread_mutex_unlock(&d->lock);
	if (n)
		qsort(pids, n, sizeof(*pids), by_pid);
	for (size_t i = 0; i < n; i++)
		out->processes += i == 0 || pids[i] != pids[i - 1];
	free(pids);
}
