/* SPDX-License-Identifier: Apache-2.0 */
/* One line of plain words per request, for logs:
 * 12:00:01.123 boto3 PutObject logs/key 200 12.345 ms */
#include "sink.h"

#include "line.h"
#include "parsers/extra.h"

static void put(struct line *line, const char *text)
{
	line_text(line, text ? text : "-");
	line_char(line, ' ');
}

/* What the request was about: the object, the bucket, or where it went. */
static void put_object(struct line *line, const struct request *request)
{
	const char *a = request->bucket, *b = request->key;

	if (!a)
		a = request->endpoint, b = request->path;
	line_text(line, a ? a : "-");
	if (a && b && a == request->bucket)
		line_char(line, '/');
	put(line, b ? b : "");
}

static void put_target(struct output *output, struct line *line, const struct target *const *from)
{
	const char *target = column_target(from, &output->cell);

	if (!(output->extras & EXTRA_TARGET))
		return;
	line_text(line, " target=");
	line_text(line, target ? target : "-");
}

static const char *backoff_text(const struct request *request, struct cell *cell)
{
	const char *text = column_ms(&request->backoff_ns, cell);

	return text ? text : "-";
}

static int simple_emit(struct output *output, const struct request *request)
{
	struct cell *cell = &output->cell;
	struct line line;

	line_begin(&line, output->file);
	put(&line, column_clock(&request->time_ns, cell));
	put(&line, request->comm);
	put(&line, column_operation(request, cell));
	put_object(&line, request);
	put(&line, column_int(&request->status, cell));
	put(&line, column_ms(&request->latency_ns, cell));
	line_text(&line, "ms");
	/* The reasons to look twice come last, so that fields keep their places. */
	if (request->state != REQUEST_COMPLETE) {
		line_char(&line, ' ');
		line_text(&line, request_state_name(request->state));
	}
	if (request->waiting_for) {
		line_text(&line, " for ");
		line_text(&line, request->waiting_for);
	}
	if (request->error_code) {
		line_char(&line, ' ');
		line_text(&line, request->error_code);
	}
	if ((output->extras & EXTRA_CALLS) && request->attempts > 1) {
		line_text(&line, " attempts=");
		line_text(&line, column_int(&request->attempts, cell));
		line_text(&line, " backoff=");
		line_text(&line, backoff_text(request, cell));
	}
	put_target(output, &line, &request->target);
	line_end(&line);
	return 0;
}

/* 12:00:01.123 aws multipart_upload logs/key complete 1234.567 ms parts=37 mb_s=41.20
 * slowest: part 17 812.345 ms */
static int simple_emit_job(struct output *output, const struct job *job)
{
	struct cell *cell = &output->cell;
	struct line line;

	line_begin(&line, output->file);
	put(&line, column_clock(&job->time_ns, cell));
	put(&line, column_word(job->comm, cell));
	put(&line, job_kind_text(&job->kind, cell));
	line_text(&line, job->bucket);
	line_char(&line, '/');
	put(&line, job->key);
	put(&line, job_state_text(&job->state, cell));
	put(&line, column_ms(&job->duration_ns, cell));
	line_text(&line, "ms parts=");
	put(&line, column_int(&job->parts, cell));
	line_text(&line, "mb_s=");
	put(&line, column_speed(&job->throughput, cell));
	line_text(&line, "slowest: ");
	put(&line, job_part_text(&job->slowest, cell));
	put(&line, column_ms(&job->slowest.latency_ns, cell));
	line_text(&line, "ms");
	put_target(output, &line, &job->target);
	line_end(&line);
	return 0;
}

const struct sink simple_sink = {
	.name = "simple",
	.help = "one line of plain words per request, for logs",
	.emit = simple_emit,
	.emit_job = simple_emit_job,
};
