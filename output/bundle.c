/* SPDX-License-Identifier: Apache-2.0 */
#include "bundle.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "line.h"
#include "parsers/kept.h"

struct entry {
	uint64_t serial; /* of all that were seen, from 1 */
	struct request *row;
};

struct bundle {
	uint64_t seen, failures;
	int64_t first_ns, last_ns; /* when they began, the earliest and the latest */
	size_t n_slow, slow_max;
	struct entry slow[KEPT_MAX];   /* the slowest first; of equals, the earlier */
	struct entry failed[KEPT_MAX]; /* the latest, by their serials round and round */
};

static int bundle_open(struct output *output)
{
	struct bundle *bundle = calloc(1, sizeof(*bundle));

	if (!bundle)
		return -ENOMEM;
	bundle->slow_max = output->slowest < KEPT_MAX ? output->slowest : KEPT_MAX;
	output->state = bundle;
	return 0;
}

/* Replaces what entry holds by a copy. */
static int keep(struct entry *entry, const struct request *request, uint64_t serial)
{
	struct request *copy = kept_row(request);

	if (!copy)
		return -ENOMEM;
	free(entry->row);
	*entry = (struct entry){serial, copy};
	return 0;
}

static int keep_slow(struct bundle *bundle, const struct request *request)
{
	struct entry entry = {0, NULL};
	size_t at = bundle->n_slow;

	while (at && bundle->slow[at - 1].row->latency_ns < request->latency_ns)
		at--;
	if (at == bundle->slow_max)
		return 0;
	if (keep(&entry, request, bundle->seen))
		return -ENOMEM;
	if (bundle->n_slow == bundle->slow_max)
		free(bundle->slow[--bundle->n_slow].row);
	memmove(&bundle->slow[at + 1], &bundle->slow[at],
		(bundle->n_slow - at) * sizeof(bundle->slow[0]));
	bundle->slow[at] = entry;
	bundle->n_slow++;
	return 0;
}

static int bundle_emit(struct output *output, const struct request *request)
{
	struct bundle *bundle = output->state;
	int err = 0;

	/* What hangs comes again when it has ended. */
	if (request->state == REQUEST_PENDING)
		return 0;
	if (!bundle->seen || request->time_ns < bundle->first_ns)
		bundle->first_ns = request->time_ns;
	if (!bundle->seen || request->time_ns > bundle->last_ns)
		bundle->last_ns = request->time_ns;
	bundle->seen++;
	if (request->is_error)
		err = keep(&bundle->failed[bundle->failures++ % KEPT_MAX], request, bundle->seen);
	return keep_slow(bundle, request) || err ? -ENOMEM : 0;
}

static bool is_slow(const struct bundle *bundle, uint64_t serial)
{
	for (size_t i = 0; i < bundle->n_slow; i++)
		if (bundle->slow[i].serial == serial)
			return true;
	return false;
}

/* The i-th of those that failed and are not among the slowest, the earliest first;
 * NULL for one that is, or that found no memory. */
static const struct request *failed_at(const struct bundle *bundle, size_t i)
{
	uint64_t begin = bundle->failures > KEPT_MAX ? bundle->failures % KEPT_MAX : 0;
	const struct entry *entry = &bundle->failed[(begin + i) % KEPT_MAX];

	return entry->row && !is_slow(bundle, entry->serial) ? entry->row : NULL;
}

/* --- as text -------------------------------------------------------------- */

static const char *attempt(const void *field, struct cell *cell)
{
	const struct request *request = field;

	if (request->attempt < 0 || request->max_attempts < 0)
		return column_int(&request->attempt, cell);
	snprintf(cell->buf, sizeof(cell->buf), "%d of %d", request->attempt, request->max_attempts);
	return cell->buf;
}

#define AT(field) offsetof(struct request, field)

/* What support asks for first, then what helps to find the request among others. */
static const struct {
	const char *label;
	const char *(*text)(const void *field, struct cell *cell);
	size_t offset;
} facts[] = {
	{"time (UTC)", column_timestamp, AT(time_ns)},
	{"x-amz-request-id", column_string, AT(request_id)},
	{"x-amz-id-2", column_string, AT(host_id)},
	{"HTTP status", column_int, AT(status)},
	{"error code", column_string, AT(error_code)},
	{"error message", column_string, AT(error_message)},
	{"state", column_state, AT(state)},
	{"latency (ms)", column_ms, AT(latency_ns)},
	{"first byte (ms)", column_ms, AT(ttfb_ns)},
	{"operation", column_string, AT(operation)},
	{"in access logs", column_string, AT(log_operation)},
	{"bucket", column_string, AT(bucket)},
	{"key", column_string, AT(key)},
	{"region", column_string, AT(region)},
	{"endpoint", column_string, AT(endpoint)},
	{"peer", column_peer, AT(ends)},
	{"source", column_local, AT(ends)},
	{"method", column_string, AT(method)},
	{"path", column_string, AT(path)},
	{"bytes sent", column_size, AT(request_size)},
	{"bytes received", column_size, AT(response_size)},
	{"client", column_string, AT(client_type)},
	{"client version", column_string, AT(client_version)},
	{"attempt", attempt, 0},
	{"invocation id", column_string, AT(invocation_id)},
};

