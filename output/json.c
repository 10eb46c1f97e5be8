/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One JSON object a line, documented in man/s3slower-json.5.
 *
 * The keys are constants and the numbers digits; jansson writes the texts, whose
 * escapes and encoding are the part worth a library. It dumps a value anew only
 * when that differs from the last row's - most do not: who asked, which bucket,
 * which operation - and what it wrote is kept. The times are integers of
 * nanoseconds and go out as decimal fractions, which is exact. The line is written
 * with a single call, so that it is never half there.
 */
#include "sink.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "field.h"
#include "job_column.h"
#include "parsers/extra.h"
#include "parsers/targets.h"

#define AT(field) offsetof(struct request, field)

/* Every key of a request, in the order in which they are printed. */
static const struct field fields[] = {
	FIELDS_OF_PROCESS(column_string),
	{KEY(",", "method"), TEXT, column_string, AT(method), 0},
	{KEY(",", "operation"), TEXT, column_string, AT(operation), 0},
	{KEY(",", "log_operation"), TEXT, column_string, AT(log_operation), 0},
	{KEY(",", "bucket"), TEXT, column_string, AT(bucket), 0},
	{KEY(",", "key"), TEXT, column_string, AT(key), 0},
	{KEY(",", "endpoint"), TEXT, column_string, AT(endpoint), 0},
	{KEY(",", "region"), TEXT, column_string, AT(region), 0},
	{KEY(",", "path"), TEXT, column_string, AT(path), 0},
	{KEY(",", "latency_ms"), BARE, column_exact_ms, AT(latency_ns), 0},
	{KEY(",", "ttfb_ms"), BARE, column_exact_ms, AT(ttfb_ns), 0},
	{KEY(",\"phases\":{", "send_ms"), BARE, column_exact_ms, AT(send_ns), 0},
	{KEY(",", "expect_ms"), BARE, column_exact_ms, AT(expect_ns), 0},
	{KEY(",", "wait_ms"), BARE, column_exact_ms, AT(wait_ns), 0},
	{KEY(",", "recv_ms"), BARE, column_exact_ms, AT(recv_ns), 0},
	{KEY(",", "stall_ms"), BARE, column_exact_ms, AT(stall_ns), 0},
	{KEY("},", "why"), QUOTED, column_string, AT(why), 0},
	{KEY(",", "why_ms"), BARE, column_exact_ms, AT(why_ns), 0},
	{KEY(",", "why_share"), BARE, column_share, AT(why_share), 0},
	{KEY(",", "felt_ms"), BARE, column_exact_ms, AT(felt_ns), 0},
	{KEY(",", "retransmits"), BARE, column_int, AT(retransmits), 0},
	{KEY(",", "retransmit_ms"), BARE, column_exact_ms, AT(retransmit_ns), 0},
	{KEY(",", "request_size"), BARE, column_size, AT(request_size), 0},
	{KEY(",", "response_size"), BARE, column_size, AT(response_size), 0},
	{KEY(",", "throughput_mb_s"), BARE, column_exact_throughput, 0, 0},
	{KEY(",", "status_code"), BARE, column_int, AT(status), 0},
	{KEY(",", "is_error"), BARE, column_truth, AT(is_error), 0},
	{KEY(",", "error_code"), TEXT, column_string, AT(error_code), 0},
	{KEY(",", "error_message"), TEXT, column_string, AT(error_message), 0},
	{KEY(",", "request_id"), TEXT, column_string, AT(request_id), 0},
	{KEY(",", "host_id"), TEXT, column_string, AT(host_id), 0},
	{KEY(",", "attempt"), BARE, column_int, AT(attempt), 0},
	{KEY(",", "max_attempts"), BARE, column_int, AT(max_attempts), 0},
	{KEY(",", "invocation_id"), TEXT, column_string, AT(invocation_id), 0},
	{KEY(",", "backoff_ms"), BARE, column_exact_ms, AT(backoff_ns), 0},
	{KEY(",", "attempts"), BARE, column_int, AT(attempts), EXTRA_CALLS},
	{KEY(",", "first_error"), TEXT, column_word, AT(first_error), EXTRA_CALLS},
	{KEY(",", "throttled_ms"), BARE, column_exact_ms, AT(throttled_ns), EXTRA_CALLS},
	{KEY(",", "state"), TEXT, column_state, AT(state), 0},
	{KEY(",", "waiting_for"), TEXT, column_string, AT(waiting_for), EXTRA_PENDING},
	{KEY(",", "client_type"), TEXT, column_string, AT(client_type), 0},
	{KEY(",", "client_version"), TEXT, column_string, AT(client_version), 0},
	{KEY(",", "via"), TEXT, column_string, AT(via), 0},
	{KEY(",", "http_version"), TEXT, column_string, AT(http_version), 0},
	{KEY(",", "stream_id"), BARE, column_size, AT(stream_id), 0},
	{KEY(",", "fd"), BARE, column_int, AT(fd), 0},
	{KEY(",", "local_address"), QUOTED, column_local_address, AT(ends), 0},
	{KEY(",", "local_port"), BARE, column_port, AT(ends.local_port), 0},
	{KEY(",", "peer_address"), QUOTED, column_peer_address, AT(ends), 0},
	{KEY(",", "peer_port"), BARE, column_port, AT(ends.peer_port), 0},
	{KEY(",\"connection\":{", "id"), BARE, column_size, AT(connection_id), 0},
	{KEY(",", "request_number"), BARE, column_int, AT(number), 0},
	{KEY(",", "reused"), BARE, column_maybe, AT(reused), 0},
	{KEY(",", "idle_ms"), BARE, column_exact_ms, AT(idle_ns), 0},
	{KEY(",", "dns_ms"), BARE, column_exact_ms, AT(dns_ns), 0},
	{KEY(",", "connect_ms"), BARE, column_exact_ms, AT(connect_ns), 0},
	{KEY(",", "tls_ms"), BARE, column_exact_ms, AT(tls_ns), 0},
	{KEY(",", "tls_resumed"), BARE, column_maybe, AT(resumed), 0},
	{KEY("},", "is_s3"), BARE, column_truth, AT(is_s3), 0},
	{KEY(",", "truncated"), BARE, column_truth, AT(truncated), 0},
};

