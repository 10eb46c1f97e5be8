/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sink is where rows go. One row of the table in sink.c is all that a new
 * one needs; NULL callbacks mean "nothing to do".
 */
#ifndef S3SLOWER_SINK_H
#define S3SLOWER_SINK_H

#include <stdio.h>

#include "column.h"
#include "job_column.h"
#include "parsers/counters.h"
#include "parsers/request.h"

struct output {
	const struct sink *sink;
	FILE *file;	      /* where data goes: stdout or the file of -o */
	bool wide;	      /* --wide: the phases as columns */
	bool jobs;	      /* rows are jobs, not requests */
	uint64_t slowest;     /* how many bundle.h keeps */
	unsigned extras;      /* EXTRA_*: facts that were asked for */
	const uint64_t *lost; /* running count, shown in each JSON object */
	void *state;	      /* the sink's own, from open() to close() */
	struct cell cell;     /* for sinks to put texts together in */
};

/* Callbacks return 0 or -errno. A failed write need not be looked for: the
 * stream's error flag is checked after each of them. */
struct sink {
	const char *name; /* --output NAME */
	const char *help;
	int (*open)(struct output *output);
	int (*emit)(struct output *output, const struct request *request);
	int (*emit_job)(struct output *output, const struct job *job); /* with output->jobs */
	int (*flush)(struct output *output);  /* after each drain of the buffers */
	int (*finish)(struct output *output); /* after the last row */
	void (*close)(struct output *output);
};

extern const struct sink table_sink, simple_sink, csv_sink, json_sink;

/* The i-th column of its rows, NULL after the last. */
static inline const struct column *output_column(const struct output *output, size_t i)
{
	return output->jobs ? job_column_at(i) : column_at(i);
}

/* The sink of that name, or NULL. */
const struct sink *sink_find(const char *name);
/* The i-th key of a row in JSON, NULL after the last: no label may be called so. */
const char *json_key(size_t i);
/* The i-th sink, NULL after the last: for usage text. */
const struct sink *sink_at(size_t i);

/* All return 0 or -errno (-EPIPE when the reader is gone). sink_open() fills
 * output but for wide, jobs, slowest, extras and lost, which the caller sets before; file
 * is borrowed. */
int sink_open(struct output *output, const struct sink *sink, FILE *file);
int sink_emit(struct output *output, const struct request *request);
int sink_emit_job(struct output *output, const struct job *job);
int sink_flush(struct output *output);
int sink_finish(struct output *output);
void sink_close(struct output *output);

#endif
