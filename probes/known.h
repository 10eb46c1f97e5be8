/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that were examined, by device and inode: those with something to
 * probe, and a memory of those without. Bounded: of the latter, a newer one
 * takes the place of an older one, which would only be examined again.
 */
#ifndef S3SLOWER_KNOWN_H
#define S3SLOWER_KNOWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "parsers/maps.h"
#include "probe.h"

#define KNOWN_FILES_MAX 512
#define KNOWN_NOTHING_MAX 4096

/* Which file, and how it was when it was examined. */
struct known_state {
	dev_t dev; /* as stat(2) tells them ... */
	ino_t ino;
	dev_t mapped_dev; /* ... and as a mapping does: see processes.c */
	ino_t mapped_ino;
	off_t size;
	struct timespec changed;
	uint32_t scan; /* the last scan that compared it, 0: none */
};

/* A file that has something to probe. */
struct known_file {
	bool used;    /* this place of the table */
	bool lasting; /* stays, used or not: of the system, or added by hand */
	struct known_state state;
	char *path;		   /* owned, clean text */
	unsigned libraries;	   /* bit i: probe_libraries[i] */
	struct probe_point *point; /* owned */
	size_t n_points;
	char descriptor[64]; /* how its objects lead to theirs: layout.h; "" is not known */
	int handle;	     /* of the tracer, or -errno */
	int watch;	     /* of changes.h, or -errno */
	uint32_t users;
	uint64_t unused_since; /* ns, 0: it is used */
};

struct known {
	struct known_file file[KNOWN_FILES_MAX];
	size_t n; /* places that were ever used */
	struct known_state nothing[KNOWN_NOTHING_MAX];
};

/* The state of a file; mapping NULL: it was not found through one. */
struct known_state known_state(const struct maps_mapping *mapping, const struct stat *st);

/* Whether it is the same file, with the same content. */
bool known_is_unchanged(const struct known_state *state, const struct stat *st);

/* A file with something to probe, or NULL. */
struct known_file *known_opened(struct known *known, const struct stat *st);
struct known_file *known_mapped(struct known *known, const struct maps_mapping *mapping);

/* What is noted of a file without, or NULL. */
struct known_state *known_nothing(struct known *known, const struct maps_mapping *mapping);
void known_note_nothing(struct known *known, const struct known_state *state);

/* Adds a file; copies the points, and of path what is fit to be printed. NULL
 * without memory, or when the table is full: then *full is set. */
struct known_file *known_add(struct known *known, const struct known_state *state,
			     struct slice path, const struct probe_point *point, size_t n_points,
			     bool *full);
void known_remove(struct known_file *file);

/* What of a path is fit to be printed, to be freed; NULL without memory. */
char *known_clean(struct slice path);

/* Frees what all of them own, not the table. */
void known_clear(struct known *known);

#endif