static void print_request(struct output *output, const struct request *request, const char *kind,
			  size_t i)
{
	struct line line;
	char head[64];

	line_begin(&line, output->file);
	snprintf(head, sizeof(head), "\n%s %zu\n", kind, i);
	line_text(&line, head);
	for (size_t k = 0; k < sizeof(facts) / sizeof(facts[0]); k++) {
		const char *text =
			facts[k].text((const char *)request + facts[k].offset, &output->cell);

		snprintf(head, sizeof(head), "  %-16s  ", facts[k].label);
		line_text(&line, head);
		line_text(&line, text ? text : "-");
		if (k + 1 < sizeof(facts) / sizeof(facts[0]))
			line_char(&line, '\n');
	}
	line_end(&line);
}

static size_t count_others(const struct bundle *bundle)
{
	size_t n = 0;

	for (size_t i = 0; i < KEPT_MAX; i++)
		n += failed_at(bundle, i) != NULL;
	return n;
}

static void print_head(struct output *output, const struct bundle *bundle)
{
	struct cell *cell = &output->cell;
	size_t others = count_others(bundle);
	uint64_t shown = others;

	for (size_t i = 0; i < bundle->n_slow; i++)
		shown += bundle->slow[i].row->is_error;
	fprintf(output->file, "S3 requests for the provider's support, seen from the client by "
			      "s3slower " VERSION "\n");
	fprintf(output->file, "requests: %" PRIu64 ", failed: %" PRIu64, bundle->seen,
		bundle->failures);
	if (bundle->seen) {
		fprintf(output->file, "; the first began at %s",
			column_timestamp(&bundle->first_ns, cell));
		fprintf(output->file, ", the last at %s", column_timestamp(&bundle->last_ns, cell));
	}
	fprintf(output->file, "\nbelow: %zu slowest, %zu more that failed", bundle->n_slow, others);
	if (bundle->failures > shown)
		fprintf(output->file, "; not kept: %" PRIu64 " earlier ones",
			bundle->failures - shown);
	fprintf(output->file, "\n\"-\" is unknown, or not there\n");
}

static int finish_text(struct output *output)
{
	const struct bundle *bundle = output->state;
	const struct request *request;
	size_t n = 0;

	print_head(output, bundle);
	for (size_t i = 0; i < bundle->n_slow; i++)
		print_request(output, bundle->slow[i].row, "slowest", i + 1);
	for (size_t i = 0; i < KEPT_MAX; i++)
		if ((request = failed_at(bundle, i)))
			print_request(output, request, "failed", ++n);
	return 0;
}

/* --- as JSON -------------------------------------------------------------- */

/* The same requests, in the same order, as the rows that they would have been. */
static int finish_json(struct output *output)
{
	const struct bundle *bundle = output->state;
	struct output rows = *output;
	const struct request *request;
	int err = sink_open(&rows, &json_sink, output->file);

	for (size_t i = 0; i < bundle->n_slow && !err; i++)
		err = sink_emit(&rows, bundle->slow[i].row);
	for (size_t i = 0; i < KEPT_MAX && !err; i++)
		if ((request = failed_at(bundle, i)))
			err = sink_emit(&rows, request);
	sink_close(&rows);
	return err;
}

/* --- the sinks ------------------------------------------------------------ */

static void bundle_close(struct output *output)
{
	struct bundle *bundle = output->state;

	if (!bundle)
		return;
	for (size_t i = 0; i < KEPT_MAX; i++) {
		free(bundle->slow[i].row);
		free(bundle->failed[i].row);
	}
	free(bundle);
}

const struct sink bundle_text_sink = {
	.name = "text",
	.help = "the slowest and the failed requests, for a provider's support",
	.open = bundle_open,
	.emit = bundle_emit,
	.finish = finish_text,
	.close = bundle_close,
};

const struct sink bundle_json_sink = {
	.name = "json",
	.help = "the same as JSON",
	.open = bundle_open,
	.emit = bundle_emit,
	.finish = finish_json,
	.close = bundle_close,
};
