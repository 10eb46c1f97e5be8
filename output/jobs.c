/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs.h"

#include <inttypes.h>
#include <stdlib.h>

#include "sink.h"

struct longest {
	uint64_t uploads, downloads;
	size_t n;
	struct job job[LONGEST_MAX]; /* the longest first */
};

struct longest *longest_new(void)
{
	return calloc(1, sizeof(struct longest));
}

void longest_free(struct longest *longest)
{
	free(longest);
}

void longest_add(struct longest *longest, const struct job *job)
{
	size_t at = longest->n;

	longest->uploads += job->kind == JOB_MULTIPART_UPLOAD;
	longest->downloads += job->kind == JOB_RANGED_DOWNLOAD;
	while (at > 0 && longest->job[at - 1].duration_ns < job->duration_ns)
		at--;
	if (at == LONGEST_MAX)
		return;
	longest->n += longest->n < LONGEST_MAX;
	for (size_t i = longest->n - 1; i > at; i--)
		longest->job[i] = longest->job[i - 1];
	longest->job[at] = *job;
}

int longest_print(const struct longest *longest, FILE *file)
{
	struct output output = {.jobs = true};
	int err;

	if (!longest || !longest->n)
		return 0;
	fprintf(file, "Multipart uploads: %" PRIu64 ", ranged downloads: %" PRIu64 "%s\n",
		longest->uploads, longest->downloads,
		longest->uploads + longest->downloads > longest->n ? "; those that took longest:"
								   : "");
	err = sink_open(&output, &table_sink, file);
	for (size_t i = 0; i < longest->n && !err; i++)
		err = sink_emit_job(&output, &longest->job[i]);
	sink_close(&output);
	return err;
}
