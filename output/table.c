/* SPDX-License-Identifier: Apache-2.0 */
/* The table for people: aligned, one line a request, nothing cut off. */
#include "sink.h"

#include "column.h"

/* Characters, not bytes: every byte of UTF-8 but the continuations. */
static int columns_taken(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

/* A text wider than its column moves the rest of its own row, no other. */
static void print(FILE *file, const char *text, int width, bool first)
{
	int blanks = (width < 0 ? -width : width) - columns_taken(text);

	if (blanks < 0)
		blanks = 0;
	if (!first)
		putc(' ', file);
	if (width > 0)
		fprintf(file, "%*s", blanks, "");
	fputs(text, file);
	if (width < 0)
		fprintf(file, "%*s", blanks, "");
}

/* One line; without a request, the headings. */
static void print_line(struct output *output, const struct request *request)
{
	const struct column *column;
	struct cell cell;
	bool first = true;

	for (size_t i = 0; (column = column_at(i)); i++) {
		if (!column->heading || (column->wide && !output->wide) ||
		    !column_is_shown(column, output->extras))
			continue;
		const char *text = request ? column_text(column, request, &cell) : column->heading;
		print(output->file, text ? text : "-", column->width, first);
		first = false;
	}
	putc('\n', output->file);
}

static int table_open(struct output *output)
{
	print_line(output, NULL);
	return 0;
}

static int table_emit(struct output *output, const struct request *request)
{
	print_line(output, request);
	return 0;
}

const struct sink table_sink = {
	.name = "table",
	.help = "aligned columns for people",
	.open = table_open,
	.emit = table_emit,
};
