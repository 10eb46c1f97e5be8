/* SPDX-License-Identifier: Apache-2.0 */
/* One line of plain words per request, for logs:
 * 12:00:01.123 boto3 PutObject logs/key 200 12.345 ms */
#include "sink.h"

#include "column.h"
#include "parsers/extra.h"

static const char *or_dash(const char *text)
{
	return text ? text : "-";
}

/* What the request was about: the object, the bucket, or where it went. */
static void print_object(FILE *file, const struct request *request)
{
	const char *a = request->bucket, *b = request->key;

	if (!a)
		a = request->endpoint, b = request->path;
	fputs(or_dash(a), file);
	if (a && b && a == request->bucket)
		putc('/', file);
	if (b)
		fputs(b, file);
}

static int simple_emit(struct output *output, const struct request *request)
{
	FILE *file = output->file;
	struct cell clock, status, ms;

	fprintf(file, "%s %s %s ", or_dash(column_clock(&request->time_ns, &clock)),
		or_dash(request->comm), or_dash(column_operation(request, &clock)));
	print_object(file, request);
	fprintf(file, " %s %s ms", or_dash(column_int(&request->status, &status)),
		or_dash(column_ms(&request->latency_ns, &ms)));
	/* The reasons to look twice come last, so that fields keep their places. */
	if (request->state != REQUEST_COMPLETE)
		fprintf(file, " %s", request_state_name(request->state));
	if (request->error_code)
		fprintf(file, " %s", request->error_code);
	if (output->extras & EXTRA_TARGET)
		fprintf(file, " target=%s", or_dash(column_target(&request->target, &clock)));
	putc('\n', file);
	return 0;
}

const struct sink simple_sink = {
	.name = "simple",
	.help = "one line of plain words per request, for logs",
	.emit = simple_emit,
};
