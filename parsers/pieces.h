/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The requests for the parts of jobs, as many as there is room for, and what they say
 * of a job together. A list is all zeros to begin with, and belongs to one job. Pure.
 */
#ifndef S3SLOWER_PIECES_H
#define S3SLOWER_PIECES_H

#include <stddef.h>

#include "job.h"

struct piece {
	int64_t begin, end;  /* of the request; as time_ns */
	int64_t first, last; /* bytes of the object; -1 unknown */
	int64_t part;	     /* the same for all requests for one part */
	bool failed;
	uint32_t next; /* pieces.c's own */
};

struct pieces_list {
	uint32_t newest; /* pieces.c's own */
	uint32_t n;
};

struct pieces;

/* The caller owns it; NULL when memory is short. */
struct pieces *pieces_new(size_t max);
void pieces_free(struct pieces *pieces);

bool pieces_full(const struct pieces *pieces);
/* There has to be room. */
void pieces_add(struct pieces *pieces, struct pieces_list *list, const struct piece *piece);
/* Moves all of from to list. */
void pieces_move(struct pieces *pieces, struct pieces_list *list, struct pieces_list *from);
/* Gives their room back. */
void pieces_drop(struct pieces *pieces, struct pieces_list *list);

/* Bytes of an object of that size that no piece has brought. */
int64_t pieces_missing(struct pieces *pieces, const struct pieces_list *list, int64_t size);

/* Fills the numbers of a job from a list that is not empty; job->slowest is there
 * already. end is when its last answer ended, completing when the first request to
 * end it began, 0: there was none. */
void pieces_measure(struct pieces *pieces, const struct pieces_list *list, int64_t end,
		    int64_t completing, struct job *job);

#endif
