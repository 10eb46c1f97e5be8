/* SPDX-License-Identifier: Apache-2.0 */
#include "show.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bundle.h"
#include "parsers/calls.h"
#include "parsers/filter.h"
#include "parsers/jobs.h"
#include "parsers/why.h"
#include "jobs.h"
#include "pipe.h"
#include "reasons.h"
#include "tally.h"

#define CALLS_MAX 4096	/* calls whose next attempt we wait for */
#define JOBS_MAX 1024	/* jobs whose next part we wait for, */
#define PARTS_MAX 32768 /* and requests of all of them */

struct show {
	const struct settings *settings;
	const struct show_asks *asks;
	struct counters *counters;
	bool *stop;
	struct output output;
	struct tally *tally;
	struct reasons reasons;
	struct calls *calls;
	struct jobs *jobs; /* NULL: they would have holes */
	struct longest *longest;
	bool output_said;
};

/* What became of writing: a reader that has seen enough ends the run, and so does one
 * that stands still when the run is to end; anything else is said once and counted.
 * Passes the error on. */
static int written(struct show *show, int err)
{
	if (err == -EPIPE) {
		*show->stop = true;
	} else if (err == -EINTR) {
		*show->stop = true;
		show->counters->output_errors++;
		if (!show->output_said)
			fputs("s3slower: nobody reads the rows: the last ones are lost\n", stderr);
		show->output_said = true;
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
	const struct sink *sink = sink_find(s->output);
	FILE *file = stdout;
	int fd = STDOUT_FILENO, err;

	if (s->file) {
		fd = pipe_open_file(s->file);
		if (fd < 0) {
			snprintf(message, size, "cannot write to %s: %s", s->file,
				 fd == -EINTR	? "nobody reads it"
				 : fd == -ELOOP ? "it is a symbolic link"
						: strerror(-fd));
			return fd;
		}
	}
	if (pipe_is(fd))
		file = pipe_stream(fd);
	else if (s->file)
		file = fdopen(fd, "w");
	if (!file)
		return -ENOMEM;
	show->output.wide = s->wide;
	show->output.jobs = s->jobs;
	show->output.extras = settings_extras(s);
	show->output.lost = &show->counters->lost;
	show->output.slowest = s->support_bundle;
	if (s->support_bundle)
		sink = bundle_sink(sink);
	err = sink_open(&show->output, sink, file);
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
		show->tally = tally_new(settings);
		show->calls = calls_new(CALLS_MAX, settings->calls);
		if (!filter_has_holes(settings))
			show->jobs = jobs_new(JOBS_MAX, PARTS_MAX);
		show->longest = longest_new();
		if (show->tally && show->calls && show->longest &&
		    (show->jobs || filter_has_holes(settings)))
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
	written(show, sink_finish(&show->output));
	sink_close(&show->output);
}

void show_free(struct show *show)
{
	if (!show)
		return;
	tally_free(show->tally);
	calls_free(show->calls);
	jobs_free(show->jobs);
	longest_free(show->longest);
	free(show);
}

/* A call's attempts have been asked when they ended. */
static void explain(struct show *show, struct request *row)
{
	if (!row->is_call)
		show->asks->losses(show->asks->ctx, row);
	why_judge(row);
}

/* Whether the row passed the filters and was written. */
static bool print_row(struct show *show, struct request *row)
{
	bool explained = show->settings->why.n > 0;

	show->asks->whose(show->asks->ctx, row);
	if (explained)
		explain(show, row);
	if (!filter_match(show->settings, row)) {
		show->counters->filtered += row->state != REQUEST_PENDING;
		return false;
	}
	show->asks->ends(show->asks->ctx, row);
	if (!explained)
		explain(show, row);
	return written(show, sink_emit(&show->output, row)) == 0;
}

/* A row, of whatever kind, has reached the sink. */
static void count_shown(struct show *show, bool truncated)
{
	show->counters->shown++;
	show->counters->truncated += truncated;
	if (show->settings->count && show->counters->shown == show->settings->count)
		*show->stop = true;
}

static void show_row(struct show *show, struct request *row)
{
	if (*show->stop || !print_row(show, row))
		return;
	tally_add(show->tally, row);
	reasons_add(&show->reasons, row);
	count_shown(show, row->truncated);
}

/* Calls of which nothing came any more by that time. */
static void show_calls(struct show *show, int64_t now_ns)
{
	struct request *row;

	while (show->settings->calls && (row = calls_take(show->calls, now_ns))) {
		show_row(show, row);
		free(row);
	}
}

/* --- jobs ------------------------------------------------------------------ */

/* Facts of its process, as for a row of it. */
static void fill_whose(struct show *show, struct job *job)
{
	struct request row = {
		.time_ns = job->time_ns, .pid = job->pid, .uid = job->uid, .comm = job->comm};

	show->asks->whose(show->asks->ctx, &row);
	job->user = row.user;
	job->exe = row.exe;
	job->cmdline = row.cmdline;
	job->cgroup = row.cgroup;
	job->container = row.container;
	job->ppid = row.ppid;
	job->target = row.target;
}

static void show_job(struct show *show, struct job *job)
{
	if (*show->stop)
		return;
	if (!filter_match_job(show->settings, job)) {
		show->counters->filtered += show->settings->jobs;
		return;
	}
	if (!show->settings->jobs) {
		longest_add(show->longest, job);
		return;
	}
	fill_whose(show, job);
	if (!written(show, sink_emit_job(&show->output, job)))
		count_shown(show, job->truncated);
}

static void show_jobs(struct show *show, int64_t now_ns)
{
	struct job job;

	while (show->jobs && jobs_take(show->jobs, now_ns, &job))
		show_job(show, &job);
}

/* Whether the row is part of what jobs are made of. */
static bool join_job(struct show *show, struct request *row)
{
	if (!show->jobs || (row->part.role == PART_NONE && !show->settings->jobs))
		return false;
	if (show->settings->only_targets)
		show->asks->whose(show->asks->ctx, row);
	if (!filter_concerns(show->settings, row))
		return false;
	if (row->part.role != PART_NONE) {
		show->asks->ends(show->asks->ctx, row);
		jobs_add(show->jobs, row);
	}
	return true;
}

void show_ended(struct show *show, struct request *row)
{
	bool concerns;

	if (*show->stop)
		return;
	if (!row->is_s3 && !show->settings->all_http) {
		show->counters->not_s3++;
		return;
	}
	concerns = join_job(show, row);
	if (show->settings->jobs) {
		if (concerns)
			tally_add(show->tally, row);
		return;
	}
	/* Asked now, because what is kept may be shown much later. */
	if (show->settings->calls) {
		show->asks->ends(show->asks->ctx, row);
		show->asks->losses(show->asks->ctx, row);
	}
	show_calls(show, INT64_MIN);
	if (calls_add(show->calls, row))
		show_row(show, row);
}

/* Data, but no request that has ended: it is in no count. */
void show_open_request(struct show *show, struct request *row, bool pending, int64_t now_ns)
{
	calls_touch(show->calls, row, now_ns);
	if (show->jobs)
		jobs_touch(show->jobs, row, now_ns);
	if (!pending)
		return;
	row->state = REQUEST_PENDING;
	print_row(show, row);
}

void show_gone(struct show *show, uint32_t pid)
{
	calls_gone(show->calls, pid);
	if (show->jobs)
		jobs_gone(show->jobs, pid);
}

bool show_is_late(const struct show *show, int64_t now_ns)
{
	return (show->settings->calls && calls_due(show->calls, now_ns)) ||
	       (show->jobs && jobs_due(show->jobs, now_ns));
}

void show_late(struct show *show, int64_t now_ns)
{
	show_calls(show, now_ns);
	show_jobs(show, now_ns);
}

void show_flush(struct show *show)
{
	show_jobs(show, INT64_MIN);
	written(show, sink_flush(&show->output));
}

void show_begin(struct show *show, int64_t now_ns)
{
	tally_begin(show->tally, now_ns);
}

static void count_evicted(struct show *show)
{
	show->counters->calls_evicted = calls_evicted(show->calls);
	show->counters->jobs_evicted = show->jobs ? jobs_evicted(show->jobs) : 0;
}

void show_summary(struct show *show, int64_t now_ns)
{
	count_evicted(show);
	if (strcmp(show->settings->summary, "text") == 0) {
		if (!show->settings->jobs)
			longest_print(show->longest, stderr);
		reasons_print(&show->reasons, stderr);
	}
	tally_whole(show->tally, show->counters, now_ns, stderr);
}

void show_interval(struct show *show, int64_t now_ns, bool last)
{
	count_evicted(show);
	tally_interval(show->tally, show->counters, now_ns, last, stderr);
}
