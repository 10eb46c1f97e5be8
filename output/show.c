/* SPDX-License-Identifier: Apache-2.0 */
#include "show.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parsers/calls.h"
#include "parsers/filter.h"
#include "summary.h"

#define CALLS_MAX 4096 /* calls whose next attempt we wait for */

struct show {
	const struct settings *settings;
	const struct show_asks *asks;
	struct counters *counters;
	bool *stop;
	struct output output;
	struct summary *summary;
	struct calls *calls;
	bool output_said;
};

/* What became of writing: a reader that has seen enough ends the run, anything
 * else is said once and counted. Passes the error on. */
static int written(struct show *show, int err)
{
	if (err == -EPIPE) {
		*show->stop = true;
	} else if (err) {
		show->counters->output_errors++;
		if (!show->output_said)
			fprintf(stderr, "s3slower: cannot write rows: %s; tracing goes on\n",
				strerror(-err));
		show->output_said = true;
	}
	return err;
}

static int open_sink(struct show *show, char *message, size_t size)
{
	const struct settings *s = show->settings;
	FILE *file = stdout;
	int fd, err;

	if (s->file) {
		fd = open(s->file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
		file = fd < 0 ? NULL : fdopen(fd, "w");
		if (!file) {
			snprintf(message, size, "cannot write to %s: %s", s->file, strerror(errno));
			return -errno;
		}
	}
	show->output.wide = s->wide;
	show->output.extras = settings_extras(s);
	show->output.lost = &show->counters->lost;
	err = sink_open(&show->output, sink_find(s->output), file);
	if (err)
		snprintf(message, size, "cannot write the output: %s", strerror(-err));
	return err;
}

int show_open(struct show **out, const struct settings *settings, const struct show_asks *asks,
	      struct counters *counters, bool *stop, char *message, size_t size)
{
	struct show *show = calloc(1, sizeof(*show));
	int err = -ENOMEM;

	snprintf(message, size, "out of memory");
	if (show) {
		show->settings = settings;
		show->asks = asks;
		show->counters = counters;
		show->stop = stop;
		show->summary = summary_new();
		show->calls = calls_new(CALLS_MAX, settings->calls);
		if (show->summary && show->calls)
			err = open_sink(show, message, size);
	}
	if (err) {
		show_free(show);
		show = NULL;
	}
	*out = show;
	return err;
}

void show_close(struct show *show)
{
	written(show, sink_flush(&show->output));
	sink_close(&show->output);
}

void show_free(struct show *show)
{
	if (!show)
		return;
	summary_free(show->summary);
	calls_free(show->calls);
	free(show);
}

/* Whether the row passed the filters and was written. */
static bool print_row(struct show *show, struct request *row)
{
	show->asks->whose(show->asks->ctx, row);
	if (!filter_match(show->settings, row)) {
		show->counters->filtered += row->state != REQUEST_PENDING;
		return false;
	}
	show->asks->ends(show->asks->ctx, row);
	return written(show, sink_emit(&show->output, row)) == 0;
}

static void show_row(struct show *show, struct request *row)
{
	if (*show->stop || !print_row(show, row))
		return;
	show->counters->shown++;
	show->counters->truncated += row->truncated;
	summary_add(show->summary, row);
	if (show->settings->count && show->counters->shown == show->settings->count)
		*show->stop = true;
}

void show_calls(struct show *show, int64_t now_ns)
{
	struct request *row;

	while (show->settings->calls && (row = calls_take(show->calls, now_ns))) {
		show_row(show, row);
		free(row);
	}
}

void show_ended(struct show *show, struct request *row)
{
	if (*show->stop)
		return;
	if (!row->is_s3 && !show->settings->all_http) {
		show->counters->not_s3++;
		return;
	}
	/* Asked now, because what is kept may be shown much later. */
	if (show->settings->calls)
		show->asks->ends(show->asks->ctx, row);
	show_calls(show, INT64_MIN);
	if (calls_add(show->calls, row))
		show_row(show, row);
}

/* Data, but no request that has ended: it is in no count. */
void show_open_request(struct show *show, struct request *row, bool pending, int64_t now_ns)
{
	calls_touch(show->calls, row, now_ns);
	if (!pending)
		return;
	row->state = REQUEST_PENDING;
	print_row(show, row);
}

void show_gone(struct show *show, uint32_t pid)
{
	calls_gone(show->calls, pid);
}

bool show_calls_due(const struct show *show, int64_t now_ns)
{
	return show->settings->calls && calls_due(show->calls, now_ns);
}

void show_flush(struct show *show)
{
	written(show, sink_flush(&show->output));
}

void show_summary(struct show *show)
{
	show->counters->calls_evicted = calls_evicted(show->calls);
	summary_print(show->settings->no_summary ? NULL : show->summary, show->counters, stderr);
	fflush(stderr);
}
