/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4180 with LF for CRLF; the header names are the keys of the JSON sink. */
#include "sink.h"

#include <string.h>

#include "line.h"

static void put_cell(struct line *line, const char *text)
{
	size_t n = strcspn(text, ",\"\r\n");

	if (!text[n]) {
		line_put(line, text, n);
		return;
	}
	line_char(line, '"');
	for (; *text; text++) {
		if (*text == '"')
			line_char(line, '"');
		line_char(line, *text);
	}
	line_char(line, '"');
}

/* One line; without a row, the header. Unknown is an empty cell. */
static void print_line(struct output *output, const void *row)
{
	const struct column *column;
	struct line line;
	bool first = true;

	line_begin(&line, output->file);
	for (size_t i = 0; (column = output_column(output, i)); i++) {
		if (!column->name || !column_is_shown(column, output->extras))
			continue;
		const char *text = row ? column_text(column, row, &output->cell) : column->name;
		if (!first)
			line_char(&line, ',');
		first = false;
		if (text)
			put_cell(&line, text);
	}
	line_end(&line);
}

static int csv_open(struct output *output)
{
	print_line(output, NULL);
	return 0;
}

static int csv_emit(struct output *output, const struct request *request)
{
	print_line(output, request);
	return 0;
}

static int csv_emit_job(struct output *output, const struct job *job)
{
	print_line(output, job);
	return 0;
}

const struct sink csv_sink = {
	.name = "csv",
	.help = "comma-separated values with a header line",
	.open = csv_open,
	.emit = csv_emit,
	.emit_job = csv_emit_job,
};
