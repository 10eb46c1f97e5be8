/* SPDX-License-Identifier: Apache-2.0 */
/* The table for people: aligned, one line a request, nothing cut off. */
#include "sink.h"

#include "line.h"

static void put_blanks(struct line *line, size_t n)
{
	static const char blanks[] = "                                ";

	for (; n >= sizeof(blanks); n -= sizeof(blanks) - 1)
		line_put(line, blanks, sizeof(blanks) - 1);
	line_put(line, blanks, n);
}

/* A text wider than its column moves the rest of its own row, no other. */
static void put_cell(struct line *line, const char *text, int width, bool first)
{
	size_t n = strlen(text), taken = line_columns(text, n);
	size_t wanted = (size_t)(width < 0 ? -width : width);
	size_t blanks = wanted > taken ? wanted - taken : 0;

	if (!first)
		line_char(line, ' ');
	if (width > 0)
		put_blanks(line, blanks);
	line_put(line, text, n);
	if (width < 0)
		put_blanks(line, blanks);
}

/* One line; without a row, the headings. */
static void print_line(struct output *output, const void *row)
{
	const struct column *column;
	struct line line;
	bool first = true;

	line_begin(&line, output->file);
	for (size_t i = 0; (column = output_column(output, i)); i++) {
		if (!column->heading || (column->wide && !output->wide) ||
		    !column_is_shown(column, output->extras))
			continue;
		const char *text = row ? column_text(column, row, &output->cell) : column->heading;
		put_cell(&line, text ? text : "-", column->width, first);
		first = false;
	}
	line_end(&line);
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

static int table_emit_job(struct output *output, const struct job *job)
{
	print_line(output, job);
	return 0;
}

const struct sink table_sink = {
	.name = "table",
	.help = "aligned columns for people",
	.open = table_open,
	.emit = table_emit,
	.emit_job = table_emit_job,
};
