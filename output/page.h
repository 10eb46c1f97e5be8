/* SPDX-License-Identifier: Apache-2.0 */
/* A small table that is printed at once: each column is as wide as its widest cell. */
#ifndef S3SLOWER_PAGE_H
#define S3SLOWER_PAGE_H

#include <stddef.h>
#include <stdio.h>

#define PAGE_ROWS_MAX 67 /* with that of the headings */
#define PAGE_COLUMNS_MAX 16
#define PAGE_ROOM 24

struct page {
	/* Headings first. Borrowed, or put together in a place of room. */
	const char *cell[PAGE_ROWS_MAX][PAGE_COLUMNS_MAX];
	char room[PAGE_ROWS_MAX][PAGE_COLUMNS_MAX][PAGE_ROOM];
	size_t rows, columns;
	size_t names; /* the first columns, flush left; the others are flush right */
};

void page_print(const struct page *page, FILE *file);

#endif
