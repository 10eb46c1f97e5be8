/* SPDX-License-Identifier: Apache-2.0 */
#include "page.h"

#include <stdbool.h>

#include "line.h"

static size_t taken(const char *text)
{
	return line_columns(text, strlen(text));
}

static void print_cell(const char *text, size_t width, bool name, FILE *file)
{
	int blanks = (int)(width - taken(text));

	if (name)
		fprintf(file, "%s%*s", text, blanks, "");
	else
		fprintf(file, "%*s%s", blanks, "", text);
}

void page_print(const struct page *page, FILE *file)
{
	size_t width[PAGE_COLUMNS_MAX] = {0};

	for (size_t r = 0; r < page->rows; r++)
		for (size_t c = 0; c < page->columns; c++)
			if (taken(page->cell[r][c]) > width[c])
				width[c] = taken(page->cell[r][c]);
	for (size_t r = 0; r < page->rows; r++) {
		for (size_t c = 0; c < page->columns; c++) {
			/* A blank between names, two before a number. */
			if (c)
				fputs(c < page->names ? " " : "  ", file);
			print_cell(page->cell[r][c], width[c], c < page->names, file);
		}
		putc('\n', file);
	}
}
