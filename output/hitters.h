/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heaviest of any number of names, in bounded memory: the space-saving
 * algorithm (Metwally, Agrawal, El Abbadi 2005). A name that finds no room takes
 * the place of the lightest one and begins with its weight, which from then on is
 * the most that it can be too heavy. So a weight is never too small, it is too large
 * by at most its error, no error is larger than the total / max, and every name
 * heavier than that is there.
 */
#ifndef S3SLOWER_HITTERS_H
#define S3SLOWER_HITTERS_H

#include <stddef.h>
#include <stdint.h>

#define HITTER_TEXT 160 /* of a name with its NUL; longer ones are cut, and end with ".." */

struct hitter {
	uint64_t weight, error;
	uint64_t count; /* how often it was added since it took its place */
	char text[HITTER_TEXT];
};

struct hitters;

/* For max names at a time. The caller owns it; NULL when memory is short. */
struct hitters *hitters_new(size_t max);
void hitters_free(struct hitters *hitters);
void hitters_clear(struct hitters *hitters);

void hitters_add(struct hitters *hitters, const char *text, size_t n, uint64_t weight);

/* Puts up to max pointers to the heaviest into top, heaviest first, among equals by
 * name, and returns how many. They are good until the next call. */
size_t hitters_top(struct hitters *hitters, const struct hitter **top, size_t max);

/* Of everything that was added; stops at UINT64_MAX. */
uint64_t hitters_total(const struct hitters *hitters);

/* How many names it holds. */
size_t hitters_count(const struct hitters *hitters);

#endif
