/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4180 with LF for CRLF; the header names are the keys of the JSON sink. */
#include "sink.h"

#include <string.h>

#include "column.h"

static void print_cell(FILE *file, const char *text)
{
	if (!text[strcspn(text, ",\"\r\n")]) {
		fputs(text, file);
		return;
	}
	putc('"', file);
	for (; *text; text++) {
		if (*text == '"')
			putc('"', file);
		putc(*text, file);
	}
	putc('"', file);
}

/* One line; without a request, the header. Unknown is an empty cell. */
static void print_line(struct output *output, const struct request *request)
{
	FILE *file = output->file;
	const struct column *column;
	struct cell cell;
	bool first = true;

	for (size_t i = 0; (column = column_at(i)); i++) {
		if (!column->name || !column_is_shown(column, output->extras))
			continue;
		const char *text = request ? column_text(column, request, &cell) : column->name;
		if (!first)
			putc(',', file);
		first = false;
		if (text)
			print_cell(file, text);
	}
	putc('\n', file);
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

const struct sink csv_sink = {
	.name = "csv",
	.help = "comma-separated values with a header line",
	.open = csv_open,
	.emit = csv_emit,
};