static const struct slice lost = SLICE(",\"lost\":");

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

const char *json_key(size_t i)
{
	static const char *const others[] = {"phases", "connection", "lost"};

	if (i < N_FIELDS)
		return fields[i].name;
	i -= N_FIELDS;
	return i < sizeof(others) / sizeof(others[0]) ? others[i] : NULL;
}

struct buffer {
	char *bytes;
	size_t size, used;
};

/* The last text that a field had, and what jansson made of it. */
struct shown {
	json_t *value;
	struct buffer dump; /* used is 0 when it is not that of the value */
};

struct json {
	const struct field *fields; /* of the rows that are shown: requests, or jobs */
	size_t n;
	struct buffer line;
	struct shown shown[]; /* of fields of kind TEXT */
};

/* Makes room for n more bytes. */
static int reserve(struct buffer *buffer, size_t n)
{
	if (buffer->size - buffer->used >= n)
		return 0;
	size_t size = buffer->used + n + buffer->size / 2;
	char *bytes = realloc(buffer->bytes, size);
	if (!bytes)
		return -ENOMEM;
	buffer->bytes = bytes;
	buffer->size = size;
	return 0;
}

static int put(struct buffer *buffer, const char *bytes, size_t n)
{
	if (reserve(buffer, n))
		return -ENOMEM;
	memcpy(buffer->bytes + buffer->used, bytes, n);
	buffer->used += n;
	return 0;
}

/* jansson says how much room it needs. */
static int dump(struct shown *shown)
{
	struct buffer *to = &shown->dump;

	for (;;) {
		size_t n = json_dumpb(shown->value, to->bytes, to->size,
				      JSON_COMPACT | JSON_ENCODE_ANY);
		if (n && n <= to->size) {
			to->used = n;
			return 0;
		}
		if (n == 0 || reserve(to, n))
			return -ENOMEM;
	}
}

