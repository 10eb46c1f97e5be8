/* SPDX-License-Identifier: Apache-2.0 */
/* What the summary's text says of a group: columns of numbers, as const tables. */
#ifndef S3SLOWER_FIGURE_H
#define S3SLOWER_FIGURE_H

#include "summary.h"

#define FIGURE_ROOM 24

struct figure {
	const char *heading;
	/* Writes it into room, of FIGURE_ROOM bytes; the group is not empty. */
	void (*put)(const struct summary_group *group, unsigned which, char *room);
	/* Where it is 0 of all requests, the column is not there. NULL: always there. */
	uint64_t (*amount)(const struct summary_group *group, unsigned which);
	unsigned which; /* percentile, phase */
};

/* How many there were and how long they took; and where that time went. The row after
 * the last has no heading. */
extern const struct figure figure_counts[], figure_times[];

/* A number; nanoseconds as seconds; a part of the whole as percent. */
void figure_number(char *room, uint64_t value);
void figure_seconds(char *room, uint64_t ns);
void figure_share(char *room, uint64_t part, uint64_t whole);

#endif
