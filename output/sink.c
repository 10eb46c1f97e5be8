/* SPDX-License-Identifier: Apache-2.0 */
#include "sink.h"

#include <errno.h>
#include <string.h>

static const struct sink *const sinks[] = {&table_sink, &json_sink, &simple_sink, &csv_sink};

const struct sink *sink_at(size_t i)
{
	return i < sizeof(sinks) / sizeof(sinks[0]) ? sinks[i] : NULL;
}

const struct sink *sink_find(const char *name)
{
	const struct sink *sink;

	for (size_t i = 0; (sink = sink_at(i)); i++)
		if (strcmp(sink->name, name) == 0)
			return sink;
	return NULL;
}

/* Runs one callback and looks at the stream once, so that sinks can write
 * without looking at every fputs(). The error flag is cleared first: a disk
 * that was full a minute ago must not condemn this row. */
static int guarded(struct output *output, int error)
{
	int saved = errno;

	if (error || !ferror_unlocked(output->file))
		return error;
	return saved ? -saved : -EIO;
}

static void prepare(struct output *output)
{
	clearerr_unlocked(output->file);
	errno = 0;
}

int sink_open(struct output *output, const struct sink *sink, FILE *file)
{
	output->sink = sink;
	output->file = file;
	output->state = NULL;
	prepare(output);
	int error = guarded(output, sink->open ? sink->open(output) : 0);
	if (error)
		sink_close(output);
	return error;
}

int sink_emit(struct output *output, const struct request *request)
{
	prepare(output);
	return guarded(output, output->sink->emit(output, request));
}

int sink_emit_job(struct output *output, const struct job *job)
{
	prepare(output);
	return guarded(output, output->sink->emit_job ? output->sink->emit_job(output, job) : 0);
}

static int say(struct output *output, int (*callback)(struct output *output))
{
	prepare(output);
	int error = callback ? callback(output) : 0;
	if (!error)
		fflush(output->file);
	return guarded(output, error);
}

int sink_flush(struct output *output)
{
	return say(output, output->sink->flush);
}

int sink_finish(struct output *output)
{
	return say(output, output->sink->finish);
}

void sink_close(struct output *output)
{
	if (output->sink && output->sink->close)
		output->sink->close(output);
	output->state = NULL;
	output->sink = NULL;
}