static int put_text(struct buffer *line, struct shown *shown, const char *text)
{
	size_t n = strlen(text);

	if (!shown->dump.used || json_string_length(shown->value) != n ||
	    memcmp(json_string_value(shown->value), text, n) != 0) {
		shown->dump.used = 0;
		if (json_string_setn_nocheck(shown->value, text, n) || dump(shown))
			return -ENOMEM;
	}
	return put(line, shown->dump.bytes, shown->dump.used);
}

static int put_labels(struct buffer *line, const struct target *target)
{
	json_t *object = json_object();
	int err = object ? 0 : -ENOMEM;
	size_t n;

	for (size_t i = 0; !err && i < target->n_labels; i++)
		if (json_object_set_new_nocheck(object, target->label[i].name,
						json_string_nocheck(target->label[i].value)))
			err = -ENOMEM;
	for (n = 0; !err;) {
		size_t room = line->size - line->used;

		n = json_dumpb(object, line->bytes + line->used, room, JSON_COMPACT);
		if (n && n <= room)
			break;
		err = n ? reserve(line, n) : -ENOMEM;
	}
	if (!err)
		line->used += n;
	json_decref(object);
	return err;
}

static int put_field(struct json *json, size_t i, const char *row, struct cell *cell)
{
	struct buffer *line = &json->line;
	const struct field *field = &json->fields[i];
	const char *text = field->text(row + field->offset, cell);

	if (put(line, field->before.p, field->before.n))
		return -ENOMEM;
	if (!text)
		return put(line, "null", 4);
	switch (field->kind) {
	case TEXT:
		return put_text(line, &json->shown[i], text);
	case QUOTED:
		if (put(line, "\"", 1) || put(line, text, strlen(text)))
			return -ENOMEM;
		return put(line, "\"", 1);
	case LABELS:
		return put_labels(
			line, *(const struct target *const *)(const void *)(row + field->offset));
	case BARE:
		break;
	}
	return put(line, text, strlen(text));
}

static int put_lost(struct buffer *line, const uint64_t *count, struct cell *cell)
{
	int64_t n = count ? (int64_t)*count : -1;
	const char *text = column_size(&n, cell);

	if (!text)
		text = "null";
	return put(line, lost.p, lost.n) || put(line, text, strlen(text)) ? -ENOMEM : 0;
}

static void json_close(struct output *output)
{
	struct json *json = output->state;

	if (!json)
		return;
	for (size_t i = 0; i < json->n; i++) {
		json_decref(json->shown[i].value);
		free(json->shown[i].dump.bytes);
	}
	free(json->line.bytes);
	free(json);
}

static int json_open(struct output *output)
{
	size_t n = output->jobs ? job_fields(NULL) : N_FIELDS;
	struct json *json = calloc(1, sizeof(*json) + n * sizeof(json->shown[0]));

	output->state = json;
	if (!json)
		return -ENOMEM;
	json->fields = fields;
	json->n = n;
	if (output->jobs)
		job_fields(&json->fields);
	for (size_t i = 0; i < n; i++)
		if (json->fields[i].kind == TEXT &&
		    !(json->shown[i].value = json_string_nocheck("")))
			return -ENOMEM;
	return 0;
}

static int put_row(struct output *output, const void *row)
{
	struct json *json = output->state;
	int error = 0;

	json->line.used = 0;
	for (size_t i = 0; i < json->n && !error; i++)
		if (!json->fields[i].extra || (json->fields[i].extra & output->extras))
			error = put_field(json, i, row, &output->cell);
	if (error || put_lost(&json->line, output->lost, &output->cell) ||
	    put(&json->line, "}\n", 2))
		return -ENOMEM;
	fwrite_unlocked(json->line.bytes, 1, json->line.used, output->file);
	return 0;
}

static int json_emit(struct output *output, const struct request *request)
{
	return put_row(output, request);
}

static int json_emit_job(struct output *output, const struct job *job)
{
	return put_row(output, job);
}

const struct sink json_sink = {
	.name = "json",
	.help = "one JSON object a line, see s3slower-json(5)",
	.open = json_open,
	.emit = json_emit,
	.emit_job = json_emit_job,
	.close = json_close,
};
