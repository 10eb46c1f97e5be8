/* SPDX-License-Identifier: Apache-2.0 */
#include "known.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define DEVICE(m) makedev((m)->major, (m)->minor)

struct known_state known_state(const struct maps_mapping *m, const struct stat *st)
{
	return (struct known_state){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.mapped_dev = m ? DEVICE(m) : st->st_dev,
		.mapped_ino = m ? m->inode : st->st_ino,
		.size = st->st_size,
		.changed = st->st_ctim,
	};
}

bool known_is_unchanged(const struct known_state *state, const struct stat *st)
{
	return state->dev == st->st_dev && state->ino == st->st_ino && state->size == st->st_size &&
	       state->changed.tv_sec == st->st_ctim.tv_sec &&
	       state->changed.tv_nsec == st->st_ctim.tv_nsec;
}

struct known_file *known_opened(struct known *k, const struct stat *st)
{
	for (struct known_file *f = k->file; f < k->file + k->n; f++)
		if (f->used && f->state.ino == st->st_ino && f->state.dev == st->st_dev)
			return f;
	return NULL;
}

static bool is_mapped(const struct known_state *state, const struct maps_mapping *m)
{
	return state->mapped_ino == m->inode && state->mapped_dev == DEVICE(m);
}

struct known_file *known_mapped(struct known *k, const struct maps_mapping *m)
{
	for (struct known_file *f = k->file; f < k->file + k->n; f++)
		if (f->used && is_mapped(&f->state, m))
			return f;
	return NULL;
}

static struct known_state *place(struct known *k, dev_t dev, ino_t ino)
{
	uint64_t hash = ((uint64_t)ino ^ (uint64_t)dev << 40) * 0x9e3779b97f4a7c15ULL;

	return &k->nothing[(hash >> 32) % KNOWN_NOTHING_MAX];
}

struct known_state *known_nothing(struct known *k, const struct maps_mapping *m)
{
	struct known_state *state = place(k, DEVICE(m), m->inode);

	return is_mapped(state, m) ? state : NULL;
}

void known_note_nothing(struct known *k, const struct known_state *state)
{
	*place(k, state->mapped_dev, state->mapped_ino) = *state;
}

/* A stranger chose the name, and it may be printed. */
char *known_clean(struct slice path)
{
	char *text = strndup(path.p ? path.p : "", path.n);

	for (char *c = text; c && *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f)
			*c = '?';
	return text;
}

struct known_file *known_add(struct known *k, const struct known_state *state, struct slice path,
			     const struct probe_point *point, size_t n_points, bool *full)
{
	struct known_file *f = k->file;

	while (f < k->file + k->n && f->used)
		f++;
	*full = f == k->file + KNOWN_FILES_MAX;
	if (*full)
		return NULL;
	*f = (struct known_file){.used = true,
				 .state = *state,
				 .path = known_clean(path),
				 .point = calloc(n_points, sizeof(*point)),
				 .n_points = n_points};
	if (!f->path || !f->point) {
		known_remove(f);
		return NULL;
	}
	memcpy(f->point, point, n_points * sizeof(*point));
	if (f == k->file + k->n)
		k->n++;
	return f;
}

void known_remove(struct known_file *f)
{
	free(f->path);
	free(f->point);
	memset(f, 0, sizeof(*f));
}

void known_clear(struct known *k)
{
	for (size_t i = 0; i < k->n; i++)
		known_remove(&k->file[i]);
}
